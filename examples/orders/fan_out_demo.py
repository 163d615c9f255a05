"""Orders through an SNS topic to two SQS queues, one of them FIFO: does every order come out of both, and each customer's in order?

Publishes orders to the topic of the shop, each in the message group of its customer. The topic hands each on to both queues; four workers
read each of them. The server is killed with kill -9 once a good part is on its way, and starts again. In the end every accepted order is
looked up in what both queues gave.
"""

import threading
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial

from examples.orders.accident import InterruptedPublishing, server_killed
from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan
from examples.orders.outcome import Durations
from examples.orders.processors import percentiles
from examples.orders.screen import Screen
from examples.orders.shop import FIFO_QUEUE, SNS_TOPIC, STANDARD_QUEUE, open_sqs_shop
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from message_queues import Consumer, Message, MessageQueues, Publisher

WORKERS = 4


class Reader:
    """One queue's consumer, and what it was given."""

    def __init__(self, queue: str, consumer: Consumer, tally: Tally) -> None:
        self.queue = queue
        self._tally = tally
        self.times_seen: Counter[str] = Counter()
        self.out_of_order = 0
        self._last: dict[str | None, int] = {}
        self._consumer = consumer
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=consumer.run, args=[self._take], daemon=True)
        self._thread.start()

    def _take(self, message: Message) -> None:
        order = message.json()
        assert isinstance(order, dict)
        order_id = str(order["order_id"])
        number = int(order_id.rpartition("-")[2])
        with self._lock:
            self.times_seen[order_id] += 1
            # What comes again because its deletion was cut off has its place already.
            if self.times_seen[order_id] == 1:
                self.out_of_order += number < self._last.get(message.group_id, -1)
                self._last[message.group_id] = number
        self._tally.told(self.queue, len(self.times_seen))

    def stop(self) -> None:
        """Let it finish what it has in hand, and leave."""
        self._consumer.stop()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            raise DemoFailed(f"the consumer of {self.queue!r} did not stop within {PATIENCE_S} s")


class FanOutDemo:
    def __init__(self, plan: Plan, broker: BrokerProcess, screen: Screen) -> None:
        self.plan = plan
        self.broker = broker
        self.screen = screen
        self.tally = Tally("accepted")

    def run(self) -> bool:
        """The whole story; whether it held."""
        with ExitStack() as ending:
            mq = ending.enter_context(open_sqs_shop(self.broker.sqs))
            self.screen.say(f"topic {SNS_TOPIC!r} feeds queue {FIFO_QUEUE!r}, in order, and queue {STANDARD_QUEUE!r}: four workers each")
            readers = [
                Reader(queue, mq.configure_consumer(queue, concurrency=WORKERS), self.tally) for queue in (FIFO_QUEUE, STANDARD_QUEUE)
            ]
            started = time.monotonic()
            with self.screen.bars(lambda: self._counts(readers)):
                away_s = self._publish_and_kill(mq)
                published_s = time.monotonic() - started
                self._wait_for(readers)
            received_s = time.monotonic() - started
            for reader in readers:
                reader.stop()
            return self._report(mq, readers, Durations(published_s, received_s, away_s))

    def _publish_and_kill(self, mq: MessageQueues) -> float:
        """Returns how long the server was away."""
        with mq.create_publisher(sns_topic=SNS_TOPIC) as publisher:
            publish = partial(self._publish, publisher)
            return InterruptedPublishing(self.plan, self.tally, self.screen, publish, server_killed(self.broker)).run()

    def _publish(self, publisher: Publisher, order: Order) -> None:
        answered = partial(self.tally.answered, order.order_id, time.monotonic_ns())
        publisher.publish(order, group_id=order.customer, on_delivery=answered)

    def _wait_for(self, readers: list[Reader]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and any(self._lost(reader) for reader in readers):
            time.sleep(0.05)

    def _lost(self, reader: Reader) -> int:
        return len(self.tally.acknowledged.keys() - reader.times_seen.keys())

    def _counts(self, readers: list[Reader]) -> dict[str, int]:
        return {"accepted": len(self.tally.acknowledged), "in both": min(len(reader.times_seen) for reader in readers)}

    def _report(self, mq: MessageQueues, readers: list[Reader], took: Durations) -> bool:
        fifo, standard = readers
        lost = sum(self._lost(reader) for reader in readers)
        left = sum(sum(mq.sqs_queue(reader.queue).counts()) for reader in readers)
        received = [(f"received from {reader.queue}", f"{len(reader.times_seen):,}") for reader in readers]
        again = [
            (f"received more than once from {reader.queue}", f"{sum(times > 1 for times in reader.times_seen.values()):,}")
            for reader in readers
        ]
        self.screen.table(
            "Orders through SNS and SQS",
            [
                ("published", f"{self.plan.orders:,}"),
                ("accepted", f"{len(self.tally.acknowledged):,}"),
                ("refused", f"{len(self.tally.refused):,}"),
                *received,
                ("accepted and lost", f"{lost:,}"),
                *again,
                (f"out of order in {fifo.queue}", f"{fifo.out_of_order:,}"),
                ("left in the queues", f"{left:,}"),
            ],
        )
        self.screen.table(
            "Speed",
            [
                ("published", f"{self.plan.orders / took.published_s:,.0f} messages/s"),
                ("received", f"{len(standard.times_seen) / took.processed_s:,.0f} messages/s from each queue"),
                ("publish to acceptance", percentiles(list(self.tally.acknowledged.values()))),
                ("restarts", f"1, listening again after {took.recovered_s:.2f} s"),
            ],
        )
        held = not (lost or left or self.tally.refused or fifo.out_of_order)
        self.screen.say("It held: every accepted order came out of both queues." if held else "IT DID NOT HOLD.")
        return held
