"""Orders through a Kafka topic, with the broker killed in the middle: is every order processed, and how often twice?

Publishes orders, processes them in a group of two processes with four workers each, kills the server with kill -9 once a good part is on
its way, and starts it again on the same data and ports. Publisher and processors are not told. In the end every acknowledged order is
looked up in the databases of the processors.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan, orders
from examples.orders.processors import Books, ProcessorProcess, percentiles, processed_orders
from examples.orders.screen import Screen
from examples.orders.shop import CLUSTER, GROUP, NODES, PARTITIONS, PUBLISHED_AT, TOPIC, open_shop
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from message_queues import MessageQueues, Publisher

PROCESSES = 2
KILL_AT = 0.45
"""The share of orders that is acknowledged when the server is killed …"""
KILL_AT_PROCESSED = 0.25
"""… and the share that is processed by then."""
WAIT_AT = 0.6
"""A share that is not passed before the kill, so that it comes in the middle on any machine."""
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Outage:
    """The accident as it went."""

    killed_ns: int
    away_s: float
    """From the kill until the server listened again."""


class TopicDemo:
    def __init__(self, plan: Plan, broker: BrokerProcess, directory: Path, screen: Screen) -> None:
        self.total = plan.orders
        self.rate = plan.rate
        self.seed = plan.seed
        self.directory = directory
        self.screen = screen
        self.tally = Tally()
        self.broker = broker
        self.has_been_killed = threading.Event()

    def run(self) -> bool:
        """The whole story; whether it held."""
        with ExitStack() as ending:
            mq = ending.enter_context(open_shop(self.broker.kafka))
            self.screen.say(f"topic {TOPIC!r}: {PARTITIONS} partitions, replication factor {NODES}, on cluster {CLUSTER!r}")
            source = [TOPIC, *self.broker.kafka]
            processors = [ProcessorProcess(f"{number}", self.directory, source, self.tally) for number in range(PROCESSES)]
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

    def _wait_for_processors(self, processors: Sequence[ProcessorProcess]) -> None:
        """Until the databases hold every order that was acknowledged."""
        with self.screen.bars(self._counts):
            self.tally.wait_until(lambda: self.tally.processed >= len(self.tally.acknowledged), "that every order is processed")
        # What both have processed was counted twice: only the databases say who has what.
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.tally.acknowledged.keys() - processed_orders(processors).keys():
            time.sleep(LOOK_EVERY_S)

    def _counts(self) -> dict[str, int]:
        return {"acknowledged": len(self.tally.acknowledged), "processed": min(self.total, self.tally.processed)}

    def _report(
        self, mq: MessageQueues, processors: Sequence[ProcessorProcess], outage: Outage, published_s: float, processed_s: float
    ) -> bool:
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
