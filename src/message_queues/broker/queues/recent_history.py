"""The bindings of an x-recent-history exchange: a fanout that keeps its last messages, and hands them to whoever is bound later.

x-recent-history-length says how many (20 when it does not); a message with the header x-recent-history-no-store is passed on and not kept.
What is kept is in memory alone, as in RabbitMQ on Mnesia: a restart forgets it.
"""

from collections import deque
from collections.abc import Collection

from message_queues.broker.queues.bindings import Binding, DependsOn
from message_queues.broker.queues.erlang_terms import printed
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable

DEFAULT_LENGTH = 20


class RecentHistory:
    depends_on = DependsOn.MESSAGE

    def __init__(self, arguments: FieldTable) -> None:
        length = arguments.get("x-recent-history-length", DEFAULT_LENGTH)
        self._messages: deque[QueueMessage] = deque(maxlen=length if isinstance(length, int) else DEFAULT_LENGTH)
        self._bindings: dict[Binding, None] = {}

    def add(self, binding: Binding) -> None:
        self._bindings[binding] = None

    def remove(self, binding: Binding) -> None:
        del self._bindings[binding]

    def match(self, message: QueueMessage) -> Collection[Binding]:
        attributes = message.attributes
        if not attributes.has_headers or attributes.headers.get("x-recent-history-no-store") is not True:
            self._messages.append(message)
        return self._bindings

    def messages(self) -> list[QueueMessage]:
        """What is remembered, oldest first."""
        return list(self._messages)


def check_history_length(arguments: FieldTable) -> None:
    """Raises PreconditionFailed."""
    length = arguments.get("x-recent-history-length", DEFAULT_LENGTH)
    if isinstance(length, bool) or not isinstance(length, int) or length <= 0:
        raise PreconditionFailed(f"Invalid argument {printed(length)}, 'x-recent-history-length' must be a positive integer")
