"""What a client asks for when it declares an exchange or a queue, and what RabbitMQ has against it.

The words of refusals are RabbitMQ's (rabbit_exchange.erl, rabbit_amqqueue.erl). `described` is its way to name the thing:
"queue 'q' in vhost '/'".
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from message_queues.broker.queues.exchange import EXCHANGE_TYPES, Exchange, check_exchange_arguments
from message_queues.broker.queues.queue_arguments import (
    CLASSIC,
    MISSING,
    QUEUE_TYPE,
    STREAM,
    UNDEFINED,
    check_argument,
    check_equivalent,
    check_queue_arguments,
    check_queue_type,
    check_stream_sizes,
)
from message_queues.broker.queues.version import RabbitVersion
from message_queues.errors import AccessRefused, CommandInvalid, InternalFailure, PreconditionFailed
from message_queues.records.field_table import FieldTable

TRANSIENT_QUEUES_REFUSED: Final = (
    "Feature `transient_nonexcl_queues` is deprecated.\nBy default, this feature is not permitted anymore.\n"
    "The feature will be removed from a future major RabbitMQ version, regardless of the configuration; actual version to be determined.\n"
    "To continue using this feature when it is not permitted by default, set the following parameter in your configuration:\n"
    '    "deprecated_features.permit.transient_nonexcl_queues = true"'
)


@dataclass(frozen=True, slots=True)
class ExchangeSpec:
    name: str
    kind: str = "direct"
    is_durable: bool = True
    is_auto_delete: bool = False
    is_internal: bool = False
    arguments: FieldTable = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueSpec:
    name: str
    is_durable: bool = True
    is_exclusive: bool = False
    is_auto_delete: bool = False
    arguments: FieldTable = field(default_factory=dict)
    is_named_by_server: bool = False


class DeclaredQueue(Protocol):
    """One that is there."""

    kind: str
    is_durable: bool
    is_auto_delete: bool
    arguments: FieldTable


# Exchanges


def check_exchange_type(kind: str, version: RabbitVersion) -> None:
    """Raises PreconditionFailed, or CommandInvalid: the connection had to go for it until 3.12."""
    if kind not in EXCHANGE_TYPES:
        wrong = PreconditionFailed if version.pair >= (3, 13) else CommandInvalid
        raise wrong(f"unknown exchange type '{kind}'" if kind else "invalid exchange type ''")


def check_same_exchange(spec: ExchangeSpec, present: Exchange, described: str) -> None:
    """Raises PreconditionFailed if it is another than the one that is there."""
    for name, received, current in (
        ("type", spec.kind, present.kind),
        ("durable", spec.is_durable, present.is_durable),
        ("auto_delete", spec.is_auto_delete, present.is_auto_delete),
        ("internal", spec.is_internal, present.is_internal),
    ):
        _check_property(name, received, current, described)
    check_argument(
        "alternate-exchange",
        spec.arguments.get("alternate-exchange", MISSING),
        present.arguments.get("alternate-exchange", MISSING),
        described,
    )


def check_new_exchange(spec: ExchangeSpec, described: str) -> None:
    """Raises AccessRefused for a reserved name, PreconditionFailed."""
    if spec.name.startswith("amq."):
        raise AccessRefused(f"exchange name '{spec.name}' contains reserved prefix 'amq.*'")
    check_exchange_arguments(spec.kind, spec.arguments, described)


# Queues


def typed_arguments(spec: QueueSpec, default_type: str | None, version: RabbitVersion) -> FieldTable:
    """RabbitMQ adds the default type to the arguments: since 4.0 always, before where the virtual host has one."""
    if QUEUE_TYPE in spec.arguments or not (default_type or version.is_4):
        return spec.arguments
    # A queue of any other type is durable, shared and stays.
    fits = default_type == CLASSIC or (spec.is_durable and not spec.is_exclusive and not spec.is_auto_delete)
    if not fits and version.pair < (3, 13):
        return spec.arguments
    return {**spec.arguments, QUEUE_TYPE: default_type if default_type and fits else CLASSIC}


def kind_of(arguments: FieldTable) -> str:
    kind = arguments.get(QUEUE_TYPE)
    return kind if isinstance(kind, str) and kind not in UNDEFINED else CLASSIC


def check_queue_name(spec: QueueSpec, kind: str) -> None:
    """Raises PreconditionFailed, AccessRefused."""
    if spec.is_named_by_server and kind != CLASSIC:
        raise PreconditionFailed(f"Cannot declare a server-named queue for type rabbit_{kind}_queue")
    if spec.name.startswith("amq.") and not spec.is_named_by_server:
        raise AccessRefused(f"queue name '{spec.name}' contains reserved prefix 'amq.*'")


def check_same_queue(spec: QueueSpec, arguments: FieldTable, present: DeclaredQueue, described: str, version: RabbitVersion) -> None:
    """Raises PreconditionFailed if it is another than the one that is there."""
    _check_property("durable", spec.is_durable and not spec.is_exclusive, present.is_durable, described)
    _check_property("auto_delete", spec.is_auto_delete, present.is_auto_delete, described)
    check_equivalent(arguments, present.arguments, present.kind, described, version)


def check_new_queue(spec: QueueSpec, kind: str, arguments: FieldTable, described: str, version: RabbitVersion) -> None:
    """Raises PreconditionFailed, or InternalFailure for what is deprecated."""
    check_queue_type(arguments, described)
    check_queue_arguments(kind, arguments, described, version)
    if version.transient_queues_refused and not spec.is_durable and not spec.is_exclusive:
        raise InternalFailure(TRANSIENT_QUEUES_REFUSED)
    if kind == CLASSIC:
        return
    for name, is_wrong in (
        ("auto-delete", spec.is_auto_delete),
        ("exclusive-owner", spec.is_exclusive),
        ("non-durable", not spec.is_durable),
    ):
        if is_wrong:
            raise PreconditionFailed(f"invalid property '{name}' for {described}")
    if kind == STREAM:
        check_stream_sizes(arguments, version)


def _check_property(name: str, received: str | bool, current: str | bool, described: str) -> None:
    if received != current:
        said = (str(each).lower() if isinstance(each, bool) else each for each in (received, current))
        raise PreconditionFailed("inequivalent arg '{}' for {}: received '{}' but current is '{}'".format(name, described, *said))
