"""What a dynamic shovel is told by its parameter (component "shovel"), and what RabbitMQ says of one that is wrong.

The keys are RabbitMQ's: https://www.rabbitmq.com/docs/shovel-dynamic. The protocols are amqp091 and local; amqp10 is not spoken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from message_queues.broker.queues.amqp_uri import InvalidUri, parse_amqp_uri
from message_queues.broker.queues.erlang_terms import printed_json
from message_queues.errors import InvalidArgument
from message_queues.records.field_table import FieldTable, FieldValue

AMQP = "amqp091"
LOCAL = "local"
PROTOCOLS = (AMQP, LOCAL)

NO_ACK = "no-ack"
ON_PUBLISH = "on-publish"
ON_CONFIRM = "on-confirm"
ACK_MODES = (NO_ACK, ON_PUBLISH, ON_CONFIRM)

NEVER = "never"
QUEUE_LENGTH = "queue-length"

LEAST_DURATION_S = 60
"""A shorter src-delete-after-duration is taken as this."""

Check = Callable[[str, object], str | None]
"""What is wrong with the value of a key, or None."""


@dataclass(frozen=True, slots=True)
class SourceDefinition:
    protocol: str
    uris: tuple[str, ...]
    queue: str | None
    queue_arguments: FieldTable
    exchange: str | None
    exchange_key: str
    prefetch_count: int
    delete_after: str | int
    """`NEVER`, `QUEUE_LENGTH` or how many messages."""
    delete_after_duration_s: int | None
    consumer_arguments: FieldTable
    consumer_tag: str
    is_predeclared: bool


@dataclass(frozen=True, slots=True)
class TargetDefinition:
    protocol: str
    uris: tuple[str, ...]
    queue: str | None
    queue_arguments: FieldTable
    exchange: str | None
    exchange_key: str | None
    adds_forward_headers: bool
    adds_timestamp_header: bool
    properties: Mapping[str, str | int]
    """Set in each message, whatever it came with."""
    is_predeclared: bool


@dataclass(frozen=True, slots=True)
class ShovelDefinition:
    virtual_host: str
    name: str
    source: SourceDefinition
    target: TargetDefinition
    ack_mode: str
    reconnect_delay_s: float
    """0: it is not started again."""


def shovel_definition(virtual_host: str, name: str, value: Mapping[str, object]) -> ShovelDefinition:
    """Of a value without errors."""
    return ShovelDefinition(
        virtual_host, name, _source(value), _target(value), _text(value, "ack-mode") or ON_CONFIRM, _number(value, 5, "reconnect-delay")
    )


def _source(value: Mapping[str, object]) -> SourceDefinition:
    return SourceDefinition(
        protocol=_protocol(value, "src-protocol"),
        uris=_uris(value.get("src-uri")),
        queue=_text(value, "src-queue"),
        queue_arguments=_table(value, "src-queue-args"),
        exchange=_text(value, "src-exchange"),
        exchange_key=_text(value, "src-exchange-key") or "",
        prefetch_count=int(_number(value, 1000, "src-prefetch-count", "prefetch-count")),
        delete_after=_delete_after(value),
        delete_after_duration_s=_duration(value),
        consumer_arguments=_table(value, "src-consumer-args"),
        consumer_tag=_text(value, "src-consumer-name") or "",
        is_predeclared=value.get("src-predeclared") is True,
    )


def _target(value: Mapping[str, object]) -> TargetDefinition:
    return TargetDefinition(
        protocol=_protocol(value, "dest-protocol"),
        uris=_uris(value.get("dest-uri")),
        queue=_text(value, "dest-queue"),
        queue_arguments=_table(value, "dest-queue-args"),
        exchange=_text(value, "dest-exchange"),
        exchange_key=_text(value, "dest-exchange-key"),
        adds_forward_headers=_first(value, "dest-add-forward-headers", "add-forward-headers") is True,
        adds_timestamp_header=_first(value, "dest-add-timestamp-header", "add-timestamp-header") is True,
        properties=_properties(value),
        is_predeclared=value.get("dest-predeclared") is True,
    )


def _first(value: Mapping[str, object], *keys: str) -> object:
    return next((value[key] for key in keys if key in value), None)


def _text(value: Mapping[str, object], key: str) -> str | None:
    found = value.get(key)
    return found if isinstance(found, str) else None


def _number(value: Mapping[str, object], default: float, *keys: str) -> float:
    found = _first(value, *keys)
    return found if isinstance(found, int | float) else default


def _protocol(value: Mapping[str, object], key: str) -> str:
    return _text(value, key) or AMQP


def _uris(found: object) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,)
    return tuple(uri for uri in found if isinstance(uri, str)) if isinstance(found, Sequence) else ()


def _delete_after(value: Mapping[str, object]) -> str | int:
    found = _first(value, "src-delete-after", "delete-after")
    return found if isinstance(found, str | int) else NEVER


def _duration(value: Mapping[str, object]) -> int | None:
    found = value.get("src-delete-after-duration")
    return max(found, LEAST_DURATION_S) if isinstance(found, int) else None


def _properties(value: Mapping[str, object]) -> dict[str, str | int]:
    found = _first(value, "dest-publish-properties", "publish-properties")
    if not isinstance(found, Mapping):
        return {}
    # JSON does not tell 2.0 from 2.
    values = {str(name): int(item) if isinstance(item, float) else item for name, item in found.items()}
    return {name: item for name, item in values.items() if isinstance(item, str | int)}


def _table(value: Mapping[str, object], key: str) -> FieldTable:
    found = value.get(key)
    return {str(name): field_value(item) for name, item in found.items()} if isinstance(found, Mapping) else {}


def field_value(value: object) -> FieldValue:
    """JSON as the value of a field."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): field_value(item) for name, item in value.items()}
    return [field_value(item) for item in value] if isinstance(value, Sequence) else str(value)


