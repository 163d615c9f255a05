"""RabbitMQ through pika: a cluster's client, and its orders over AMQP.

Connections: one for orders, which also reads exclusive queues, because those belong to the connection that declared them; and one each for
every publisher and every consumer, so that a publisher that the broker holds back holds no consumer back. All are named in the broker's
list of connections, open when first needed, and come back by themselves.
"""

from typing import Any

import pika

from message_queues import errors
from message_queues.clients.connect import RabbitAddress
from message_queues.clients.management import ManagementApi
from message_queues.clients.queue_ports import (
    BrokerState,
    NewBinding,
    NewExchange,
    NewQueue,
    QueueConsumerOptions,
    QueueCounts,
    QueueProducerOptions,
)
from message_queues.clients.rabbitmq_connection import RabbitConnection
from message_queues.clients.rabbitmq_consumer import RabbitConsumer
from message_queues.clients.rabbitmq_producer import RabbitProducer

PRODUCT = "message_queues"


class RabbitClient:
    """One cluster's client."""

    def __init__(self, address: RabbitAddress) -> None:
        self._address = address
        self.virtual_host = address.virtual_host
        self._orders = self._connection("orders")
        self.admin = RabbitAdmin(self._orders)
        host, port = address.management
        self.management = ManagementApi(host, port, address.username, address.password, tls=address.management_tls)

    def check(self, timeout_s: float) -> BrokerState:
        # A channel that is opened and closed again: then the broker has let us in.
        self._orders.ask(lambda _, done: done(None), timeout_s)
        properties = self._orders.server_properties
        return BrokerState(*(_text(properties.get(name)) for name in ("product", "version", "cluster_name")))

    def producer(self, options: QueueProducerOptions, name: str) -> RabbitProducer:
        return RabbitProducer(self._connection(f"publisher of {name}"), options)

    def consumer(self, options: QueueConsumerOptions) -> RabbitConsumer:
        if options.queue in self.admin.exclusive:
            return RabbitConsumer(self._orders, options, owns_connection=False)
        return RabbitConsumer(self._connection(f"consumer of {options.queue}"), options, owns_connection=True)

    def close(self) -> None:
        self._orders.close()

    def _connection(self, role: str) -> RabbitConnection:
        return RabbitConnection([self._parameters(host, port, role) for host, port in self._address.hosts], role)

    def _parameters(self, host: str, port: int, role: str) -> pika.ConnectionParameters:
        address = self._address
        more: dict[str, Any] = {name: address.config[name] for name in ("heartbeat", "frame_max") if name in address.config}
        if address.tls is not None:
            more["ssl_options"] = pika.SSLOptions(address.tls, host)
        return pika.ConnectionParameters(
            host,
            port,
            address.virtual_host,
            pika.PlainCredentials(address.username, address.password),
            connection_attempts=1,
            retry_delay=0,
            socket_timeout=address.connect_timeout_s,
            stack_timeout=address.connect_timeout_s + 5,
            client_properties={"connection_name": f"{address.config.get('connection_name', PRODUCT)}: {role}", "product": PRODUCT},
            **more,
        )


class RabbitAdmin:
    """Orders over AMQP, one answer a call."""

    def __init__(self, connection: RabbitConnection) -> None:
        self._connection = connection
        self.exclusive: dict[str, NewQueue] = {}
        """Queues that only this connection may use; they are declared again when it comes back, with their bindings."""

    def declare_exchange(self, exchange: NewExchange) -> None:
        self._connection.ask(
            lambda channel, done: channel.exchange_declare(
                exchange.name,
                exchange.exchange_type,
                durable=exchange.durable,
                auto_delete=exchange.auto_delete,
                internal=exchange.internal,
                arguments=dict(exchange.arguments) or None,
                callback=done,
            )
        )

    def exchange_exists(self, name: str) -> bool:
        try:
            self._connection.ask(lambda channel, done: channel.exchange_declare(name, passive=True, callback=done))
        except errors.NotFound:
            return False
        return True

    def delete_exchange(self, name: str, *, if_unused: bool) -> None:
        # RabbitMQ answers deleting what is not there with success; so that a misspelt name shows, it is looked for first.
        if not self.exchange_exists(name):
            raise errors.ExchangeNotFound(f"there is no exchange {name!r}")
        self._connection.ask(lambda channel, done: channel.exchange_delete(name, if_unused=if_unused, callback=done))

    def declare_queue(self, queue: NewQueue) -> str:
        def order(channel: Any, done: Any) -> None:
            channel.queue_declare(
                queue.name,
                durable=queue.durable,
                exclusive=queue.exclusive,
                auto_delete=queue.auto_delete,
                arguments=dict(queue.arguments) or None,
                callback=done,
            )

        name = str(self._connection.ask(order).method.queue)
        if queue.exclusive and name not in self.exclusive:
            self.exclusive[name] = queue
            if queue.name:  # the broker's own names cannot be asked for again
                self._connection.restore_with(name, order)
        return name

    def counts(self, queue: str) -> QueueCounts | None:
        try:
            answer = self._connection.ask(lambda channel, done: channel.queue_declare(queue, passive=True, callback=done)).method
        except errors.NotFound:
            return None
        return QueueCounts(answer.message_count, answer.consumer_count)

    def delete_queue(self, name: str, *, if_unused: bool, if_empty: bool) -> int:
        if self.counts(name) is None:
            raise errors.QueueNotFound(f"there is no queue {name!r}")
        self.exclusive.pop(name, None)
        self._connection.restore_no_more(name)
        return int(
            self._connection.ask(
                lambda channel, done: channel.queue_delete(name, if_unused=if_unused, if_empty=if_empty, callback=done)
            ).method.message_count
        )

    def purge_queue(self, name: str) -> int:
        return int(self._connection.ask(lambda channel, done: channel.queue_purge(name, callback=done)).method.message_count)

    def bind(self, binding: NewBinding) -> None:
        def order(channel: Any, done: Any) -> None:
            bind = channel.exchange_bind if binding.to_exchange else channel.queue_bind
            bind(binding.destination, binding.source, binding.routing_key, dict(binding.arguments) or None, callback=done)

        self._connection.ask(order)
        if not binding.to_exchange and binding.destination in self.exclusive:
            self._connection.restore_with(binding.destination, order)

    def unbind(self, binding: NewBinding) -> None:
        def order(channel: Any, done: Any) -> None:
            unbind = channel.exchange_unbind if binding.to_exchange else channel.queue_unbind
            unbind(binding.destination, binding.source, binding.routing_key, dict(binding.arguments) or None, callback=done)

        self._connection.ask(order)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
