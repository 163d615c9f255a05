"""Orders through a RabbitMQ exchange and queue, with a consumer killed in the middle: is every order processed, and how often twice?

Publishes orders to the exchange of the shop, which routes them to its queue, processes them in two processes with four workers each, kills
one of them with kill -9 once a good part is on its way, and starts another in its place. What the killed one had in hand and not
acknowledged, the queue delivers again. In the end every confirmed order is looked up in the databases of the processors.
"""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from examples.orders.accident import Accident, InterruptedPublishing
from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan
from examples.orders.outcome import Durations, Outcome
from examples.orders.processors import ProcessorProcess, percentiles, processed_orders
from examples.orders.screen import Screen
from examples.orders.shop import EXCHANGE, PUBLISHED_AT, QUEUE, RABBITMQ_CLUSTER, ROUTING_KEY, open_rabbitmq_shop
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from message_queues import MessageQueues, Publisher

PROCESSES = 2
LOOK_EVERY_S = 0.05


class QueueDemo:
    def __init__(self, plan: Plan, broker: BrokerProcess, directory: Path, screen: Screen) -> None:
        self.plan = plan
        self.broker = broker
        self.directory = directory
        self.screen = screen
        self.tally = Tally("confirmed")
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
            replaced_s = self._publish_and_kill(mq)
            published_s = time.monotonic() - started
            self._wait_for_processors()
            processed_s = time.monotonic() - started
            for processor in self.processors[1:]:
                processor.stop()
            return self._report(mq, Durations(published_s, processed_s, replaced_s))

    def _end_processors(self) -> None:
        for processor in self.processors:
            processor.end()

    def _start_processor(self) -> None:
        source = [QUEUE, self.broker.amqp, self.broker.management]
        self.processors.append(ProcessorProcess(f"queue-{len(self.processors)}", self.directory, source, self.tally))

    def _publish_and_kill(self, mq: MessageQueues) -> float:
        """Returns how long it took until another process took messages."""
        publisher = mq.create_publisher(exchange=EXCHANGE, publisher_type="async", linger_ms=5)
        accident = Accident("a processor", self._kill, lambda: self._replace(mq))
        with self.screen.bars(self._counts):
            replaced_s = InterruptedPublishing(self.plan, self.tally, self.screen, partial(self._publish, publisher), accident).run()
            publisher.close(PATIENCE_S * 1000)
        return replaced_s

    def _publish(self, publisher: Publisher, order: Order) -> None:
        published_ns = time.monotonic_ns()
        publisher.publish(
            order,
            routing_key=ROUTING_KEY,
            headers={PUBLISHED_AT: str(published_ns)},
            on_delivery=partial(self.tally.answered, order.order_id, published_ns),
        )

    def _kill(self) -> int:
        victim = self.processors[0]
        victim.kill()
        return victim.pid

    def _replace(self, mq: MessageQueues) -> str:
        self._start_processor()
        wait_for_consumers(mq, PROCESSES)
        return f"process {self.processors[-1].pid} takes its place"

    def _wait_for_processors(self) -> None:
        """Until the databases hold every order that was confirmed."""
        deadline = time.monotonic() + PATIENCE_S
        with self.screen.bars(self._counts):
            while time.monotonic() < deadline and self.tally.acknowledged.keys() - processed_orders(self.processors).keys():
                time.sleep(LOOK_EVERY_S * 4)

    def _counts(self) -> dict[str, int]:
        return {"confirmed": len(self.tally.acknowledged), "processed": min(self.plan.orders, self.tally.processed)}

    def _report(self, mq: MessageQueues, took: Durations) -> bool:
        outcome = Outcome.of(self.plan, self.tally, self.processors)
        left = mq.queue(QUEUE).message_count()
        self.screen.table("Orders through RabbitMQ", [*outcome.orders(), ("left in the queue", f"{left:,}")])
        self.screen.table(
            "Speed",
            [
                *outcome.speed(took),
                ("publish to confirm", percentiles(list(self.tally.acknowledged.values()))),
                ("publish to processed", percentiles([order.latency_us for order in outcome.seen.values()])),
                ("processors killed", f"1, replaced after {took.recovered_s:.2f} s"),
            ],
        )
        return outcome.judge(self.screen, left)


def wait_for_consumers(mq: MessageQueues, count: int) -> None:
    """Until the broker says that so many consumers read the queue."""
    queue = mq.queue(QUEUE)
    deadline = time.monotonic() + PATIENCE_S
    while (found := queue.consumer_count()) < count:
        if time.monotonic() > deadline:
            raise DemoFailed(f"the queue has {found} consumers after {PATIENCE_S} s")
        time.sleep(LOOK_EVERY_S)
