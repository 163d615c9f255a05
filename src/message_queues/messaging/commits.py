"""Sending finished offsets to the broker: at intervals, on demand, and before a partition is given away."""

import logging
import time
from collections.abc import Callable, Collection, Mapping

from message_queues.clients.ports import Consumer, TopicPartition
from message_queues.errors import IllegalGeneration, MessageQueuesError, RebalanceInProgress

logger = logging.getLogger("message_queues.consumer")


PASSING = (RebalanceInProgress, IllegalGeneration)
"""While a group agrees on who has what, it takes no commits; a moment later it does."""
PATIENCE_S = 5.0
"""How long the last commit before a partition is given away is tried again for a passing failure."""


class Commits:
    """The offsets that one consumer commits; what the broker has already is not sent again."""

    def __init__(self, client: Consumer, interval_s: float | None) -> None:
        self._client = client
        self._interval_s = interval_s
        self._next_at = 0.0
        self._sent: dict[TopicPartition, int] = {}
        self._confirmed: dict[TopicPartition, int] = {}

    def are_due(self, now: float) -> bool:
        """Whether the interval has passed; never, if there is none."""
        return self._interval_s is not None and now >= self._next_at

    def send(self, offsets: Mapping[TopicPartition, int], now: float) -> None:
        """Commit what is new, without waiting; if it fails, `failed` hears of it and the next one covers it."""
        self._next_at = now + (self._interval_s or 0.0)
        new = {partition: offset for partition, offset in offsets.items() if self._sent.get(partition) != offset}
        if new:
            self._client.commit(new, wait=False)
            self._sent.update(new)

    def failed(self, partitions: Collection[TopicPartition], error: MessageQueuesError) -> None:
        """What was sent without waiting was not committed."""
        where = ", ".join(map(str, partitions))
        logger.log(logging.DEBUG if isinstance(error, PASSING) else logging.WARNING, "%s not committed yet: %s", where, error)
        for partition in partitions:
            self._sent.pop(partition, None)

    def send_and_wait(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit and return once the broker has it. Raises what the broker answered.

        What was sent without waiting is sent again: its answer may have been a failure.
        """
        new = {partition: offset for partition, offset in offsets.items() if self._confirmed.get(partition) != offset}
        if new:
            self._client.commit(new, wait=True)
            self._sent.update(new)
            self._confirmed.update(new)

    def send_last(self, offsets: Callable[[], Mapping[TopicPartition, int]], meanwhile: Callable[[], object]) -> None:
        """Commit before partitions are given away. `meanwhile` is called between attempts while the group is busy with itself.

        A failure that stays is logged: the rebalance goes on without asking.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            wanted = offsets()
            try:
                return self.send_and_wait(wanted)
            except MessageQueuesError as error:
                if not isinstance(error, PASSING) or time.monotonic() >= deadline:
                    where = ", ".join(f"{partition} up to {offset}" for partition, offset in wanted.items())
                    logger.warning("finished work could not be committed and will be seen again (%s): %s", where, error)
                    return None
            meanwhile()

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These are no longer this consumer's; whoever has them next may have committed anything."""
        for partition in partitions:
            self._sent.pop(partition, None)
            self._confirmed.pop(partition, None)


def pause_briefly() -> None:
    """Between two attempts where nothing else can be done: inside a rebalance, the client may not be asked for messages."""
    time.sleep(0.1)
