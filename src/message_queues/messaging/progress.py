"""What one consumer has read of a partition, what of it is finished, and so what may be committed.

The committed offset is the first that must be read again (Kafka: "the next message your application will consume"). Two ways to know
it: `InOrder`, where messages are finished one after the other, and `AnyOrder`, where a program acknowledges them as it likes and one that
finishes before an earlier one waits for it.

One thread reads; others may finish messages and ask what is committable. No lock: each step is one operation on a dict or an attribute.
"""

from message_queues.message import Record


class InOrder:
    """Messages are finished in the order of the partition: the last finished one says it all."""

    __slots__ = ("_taken_away", "finished")

    def __init__(self) -> None:
        self.finished: Record | None = None
        """The last finished message; set by whoever works on the partition."""
        self._taken_away = False

    def acknowledge(self, record: Record) -> None:
        """`Message.ack` has nothing to say here: the message is finished when its handler returns."""

    def take_away(self) -> None:
        """The partition belongs to another consumer: nothing that finishes from now on is to be committed."""
        self._taken_away = True

    def committable(self) -> int | None:
        """The offset to commit, or None if nothing was finished or the partition was taken away."""
        finished = self.finished
        return None if finished is None or self._taken_away else offset_of(finished) + 1


class AnyOrder:
    """Messages are finished in any order: the lowest unfinished offset is what may be committed."""

    __slots__ = ("_next", "_taken_away", "_unfinished")

    def __init__(self) -> None:
        self._unfinished: dict[int, None] = {}
        self._next: int | None = None
        self._taken_away = False

    def read(self, offset: int) -> None:
        """A message was read, in the order of the partition."""
        self._unfinished[offset] = None
        self._next = offset + 1

    def acknowledge(self, record: Record) -> None:
        """A message is finished; twice is once, and of a partition that was taken away it means nothing."""
        self._unfinished.pop(offset_of(record), None)

    def take_away(self) -> None:
        """The partition belongs to another consumer: nothing that finishes from now on is to be committed."""
        self._taken_away = True

    @property
    def unfinished(self) -> int:
        """How many messages were read and are not finished."""
        return len(self._unfinished)

    def committable(self) -> int | None:
        """The offset to commit, or None if nothing was read or the partition was taken away."""
        # The end is looked at first: what is read after that lies beyond it.
        following = self._next
        while not self._taken_away:
            try:
                return next(iter(self._unfinished), following)
            except RuntimeError:  # another thread finished or read one between the two calls
                continue
        return None


def offset_of(record: Record) -> int:
    """Of a record that was read: those have one."""
    return record.offset() or 0
