"""The messages of a queue that are ready: what came back to a quorum queue, then the backlogs of its priority levels."""

from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.priority_levels import PriorityLevels
from message_queues.broker.queues.returned_messages import ReturnedMessages


class ReadyMessages:
    __slots__ = ("is_quorum", "levels", "only", "returned")

    def __init__(self, levels: PriorityLevels, is_quorum: bool) -> None:
        self.is_quorum = is_quorum
        self.levels = levels
        self.only = None if is_quorum else levels.only
        """The backlog, where it is all that there is."""
        self.returned: ReturnedMessages | None = None
        """Of a quorum queue that something has come back to."""

    @property
    def ready_count(self) -> int:
        if self.only is not None:
            return self.only.ready_count
        return self.levels.ready_count + (self.returned.ready_count if self.returned is not None else 0)

    @property
    def ready_bytes(self) -> int:
        """Of the bodies; what waits for its retry is among them."""
        if self.only is not None:
            return self.only.ready_bytes
        return self.levels.ready_bytes + (self.returned.bytes if self.returned is not None else 0)

    @property
    def delayed_count(self) -> int:
        """What came back and waits for its retry."""
        return self.returned.delayed_count if self.returned is not None else 0

    def pop(self) -> Entry | None:
        if self.only is not None:
            return self.only.pop()
        if self.returned is not None and self.returned.ready_count:
            entry = self.returned.pop()
            self.levels[entry.level].message_of(entry)
            return entry
        return self.levels.pop()

    @property
    def next_retry_ms(self) -> int | None:
        """When `end_delays` will find something."""
        return self.returned.next_retry_ms if self.returned is not None else None

    def end_delays(self, now_ms: int) -> bool:
        """What has waited long enough for its retry is ready; whether any of it expires some time."""
        return self.returned is not None and self.returned.end_delays(now_ms)

    def came_back(self) -> ReturnedMessages:
        """Where what comes back goes."""
        if self.returned is None:
            self.returned = ReturnedMessages()
        return self.returned

    def forget_returned(self) -> None:
        self.returned = None

    # Expiration. Only the very next message of a classic queue is looked at, the next of each level of a quorum queue.

    def pop_expired(self, now_ms: int, most: int) -> list[Entry]:
        """What has expired and nothing stands before that has not."""
        popped: list[Entry] = []
        returned = self.returned
        while returned is not None and len(popped) < most and is_expired(returned.peek(), now_ms):
            popped.append(returned.pop())
        for level in self.levels.ready_levels():
            entry = level.peek()
            while entry is not None and is_expired(entry, now_ms) and len(popped) < most:
                level.pop()
                popped.append(entry)
                entry = level.peek()
            if entry is not None and not self.is_quorum:
                break
        return popped

    def next_expiry_ms(self) -> int:
        """When the next head expires; 0 if none does."""
        heads = [self.returned.peek()] if self.returned is not None else []
        for level in self.levels.ready_levels():
            heads.append(level.peek())
            if not self.is_quorum:
                break
        return min((entry.expires_at_ms for entry in heads if entry is not None and entry.expires_at_ms), default=0)

    # All of them

    def purge(self) -> int:
        """What waits for its retry goes, too; returns how many."""
        gone = self.returned.clear() if self.returned is not None else []
        for entry in gone:
            self.levels[entry.level].settle(entry)
        return self.levels.purge() + len(gone)


def is_expired(entry: Entry | None, now_ms: int) -> bool:
    return entry is not None and 0 < entry.expires_at_ms <= now_ms
