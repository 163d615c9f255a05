"""Encodes our messages with kio, whose entities are generated from Kafka's own definitions.

kio has one class for each version, with fields in our order but richer types: error codes, durations, instants. What these cannot hold
(an instant before 1970) is replaced by `representable` in our message first.
"""

import dataclasses
import datetime
import io
import uuid
from importlib import import_module
from types import UnionType
from typing import Any, get_args, get_origin

from kio.schema.errors import ErrorCode
from kio.serial import entity_writer

from message_queues.protocols.kafka.message import Field, Message, Struct
from message_queues.protocols.kafka.wire import ZERO_UUID

LATEST_INSTANT_MS = 4_000_000_000_000


def entity_class(module: str, version: int, kind: str, name: str) -> Any:
    """`entity_class("metadata", 12, "request", "MetadataRequest")`"""
    return getattr(import_module(f"kio.schema.{module}.v{version}.{kind}"), name)


def encode(message: Message, version: int, entity: Any) -> bytes:
    buffer = io.BytesIO()
    entity_writer(entity)(buffer, _entity(message, version, entity))
    return buffer.getvalue()


def representable(message: Struct, version: int, entity: Any) -> None:
    """Bring every instant and duration of `message` into the range of Python's datetime."""
    for declared, theirs in _pairs(message, version, entity):
        value = getattr(message, declared.name)
        kafka_type = theirs.metadata.get("kafka_type")
        if kafka_type in ("datetime_i64", "timedelta_i64") and value != -1:
            setattr(message, declared.name, abs(value) % LATEST_INSTANT_MS)
        elif kafka_type == "datetime_i64" and not _is_optional(theirs.type):
            setattr(message, declared.name, 0)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Struct):
                representable(item, version, _element(theirs.type))


def _pairs(message: Struct, version: int, entity: Any) -> list[tuple[Field, Any]]:
    ours = [declared for declared in type(message).declared_fields if version in declared.versions]
    return list(zip(ours, dataclasses.fields(entity), strict=True))


def _entity(message: Struct, version: int, entity: Any) -> Any:
    values = {}
    for declared, theirs in _pairs(message, version, entity):
        value = getattr(message, declared.name)
        if isinstance(value, list):
            values[theirs.name] = tuple(_value(item, version, theirs) for item in value)
        else:
            values[theirs.name] = _value(value, version, theirs)
    return entity(**values)


def _value(value: Any, version: int, theirs: Any) -> Any:
    if isinstance(value, Struct):
        return _entity(value, version, _element(theirs.type))
    if value is None:
        return None
    match theirs.metadata.get("kafka_type"):
        case "error_code":
            return ErrorCode(value)
        case "timedelta_i32" | "timedelta_i64":
            return datetime.timedelta(milliseconds=value)
        case "datetime_i64":
            if value == -1:
                return None
            return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=value)
        case "uuid":
            return None if value == ZERO_UUID else uuid.UUID(bytes=value)
    return value


def _element(annotation: Any) -> Any:
    """The class within `X | None`, `tuple[X, ...]` and both."""
    if dataclasses.is_dataclass(annotation):
        return annotation
    return _element(next(part for part in get_args(annotation) if part is not type(None)))


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) is UnionType and type(None) in get_args(annotation)