def check_shovel(name: str, value: object, user: str = "", may_open: Callable[[str], bool] = lambda virtual_host: True) -> None:
    """Raises InvalidArgument."""
    errors = shovel_errors(name, value, user, may_open)
    if errors:
        raise InvalidArgument("\n".join(("Validation failed\n", *errors, "")))


def shovel_errors(name: str, value: object, user: str, may_open: Callable[[str], bool]) -> list[str]:
    """What RabbitMQ has against the value of the parameter `name`: each a line after "Validation failed".

    `may_open` says whether the user who sets it may open a virtual host of this server.
    """
    if not isinstance(value, Mapping):
        return [f"{name} not a list {printed_json(value)}"]
    told = {str(key): item for key, item in value.items()}
    checks = _checks(told, _uri_check(user, may_open))
    found = [check(key, told[key]) for key, check in checks.items() if key in told]
    missing = [f'Key "{key}" not found in {name}' for key in ("dest-uri", "src-uri") if key not in told]
    unknown = [(key, item) for key, item in told.items() if key not in checks]
    errors = _errors_of_ends(told) + [error for error in found if error is not None] + missing
    if unknown:
        terms = ",".join(f"{{{printed_json(key)},{printed_json(item)}}}" for key, item in unknown)
        errors.append(f"Unrecognised terms [{terms}] in {name}")
    return errors


def _errors_of_ends(told: Mapping[str, object]) -> list[str]:
    errors = []
    if ("src-exchange" in told) == ("src-queue" in told):
        verb = "Cannot specify 'src-exchange' and" if "src-queue" in told else "Must specify 'src-exchange' or"
        errors.append(f"{verb} 'src-queue'")
    delete_after = _first(told, "src-delete-after", "delete-after")
    if isinstance(delete_after, int) and told.get("ack-mode") == NO_ACK:
        errors.append("Cannot specify 'no-ack' and numerical 'delete-after'")
    if "dest-exchange" in told and "dest-queue" in told:
        errors.append("Cannot specify 'dest-exchange' and 'dest-queue'")
    return errors


