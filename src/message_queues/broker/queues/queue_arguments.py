"""The arguments of queues: which there are, what each may be, and what RabbitMQ says otherwise (rabbit_amqqueue.erl).

Unknown arguments are taken and kept, as RabbitMQ does; one that is known and does not fit the queue's type is refused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from message_queues.broker.queues.erlang_terms import printed, type_name
from message_queues.broker.queues.queue_settings import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    DROP_HEAD,
    REJECT_PUBLISH,
    REJECT_PUBLISH_DLX,
    RETRY_ALL,
    RETRY_DISABLED,
    RETRY_FAILED,
    RETRY_RETURNED,
)
from message_queues.broker.queues.version import RabbitVersion
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue

CLASSIC, QUORUM, STREAM = "classic", "quorum", "stream"
KINDS: Final = (CLASSIC, QUORUM, STREAM)
GREATEST_TIMER_MS: Final = 315_576_000_000
"""Ten years: RabbitMQ's longest TTL."""
AGE = re.compile(r"(\d+)([YMDhms])")
AGE_UNITS_MS: Final = {"Y": 365 * 86_400_000, "M": 30 * 86_400_000, "D": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}

Check = Callable[[FieldValue], str | None]
"""What is wrong with a value, as RabbitMQ prints it; None if nothing is."""


def _integer(least: int = 0, most: int | None = None, too_much: str = "value_too_large") -> Check:
    def check(value: FieldValue) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f'"expected integer, got {type_name(value)}"'
        if value < 0 and least >= 0:
            return f"{{value_negative,{value}}}"
        if value == 0 and least > 0:
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


