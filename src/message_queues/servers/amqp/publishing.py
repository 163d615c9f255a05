"""basic.publish: from a content to the queues that take it, the shortest way.

What a publish method comes to (its exchange and routing key, the permission to write) is found once and remembered by the bytes of its
arguments; what the properties say is remembered as long as they stay the same. Confirms are gathered for the end of the turn (output.py).
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from message_queues.broker.queues.erlang_terms import quoted
from message_queues.broker.queues.exchange import Exchange
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import AccessRefused, NotImplementedByBroker, PreconditionFailed
from message_queues.protocols.amqp.deliveries import return_frames
from message_queues.protocols.amqp.familiar import parse_publish
from message_queues.records.properties import Attributes, read_attributes, with_headers
from message_queues.servers.amqp import direct_reply
from message_queues.servers.amqp.output import Confirmations

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel

ROUTED = 1
REFUSED = 2
"""Bits of what VirtualHost.publish returns."""

NO_ROUTE = 312

REMEMBERED_TARGETS = 1024
LONGEST_REMEMBERED = 300
IMPERSONATOR = "impersonator"
WHOLE_NUMBER = re.compile("[+-]?[0-9]{1,30}")
LONGEST_EXPIRATION_MS = 315_360_000_000
"""Ten years."""
TOPIC = "topic"


Publish: TypeAlias = Callable[[Exchange, QueueMessage], int]
"""Returns what VirtualHost.publish does."""


class Target:
    """What the arguments of a basic.publish come to."""

    __slots__ = ("exchange", "exchange_name", "is_mandatory", "is_reply", "is_topic", "routing_key")

    def __init__(self, exchange: Exchange, exchange_name: str, routing_key: str, is_mandatory: bool) -> None:
        self.exchange = exchange
        self.exchange_name = exchange_name
        self.routing_key = routing_key
        self.is_mandatory = is_mandatory
        self.is_topic = exchange.kind == TOPIC
        self.is_reply = not exchange_name and routing_key.startswith(direct_reply.REPLY_PREFIX)


class Publishing:
    """One channel's."""

    __slots__ = (
        "_access",
        "_access_version",
        "_channel",
        "_confirmations",
        "_confirming_round",
        "_connection",
        "_exchanges",
        "_group_commit",
        "_max_message_bytes",
        "_plain",
        "_plain_attributes",
        "_publish",
        "_targets",
        "confirmed_tag",
        "is_confirming",
        "last_tag",
    )

    def __init__(self, channel: "AmqpChannel") -> None:
        self._channel = channel
        self._connection = channel.connection
        self._group_commit = channel.connection.broker.group_commit
        self._access = channel.connection.broker.access
        self._access_version = -1
        self._exchanges = channel.virtual_host.exchanges
        self._publish: Publish = channel.virtual_host.publish
        self._targets: dict[bytes, Target] = {}
        self._plain: bytes | None = None
        """Properties that ask for nothing special, and what they say."""
        self._plain_attributes: Attributes
        self.is_confirming = False
        self.last_tag = 0
        self.confirmed_tag = 0
        self._confirmations: Confirmations
        """Of the round below."""
        self._confirming_round = -1
        self._max_message_bytes = channel.connection.listener.max_message_bytes

    def publish_by(self, publish: Publish) -> None:
        """In place of what it has published by."""
        self._publish = publish

    def publish(self, method: bytes, properties: bytes, body: bytes, size: int) -> None:
        """`size` is what the header says; a body that is too large has not been kept."""
        channel = self._channel
        if size > self._max_message_bytes:
            raise PreconditionFailed(f"message size {size} is larger than configured max size {self._max_message_bytes}")
        target = self._targets.get(method)
        if (
            target is None
            or self._exchanges.get(target.exchange_name) is not target.exchange
            or self._access.version != self._access_version
        ):
            target = self._find_target(method)
        channel.counters.published += 1
        if properties == self._plain and not target.is_reply and not target.is_topic and channel.transaction is None:
            message = QueueMessage(target.exchange_name, target.routing_key, properties, body, self._plain_attributes)
        else:
            checked = self._message(target, properties, body)
            if checked is None:
                return
            message = checked
        result = self._publish(target.exchange, message)
        if result != ROUTED and not result & ROUTED:
            self._not_routed(message, target.is_mandatory, result)
        if self.is_confirming:
            self.last_tag = tag = self.last_tag + 1
            if self._confirming_round != self._group_commit.round:
                self._begin_confirmations(tag)
            self._confirmations.last_tag = tag
            if result & REFUSED:
                self._confirmations.refuse(tag)

    def route(self, exchange: Exchange, message: QueueMessage, is_mandatory: bool) -> bool:
        """For a transaction; False: a full queue has refused it."""
        if not exchange.name and message.routing_key.startswith(direct_reply.REPLY_PREFIX):
            self._reply(message, is_mandatory)
            return True
        result = self._publish(exchange, message)
        if not result & ROUTED:
            self._not_routed(message, is_mandatory, result)
        return not result & REFUSED

    def settle_place(self) -> None:
        """The channel is about to be closed: what it has published until now is confirmed before that is said."""
        turn = self._connection.output.current_turn()
        for confirmations in turn.confirmations:
            if confirmations.channel is self._channel and confirmations.place is None:
                confirmations.place = len(turn.pieces)

    # What is not said in each message

    def _find_target(self, method: bytes) -> Target:
        channel = self._channel
        exchange_name, routing_key, is_mandatory, is_immediate = parse_publish(method)
        if is_immediate:
            raise NotImplementedByBroker("immediate=true")
        connection = channel.connection
        if self._access.version != self._access_version:
            self._targets.clear()
            self._access_version = self._access.version
        self._access.check(connection.user, channel.virtual_host.name, "exchange", exchange_name, "write")
        exchange = channel.virtual_host.exchange(exchange_name)
        if exchange.is_internal:
            raise AccessRefused(f"cannot publish to internal exchange '{exchange_name}' in vhost '{channel.virtual_host.name}'")
        target = Target(exchange, exchange_name, routing_key, is_mandatory)
        if len(method) <= LONGEST_REMEMBERED:
            if len(self._targets) >= REMEMBERED_TARGETS:
                self._targets.clear()
            self._targets[method] = target
        return target

    def _message(self, target: Target, properties: bytes, body: bytes) -> QueueMessage | None:
        """None: it went another way."""
        channel = self._channel
        attributes = read_attributes(properties)
        if attributes.reply_to == direct_reply.PSEUDO_QUEUE:
            properties = direct_reply.with_reply_to(channel, properties)
            attributes = read_attributes(properties)
        other_keys = attributes.carbon_copies + attributes.blind_copies
        self._check(target, attributes, other_keys)
        if attributes.blind_copies:
            properties = with_headers(properties, {}, ("BCC",))
        if not (other_keys or attributes.expiration is not None or attributes.user_id is not None or attributes.reply_to is not None):
            self._plain, self._plain_attributes = properties, attributes
        message = QueueMessage(target.exchange_name, target.routing_key, properties, body, attributes, other_keys)
        if channel.transaction is not None:
            channel.transaction.add(target.exchange, message, target.is_mandatory)
            return None
        if target.is_reply:
            self._reply(message, target.is_mandatory)
            if self.is_confirming:
                self.last_tag += 1
                self._begin_confirmations(self.last_tag)
                self._confirmations.last_tag = self.last_tag
            return None
        return message

    def _check(self, target: Target, attributes: Attributes, other_keys: tuple[str, ...]) -> None:
        """In RabbitMQ's order: expiration, headers, topic permissions, user-id."""
        user = self._channel.connection.user
        if attributes.expiration is not None:
            check_expiration(attributes.expiration)
        if attributes.bad_copies is not None:
            raise PreconditionFailed(f"invalid message: {attributes.bad_copies}")
        if target.is_topic:
            for key in (target.routing_key, *other_keys):
                self._access.check_topic(user, self._channel.virtual_host.name, target.exchange_name, key, "write")
        if attributes.user_id is not None and attributes.user_id != user.name and IMPERSONATOR not in user.tags:
            raise PreconditionFailed(f"user_id property set to '{attributes.user_id}' but authenticated user was '{user.name}'")

    def _not_routed(self, message: QueueMessage, is_mandatory: bool, result: int) -> None:
        if result & REFUSED:
            return
        counters = self._channel.counters
        if not is_mandatory:
            counters.dropped_unroutable += 1
            return
        counters.returned_unroutable += 1
        connection = self._connection
        connection.output.say(
            return_frames(
                self._channel.number,
                NO_ROUTE,
                "NO_ROUTE",
                message.exchange,
                message.routing_key,
                message.properties,
                message.body,
                connection.frame_max,
            )
        )

    def _reply(self, message: QueueMessage, is_mandatory: bool) -> None:
        is_taken = self._connection.listener.replies.deliver(message)
        if not (is_taken and self._connection.broker.rabbit_version.routes_direct_replies):
            self._not_routed(message, is_mandatory, 0)

    def _begin_confirmations(self, first_tag: int) -> None:
        self._confirming_round = self._group_commit.round
        self._confirmations = Confirmations(self._channel, first_tag)
        self._connection.output.current_turn().confirmations.append(self._confirmations)


def check_expiration(expiration: str) -> None:
    """A whole number of milliseconds as text, of ten years at most; said in RabbitMQ's (Erlang's) words."""
    number = WHOLE_NUMBER.match(expiration)
    if number is None:
        raise PreconditionFailed(f"invalid expiration '{expiration}': no_integer")
    rest = expiration[number.end() :]
    if rest:
        raise PreconditionFailed(f"invalid expiration '{expiration}': {{leftover_string,{quoted(rest)}}}")
    milliseconds = int(number[0])
    if milliseconds < 0:
        raise PreconditionFailed(f"invalid expiration '{expiration}': {{value_negative,{milliseconds}}}")
    if milliseconds > LONGEST_EXPIRATION_MS:
        raise PreconditionFailed(f"invalid expiration '{expiration}': {{value_too_large,{milliseconds}}}")
