"""What a channel has been given and has not settled: acknowledge, reject, requeue, recover."""

from typing import TYPE_CHECKING

from message_queues.broker.queues.consumer import Delivering, ReturnReason
from message_queues.broker.queues.message import Entry
from message_queues.errors import PreconditionFailed

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel
    from message_queues.servers.amqp.consuming import ChannelConsumer

Delivery = tuple[Entry, Delivering, "ChannelConsumer | None"]
"""What was delivered, the queue it came from, and to whom; None: by basic.get."""

ACKNOWLEDGE = 0
DISCARD = 1
NACK = 2
REJECT = 3
"""What a client does with deliveries; NACK and REJECT give them back."""

REASONS = {NACK: ReturnReason.NACK, REJECT: ReturnReason.REJECT}


class Deliveries:
    __slots__ = ("_channel", "_first_tag", "last_tag", "waiting")

    def __init__(self, channel: "AmqpChannel") -> None:
        self._channel = channel
        self._first_tag = 1
        """All tags before it are settled."""
        self.last_tag = 0
        self.waiting: dict[int, Delivery] = {}
        """By delivery tag, in ascending order."""

    def acknowledge(self, tag: int, multiple: bool) -> None:
        channel = self._channel
        if multiple or channel.transaction is not None:
            self.settle(tag, multiple, ACKNOWLEDGE)
            return
        delivery = self.waiting.pop(tag, None)
        if delivery is None:
            raise PreconditionFailed(f"unknown delivery tag {tag}")
        entry, queue, consumer = delivery
        queue.acknowledge(entry)
        channel.counters.acknowledged += 1
        if consumer is not None:
            consumer.unacknowledged_count -= 1
            if not consumer.can_take:
                consumer.refresh()
            if channel.global_prefetch_count:
                channel.give_global_credit(1)

    def settle(self, tag: int, multiple: bool, how: int) -> None:
        taken = self._take(tag, multiple)
        if self._channel.transaction is not None:
            self._channel.transaction.settlements.append((how, taken))
        else:
            self.settle_all([delivery for _, delivery in taken], how)

    def settle_all(self, deliveries: list[Delivery], how: int) -> None:
        if how == ACKNOWLEDGE:
            for entry, queue, _ in deliveries:
                queue.acknowledge(entry)
            self._channel.counters.acknowledged += len(deliveries)
        elif how == DISCARD:
            for entry, queue, _ in deliveries:
                queue.reject(entry)
        else:
            requeue(deliveries, REASONS[how])
        self._give_credit(deliveries)

    def recover(self) -> None:
        """basic.recover: all that waits goes back."""
        returned = self._take_all()
        requeue([delivery for _, delivery in returned], ReturnReason.RECOVER)
        self._give_credit([delivery for _, delivery in returned])

    def take_back(self, taken: list[tuple[int, Delivery]]) -> None:
        """A transaction is rolled back: its acknowledgements have never been."""
        self.waiting = dict(sorted([*self.waiting.items(), *taken]))
        self._first_tag = 1

    def drop(self) -> list[Delivery]:
        """The channel is closed: what waits is given to whoever asks, to be requeued."""
        return [delivery for _, delivery in self._take_all()]

    def _take(self, tag: int, multiple: bool) -> list[tuple[int, Delivery]]:
        waiting = self.waiting
        if multiple and tag == 0:
            # AMQP 0-9-1 1.8.3.13: "if the multiple field is 1, and the delivery tag is zero, … all outstanding messages".
            return self._take_all()
        if tag not in waiting:
            raise PreconditionFailed(f"unknown delivery tag {tag}")
        if not multiple:
            return [(tag, waiting.pop(tag))]
        if tag == self.last_tag:
            return self._take_all()
        first, self._first_tag = self._first_tag, tag + 1
        # Passing over settled tags costs as much as passing over the gaps that they leave in the dictionary: whichever are fewer.
        if tag - first < len(waiting):
            return [(each, waiting.pop(each)) for each in range(first, tag + 1) if each in waiting]
        return [(each, waiting.pop(each)) for each in [each for each in waiting if each <= tag]]

    def _take_all(self) -> list[tuple[int, Delivery]]:
        taken = list(self.waiting.items())
        self.waiting.clear()
        self._first_tag = self.last_tag + 1
        return taken

    def _give_credit(self, deliveries: list[Delivery]) -> None:
        consumers: dict[ChannelConsumer, None] = {}
        count = 0
        for _, _, consumer in deliveries:
            if consumer is not None:
                consumer.unacknowledged_count -= 1
                consumers[consumer] = None
                count += 1
        if self._channel.global_prefetch_count:
            self._channel.give_global_credit(count)
        for consumer in consumers:
            if not consumer.can_take:
                consumer.refresh()


def requeue(deliveries: list[Delivery], why: int) -> None:
    """Each queue gets its own back together, in the order of their delivery."""
    if len(deliveries) == 1:
        entry, queue, _ = deliveries[0]
        queue.requeue([entry], why)
        return
    by_queue: dict[Delivering, list[Entry]] = {}
    for entry, queue, _ in deliveries:
        by_queue.setdefault(queue, []).append(entry)
    for queue, entries in by_queue.items():
        queue.requeue(entries, why)
