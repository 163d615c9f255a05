"""Orders through a Kafka topic, with the broker killed in the middle: is every order processed, and how often twice?

Publishes orders, processes them in a group of two processes with four workers each, kills the server with kill -9 once a good part is on
its way, and starts it again on the same data and ports. Publisher and processors are not told. In the end every acknowledged order is
looked up in the databases of the processors.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from examples.orders.accident import InterruptedPublishing, server_killed
from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan
from examples.orders.outcome import Durations, Outcome
from examples.orders.processors import ProcessorProcess, percentiles, processed_orders
from examples.orders.screen import Screen
from examples.orders.shop import CLUSTER, GROUP, NODES, PARTITIONS, PUBLISHED_AT, TOPIC, open_shop
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from message_queues import MessageQueues, Publisher

PROCESSES = 2
LOOK_EVERY_S = 0.05


class TopicDemo:
    def __init__(self, plan: Plan, broker: BrokerProcess, directory: Path, screen: Screen) -> None:
        self.plan = plan
        self.directory = directory
        self.screen = screen
        self.tally = Tally("acknowledged")
        self.broker = broker

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
            away_s = self._publish_and_kill(mq)
            published_s = time.monotonic() - started
            self._wait_for_processors(processors)
            processed_s = time.monotonic() - started
            for processor in processors:
                processor.stop()
            return self._report(mq, processors, Durations(published_s, processed_s, away_s))

    def _publish_and_kill(self, mq: MessageQueues) -> float:
        """Returns how long the server was away."""
        publisher = mq.create_publisher(topic=TOPIC, publisher_type="async", batch_size=100, linger_ms=5)
        accident = server_killed(self.broker)
        with self.screen.bars(self._counts):
            away_s = InterruptedPublishing(self.plan, self.tally, self.screen, partial(self._publish, publisher), accident).run()
            publisher.close(PATIENCE_S * 1000)
        return away_s

    def _publish(self, publisher: Publisher, order: Order) -> None:
        published_ns = time.monotonic_ns()
        publisher.publish(
            order,
            key=order.customer,
            headers={PUBLISHED_AT: str(published_ns)},
            on_delivery=partial(self.tally.answered, order.order_id, published_ns),
        )

    def _wait_for_processors(self, processors: Sequence[ProcessorProcess]) -> None:
        """Until the databases hold every order that was acknowledged."""
        with self.screen.bars(self._counts):
            self.tally.wait_until(lambda: self.tally.processed >= len(self.tally.acknowledged), "that every order is processed")
        # What both have processed was counted twice: only the databases say who has what.
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.tally.acknowledged.keys() - processed_orders(processors).keys():
            time.sleep(LOOK_EVERY_S)

    def _counts(self) -> dict[str, int]:
        return {"acknowledged": len(self.tally.acknowledged), "processed": min(self.plan.orders, self.tally.processed)}

    def _report(self, mq: MessageQueues, processors: Sequence[ProcessorProcess], took: Durations) -> bool:
        outcome = Outcome.of(self.plan, self.tally, processors)
        lag = mq.consumer_group(GROUP).lag()
        resumed_s = self.tally.resumed_s
        lags = " ".join(str(lag[partition].lag) for partition in sorted(lag))
        self.screen.table("Orders", [*outcome.orders(), ("lag of each partition", lags)])
        self.screen.table(
            "Speed",
            [
                *outcome.speed(took),
                ("publish to acknowledgement", percentiles(list(self.tally.acknowledged.values()))),
                ("restarts", f"1, listening again after {took.recovered_s:.2f} s"),
                ("orders published after the kill", "none" if resumed_s is None else f"acknowledged from {resumed_s:.2f} s after it on"),
            ],
        )
        return outcome.judge(self.screen, sum(each.lag for each in lag.values()))


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
