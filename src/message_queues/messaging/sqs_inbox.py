"""What a consumer of an SQS queue holds: messages that wait for a worker, and those that are in hand.

Of a FIFO queue one message of a group is in hand at a time, and the next once that is settled: so a group keeps its order however many
workers there are. If it is given back, those of the group that wait behind it go back too.
"""

from collections import deque

from message_queues.messaging.sqs_message import SqsRecord


class Inbox:
    """Not for several threads at once: its user holds a lock."""

    def __init__(self, *, in_order: bool) -> None:
        self._in_order = in_order
        self._ready: deque[SqsRecord] = deque()
        """Those that a worker may take."""
        self._behind: dict[str | None, deque[SqsRecord]] = {}
        """By group, those that wait for the one before."""
        self._first: dict[str | None, SqsRecord] = {}
        """By group, the one that is ready or in hand."""
        self.held: dict[SqsRecord, None] = {}
        """All that are not settled, oldest first."""

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def put(self, record: SqsRecord) -> None:
        self.held[record] = None
        if not self._in_order:
            self._ready.append(record)
        elif record.group_id in self._first:
            self._behind.setdefault(record.group_id, deque()).append(record)
        else:
            self._first[record.group_id] = record
            self._ready.append(record)

    def take(self, count: int) -> list[SqsRecord]:
        """Up to `count` that workers may take; they are in hand then."""
        ready = self._ready
        return [ready.popleft() for _ in range(min(count, len(ready)))]

    def done(self, record: SqsRecord) -> bool:
        """It is settled; the next of its group may be taken. False if it is not held any more."""
        if record not in self.held:
            return False
        del self.held[record]
        if self._in_order and self._first.get(record.group_id) is record:
            self._next_of(record.group_id)
        return True

    def _next_of(self, group: str | None) -> None:
        behind = self._behind.get(group)
        if not behind:
            del self._first[group]
            return
        self._first[group] = following = behind.popleft()
        self._ready.append(following)
        if not behind:
            del self._behind[group]

    def give_back(self, record: SqsRecord) -> list[SqsRecord]:
        """It goes back to the queue; those behind it are returned, and held no more."""
        if record not in self.held:
            return []
        behind = list(self._behind.pop(record.group_id, ())) if self._in_order else []
        for each in behind:
            del self.held[each]
        self.done(record)
        return behind

    def lose(self, record: SqsRecord) -> bool:
        """Another consumer may have it by now. False if it is in hand already: then its worker goes on."""
        if record in self._ready:
            self._ready.remove(record)
        elif not (self._in_order and record in self._behind.get(record.group_id, ())):
            return False
        else:
            self._behind[record.group_id].remove(record)
        self.done(record)
        return True

    def clear(self) -> list[SqsRecord]:
        """Hold nothing more; returns what was held."""
        held = list(self.held)
        self.held.clear()
        self._ready.clear()
        self._behind.clear()
        self._first.clear()
        return held
