"""AMQP field tables as JSON, and JSON as field tables.

RabbitMQ's way: an integer becomes a long, a fraction a double, an object a table. What JSON cannot say comes out as what is nearest:
a timestamp as its seconds, a decimal as a number, bytes that are no text with their bad bytes replaced.
"""

from collections.abc import Mapping
from decimal import Decimal

from message_queues.records.field_table import FieldTable, FieldValue, Long, Timestamp
from message_queues.servers.management.answers import bad_request

LARGEST_INT = 2**31
LARGEST_LONG = 2**63


def json_table(table: Mapping[str, FieldValue]) -> dict[str, object]:
    return {name: json_value(value) for name, value in table.items()}


def json_value(value: FieldValue) -> object:
    match value:
        case dict():
            return json_table(value)
        case list():
            return [json_value(each) for each in value]
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case Timestamp():
            return int(value)
        case Decimal():
            return float(value)
    return value


def field_table(document: object) -> FieldTable:
    """Raises Refused."""
    if document is None or document == []:
        # An empty object as Erlang may write it.
        return {}
    if not isinstance(document, dict):
        raise bad_request("arguments must be an object")
    return {str(name): field_value(value) for name, value in document.items()}


def field_value(value: object) -> FieldValue:
    match value:
        case dict():
            return field_table(value)
        case list():
            return [field_value(each) for each in value]
        case None:
            raise bad_request("null_not_allowed")
        case bool() | str() | float():
            return value
        case int() if -LARGEST_INT <= value < LARGEST_INT:
            return Long(value)
        case int() if -LARGEST_LONG <= value < LARGEST_LONG:
            return value
    raise bad_request(f"{value} is too large")


def boolean(value: object) -> bool:
    """Raises Refused."""
    match value:
        case bool():
            return value
        case "true":
            return True
        case "false":
            return False
    raise bad_request(["not_boolean", value])


def integer(value: object) -> int:
    """Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise bad_request(["not_integer", value])
