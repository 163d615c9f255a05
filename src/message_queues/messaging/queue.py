"""A RabbitMQ queue: declared once, described, counted, purged, deleted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from message_queues.clients.queue_ports import NewQueue, QueueCounts
from message_queues.errors import Conflict, MessageQueuesError, NotFound, PreconditionFailed, QueueNotFound, ResourceLocked
from message_queues.messaging.differences import argument_differences, conflict, named_differences
from message_queues.messaging.rabbitmq_answers import answer_mapping, number_of, text_of
from message_queues.messaging.rabbitmq_place import RabbitPlace

QUEUE_TYPE = "x-queue-type"


@dataclass(frozen=True, slots=True)
class QueueDescription:
    """A queue as its cluster has it at one moment."""

    name: str
    cluster: str
    virtual_host: str
    queue_type: str
    durable: bool
    exclusive: bool
    auto_delete: bool
    arguments: Mapping[str, object]
    """Without x-queue-type, which some versions add by themselves: `queue_type` says it."""
    policy: str | None
    state: str
    messages_ready: int
    messages_unacknowledged: int
    """With consumers, not yet acknowledged; as the broker's statistics say a few seconds later."""
    consumers: int


class Queue:
    """A queue of one virtual host. Made by `MessageQueues.create_queue`."""

    def __init__(self, place: RabbitPlace, name: str, on_delete: Callable[[], None]) -> None:
        self._place = place
        self._on_delete = on_delete
        self.cluster = place.cluster
        self.name = name

    def describe(self) -> QueueDescription:
        """As the cluster has it now. Raises QueueNotFound if it is gone, Unreachable without the management API."""
        counts = self._counts()
        found = self._found()
        arguments = answer_mapping(found.get("arguments") or {})
        return QueueDescription(
            self.name,
            self.cluster,
            self._place.virtual_host,
            text_of(found, "type") or str(arguments.get(QUEUE_TYPE, "classic")),
            bool(found.get("durable")),
            bool(found.get("exclusive")) or bool(found.get("owner_pid_details")),
            bool(found.get("auto_delete")),
            {name: value for name, value in arguments.items() if name != QUEUE_TYPE},
            text_of(found, "policy") or None,
            text_of(found, "state"),
            counts.messages,
            number_of(found, "messages_unacknowledged"),
            counts.consumers,
        )

    def message_count(self) -> int:
        """Messages that are ready, at this moment. Raises QueueNotFound."""
        return self._counts().messages

    def consumer_count(self) -> int:
        """Consumers, at this moment. Raises QueueNotFound."""
        return self._counts().consumers

    def purge(self) -> int:
        """Drop the messages that are ready; those that consumers have in hand stay. Returns how many. Raises QueueNotFound."""
        return self._place.admin.purge_queue(self.name)

    def delete(self, *, if_unused: bool = False, if_empty: bool = False) -> int:
        """Delete it with all its messages; returns how many. Raises QueueNotFound if it is gone already, PreconditionFailed with
        `if_unused` while it has consumers, with `if_empty` while it has messages.
        """
        dropped = self._place.admin.delete_queue(self.name, if_unused=if_unused, if_empty=if_empty)
        self._on_delete()
        return dropped

    def create(self, wanted: NewQueue) -> None:
        """Declare it as wanted, or find it so. Raises Conflict with each difference if it exists otherwise."""
        try:
            self.name = self._place.admin.declare_queue(wanted)
        except PreconditionFailed as error:
            raise conflict(f"queue {self.name!r} on cluster {self.cluster!r}", error, lambda: self._differences(wanted)) from error
        except ResourceLocked as error:
            # RabbitMQ says the same of a queue that is another's alone and of one that is nobody's.
            if wanted.exclusive and self._is_shared():
                differences = ("exclusive is False, not True",)
                raise Conflict(
                    f"queue {self.name!r} on cluster {self.cluster!r} exists and is shared: {differences[0]}", differences
                ) from error
            raise

    def _is_shared(self) -> bool:
        try:
            return not self._found().get("exclusive")
        except MessageQueuesError:
            return False

    def _differences(self, wanted: NewQueue) -> list[str]:
        found = self._found()
        flags: dict[str, tuple[object, object]] = {
            "durable": (found.get("durable"), wanted.durable),
            "auto_delete": (found.get("auto_delete"), wanted.auto_delete),
            "exclusive": (bool(found.get("exclusive")), wanted.exclusive),
        }
        asked_type = wanted.arguments.get(QUEUE_TYPE)
        if asked_type is not None:
            flags["queue_type"] = (found.get("type"), asked_type)
        return named_differences(flags) + argument_differences(found.get("arguments"), wanted.arguments, (QUEUE_TYPE,))

    def _found(self) -> Mapping[str, object]:
        try:
            return answer_mapping(self._place.management.get("queues", self._place.virtual_host, self.name))
        except NotFound:
            raise self._not_found() from None

    def _counts(self) -> QueueCounts:
        counts = self._place.admin.counts(self.name)
        if counts is None:
            raise self._not_found()
        return counts

    def _not_found(self) -> QueueNotFound:
        return QueueNotFound(f"there is no queue {self.name!r} on cluster {self.cluster!r}")

    def __repr__(self) -> str:
        return f"Queue({self.name!r}, cluster={self.cluster!r})"
