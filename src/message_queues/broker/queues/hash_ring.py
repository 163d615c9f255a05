"""The bindings of x-consistent-hash and x-modulus-hash exchanges: equal keys go to the same destination.

A consistent-hash binding's key is its weight: how many buckets it has. A bucket is found by jump consistent hashing (Lamping and
Veach, 2014), so that one destination more or less moves few keys. Which bucket a key falls into is not RabbitMQ's (that is Erlang's
phash2): only that it stays.
"""

import hashlib
from bisect import insort
from collections.abc import Collection

from message_queues.broker.queues.bindings import Binding, DependsOn
from message_queues.broker.queues.erlang_terms import printed
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue
from message_queues.records.properties import read_properties

MAX_WEIGHT = 10_000

HASH_PROPERTIES = ("correlation_id", "message_id", "timestamp")


class HashRing:
    def __init__(self, arguments: FieldTable) -> None:
        header = arguments.get("hash-header")
        self._header = header if isinstance(header, str) else None
        hash_property = arguments.get("hash-property")
        self._property = hash_property if isinstance(hash_property, str) else None
        self.depends_on = DependsOn.KEY if self._header is None and self._property is None else DependsOn.MESSAGE
        self._bindings: dict[tuple[str, bool], dict[Binding, None]] = {}
        self._buckets: list[Binding] = []

    def add(self, binding: Binding) -> None:
        """A destination that is bound once more keeps the weight it has."""
        of_destination = self._bindings.setdefault((binding.destination, binding.is_to_exchange), {})
        of_destination[binding] = None
        if len(of_destination) == 1:
            self._buckets += [binding] * int(binding.routing_key)

    def remove(self, binding: Binding) -> None:
        destination = (binding.destination, binding.is_to_exchange)
        of_destination = self._bindings[destination]
        was_first = next(iter(of_destination)) == binding
        del of_destination[binding]
        if not of_destination:
            del self._bindings[destination]
        if was_first:
            self._buckets = [bucket for bucket in self._buckets if bucket != binding]
            for successor in list(of_destination)[:1]:
                self._buckets += [successor] * int(successor.routing_key)

    def match(self, message: QueueMessage) -> Collection[Binding]:
        buckets = self._buckets
        if not buckets:
            return ()
        if self._header is not None:
            hashed = _hash_of(message.attributes.headers.get(self._header))
        elif self._property is not None:
            hashed = _hash_of(_property_of(message, self._property))
        else:
            hashed = _hash_of(message.routing_key)
        return (buckets[jump(hashed, len(buckets))],)


class ModulusHash:
    """The hash of the routing key modulo the number of bindings; a queue that is bound twice gets two shares."""

    depends_on = DependsOn.KEY

    def __init__(self) -> None:
        # Sorted, so that a restart changes nothing.
        self._bindings: list[tuple[bool, str, int, Binding]] = []
        self._added = 0

    def add(self, binding: Binding) -> None:
        self._added += 1
        insort(self._bindings, (binding.is_to_exchange, binding.destination, self._added, binding))

    def remove(self, binding: Binding) -> None:
        self._bindings = [entry for entry in self._bindings if entry[3] != binding]

    def match(self, message: QueueMessage) -> Collection[Binding]:
        if not self._bindings:
            return ()
        hashed = _hash_of("\0".join((message.routing_key, *message.other_keys)))
        return (self._bindings[hashed % len(self._bindings)][3],)


def jump(hashed: int, buckets: int) -> int:
    """The bucket of a 64-bit hash, from 0 to buckets - 1; with one bucket more, 1 of `buckets` + 1 keys moves, and into the new one."""
    bucket, following = -1, 0
    while following < buckets:
        bucket = following
        hashed = (hashed * 2862933555777941757 + 1) & 0xFFFFFFFFFFFFFFFF
        following = int((bucket + 1) * ((1 << 31) / ((hashed >> 33) + 1)))
    return bucket


def _hash_of(value: FieldValue) -> int:
    if isinstance(value, list):
        return _hash_of(value[0] if value else None)
    hashed = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    told = hashed if isinstance(hashed, bytes) else repr(hashed).encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")


def _property_of(message: QueueMessage, name: str) -> FieldValue:
    properties = read_properties(message.properties)
    if name == "correlation_id":
        return properties.correlation_id
    if name == "message_id":
        return properties.message_id
    return None if properties.timestamp is None else str(int(properties.timestamp))


def check_hash_arguments(arguments: FieldTable) -> None:
    """Raises PreconditionFailed."""
    if "hash-header" in arguments and "hash-property" in arguments:
        raise PreconditionFailed("hash-header and hash-property are mutually exclusive")
    hash_property = arguments.get("hash-property", "message_id")
    if hash_property not in HASH_PROPERTIES:
        told = hash_property if isinstance(hash_property, str) else printed(hash_property)
        raise PreconditionFailed(f"Unsupported property: {told}")


def check_weight(routing_key: str) -> None:
    """Raises PreconditionFailed."""
    digits = routing_key[1:] if routing_key[:1] in ("+", "-") else routing_key
    if not (digits.isascii() and digits.isdigit()):
        raise PreconditionFailed(f"The binding key must be an integer: {printed(routing_key)}")
    weight = int(routing_key)
    if weight < 1:
        raise PreconditionFailed("The binding key must be greater than 0")
    if weight > MAX_WEIGHT:
        raise PreconditionFailed(f"The binding key must not exceed {MAX_WEIGHT}")