def _checks(told: Mapping[str, object], uri: Check) -> dict[str, Check]:
    checks: dict[str, Check] = {
        "internal": _boolean_check,
        "internal_owner": _object_check,
        "reconnect-delay": _number_check,
        "ack-mode": _enum_check(ACK_MODES),
        "src-protocol": _enum_check(PROTOCOLS),
        "dest-protocol": _enum_check(PROTOCOLS),
        "src-uri": uri,
        "src-exchange": _text_check,
        "src-exchange-key": _text_check,
        "src-queue": _text_check,
        "src-queue-args": _object_check,
        "src-consumer-args": _object_check,
        "src-consumer-name": _text_check,
        "src-delete-after": _delete_after_check,
        "src-delete-after-duration": _duration_check,
        "src-predeclared": _boolean_check,
        "dest-uri": uri,
        "dest-exchange": _text_check,
        "dest-exchange-key": _text_check,
        "dest-queue": _queue_name_check,
        "dest-queue-args": _object_check,
        "add-forward-headers": _boolean_check,
        "add-timestamp-header": _boolean_check,
        "dest-add-forward-headers": _boolean_check,
        "dest-add-timestamp-header": _boolean_check,
        "dest-predeclared": _boolean_check,
    }
    if told.get("src-protocol", AMQP) != LOCAL:
        checks |= {"prefetch-count": _number_check, "src-prefetch-count": _number_check, "delete-after": _delete_after_check}
    if told.get("dest-protocol", AMQP) != LOCAL:
        checks |= {"publish-properties": _properties_check, "dest-publish-properties": _properties_check}
    return checks


def _boolean_check(key: str, value: object) -> str | None:
    return None if isinstance(value, bool) else f"{key} should be boolean, actually was {printed_json(value)}"


def _number_check(key: str, value: object) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number else f"{key} should be a number, actually was {printed_json(value)}"


def _text_check(key: str, value: object) -> str | None:
    return None if isinstance(value, str) else f"{key} should be binary, actually was {printed_json(value)}"


def _object_check(key: str, value: object) -> str | None:
    return None if isinstance(value, Mapping) else f"{key} not a list {printed_json(value)}"


def _enum_check(options: tuple[str, ...]) -> Check:
    told = ",".join(printed_json(option) for option in options)

    def check(key: str, value: object) -> str | None:
        if not isinstance(value, str):
            return _text_check(key, value)
        return None if value in options else f"{key} should be one of [{told}], actually was {printed_json(value)}"

    return check


def _queue_name_check(key: str, value: object) -> str | None:
    if isinstance(value, str) and (size := len(value.encode("utf-8", "surrogateescape"))) > 255:
        return f"{key} should be less than 255 bytes, actually was {size}"
    return _text_check(key, value)


def _delete_after_check(key: str, value: object) -> str | None:
    if value in (NEVER, QUEUE_LENGTH) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return None
    expected = f'{key} should be a number greater than or equal to 0, "never" or "queue-length"'
    return f"{expected}, actually was {printed_json(value)}"


def _duration_check(key: str, value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return None
    return f"{key} should be a positive integer (seconds), actually was {printed_json(value)}"


def _properties_check(key: str, value: object) -> str | None:
    if not isinstance(value, Mapping):
        return f"{key} not a list {printed_json(value)}"
    for name, item in value.items():
        check = PROPERTY_CHECKS.get(str(name))
        error = f"Unrecognised terms [{{{printed_json(name)},{printed_json(item)}}}] in {key}" if check is None else check(str(name), item)
        if error is not None:
            return error
    return None


PROPERTY_CHECKS: dict[str, Check] = {
    "content_type": _text_check,
    "content_encoding": _text_check,
    "delivery_mode": _number_check,
    "priority": _number_check,
    "correlation_id": _text_check,
    "reply_to": _text_check,
    "expiration": _text_check,
    "message_id": _text_check,
    "timestamp": _number_check,
    "type": _text_check,
    "user_id": _text_check,
    "app_id": _text_check,
    "cluster_id": _text_check,
}


def _uri_check(user: str, may_open: Callable[[str], bool]) -> Check:
    def check(key: str, value: object) -> str | None:
        if isinstance(value, list):
            return next((error for uri in value if (error := check(key, uri)) is not None), None)
        if not isinstance(value, str):
            return f"{key} should be list, actually was {printed_json(value)}"
        try:
            uri = parse_amqp_uri(value)
        except InvalidUri as error:
            return f'"{value}" not a valid URI: {error}'
        if uri.host is None and not may_open(uri.virtual_host):
            return f'user "{user}" may not connect to vhost "{uri.virtual_host}"'
        return None

    return check
