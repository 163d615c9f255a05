"""Encodes our messages with kafka-python, which reads Kafka's own definitions at run time.

Its fields have our names, except that it turns authorized operations into sets of bits under one name.
"""

import uuid
from importlib import import_module
from typing import Any

from message_queues.protocols.kafka.message import Message, Struct

MODULES = ("metadata", "producer", "consumer", "admin")
AUTHORIZED_OPERATIONS = ("topic_authorized_operations", "cluster_authorized_operations")


def message_class(name: str) -> Any:
    for module in MODULES:
        found = getattr(import_module(f"kafka.protocol.{module}"), name, None)
        if found is not None:
            return found
    raise LookupError(name)


def encode(message: Message, version: int, cls: Any) -> bytes:
    encoded: bytes = _container(message, version, cls).encode(version=version)
    return encoded


def encode_document(message: Message, version: int, cls: Any) -> bytes:
    """A document of the consumer protocol, without the version that goes before it."""
    encoded: bytes = _container(message, version, cls).encode(version=version, header=False)
    return encoded


def _container(message: Struct, version: int, cls: Any) -> Any:
    values = {}
    for declared in type(message).declared_fields:
        value = getattr(message, declared.name)
        if version not in declared.versions or (declared.tag is not None and value == declared.new_default()):
            continue
        name = declared.name
        if name in AUTHORIZED_OPERATIONS and name not in cls.fields:
            name = "authorized_operations"
        theirs = cls.fields[name]
        values[name] = [_value(item, version, theirs) for item in value] if isinstance(value, list) else _value(value, version, theirs)
    return cls(version=version, **values)


def _value(value: Any, version: int, theirs: Any) -> Any:
    if isinstance(value, Struct):
        return _container(value, version, theirs.data_class)
    match theirs.type_str:
        case "bitfield":
            return {bit for bit in range(32) if value & 1 << bit}
        case "uuid":
            return uuid.UUID(bytes=value)
    return value
