"""What waits to be sent to SQS or SNS, in batches of ten.

Of a standard queue any message may go with any other. Of a FIFO one a message stays behind those of its group: while a batch with messages
of a group is on its way, no other message of that group is taken.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeAlias, TypeVar

from message_queues.clients.aws_ports import Refused, Sent

OnAnswer: TypeAlias = Callable[[Sent | Refused], None]


class Batched(Protocol):
    """A message, or an order about one."""

    @property
    def size(self) -> int:
        """Bytes that count against the limit of a batch."""

    @property
    def group_id(self) -> str | None:
        """Those of one group stay in order, where order is asked for."""


Item = TypeVar("Item", bound=Batched)


class Waiting(Generic[Item]):
    """A message without an answer."""

    __slots__ = ("deadline", "is_answered", "message", "on_answer", "since")

    def __init__(self, message: Item, on_answer: OnAnswer, since: float, deadline: float) -> None:
        self.message = message
        self.on_answer = on_answer
        self.since = since
        self.deadline = deadline
        self.is_answered = False


class Outbox(Generic[Item]):
    """Not for several threads at once: its user holds a lock."""

    def __init__(self, *, in_order: bool) -> None:
        self._in_order = in_order
        self._groups: dict[str | None, deque[Waiting[Item]]] = {}
        self._ready: deque[str | None] = deque()
        """Groups of which messages may be taken."""
        self._on_their_way: set[str | None] = set()
        self.ready = 0
        """Messages that may be taken, and their bytes."""
        self.ready_bytes = 0

    def put(self, waiting: Waiting[Item]) -> None:
        """Behind those that are there."""
        group = waiting.message.group_id if self._in_order else None
        queue = self._groups.get(group)
        if queue is None:
            queue = self._groups[group] = deque()
            if group not in self._on_their_way:
                self._ready.append(group)
        queue.append(waiting)
        if group not in self._on_their_way:
            self.ready += 1
            self.ready_bytes += waiting.message.size

    def oldest(self) -> float:
        """Since when the message waits that may be taken next; only if one may be."""
        return self._groups[self._ready[0]][0].since

    def take(self, count: int, size: int) -> list[Waiting[Item]]:
        """The next messages, at most `count` with `size` bytes together, but one in any case. Their groups are then on their way."""
        taken: list[Waiting[Item]] = []
        room = size
        for _ in range(len(self._ready)):
            group = self._ready[0]
            queue = self._groups[group]
            before = len(taken)
            while queue and len(taken) < count and (queue[0].message.size <= room or not taken):
                waiting = queue.popleft()
                room -= waiting.message.size
                taken.append(waiting)
            if len(taken) == before:
                break
            self._ready.popleft()
            self._leave(group, queue, taken[before:])
        return taken

    def _leave(self, group: str | None, queue: "deque[Waiting[Item]]", taken: list[Waiting[Item]]) -> None:
        self.ready -= len(taken)
        self.ready_bytes -= sum(each.message.size for each in taken)
        if self._in_order:
            self._on_their_way.add(group)
            self.ready -= len(queue)
            self.ready_bytes -= sum(each.message.size for each in queue)
        elif queue:
            self._ready.append(group)
        if not queue:
            del self._groups[group]

    def came_back(self, batch: Iterable[Waiting[Item]]) -> None:
        """All of a batch is answered: what is behind it may be taken."""
        if not self._in_order:
            return
        for group in {each.message.group_id for each in batch}:
            self._on_their_way.discard(group)
            queue = self._groups.get(group)
            if queue:
                self._ready.append(group)
                self.ready += len(queue)
                self.ready_bytes += sum(each.message.size for each in queue)

    def clear(self) -> list[Waiting[Item]]:
        """Take all, whether it may be sent or not."""
        everything = [each for queue in self._groups.values() for each in queue]
        self._groups.clear()
        self._ready.clear()
        self.ready = self.ready_bytes = 0
        return everything
