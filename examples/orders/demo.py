"""100,000 orders through Kafka, with the broker killed in the middle: is every order processed, and how often twice?

Starts `mq serve` with three nodes as a process of its own, publishes orders, processes them in a group of two processes with four workers
each, kills the server with kill -9 once a good part is on its way, and starts it again on the same data and ports. Publisher and
processors are not told. In the end every acknowledged order is looked up in the databases of the processors.
The exit code is 0 if it held.

    python -m examples.orders.demo [--orders 100000] [--rate 10000] [--seed 1]
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from examples.orders.broker_process import BrokerFailed, BrokerProcess
from examples.orders.order import Order, orders
from examples.orders.screen import Screen
from examples.orders.shop import CLUSTER, GROUP, NODES, PARTITIONS, PUBLISHED_AT, TOPIC, open_shop
from examples.orders.warehouse import SeenOrder, reserved_and_taken, seen_orders
from message_queues import Delivery, MessageQueues, Publisher
from message_queues.errors import MessageQueuesError

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2
PATIENCE_S = 60
KILL_AT = 0.45
"""The share of orders that is acknowledged when the server is killed …"""
KILL_AT_PROCESSED = 0.25
"""… and the share that is processed by then."""
WAIT_AT = 0.6
"""A share that is not passed before the kill, so that it comes in the middle on any machine."""
LOOK_EVERY_S = 0.05


class DemoFailed(Exception):
    """Something did not come about in time."""


class Tally:
    """How far everybody is; others wait for it to change."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, int] = {}
        """Order -> microseconds from publishing to the acknowledgement."""
        self.refused: list[str] = []
        self.killed_ns: int | None = None
        self.resumed_ns: int | None = None
        """When the first of the orders that were published after the kill was acknowledged."""
        self._processed: dict[int, int] = {}
        self._changed = threading.Condition()

    def answered(self, order_id: str, published_ns: int, delivery: Delivery) -> None:
        """The publisher knows what became of an order."""
        now_ns = time.monotonic_ns()
        with self._changed:
            if delivery.error is not None:
                self.refused.append(f"{order_id}: {delivery.error}")
            else:
                self.acknowledged[order_id] = (now_ns - published_ns) // 1000
                if self.resumed_ns is None and self.killed_ns is not None and published_ns > self.killed_ns:
                    self.resumed_ns = now_ns
            self._changed.notify_all()

    def told(self, processor: int, processed: int) -> None:
        """A processor tells how far it is."""
        with self._changed:
            self._processed[processor] = processed
            self._changed.notify_all()

    @property
    def processed(self) -> int:
        return sum(self._processed.values())

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(holds, PATIENCE_S):
                state = f"{len(self.acknowledged):,} orders are acknowledged and {self.processed:,} processed"
                raise DemoFailed(f"{what} did not come about within {PATIENCE_S} s; {state}")


