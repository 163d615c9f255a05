"""The arguments of queues: which there are, what each may be, and what RabbitMQ says otherwise (rabbit_amqqueue.erl).

Unknown arguments are taken and kept, as RabbitMQ does; one that is known and does not fit the queue's type is refused. Which are known
depends on the release.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Final

from message_queues.broker.queues.erlang_terms import printed, type_name
from message_queues.broker.queues.queue_settings import AT_LEAST_ONCE, AT_MOST_ONCE, DROP_HEAD, REJECT_PUBLISH, REJECT_PUBLISH_DLX
from message_queues.broker.queues.version import RabbitVersion
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp

CLASSIC, QUORUM, STREAM = "classic", "quorum", "stream"
KINDS: Final = (CLASSIC, QUORUM, STREAM)
QUEUE_TYPE: Final = "x-queue-type"
UNDEFINED: Final = ("", "undefined")
"""What some clients send as x-queue-type where they mean none."""
GREATEST_TIMER_MS: Final = 315_360_000_000
"""Ten years: RabbitMQ's longest TTL."""
GREATEST_SEGMENT_BYTES: Final = 3_000_000_000
AGE = re.compile(r"(0*[1-9][0-9]*)([YMDhms])")
AGE_UNITS_MS: Final = {"Y": 365 * 86_400_000, "M": 30 * 86_400_000, "D": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}

Check = Callable[[FieldValue], str | None]
"""What is wrong with a value, as RabbitMQ prints it; None if nothing is."""


# Which queues have which


@cache
def offered(kind: str, release: tuple[int, int]) -> tuple[str, ...]:
    """The arguments that queues of this type have, in the order in which RabbitMQ compares them."""
    if kind == CLASSIC:
        return _CLASSIC + (("x-queue-leader-locator",) if release >= (4, 0) else ())
    if kind == QUORUM:
        return _QUORUM + (_QUORUM_4_3 if release >= (4, 3) else ())
    return _STREAM + (("x-stream-filter-size-bytes",) if release >= (4, 3) else ())


@cache
def known(release: tuple[int, int]) -> frozenset[str]:
    return frozenset(name for kind in KINDS for name in offered(kind, release))


_CLASSIC: Final = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    QUEUE_TYPE,
    "x-queue-master-locator",
)
_QUORUM: Final = (
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-overflow",
    "x-single-active-consumer",
    QUEUE_TYPE,
    "x-quorum-initial-group-size",
    "x-delivery-limit",
    "x-message-ttl",
    "x-queue-leader-locator",
)
_QUORUM_4_3: Final = (
    "x-consumer-disconnected-timeout",
    "x-consumer-timeout",
    "x-delayed-retry-type",
    "x-delayed-retry-min",
    "x-delayed-retry-max",
)
_STREAM: Final = (
    "x-max-length-bytes",
    QUEUE_TYPE,
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
    "x-queue-leader-locator",
)


# What each may be


def is_integer(value: FieldValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool | Timestamp)


def _integer(least: int = 0, most: int | None = None, too_much: str = "value_too_large") -> Check:
    def check(value: FieldValue) -> str | None:
        if not isinstance(value, int) or not is_integer(value):
            return f'"expected integer, got {type_name(value)}"'
        if value < 0:
            return f"{{value_negative,{value}}}"
        if value < least:
            return f"{{value_zero,{value}}}"
        if most is not None and value > most:
            return f"{{{too_much},{value}}}"
        return None

    return check


def _text(value: FieldValue) -> str | None:
    return None if isinstance(value, str) else f"{{unacceptable_type,{type_name(value)}}}"


def _boolean(value: FieldValue) -> str | None:
    return None if isinstance(value, bool) else f"{{unacceptable_type,{type_name(value)}}}"


def _one_of(wrong: str, *choices: str) -> Check:
    def check(value: FieldValue) -> str | None:
        if not isinstance(value, str):
            return f"{{unacceptable_type,{type_name(value)}}}"
        return None if value in choices else wrong.format(value)

    return check


def _queue_version(*versions: int) -> Check:
    at_least_zero = _integer()

    def check(value: FieldValue) -> str | None:
        return at_least_zero(value) or (None if value in versions else f"\"unsupported queue version '{value!r}'\"")

    return check


def _age(value: FieldValue) -> str | None:
    if not isinstance(value, str):
        return f"{{unacceptable_type,{type_name(value)}}}"
    return None if AGE.fullmatch(value) else "invalid_max_age"


def age_ms(text: str) -> int:
    """ "1h" in milliseconds; the text is a valid one."""
    found = AGE.fullmatch(text)
    assert found is not None, text
    return int(found[1]) * AGE_UNITS_MS[found[2]]


