"""Sending finished offsets to the broker: at intervals, on demand, and before a partition is given away."""

import logging
from collections.abc import Collection, Mapping

from message_queues.clients.ports import Consumer, TopicPartition
from message_queues.errors import MessageQueuesError

logger = logging.getLogger("message_queues.consumer")


class Commits:
    """The offsets that one consumer commits; what the broker has already is not sent again."""

    def __init__(self, client: Consumer, interval_s: float | None) -> None:
        self._client = client
        self._interval_s = interval_s
        self._next_at = 0.0
        self._sent: dict[TopicPartition, int] = {}

    def are_due(self, now: float) -> bool:
        """Whether the interval has passed; never, if there is none."""
        return self._interval_s is not None and now >= self._next_at

    def send(self, offsets: Mapping[TopicPartition, int], now: float) -> None:
        """Commit what is new, without waiting; a failure is logged by the client, and the next commit covers it."""
        self._next_at = now + (self._interval_s or 0.0)
        new = self._new(offsets)
        if new:
            self._client.commit(new, wait=False)
            self._sent.update(new)

    def send_and_wait(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit and return once the broker has it. Raises what the broker answered.

        What was sent without waiting is sent again: its answer may have been a failure.
        """
        if offsets:
            self._client.commit(offsets, wait=True)
            self._sent.update(offsets)

    def send_last(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit before partitions are given away; a failure is logged, as the rebalance goes on without asking."""
        try:
            self.send_and_wait(offsets)
        except MessageQueuesError as error:
            where = ", ".join(f"{partition} up to {offset}" for partition, offset in offsets.items())
            logger.warning("finished work could not be committed and will be seen again (%s): %s", where, error)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These are no longer this consumer's; whoever has them next may have committed anything."""
        for partition in partitions:
            self._sent.pop(partition, None)

    def _new(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        return {partition: offset for partition, offset in offsets.items() if self._sent.get(partition) != offset}
