"""The Prometheus port (15692): RabbitMQ's metric names over this broker's counters."""

from typing import TYPE_CHECKING

from message_queues.servers.http_listener import Application, HttpListener

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker
    from message_queues.servers.amqp.listener import AmqpListener


class PrometheusServer:
    def __init__(self, broker: "Broker", amqp: "AmqpListener | None" = None) -> None:
        self._broker = broker
        self._amqp = amqp
        self._listener = HttpListener(self._application)

    async def listen(self, host: str, port: int) -> str:
        return await self._listener.listen(host, port)

    async def stop(self) -> None:
        await self._listener.stop()

    def _application(self) -> Application:
        from message_queues.servers.management.metrics import PrometheusApplication
        from message_queues.servers.management.node import Node

        return PrometheusApplication(Node(self._broker, self._amqp))