class Processor:
    """One of the processes of the group: `examples.orders.processor`."""

    def __init__(self, number: int, directory: Path, brokers: Sequence[str], tally: Tally) -> None:
        self.database = directory / f"processor-{number}.sqlite"
        self._log = (directory / f"processor-{number}.log").open("wb")
        self._number = number
        self._tally = tally
        command = [sys.executable, "-m", "examples.orders.processor", str(self.database), *brokers]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Let it finish what it has in hand, commit and leave the group."""
        self._process.terminate()
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"processor {self._number} did not stop within {PATIENCE_S} s") from None
        self._listener.join()
        if code != 0:
            raise DemoFailed(f"processor {self._number} ended with code {code}: {Path(self._log.name).read_text()[-2000:]}")

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._tally.told(self._number, int(line))


@dataclass(frozen=True, slots=True)
class Outage:
    """The accident as it went."""

    killed_ns: int
    away_s: float
    """From the kill until the server listened again."""


class Demo:
    def __init__(self, arguments: argparse.Namespace, directory: Path, screen: Screen) -> None:
        self.total: int = arguments.orders
        self.rate: int = arguments.rate
        self.seed: int = arguments.seed
        self.directory = directory
        self.screen = screen
        self.tally = Tally()
        self.broker = BrokerProcess(directory, NODES)
        self.has_been_killed = threading.Event()

    def run(self) -> bool:
        """The whole story; whether it held."""
        with ExitStack() as ending:
            ending.callback(self.broker.stop)
            ready_s = self.broker.start()
            self.screen.say(f"mq serve listens at {', '.join(self.broker.addresses)} (process {self.broker.pid}, after {ready_s:.2f} s)")
            mq = ending.enter_context(open_shop(self.broker.addresses))
            self.screen.say(f"topic {TOPIC!r}: {PARTITIONS} partitions, replication factor {NODES}, on cluster {CLUSTER!r}")
            processors = [Processor(number, self.directory, self.broker.addresses, self.tally) for number in range(PROCESSES)]
            for processor in processors:
                ending.callback(processor.end)
            wait_for_members(mq)
            self.screen.say(f"group {GROUP!r}: {PROCESSES} processes with four workers each")
            started = time.monotonic()
            outage = self._publish_and_kill(mq)
            published_s = time.monotonic() - started
            self._wait_for_processors(processors)
            processed_s = time.monotonic() - started
            for processor in processors:
                processor.stop()
            return self._report(mq, processors, outage, published_s, processed_s)

    def _publish_and_kill(self, mq: MessageQueues) -> Outage:
        with ExitStack() as ending:
            ending.enter_context(self.screen.bars(self._counts))
            accident = ending.enter_context(ThreadPoolExecutor(1)).submit(self._kill_and_restart)
            ending.callback(self.has_been_killed.set)
            publisher = mq.create_publisher(topic=TOPIC, publisher_type="async", batch_size=100, linger_ms=5)
            self._publish(publisher, accident)
            outage = accident.result(PATIENCE_S)
            publisher.close(PATIENCE_S * 1000)
            return outage

    def _publish(self, publisher: Publisher, accident: "Future[Outage]") -> None:
        """At the given rate; not beyond a certain share before the server was killed."""
        started = time.monotonic()
        for number, order in enumerate(orders(self.total, self.seed)):
            if number == int(self.total * WAIT_AT):
                paused = time.monotonic()
                self._wait_for_the_kill(accident)
                started += time.monotonic() - paused
            due = started + number / self.rate
            while (now := time.monotonic()) < due:
                time.sleep(min(0.005, due - now))
            self._publish_one(publisher, order)

    def _publish_one(self, publisher: Publisher, order: Order) -> None:
        published_ns = time.monotonic_ns()
        publisher.publish(
            order,
            key=order.customer,
            headers={PUBLISHED_AT: str(published_ns)},
            on_delivery=partial(self.tally.answered, order.order_id, published_ns),
        )

    def _wait_for_the_kill(self, accident: "Future[Outage]") -> None:
        if not self.has_been_killed.wait(PATIENCE_S):
            raise DemoFailed(f"the server was not killed within {PATIENCE_S} s")
        if accident.done():
            accident.result()  # raises what went wrong with it

    def _kill_and_restart(self) -> Outage:
        """Runs beside the publisher, which notices only that its acknowledgements pause."""
        tally = self.tally
        try:
            tally.wait_until(
                lambda: len(tally.acknowledged) >= self.total * KILL_AT and tally.processed >= self.total * KILL_AT_PROCESSED,
                "that enough orders were under way to kill the server",
            )
            acknowledged, processed, pid = len(tally.acknowledged), tally.processed, self.broker.pid
            tally.killed_ns = killed_ns = time.monotonic_ns()
            self.broker.kill()
        finally:
            self.has_been_killed.set()
        self.broker.start()
        away_s = (time.monotonic_ns() - killed_ns) / 1e9
        self.screen.say(
            f"kill -9 {pid} at {acknowledged:,} acknowledged and {processed:,} processed orders; "
            f"process {self.broker.pid} listens on the same ports {away_s:.2f} s later"
        )
        return Outage(killed_ns, away_s)

    def _wait_for_processors(self, processors: Sequence[Processor]) -> None:
        """Until the databases hold every order that was acknowledged."""
        with self.screen.bars(self._counts):
            self.tally.wait_until(lambda: self.tally.processed >= len(self.tally.acknowledged), "that every order is processed")
        # What both have processed was counted twice: only the databases say who has what.
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.tally.acknowledged.keys() - processed_orders(processors).keys():
            time.sleep(LOOK_EVERY_S)

    def _counts(self) -> dict[str, int]:
        return {"acknowledged": len(self.tally.acknowledged), "processed": min(self.total, self.tally.processed)}

    def _report(self, mq: MessageQueues, processors: Sequence[Processor], outage: Outage, published_s: float, processed_s: float) -> bool:
        seen = processed_orders(processors)
        published = {order.order_id: order for order in orders(self.total, self.seed)}
        lost = self.tally.acknowledged.keys() - seen.keys()
        lag = mq.consumer_group(GROUP).lag()
        behind = sum(each.lag for each in lag.values())
        books = Books.of(processors, seen, published)
        resumed_ns = self.tally.resumed_ns
        self.screen.table(
            "Orders",
            [
                ("published", f"{self.total:,}"),
                ("acknowledged", f"{len(self.tally.acknowledged):,}"),
                ("refused", f"{len(self.tally.refused):,}"),
                ("processed", f"{len(seen):,}"),
                ("acknowledged and not processed", f"{len(lost):,}"),
                ("processed more than once", f"{sum(order.times_seen > 1 for order in seen.values()):,}"),
                ("articles reserved, cents taken", f"{books.reserved:,}, {books.taken:,}" + ("" if books.agree else "  (WRONG)")),
                ("lag of each partition", " ".join(str(lag[partition].lag) for partition in sorted(lag))),
            ],
        )
        self.screen.table(
            "Speed",
            [
                ("published", f"{self.total / published_s:,.0f} messages/s"),
                ("processed", f"{len(seen) / processed_s:,.0f} messages/s"),
                ("publish to acknowledgement", percentiles(list(self.tally.acknowledged.values()))),
                ("publish to processed", percentiles([order.latency_us for order in seen.values()])),
                ("restarts", f"1, listening again after {outage.away_s:.2f} s"),
                (
                    "orders published after the kill",
                    "none" if resumed_ns is None else f"acknowledged from {(resumed_ns - outage.killed_ns) / 1e9:.2f} s after it on",
                ),
            ],
        )
        held = not lost and not behind and not self.tally.refused and books.agree
        self.screen.say("It held: every acknowledged order was processed." if held else "IT DID NOT HOLD.")
        for order_id in sorted(lost)[:10]:
            self.screen.say(f"lost: {order_id}")
        for refusal in self.tally.refused[:10]:
            self.screen.say(f"refused: {refusal}")
        return held


def wait_for_members(mq: MessageQueues) -> None:
    """Until the broker says that every process is a member and has its share of the partitions."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        group = mq.consumer_group(GROUP).describe()
        shares = [len(member.partitions) for member in group.members]
        if len(shares) == PROCESSES and all(shares) and sum(shares) == PARTITIONS:
            return
        if time.monotonic() > deadline:
            raise DemoFailed(f"the group did not share its partitions within {PATIENCE_S} s: {group}")
        time.sleep(LOOK_EVERY_S)


