"""Exchanges, queues and bindings, as AMQP clients declare, bind and delete them.

Here are the permissions and the shortcuts of the protocol; what may be declared is for the virtual host to say. An empty queue name
stands for the queue that was declared last on the channel. As in RabbitMQ, a passive declaration takes any permission (until 4.2 none),
line ends are taken out of names, and a queue that names a dead letter exchange needs the permissions to read the queue and to write to
the exchange.
"""

import secrets
from typing import TYPE_CHECKING, Any

from pamqp import commands

from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding
from message_queues.broker.queues.declarations import ExchangeSpec, QueueSpec
from message_queues.errors import AccessRefused, QueueNotFound
from message_queues.records.field_table import FieldTable
from message_queues.servers.amqp.arguments import table
from message_queues.servers.amqp.direct_reply import PSEUDO_QUEUE

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel

LINE_ENDS = str.maketrans("", "", "\r\n")
TOPIC = "topic"


def stripped(name: str) -> str:
    return name.translate(LINE_ENDS) if "\n" in name or "\r" in name else name


def check_any(channel: "AmqpChannel", kind: str, name: str) -> None:
    """The refusal of a passive declaration is that of an active one; older releases let everybody look."""
    if not channel.connection.broker.rabbit_version.passive_declarations_need_permission:
        return
    for permission in ("read", "write"):
        try:
            channel.check(kind, name, permission)
        except AccessRefused:
            continue
        return
    channel.check(kind, name, "configure")


def check_named(channel: "AmqpChannel", kind: str, name: str, arguments: FieldTable, argument: str) -> None:
    """Of an exchange that a new queue or exchange sends messages to."""
    target = arguments.get(argument)
    if isinstance(target, str):
        channel.check(kind, name, "read")
        channel.check("exchange", target, "write")


def answer(channel: "AmqpChannel", nowait: bool, method: Any) -> None:
    """Once what was done is stored."""
    channel.connection.output.vital_turn()
    if not nowait:
        channel.send(method)


# Exchanges


def declare_exchange(channel: "AmqpChannel", method: commands.Exchange.Declare) -> None:
    virtual_host, name = channel.virtual_host, stripped(method.exchange)
    check_not_default(name)
    if method.passive:
        check_any(channel, "exchange", name)
        virtual_host.exchange(name)
    else:
        channel.check("exchange", name, "configure")
        arguments = table(method.arguments)
        if name not in virtual_host.exchanges:
            check_named(channel, "exchange", name, arguments, "alternate-exchange")
        virtual_host.declare_exchange(
            ExchangeSpec(
                name=name,
                kind=method.exchange_type,
                is_durable=method.durable,
                is_auto_delete=method.auto_delete,
                is_internal=method.internal,
                arguments=arguments,
            )
        )
    answer(channel, method.nowait, commands.Exchange.DeclareOk())


def delete_exchange(channel: "AmqpChannel", method: commands.Exchange.Delete) -> None:
    name = stripped(method.exchange)
    check_not_default(name)
    if name.startswith("amq."):
        raise AccessRefused(f"deletion of system exchange '{name}' in vhost '{channel.virtual_host.name}' not allowed")
    channel.check("exchange", name, "configure")
    channel.virtual_host.delete_exchange(name, method.if_unused)
    answer(channel, method.nowait, commands.Exchange.DeleteOk())


def check_not_default(name: str) -> None:
    if not name:
        raise AccessRefused("operation not permitted on the default exchange")


# Queues


def declare_queue(channel: "AmqpChannel", method: commands.Queue.Declare) -> None:
    virtual_host, connection = channel.virtual_host, channel.connection
    name = stripped(method.queue)
    if name.startswith(PSEUDO_QUEUE):
        if not connection.listener.replies.exists(name):
            raise QueueNotFound(f"no queue '{name}' in vhost '{virtual_host.name}'")
        declared(channel, method.nowait, name, 0, 1)
        return
    if method.passive:
        check_any(channel, "queue", name)
        queue = virtual_host.queue(name, connection)
    else:
        arguments = table(method.arguments)
        if not name:
            name = f"amq.gen-{secrets.token_urlsafe(16)}"
            is_named_by_server = True
        else:
            is_named_by_server = False
        channel.check("queue", name, "configure")
        if name not in virtual_host.queues:
            check_named(channel, "queue", name, arguments, "x-dead-letter-exchange")
        queue = virtual_host.declare_queue(
            QueueSpec(
                name=name,
                is_durable=method.durable,
                is_exclusive=method.exclusive,
                is_auto_delete=method.auto_delete,
                arguments=arguments,
                is_named_by_server=is_named_by_server,
            ),
            connection,
        )
    declared(channel, method.nowait, name, queue.message_count, len(queue.consumers))


