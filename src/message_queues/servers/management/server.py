"""The management port (15672): RabbitMQ's HTTP API over a broker and its AMQP connections."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from message_queues.servers.http_listener import Application, HttpListener

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker
    from message_queues.servers.amqp.listener import AmqpListener
    from message_queues.servers.shovels.shovels import Shovels


class ManagementServer:
    def __init__(
        self,
        broker: "Broker",
        amqp: "AmqpListener | None" = None,
        addresses: Mapping[str, list[str]] | None = None,
        shovels: "Shovels | None" = None,
        tls_certificate: str | None = None,
    ) -> None:
        """`addresses`: what the server listens on, by protocol; it may grow."""
        self._broker = broker
        self._amqp = amqp
        self._addresses = addresses if addresses is not None else {}
        self._shovels = shovels
        self._tls_certificate = tls_certificate
        self._listener = HttpListener(self._application)

    async def listen(self, host: str, port: int) -> str:
        return await self._listener.listen(host, port)

    async def stop(self) -> None:
        await self._listener.stop()

    def _application(self) -> Application:
        from message_queues.servers.management.application import ManagementApplication
        from message_queues.servers.management.node import Node

        return ManagementApplication(Node(self._broker, self._amqp, self._addresses, self._shovels, self._tls_certificate))
