"""Consumers of a channel: basic.consume, cancel, qos, get, recover, and how messages reach the client.

Credit: a consumer may have as many unacknowledged deliveries as the prefetch count that was set when it began (0: up to a limit of the
server); with a global prefetch count (refused or ignored by newer versions) all consumers of the channel share another. Nobody gets
anything while the connection has more for its client than that takes.
"""

import secrets
from typing import TYPE_CHECKING

from pamqp import commands

from message_queues.broker.queues.consumer import CancelReason, Delivering
from message_queues.broker.queues.erlang_terms import type_name
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.queue_arguments import CLASSIC, QUORUM
from message_queues.broker.queues.version import RabbitVersion
from message_queues.errors import NotAllowed, NotImplementedByBroker, PreconditionFailed
from message_queues.protocols.amqp.deliveries import DeliveryFrames, get_ok_frames
from message_queues.records.field_table import FieldTable
from message_queues.servers.amqp.arguments import table
from message_queues.servers.amqp.direct_reply import PSEUDO_QUEUE

if TYPE_CHECKING:
    from message_queues.broker.queues.virtual_host import AnyQueue
    from message_queues.servers.amqp.channel import AmqpChannel


class ChannelConsumer:
    """What broker/queues/consumer.py asks of a consumer, and what management shows of it."""

    __slots__ = (
        "_connection",
        "_counters",
        "_counts_from_the_first",
        "_deliveries",
        "_frames",
        "_group_commit",
        "_most",
        "_output",
        "arguments",
        "can_take",
        "channel",
        "is_active",
        "is_exclusive",
        "no_ack",
        "prefetch_count",
        "priority",
        "queue",
        "tag",
        "unacknowledged_count",
    )

    def __init__(self, channel: "AmqpChannel", queue: "AnyQueue", method: commands.Basic.Consume, tag: str) -> None:
        self.channel = channel
        self.queue = queue
        self.tag = tag
        self.no_ack: bool = method.no_ack
        self.is_exclusive: bool = method.exclusive
        self.arguments = table(method.arguments)
        priority = self.arguments.get("x-priority", 0)
        self.priority = priority if isinstance(priority, int) else 0
        self.prefetch_count = channel.prefetch_count
        self.can_take = False
        self.is_active = True
        self.unacknowledged_count = 0
        self._most = 0
        """How many unacknowledged deliveries it may have; 0 until it has begun and after it was cancelled."""
        self._connection = channel.connection
        self._output = channel.connection.output
        self._group_commit = channel.connection.broker.group_commit
        self._counters = channel.counters
        self._deliveries = channel.deliveries
        self._frames = DeliveryFrames(channel.number, tag)
        self._counts_from_the_first = counts_from_the_first(queue, channel.connection.broker.rabbit_version)

    def deliver(self, queue: Delivering, entry: Entry) -> None:
        deliveries = self._deliveries
        deliveries.last_tag = tag = deliveries.last_tag + 1
        message = entry.message
        properties = message.properties
        if self.no_ack:
            self._counters.delivered_no_ack += 1
        else:
            deliveries.waiting[tag] = (entry, queue, self)
            self._counters.delivered += 1
            self.unacknowledged_count = count = self.unacknowledged_count + 1
            if count >= self._most:
                self.can_take = False
            if self.channel.global_prefetch_count:
                self.channel.take_global_credit()
        if entry.redelivered:
            self._counters.redelivered += 1
            properties = self.queue.delivery_properties(entry)
        elif self._counts_from_the_first:
            properties = self.queue.delivery_properties(entry)
        connection, output = self._connection, self._output
        frames = self._frames.frames(
            tag, entry.redelivered, message.exchange, message.routing_key, properties, message.body, connection.frame_max
        )
        if output.round != self._group_commit.round:
            output.current_turn()
        output.pieces.append(frames)
        output.turn_bytes = size = output.turn_bytes + len(frames)
        if size >= connection.most_turn_bytes:
            connection.hold()
        if self.channel.firehose is not None:
            self.channel.firehose.delivered(queue, entry)

    def cancelled(self, reason: int) -> None:
        """The queue has let go of it."""
        self.stop()
        self.channel.consumer_cancelled(self, reason == CancelReason.TIMEOUT)

    def begin(self) -> None:
        self._most = self.prefetch_count or self._connection.limits.max_unacknowledged
        self._connection.consumers[self] = None
        self.refresh()

    def stop(self) -> None:
        """It gets nothing more."""
        self._most = 0
        self.can_take = False
        self._connection.consumers.pop(self, None)

    def refresh(self) -> None:
        """Something that it waited for has happened: if it can take again, its queue hears of it."""
        if (
            not self.can_take
            and self.unacknowledged_count < self._most
            and self._connection.takes
            and (self.no_ack or not self.channel.is_out_of_global_credit)
        ):
            self.can_take = True
            self.queue.consumer_ready(self)


class ReplyConsumer:
    """Of direct replies: see direct_reply.py."""

    def __init__(self, channel: "AmqpChannel", tag: str) -> None:
        self.tag = tag
        self._channel = channel
        self._frames = DeliveryFrames(channel.number, tag)
        self.reply_name = channel.connection.listener.replies.add(self)

    def deliver_reply(self, message: QueueMessage) -> None:
        channel = self._channel
        connection = channel.connection
        channel.counters.delivered_no_ack += 1
        channel.deliveries.last_tag = tag = channel.deliveries.last_tag + 1
        # RabbitMQ drops replies that an overwhelmed client does not take, too.
        if connection.takes_replies:
            connection.output.say(
                self._frames.frames(
                    tag, False, message.exchange, message.routing_key, message.properties, message.body, connection.frame_max
                )
            )

    def stop(self) -> None:
        self._channel.connection.listener.replies.remove(self.reply_name)