def declared(channel: "AmqpChannel", nowait: bool, name: str, message_count: int, consumer_count: int) -> None:
    channel.last_queue_name = name
    told = commands.Queue.DeclareOk("", message_count, consumer_count)
    # pamqp would refuse many names that RabbitMQ takes.
    told.queue = name
    answer(channel, nowait, told)


def delete_queue(channel: "AmqpChannel", method: commands.Queue.Delete) -> None:
    name = stripped(channel.queue_name(method.queue))
    channel.check("queue", name, "configure")
    count = channel.virtual_host.delete_queue(name, method.if_unused, method.if_empty, channel.connection)
    answer(channel, method.nowait, commands.Queue.DeleteOk(count))


def purge_queue(channel: "AmqpChannel", method: commands.Queue.Purge) -> None:
    name = channel.queue_name(method.queue)
    channel.check("queue", name, "read")
    count = channel.virtual_host.purge_queue(name, channel.connection)
    answer(channel, method.nowait, commands.Queue.PurgeOk(count))


# Bindings


def bind_queue(channel: "AmqpChannel", method: commands.Queue.Bind) -> None:
    bind(channel, queue_binding(channel, method))
    answer(channel, method.nowait, commands.Queue.BindOk())


def unbind_queue(channel: "AmqpChannel", method: commands.Queue.Unbind) -> None:
    unbind(channel, queue_binding(channel, method))
    answer(channel, False, commands.Queue.UnbindOk())


def bind_exchange(channel: "AmqpChannel", method: commands.Exchange.Bind) -> None:
    bind(channel, exchange_binding(method))
    answer(channel, method.nowait, commands.Exchange.BindOk())


def unbind_exchange(channel: "AmqpChannel", method: commands.Exchange.Unbind) -> None:
    unbind(channel, exchange_binding(method))
    answer(channel, method.nowait, commands.Exchange.UnbindOk())


def queue_binding(channel: "AmqpChannel", method: commands.Queue.Bind | commands.Queue.Unbind) -> Binding:
    name = channel.queue_name(method.queue)
    # With neither a queue nor a key, both are the queue's name.
    routing_key = method.routing_key or ("" if method.queue else name)
    return Binding(stripped(method.exchange), stripped(name), QUEUE, routing_key, table(method.arguments))


def exchange_binding(method: commands.Exchange.Bind | commands.Exchange.Unbind) -> Binding:
    return Binding(stripped(method.source), stripped(method.destination), EXCHANGE, method.routing_key, table(method.arguments))


def bind(channel: "AmqpChannel", binding: Binding) -> None:
    check_binding_permissions(channel, binding)
    channel.virtual_host.bind(binding, channel.connection)


def unbind(channel: "AmqpChannel", binding: Binding) -> None:
    check_binding_permissions(channel, binding)
    channel.virtual_host.unbind(binding, channel.connection)


def check_binding_permissions(channel: "AmqpChannel", binding: Binding) -> None:
    if not binding.is_to_exchange and binding.destination.startswith(PSEUDO_QUEUE):
        raise AccessRefused("cannot bind or unbind to a volatile (direct reply-to) queue")
    channel.check(binding.destination_kind, binding.destination, "write")
    if binding.is_to_exchange:
        check_not_default(binding.destination)
    check_not_default(binding.source)
    channel.check("exchange", binding.source, "read")
    source = channel.virtual_host.exchanges.get(binding.source)
    if source is not None and source.kind == TOPIC:
        connection = channel.connection
        connection.broker.access.check_topic(connection.user, channel.virtual_host.name, binding.source, binding.routing_key, "read")
