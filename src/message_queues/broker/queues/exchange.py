"""An exchange, and the types it can have.

`x-delayed-message`, `x-consistent-hash`, `x-random` and `x-recent-history` are plugins of RabbitMQ; here they are always there.
`amq.rabbitmq.trace` and `amq.rabbitmq.log` are topic exchanges like any other.
"""

from collections.abc import Callable
from typing import Protocol

from message_queues.broker.queues.bindings import Binding, BindingTable
from message_queues.broker.queues.direct_bindings import DirectBindings, FanoutBindings
from message_queues.broker.queues.erlang_terms import type_name
from message_queues.broker.queues.hash_ring import HashRing, ModulusHash, check_hash_arguments, check_weight
from message_queues.broker.queues.header_bindings import HeaderBindings, check_x_match
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.random_bindings import RandomBindings
from message_queues.broker.queues.recent_history import RecentHistory, check_history_length
from message_queues.broker.queues.topic_bindings import TopicBindings, check_topic
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable

DIRECT = "direct"
FANOUT = "fanout"
TOPIC = "topic"
HEADERS = "headers"
CONSISTENT_HASH = "x-consistent-hash"
MODULUS_HASH = "x-modulus-hash"
RANDOM = "x-random"
LOCAL_RANDOM = "x-local-random"
RECENT_HISTORY = "x-recent-history"
DELAYED_MESSAGE = "x-delayed-message"

TABLES: dict[str, Callable[[FieldTable], BindingTable]] = {
    DIRECT: lambda arguments: DirectBindings(),
    FANOUT: lambda arguments: FanoutBindings(),
    TOPIC: lambda arguments: TopicBindings(),
    HEADERS: lambda arguments: HeaderBindings(),
    CONSISTENT_HASH: HashRing,
    MODULUS_HASH: lambda arguments: ModulusHash(),
    RANDOM: lambda arguments: RandomBindings(),
    LOCAL_RANDOM: lambda arguments: RandomBindings(),
    RECENT_HISTORY: RecentHistory,
}

EXCHANGE_TYPES = frozenset({*TABLES, DELAYED_MESSAGE})

DEFAULT_EXCHANGE = ""


class Recipient(Protocol):
    """What an exchange hands messages to: a queue, or what keeps a message until it is due."""

    @property
    def name(self) -> str: ...

    def publish(self, message: QueueMessage) -> bool:
        """False: it refuses to take the message."""
        ...


class Exchange:
    __slots__ = (
        "alternate_exchange",
        "any_key_route",
        "arguments",
        "is_auto_delete",
        "is_default",
        "is_delaying",
        "is_durable",
        "is_internal",
        "kind",
        "name",
        "policy",
        "published_in",
        "published_out",
        "routes",
        "table",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        arguments: FieldTable | None = None,
        *,
        is_durable: bool = True,
        is_auto_delete: bool = False,
        is_internal: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.is_durable = is_durable
        self.is_auto_delete = is_auto_delete
        self.is_internal = is_internal
        self.arguments: FieldTable = arguments or {}
        self.is_default = name == DEFAULT_EXCHANGE
        self.is_delaying = kind == DELAYED_MESSAGE
        self.alternate_exchange = declared_alternate_exchange(self.arguments)
        """Where messages go that no binding takes; None: nowhere. A policy may give it, too: who sets it tells the router."""
        self.policy: str | None = None
        """The name of the policy that applies."""
        self.table: BindingTable = TABLES[routing_kind(kind, self.arguments)](self.arguments)
        self.routes: dict[str, tuple[Recipient, ...]] | None = None
        """Kept by the router: where messages of a routing key go, while nothing changes."""
        self.any_key_route: tuple[Recipient, ...] | None = None
        """Kept by the router: where all messages go, when nothing of a message matters."""
        self.published_in = 0
        self.published_out = 0


def routing_kind(kind: str, arguments: FieldTable) -> str:
    """The type whose bindings decide: an x-delayed-message exchange names it in its arguments."""
    return str(arguments["x-delayed-type"]) if kind == DELAYED_MESSAGE else kind


def declared_alternate_exchange(arguments: FieldTable) -> str | None:
    alternate = arguments.get("alternate-exchange")
    return alternate if isinstance(alternate, str) else None


def check_exchange_arguments(kind: str, arguments: FieldTable, described: str = "exchange") -> None:
    """What a new exchange of this (known) type may be declared with.

    `described` is RabbitMQ's way to name it: "exchange 'x' in vhost '/'". Raises PreconditionFailed.
    """
    if kind == DELAYED_MESSAGE:
        kind = _checked_delayed_type(arguments)
    alternate = arguments.get("alternate-exchange", "")
    if not isinstance(alternate, str):
        raise PreconditionFailed(f"invalid type '{type_name(alternate)}' for arg 'alternate-exchange' in {described}")
    if kind == CONSISTENT_HASH:
        check_hash_arguments(arguments)
    elif kind == RECENT_HISTORY:
        check_history_length(arguments)


def _checked_delayed_type(arguments: FieldTable) -> str:
    delayed_type = arguments.get("x-delayed-type")
    if delayed_type == DELAYED_MESSAGE:
        raise PreconditionFailed("Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'")
    if not isinstance(delayed_type, str):
        raise PreconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
    if delayed_type not in EXCHANGE_TYPES:
        raise PreconditionFailed(f"unknown exchange type '{delayed_type}'")
    return delayed_type


def check_binding(exchange: Exchange, binding: Binding, queue_kind: str | None = "classic", *, has_topic_limit: bool = True) -> None:
    """What may be bound to this exchange; raises PreconditionFailed.

    `queue_kind` is the destination's ("classic", "quorum", "stream"), None when it is an exchange. `has_topic_limit`: since RabbitMQ 4.3.
    """
    kind = routing_kind(exchange.kind, exchange.arguments)
    if kind == TOPIC and has_topic_limit:
        check_topic(binding.routing_key)
    elif kind == HEADERS:
        check_x_match(binding.arguments)
    elif kind == CONSISTENT_HASH:
        check_weight(binding.routing_key)
    elif kind == LOCAL_RANDOM:
        _check_local(binding, queue_kind)


def _check_local(binding: Binding, queue_kind: str | None) -> None:
    if binding.routing_key:
        raise PreconditionFailed(f"Non empty binding '{binding.routing_key}' key not permitted")
    if queue_kind is None:
        raise PreconditionFailed("Destination not found")
    if queue_kind != "classic":
        raise PreconditionFailed(f"Queue type rabbit_{queue_kind}_queue not valid for this exchange type")