def _version(value: FieldValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f'"expected integer, got {type_name(value)}"'
    return None if value in (1, 2) else f"\"unsupported queue version '{value}'\""


def _age(value: FieldValue) -> str | None:
    if not isinstance(value, str):
        return f"{{unacceptable_type,{type_name(value)}}}"
    return None if AGE.fullmatch(value) else "invalid_max_age"


def age_ms(text: str) -> int:
    """ "1h" in milliseconds; the text is a valid one."""
    found = AGE.fullmatch(text)
    assert found is not None, text
    return int(found[1]) * AGE_UNITS_MS[found[2]]


@dataclass(frozen=True, slots=True)
class Argument:
    check: Check
    kinds: tuple[str, ...] = KINDS
    """The types of queues that have it."""


MESSAGES: Final = (CLASSIC, QUORUM)
ARGUMENTS: Final[Mapping[str, Argument]] = {
    "x-expires": Argument(_integer(1, GREATEST_TIMER_MS), MESSAGES),
    "x-message-ttl": Argument(_integer(0, GREATEST_TIMER_MS), MESSAGES),
    "x-dead-letter-exchange": Argument(_text, MESSAGES),
    "x-dead-letter-routing-key": Argument(_text, MESSAGES),
    "x-dead-letter-strategy": Argument(_one_of("invalid_dlx_strategy", AT_MOST_ONCE, AT_LEAST_ONCE), (QUORUM,)),
    "x-max-length": Argument(_integer(), MESSAGES),
    "x-max-length-bytes": Argument(_integer()),
    "x-max-in-memory-length": Argument(_integer(), (QUORUM,)),
    "x-max-in-memory-bytes": Argument(_integer(), (QUORUM,)),
    "x-max-priority": Argument(_integer(0, 255, "max_value_exceeded"), (CLASSIC,)),
    "x-overflow": Argument(_one_of("invalid_overflow", DROP_HEAD, REJECT_PUBLISH, REJECT_PUBLISH_DLX), MESSAGES),
    "x-queue-mode": Argument(_one_of("\"unsupported queue mode '{}'\"", "default", "lazy"), (CLASSIC,)),
    "x-queue-version": Argument(_version, (CLASSIC,)),
    "x-queue-type": Argument(_one_of("\"unsupported queue type '{}'\"", *KINDS)),
    "x-single-active-consumer": Argument(_boolean, MESSAGES),
    "x-delivery-limit": Argument(_integer(-(1 << 62)), (QUORUM,)),
    "x-delayed-retry-type": Argument(
        _one_of("invalid_delayed_retry_type", RETRY_DISABLED, RETRY_ALL, RETRY_FAILED, RETRY_RETURNED), (QUORUM,)
    ),
    "x-delayed-retry-min": Argument(_integer(1), (QUORUM,)),
    "x-delayed-retry-max": Argument(_integer(1), (QUORUM,)),
    "x-consumer-timeout": Argument(_integer(), MESSAGES),
    "x-consumer-disconnected-timeout": Argument(_integer(), (QUORUM,)),
    "x-quorum-initial-group-size": Argument(_integer(1), (QUORUM,)),
    "x-quorum-target-group-size": Argument(_integer(1), (QUORUM,)),
    "x-initial-cluster-size": Argument(_integer(1), (STREAM,)),
    "x-queue-leader-locator": Argument(
        _one_of("invalid_queue_leader_locator", "client-local", "balanced", "random", "least-leaders"), (QUORUM, STREAM)
    ),
    "x-max-age": Argument(_age, (STREAM,)),
    "x-stream-max-segment-size-bytes": Argument(_integer(), (STREAM,)),
    "x-stream-filter-size-bytes": Argument(_integer(), (STREAM,)),
    "x-queue-master-locator": Argument(_text, MESSAGES),
}


def kind_of(arguments: FieldTable, default: str, described: str) -> str:
    """The queue's type; raises PreconditionFailed for one that there is not. `described` is "queue 'q' in vhost '/'"."""
    if "x-queue-type" not in arguments:
        return default
    kind = arguments["x-queue-type"]
    _refuse_wrong("x-queue-type", kind, described)
    assert isinstance(kind, str)
    return kind


def check_queue_arguments(kind: str, arguments: FieldTable, described: str, version: RabbitVersion) -> None:
    """Raises PreconditionFailed with RabbitMQ's words."""
    for name, value in arguments.items():
        argument = ARGUMENTS.get(name)
        if argument is None:
            continue
        if kind not in argument.kinds or (name == "x-queue-mode" and not version.queue_mode_allowed):
            raise PreconditionFailed(f"invalid arg '{name}' for {described} of queue type rabbit_{kind}_queue")
        if name == "x-dead-letter-exchange" and not isinstance(value, str):
            raise PreconditionFailed(f"invalid type '{type_name(value)}' for arg '{name}' in {described}")
        _refuse_wrong(name, value, described)
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        raise PreconditionFailed(f"invalid arg 'x-dead-letter-routing-key' for {described}: routing_key_but_no_dlx_defined")


def _refuse_wrong(name: str, value: FieldValue, described: str) -> None:
    wrong = ARGUMENTS[name].check(value)
    if wrong is not None:
        raise PreconditionFailed(f"invalid arg '{name}' for {described}: {wrong}")


# Equivalence

COMPARED: Final = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-type",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-queue-mode",
)


def check_equivalent(received: FieldTable, current: FieldTable, kind: str, described: str) -> None:
    """Whether a queue that is there is the one that is declared; other arguments are not compared. Raises PreconditionFailed."""
    for name in COMPARED:
        if name == "x-queue-type" and (name not in received or (name not in current and received[name] == kind)):
            continue
        check_argument(name, received.get(name, MISSING), current.get(name, MISSING), described)


class _Missing:
    pass


MISSING: Final = _Missing()


def check_argument(name: str, received: FieldValue | _Missing, current: FieldValue | _Missing, described: str) -> None:
    """Raises PreconditionFailed unless both are the same; numbers of different types are when they are equal."""
    if received is current or (not isinstance(received, _Missing) and not isinstance(current, _Missing) and _is_same(received, current)):
        return
    if isinstance(received, _Missing) or isinstance(current, _Missing):
        said = f"received {_shown(received)} but current is {_shown(current)}"
    else:
        said = f"received '{_plain(received)}' but current is '{_plain(current)}'"
    raise PreconditionFailed(f"inequivalent arg '{name}' for {described}: {said}")


def _is_same(one: FieldValue, other: FieldValue) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _shown(value: FieldValue | _Missing) -> str:
    return "none" if isinstance(value, _Missing) else f"the value '{_plain(value)}' of type '{type_name(value)}'"


def _plain(value: FieldValue) -> str:
    return value if isinstance(value, str) else printed(value)
