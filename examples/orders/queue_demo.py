"""Orders through a RabbitMQ exchange and queue, with a consumer killed in the middle: is every order processed, and how often twice?

Publishes orders to the exchange of the shop, which routes them to its queue, processes them in two processes with four workers each, kills
one of them with kill -9 once a good part is on its way, and starts another in its place. What the killed one had in hand and not
acknowledged, the queue delivers again. In the end every confirmed order is looked up in the databases of the processors.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan, orders
from examples.orders.processors import Books, ProcessorProcess, percentiles, processed_orders
from examples.orders.screen import Screen
from examples.orders.shop import EXCHANGE, PUBLISHED_AT, QUEUE, RABBITMQ_CLUSTER, ROUTING_KEY, open_rabbitmq_shop
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from message_queues import MessageQueues, Publisher

PROCESSES = 2
KILL_AT = 0.45
"""The share of orders that is confirmed when a processor is killed …"""
KILL_AT_PROCESSED = 0.25
"""… and the share that is processed by then."""
WAIT_AT = 0.6
"""A share that is not passed before the kill, so that it comes in the middle on any machine."""
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Accident:
    """As it went."""

    killed_pid: int
    replaced_s: float
    """From the kill until another process takes messages."""


class QueueDemo:
    def __init__(self, plan: Plan, broker: BrokerProcess, directory: Path, screen: Screen) -> None:
        self.plan = plan
        self.broker = broker
        self.directory = directory
        self.screen = screen
        self.tally = Tally()
        self.has_been_killed = threading.Event()
        self.processors: list[ProcessorProcess] = []

    def run(self) -> bool:
        """The whole story; whether it held."""
        with ExitStack() as ending:
            mq = ending.enter_context(open_rabbitmq_shop(self.broker.amqp, self.broker.management))
            self.screen.say(f"exchange {EXCHANGE!r} routes {ROUTING_KEY!r} to queue {QUEUE!r}, on cluster {RABBITMQ_CLUSTER!r}")
            ending.callback(self._end_processors)
            for _ in range(PROCESSES):
                self._start_processor()
            wait_for_consumers(mq, PROCESSES)
            self.screen.say(f"queue {QUEUE!r}: {PROCESSES} processes with four workers each")
            started = time.monotonic()
            accident = self._publish_and_kill(mq)
            published_s = time.monotonic() - started
            self._wait_for_processors()
            processed_s = time.monotonic() - started
            for processor in self.processors[1:]:
                processor.stop()
            return self._report(mq, accident, published_s, processed_s)

    def _end_processors(self) -> None:
        for processor in self.processors:
            processor.end()

    def _start_processor(self) -> None:
        source = [QUEUE, self.broker.amqp, self.broker.management]
        self.processors.append(ProcessorProcess(f"queue-{len(self.processors)}", self.directory, source, self.tally))

    def _publish_and_kill(self, mq: MessageQueues) -> Accident:
        with ExitStack() as ending:
            ending.enter_context(self.screen.bars(self._counts))
            accident = ending.enter_context(ThreadPoolExecutor(1)).submit(self._kill_and_replace, mq)
            ending.callback(self.has_been_killed.set)
            publisher = mq.create_publisher(exchange=EXCHANGE, publisher_type="async", linger_ms=5)
            self._publish(publisher, accident)
            done = accident.result(PATIENCE_S)
            publisher.close(PATIENCE_S * 1000)
            return done

    def _publish(self, publisher: Publisher, accident: "Future[Accident]") -> None:
        """At the given rate; not beyond a certain share before a processor was killed."""
        started = time.monotonic()
        for number, order in enumerate(orders(self.plan.orders, self.plan.seed)):
            if number == int(self.plan.orders * WAIT_AT):
                paused = time.monotonic()
                self._wait_for_the_kill(accident)
                started += time.monotonic() - paused
            due = started + number / self.plan.rate
            while (now := time.monotonic()) < due:
                time.sleep(min(0.005, due - now))
            self._publish_one(publisher, order)

    def _publish_one(self, publisher: Publisher, order: Order) -> None:
        published_ns = time.monotonic_ns()
        publisher.publish(
            order,
            routing_key=ROUTING_KEY,
            headers={PUBLISHED_AT: str(published_ns)},
            on_delivery=partial(self.tally.answered, order.order_id, published_ns),
        )

    def _wait_for_the_kill(self, accident: "Future[Accident]") -> None:
        if not self.has_been_killed.wait(PATIENCE_S):
            raise DemoFailed(f"no processor was killed within {PATIENCE_S} s")
        if accident.done():
            accident.result()  # raises what went wrong with it

    def _kill_and_replace(self, mq: MessageQueues) -> Accident:
        """Runs beside the publisher, which notices nothing."""
        tally, total = self.tally, self.plan.orders
        victim = self.processors[0]
        try:
            tally.wait_until(
                lambda: len(tally.acknowledged) >= total * KILL_AT and tally.processed >= total * KILL_AT_PROCESSED,
                "that enough orders were under way to kill a processor",
            )
            confirmed, processed = len(tally.acknowledged), tally.processed
            killed = time.monotonic()
            victim.kill()
        finally:
            self.has_been_killed.set()
        self._start_processor()
        wait_for_consumers(mq, PROCESSES)
        replaced_s = time.monotonic() - killed
        self.screen.say(
            f"kill -9 {victim.pid} at {confirmed:,} confirmed and {processed:,} processed orders; "
            f"process {self.processors[-1].pid} takes its place {replaced_s:.2f} s later"
        )
        return Accident(victim.pid, replaced_s)

    def _wait_for_processors(self) -> None:
        """Until the databases hold every order that was confirmed."""
        deadline = time.monotonic() + PATIENCE_S
        with self.screen.bars(self._counts):
            while time.monotonic() < deadline and self.tally.acknowledged.keys() - processed_orders(self.processors).keys():
                time.sleep(LOOK_EVERY_S * 4)

    def _counts(self) -> dict[str, int]:
        return {"confirmed": len(self.tally.acknowledged), "processed": min(self.plan.orders, self.tally.processed)}

    def _report(self, mq: MessageQueues, accident: Accident, published_s: float, processed_s: float) -> bool:
        seen = processed_orders(self.processors)
        published = {order.order_id: order for order in orders(self.plan.orders, self.plan.seed)}
        lost = self.tally.acknowledged.keys() - seen.keys()
        left = mq.queue(QUEUE).message_count()
        books = Books.of(self.processors, seen, published)
        twice = sum(order.times_seen > 1 for order in seen.values())
        self.screen.table(
            "Orders through RabbitMQ",
            [
                ("published", f"{self.plan.orders:,}"),
                ("confirmed", f"{len(self.tally.acknowledged):,}"),
                ("refused", f"{len(self.tally.refused):,}"),
                ("processed", f"{len(seen):,}"),
                ("confirmed and not processed", f"{len(lost):,}"),
                ("processed more than once", f"{twice:,}"),
                ("articles reserved, cents taken", f"{books.reserved:,}, {books.taken:,}" + ("" if books.agree else "  (WRONG)")),
                ("left in the queue", f"{left:,}"),
            ],
        )
        self.screen.table(
            "Speed",
            [
                ("published", f"{self.plan.orders / published_s:,.0f} messages/s"),
                ("processed", f"{len(seen) / processed_s:,.0f} messages/s"),
                ("publish to confirm", percentiles(list(self.tally.acknowledged.values()))),
                ("publish to processed", percentiles([order.latency_us for order in seen.values()])),
                ("processors killed", f"1, replaced after {accident.replaced_s:.2f} s"),
            ],
        )
        held = not lost and not left and not self.tally.refused and books.agree
        self.screen.say("It held: every confirmed order was processed." if held else "IT DID NOT HOLD.")
        for order_id in sorted(lost)[:10]:
            self.screen.say(f"lost: {order_id}")
        for refusal in self.tally.refused[:10]:
            self.screen.say(f"refused: {refusal}")
        return held


def wait_for_consumers(mq: MessageQueues, count: int) -> None:
    """Until the broker says that so many consumers read the queue."""
    queue = mq.queue(QUEUE)
    deadline = time.monotonic() + PATIENCE_S
    while (found := queue.consumer_count()) < count:
        if time.monotonic() > deadline:
            raise DemoFailed(f"the queue has {found} consumers after {PATIENCE_S} s")
        time.sleep(LOOK_EVERY_S)
