"""What one consumer has read of a partition, what of it is finished, and so what may be committed.

The committed offset is the first that must be read again (Kafka: "the next message your application will consume"): the lowest
unfinished offset, or the one after the last read when all is finished. A message that finishes before an earlier one waits for it.
"""

import threading

from message_queues.message import Record


class Progress:
    """Of one partition, for as long as this consumer has it."""

    __slots__ = ("_lock", "_next", "_taken_away", "_unfinished")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unfinished: dict[int, None] = {}
        self._next: int | None = None
        self._taken_away = False

    def read(self, offset: int) -> None:
        """A message was read, in the order of the partition."""
        with self._lock:
            self._unfinished[offset] = None
            self._next = offset + 1

    def finish(self, offset: int) -> None:
        """A message is finished; twice is once, and of a partition that was taken away it means nothing."""
        with self._lock:
            self._unfinished.pop(offset, None)

    def acknowledge(self, record: Record) -> None:
        """`Message.ack` arrives here."""
        offset = record.offset()
        if offset is not None:
            self.finish(offset)

    def take_away(self) -> None:
        """The partition belongs to another consumer: nothing that finishes from now on is to be committed."""
        with self._lock:
            self._taken_away = True

    @property
    def unfinished(self) -> int:
        """How many messages were read and are not finished."""
        return len(self._unfinished)

    def committable(self) -> int | None:
        """The offset to commit, or None if nothing was read or the partition was taken away."""
        with self._lock:
            if self._taken_away:
                return None
            return next(iter(self._unfinished), self._next)