# The methods


def consume(channel: "AmqpChannel", method: commands.Basic.Consume) -> None:
    if method.consumer_tag in channel.consumers or (channel.reply_consumer and channel.reply_consumer.tag == method.consumer_tag):
        raise NotAllowed(f"attempt to reuse consumer tag '{method.consumer_tag}'")
    most = channel.connection.limits.max_consumers_per_channel
    if len(channel.consumers) >= most:
        raise NotAllowed(f"reached maximum ({most}) of consumers per channel")
    tag = method.consumer_tag or new_consumer_tag()
    name = channel.queue_name(method.queue)
    if name == PSEUDO_QUEUE:
        _consume_replies(channel, method, tag)
        return
    connection = channel.connection
    channel.check("queue", name, "read")
    queue = channel.virtual_host.queue(name, connection)
    if channel.global_prefetch_count and queue.kind != CLASSIC:
        raise NotImplementedByBroker(f"queue '{name}' in vhost '{channel.virtual_host.name}' does not support global qos")
    consumer = ChannelConsumer(channel, queue, method, tag)
    check_priority(consumer.arguments, f"queue '{name}' in vhost '{channel.virtual_host.name}'")
    queue.add_consumer(consumer)
    channel.consumers[tag] = consumer
    if not method.nowait:
        channel.send(commands.Basic.ConsumeOk(tag))
    consumer.begin()


def counts_from_the_first(queue: "AnyQueue", version: RabbitVersion) -> bool:
    """Until 4.0 a quorum queue says x-delivery-count 0 with the first delivery."""
    return queue.kind == QUORUM and not version.is_4


def check_priority(arguments: FieldTable, described: str) -> None:
    priority = arguments.get("x-priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise PreconditionFailed(f"invalid arg 'x-priority' for {described}: \"expected integer, got {type_name(priority)}\"")


def _consume_replies(channel: "AmqpChannel", method: commands.Basic.Consume, tag: str) -> None:
    if not method.no_ack:
        raise PreconditionFailed("reply consumer cannot acknowledge")
    if channel.reply_consumer is not None:
        raise PreconditionFailed("reply consumer already set")
    channel.reply_consumer = ReplyConsumer(channel, tag)
    if not method.nowait:
        channel.send(commands.Basic.ConsumeOk(tag))


def new_consumer_tag() -> str:
    return f"amq.ctag-{secrets.token_urlsafe(16)}"


def cancel(channel: "AmqpChannel", method: commands.Basic.Cancel) -> None:
    """A tag that nobody has is answered like any other, as the specification demands."""
    channel.drop_consumer(method.consumer_tag or "")
    if not method.nowait:
        channel.send(commands.Basic.CancelOk(method.consumer_tag))


def cancel_ok(channel: "AmqpChannel", method: commands.Basic.CancelOk) -> None:
    channel.drop_consumer(method.consumer_tag or "")


def qos(channel: "AmqpChannel", method: commands.Basic.Qos) -> None:
    if method.prefetch_size:
        raise NotImplementedByBroker(f"prefetch_size!=0 ({method.prefetch_size})")
    if method.global_ and not channel.connection.broker.rabbit_version.global_qos_ignored:
        channel.set_global_prefetch(method.prefetch_count)
    else:
        channel.prefetch_count = method.prefetch_count
        channel.set_global_prefetch(0)
    channel.send(commands.Basic.QosOk())


def get(channel: "AmqpChannel", method: commands.Basic.Get) -> None:
    name = channel.queue_name(method.queue)
    connection = channel.connection
    channel.check("queue", name, "read")
    queue = channel.virtual_host.queue(name, connection)
    entry = queue.get(method.no_ack)
    counters = channel.counters
    if entry is None:
        counters.get_empty += 1
        channel.send(commands.Basic.GetEmpty())
        return
    deliveries = channel.deliveries
    deliveries.last_tag = tag = deliveries.last_tag + 1
    if method.no_ack:
        counters.got_no_ack += 1
    else:
        counters.got += 1
        deliveries.waiting[tag] = (entry, queue, None)
    message = entry.message
    properties = message.properties
    if entry.redelivered:
        counters.redelivered += 1
    if entry.redelivered or counts_from_the_first(queue, connection.broker.rabbit_version):
        properties = queue.delivery_properties(entry)
    frames = get_ok_frames(
        channel.number,
        tag,
        entry.redelivered,
        message.exchange,
        message.routing_key,
        queue.message_count,
        properties,
        message.body,
        connection.frame_max,
    )
    connection.output.say(frames)
    connection.output.turn_bytes += len(frames)
    if channel.firehose is not None:
        channel.firehose.delivered(queue, entry)


def recover(channel: "AmqpChannel", method: commands.Basic.Recover) -> None:
    _recover(channel, method.requeue)
    channel.send(commands.Basic.RecoverOk())


def recover_async(channel: "AmqpChannel", method: commands.Basic.RecoverAsync) -> None:
    _recover(channel, method.requeue)


def _recover(channel: "AmqpChannel", is_requeued: bool) -> None:
    if not is_requeued:
        raise NotImplementedByBroker("requeue=false")
    channel.deliveries.recover()