QUEUE_TYPE_CHECK: Final = _one_of("\"unsupported queue type '{}'\"", *KINDS)
CHECKS: Final[Mapping[str, Check]] = {
    "x-expires": _integer(1, GREATEST_TIMER_MS),
    "x-message-ttl": _integer(0, GREATEST_TIMER_MS),
    "x-dead-letter-exchange": _text,
    "x-dead-letter-routing-key": _text,
    "x-dead-letter-strategy": _one_of("invalid_dlx_strategy", AT_MOST_ONCE, AT_LEAST_ONCE),
    "x-max-length": _integer(),
    "x-max-length-bytes": _integer(),
    "x-max-in-memory-length": _integer(),
    "x-max-in-memory-bytes": _integer(),
    "x-max-priority": _integer(0, 255, "max_value_exceeded"),
    "x-overflow": _one_of("invalid_overflow", DROP_HEAD, REJECT_PUBLISH, REJECT_PUBLISH_DLX),
    "x-queue-mode": _one_of("\"unsupported queue mode '{}'\"", "default", "lazy"),
    "x-queue-version": _queue_version(1, 2),
    "x-single-active-consumer": _boolean,
    "x-consumer-timeout": _integer(),
    "x-consumer-disconnected-timeout": _integer(),
    QUEUE_TYPE: QUEUE_TYPE_CHECK,
    "x-quorum-initial-group-size": _integer(1),
    "x-max-age": _age,
    "x-stream-max-segment-size-bytes": _integer(),
    "x-stream-filter-size-bytes": _integer(),
    "x-initial-cluster-size": _integer(1),
    "x-queue-leader-locator": _one_of("invalid_queue_locator_arg", "client-local", "balanced", "random", "least-leaders", "min-masters"),
}
"""In the order in which RabbitMQ looks at them. Where there is none (x-delivery-limit) RabbitMQ takes anything."""
CHECKS_4_3: Final[Mapping[str, Check]] = {
    **{name: check for name, check in CHECKS.items() if name != "x-queue-mode"},
    "x-queue-version": _queue_version(2),
}


def check_queue_type(arguments: FieldTable, described: str) -> None:
    """Raises PreconditionFailed for a type that there is not. `described` is "queue 'q' in vhost '/'"."""
    if QUEUE_TYPE in arguments and arguments[QUEUE_TYPE] not in UNDEFINED:
        _refuse_wrong(QUEUE_TYPE, QUEUE_TYPE_CHECK(arguments[QUEUE_TYPE]), described)


def check_queue_arguments(kind: str, arguments: FieldTable, described: str, version: RabbitVersion) -> None:
    """Raises PreconditionFailed with RabbitMQ's words."""
    exchange = arguments.get("x-dead-letter-exchange", "")
    if not isinstance(exchange, str):
        raise PreconditionFailed(f"invalid type '{type_name(exchange)}' for arg 'x-dead-letter-exchange' in {described}")
    here = offered(kind, version.pair)
    for name, check in (CHECKS_4_3 if version.pair >= (4, 3) else CHECKS).items():
        if name in arguments and name in here and not (name == QUEUE_TYPE and arguments[name] in UNDEFINED):
            _refuse_wrong(name, check(arguments[name]), described)
            if name == "x-dead-letter-routing-key" and "x-dead-letter-exchange" not in arguments:
                _refuse_wrong(name, "routing_key_but_no_dlx_defined", described)
    for name in arguments:
        if name not in here and name in known(version.pair):
            raise PreconditionFailed(f"invalid arg '{name}' for {described} of queue type rabbit_{kind}_queue")


def check_stream_sizes(arguments: FieldTable, version: RabbitVersion) -> None:
    """What a stream refuses once all else is right (rabbit_stream_queue.erl)."""
    segment = arguments.get("x-stream-max-segment-size-bytes")
    if isinstance(segment, int) and segment > GREATEST_SEGMENT_BYTES:
        raise PreconditionFailed("Exceeded max value for x-stream-max-segment-size-bytes")
    filter_size = arguments.get("x-stream-filter-size-bytes")
    if isinstance(filter_size, int) and not 16 <= filter_size <= 255 and version.pair >= (3, 13):
        raise PreconditionFailed("Invalid value for x-stream-filter-size-bytes")


def _refuse_wrong(name: str, wrong: str | None, described: str) -> None:
    if wrong is not None:
        raise PreconditionFailed(f"invalid arg '{name}' for {described}: {wrong}")


# Equivalence (rabbit_misc.erl)


def check_equivalent(received: FieldTable, current: FieldTable, kind: str, described: str, version: RabbitVersion) -> None:
    """Whether a queue that is there is the one that is declared; other arguments are not compared. Raises PreconditionFailed."""
    for name in offered(kind, version.pair):
        told, present = received.get(name, MISSING), current.get(name, MISSING)
        if name == QUEUE_TYPE and {told, present} == {MISSING, CLASSIC}:
            continue
        check_argument(name, told, present, described)


class _Missing:
    pass


MISSING: Final = _Missing()


def check_argument(name: str, received: FieldValue | _Missing, current: FieldValue | _Missing, described: str) -> None:
    """Raises PreconditionFailed unless both are the same; integers of different types are when they are equal."""
    if received is current or (not isinstance(received, _Missing) and not isinstance(current, _Missing) and _is_same(received, current)):
        return
    if isinstance(received, _Missing) or isinstance(current, _Missing):
        said = f"received {_shown(received)} but current is {_shown(current)}"
    else:
        said = f"received '{_plain(received)}' but current is '{_plain(current)}'"
    raise PreconditionFailed(f"inequivalent arg '{name}' for {described}: {said}")


def _is_same(one: FieldValue, other: FieldValue) -> bool:
    return one == other and _type_class(one) == _type_class(other)


def _type_class(value: FieldValue) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | Decimal):
        return "int"
    return "float" if isinstance(value, float) else type_name(value)


def _shown(value: FieldValue | _Missing) -> str:
    return "none" if isinstance(value, _Missing) else f"the value '{_plain(value)}' of type '{type_name(value)}'"


def _plain(value: FieldValue) -> str:
    return value if isinstance(value, str) else printed(value)
