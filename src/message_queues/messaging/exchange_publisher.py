"""Publishing to RabbitMQ: to an exchange, or through the default exchange to a queue.

Every message is confirmed by the broker, many at a time. One that no queue takes fails with Unroutable, one that a queue refuses with
Rejected. After a lost connection what was not confirmed is sent again, in order; so a message may arrive twice, and none is lost.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Unpack

from message_queues.clients.queue_ports import QueueProducer
from message_queues.errors import Closed, InvalidArgument, TimedOut
from message_queues.message import TIMESTAMP_HEADER, Delivery, Headers, Properties
from message_queues.messaging.arguments import checked_count, checked_flag, checked_routing_key
from message_queues.messaging.content import encoded
from message_queues.messaging.publisher import ForQueues, Publisher, PublisherDescription, PublisherSettings

KEPT_ROUTES = 1024
"""Routing keys whose frames are kept; a program with more makes them anew now and then."""
LONGEST_EXPIRATION_MS = 2**32 - 1
ROOM_S = 0.1
"""`publish` looks again so often whether there is room."""

_KNOWN = frozenset(("routing_key", "priority", "expiration_ms", "mandatory", "persistent", "properties"))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a publisher publishes, and what a message that says nothing else is given."""

    exchange: str
    """ "" is the default exchange."""
    routing_key: str
    mandatory: bool
    persistent: bool
    is_sync: bool = False