def processed_orders(processors: Sequence[Processor]) -> dict[str, SeenOrder]:
    """What the databases hold, taken together."""
    together: dict[str, SeenOrder] = {}
    for processor in processors:
        for order in seen_orders(processor.database):
            other = together.get(order.order_id)
            together[order.order_id] = order if other is None else other.seen_again(order)
    return together


@dataclass(frozen=True, slots=True)
class Books:
    """Whether stock and money of the processors are what the published orders come to."""

    reserved: int
    taken: int
    agree: bool

    @classmethod
    def of(cls, processors: Sequence[Processor], seen: Mapping[str, SeenOrder], published: Mapping[str, Order]) -> "Books":
        totals = [reserved_and_taken(processor.database) for processor in processors]
        reserved, taken = sum(each[0] for each in totals), sum(each[1] for each in totals)
        # An order that both processors have taken stands in both books, and is counted above as processed more than once.
        counted = [published[order_id] for order_id, order in seen.items() for _ in range(order.processors)]
        expected_taken = sum(order.total_cents for order in counted)
        expected_reserved = sum(line.quantity for order in counted for line in order.lines)
        return cls(reserved, taken, (reserved, taken) == (expected_reserved, expected_taken))


def percentiles(latencies_us: list[int]) -> str:
    ordered = sorted(latencies_us) or [0]
    p50, p99 = (ordered[int(len(ordered) * share)] / 1000 for share in (0.5, 0.99))
    return f"p50 {p50:,.1f} ms, p99 {p99:,.1f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description="Orders through Kafka, with the broker killed in the middle.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=10_000, help="orders published per second")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Clients say that a killed server refuses connections; here that is meant.
    logging.getLogger("message_queues").setLevel(logging.CRITICAL)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orders-demo-") as directory:
        screen = Screen(("acknowledged", "processed"), arguments.orders)
        try:
            held = Demo(arguments, Path(directory), screen).run()
        except (DemoFailed, BrokerFailed, MessageQueuesError) as error:
            screen.say(f"the demo failed: {error}")
            return 1
    screen.say(f"It took {time.monotonic() - started:.0f} s.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