class ExchangePublisher(Publisher):
    """Publishes to one exchange or queue."""

    def __init__(self, producer: QueueProducer, settings: PublisherSettings, target: Target) -> None:
        super().__init__(producer, settings)
        self._producer = producer
        self._target = target
        self.publisher_type = "sync" if target.is_sync else "async"
        self._routes: dict[tuple[str, bool], bytes] = {}
        mode = 2 if target.persistent else 1
        self._base = Properties(delivery_mode=mode)
        self._plain = producer.prepared(self._base)
        self._json = producer.prepared(Properties("application/json", delivery_mode=mode))
        self._own_route = producer.route(target.exchange, target.routing_key, target.mandatory)

    def publish(
        self,
        value: object,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
        **for_queues: Unpack[ForQueues],
    ) -> Delivery:
        """Hand one message over. With `publisher_type="sync"`, return once the broker has it.

        `value`: bytes or str as they are, dict, list or dataclass as JSON. `routing_key`: what the exchange routes by; a publisher to a
        queue has its own. `headers`: bytes, str, None; what else AMQP has goes into `properties`. `priority`, `expiration_ms`,
        `mandatory`, `persistent`: of this message. `timestamp_ms`: since 1970.

        Waits while the buffer is full. Raises TimedOut if that lasts longer than `max_block_ms`, InvalidArgument, Closed; with "sync" also
        what the delivery failed with: Unroutable, Rejected, TimedOut, ExchangeNotFound, NotAuthorized …
        """
        if self._closed:
            raise Closed(f"the publisher of {self.topic!r} is closed")
        if key is not None or partition is not None:
            raise InvalidArgument("key and partition are Kafka's: a message to RabbitMQ has a routing_key")
        body: object
        if value.__class__ is bytes:
            body, properties = value, self._plain
        else:
            body = encoded(value)
            properties = self._plain if isinstance(value, str | bytearray | memoryview) else self._json
            if body is None:
                raise InvalidArgument("value is None: a tombstone is Kafka's; an empty message to RabbitMQ is b''")
            if isinstance(body, str):
                body = body.encode()
        route = self._own_route
        if for_queues or headers is not None or timestamp_ms is not None:
            route, properties = self._told(properties, headers, timestamp_ms, for_queues)
        delivery = Delivery(self)
        if on_delivery is not None:
            delivery.add_done_callback(on_delivery)
        assert isinstance(body, bytes)
        try:
            self._producer.send(route, properties, body, delivery)
        except BufferError:
            self._send_when_there_is_room(route, properties, body, delivery)
        return delivery.result() if self._target.is_sync else delivery

    def _send_when_there_is_room(self, route: bytes, properties: bytes, body: bytes, delivery: Delivery) -> None:
        deadline = time.monotonic() + self._max_block_s
        while True:
            self._producer.wait_for_room(max(0.0, min(ROOM_S, deadline - time.monotonic())))
            try:
                return self._producer.send(route, properties, body, delivery)
            except BufferError:
                if time.monotonic() >= deadline:
                    reason = self._producer.blocked()
                    why = "" if reason is None else f" (the broker takes none: {reason})"
                    raise TimedOut(
                        f"{self._producer.pending()} messages to {self.topic!r} wait for the broker and fill the buffer{why};"
                        f" no room came within {self._settings.max_block_ms:g} ms"
                    ) from None

    def _told(self, plain: bytes, headers: Headers | None, timestamp_ms: int | None, for_queues: ForQueues) -> tuple[bytes, bytes]:
        """The route and the properties of a message that says more than its value."""
        target = self._target
        unknown = for_queues.keys() - _KNOWN
        if unknown:
            raise InvalidArgument(f"publish() has no argument {', '.join(sorted(unknown))}")
        routing_key = for_queues.get("routing_key", target.routing_key)
        mandatory = checked_flag("mandatory", for_queues.get("mandatory", target.mandatory))
        if routing_key.__class__ is not str:
            checked_routing_key("routing_key", routing_key)
        route = self._routes.get((routing_key, mandatory))
        if route is None:
            route = self._new_route(routing_key, mandatory)
        if headers is None and timestamp_ms is None and not for_queues.keys() - {"routing_key", "mandatory"}:
            return route, plain
        base = for_queues.get("properties")
        if base is None:
            base = self._base if plain is self._plain else replace(self._base, content_type="application/json")
        elif not isinstance(base, Properties):
            raise InvalidArgument(f"properties is {type(base).__name__}: it must be message_queues.Properties")
        return route, self._producer.prepared(self._merged(base, headers, timestamp_ms, for_queues))

    def _new_route(self, routing_key: str, mandatory: bool) -> bytes:
        target = self._target
        checked_routing_key("routing_key", routing_key)
        if not target.exchange and routing_key != target.routing_key:
            raise InvalidArgument(
                f"routing_key={routing_key!r}: this publisher is one to queue {target.routing_key!r}, which is its routing key"
            )
        if len(self._routes) >= KEPT_ROUTES:
            self._routes.clear()
        route = self._routes[routing_key, mandatory] = self._producer.route(target.exchange, routing_key, mandatory)
        return route

    def _merged(self, base: Properties, headers: Headers | None, timestamp_ms: int | None, for_queues: ForQueues) -> Properties:
        table = dict(base.headers)
        timestamp, priority, expiration, delivery_mode = base.timestamp, base.priority, base.expiration, base.delivery_mode
        if headers is not None:
            table.update(_header_table(headers))
        if timestamp_ms is not None:
            table[TIMESTAMP_HEADER] = checked_count("timestamp_ms", timestamp_ms, 0, 2**63 - 1)
            timestamp = timestamp_ms // 1000
        if "priority" in for_queues:
            priority = checked_count("priority", for_queues["priority"], 0, 255)
        if "expiration_ms" in for_queues:
            expiration = str(checked_count("expiration_ms", for_queues["expiration_ms"], 0, LONGEST_EXPIRATION_MS))
        if "persistent" in for_queues:
            delivery_mode = 2 if checked_flag("persistent", for_queues["persistent"]) else 1
        elif delivery_mode is None:
            delivery_mode = self._base.delivery_mode
        return replace(base, headers=table, timestamp=timestamp, priority=priority, expiration=expiration, delivery_mode=delivery_mode)

    def close(self, timeout_ms: float | None = None) -> None:
        try:
            super().close(timeout_ms)
        finally:
            self._producer.close()

    def describe(self) -> PublisherDescription:
        """Settings and state at this moment."""
        return replace(super().describe(), publisher_type=self.publisher_type, blocked=None if self._closed else self._producer.blocked())

    def __repr__(self) -> str:
        kind = "SyncPublisher" if self._target.is_sync else "Publisher"
        what = f"exchange={self._target.exchange!r}" if self._target.exchange else f"queue={self._target.routing_key!r}"
        state = "closed" if self._closed else f"{self._producer.pending()} pending"
        return f"{kind}({what}, cluster={self._settings.cluster!r}, {state})"


def _header_table(headers: Headers) -> Mapping[str, object]:
    if isinstance(headers, Mapping):
        pairs = list(headers.items())
    elif isinstance(headers, list | tuple):
        pairs = list(headers)
    else:
        raise InvalidArgument(f"headers is {type(headers).__name__}: it must be a mapping, or a list of (name, value) pairs")
    table: dict[str, object] = {}
    for name, value in pairs:
        if not isinstance(name, str):
            raise InvalidArgument(f"headers: the name {name!r} is {type(name).__name__}: it must be a str")
        if name in table:
            raise InvalidArgument(f"headers: {name!r} is there twice: AMQP has each name once")
        table[name] = value
    return table
