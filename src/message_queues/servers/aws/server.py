"""The port of Amazon SQS and SNS (9324)."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from message_queues.servers.http_listener import Application, HttpListener
from message_queues.servers.sns.http_sender import HttpSender
from message_queues.servers.sns.letters import SnsLetters

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker
    from message_queues.servers.aws.application import AwsApplication

LAST_ANSWERS_S = 0.5
"""How long a server that stops waits until all who wait for messages have been told that there are none."""


class AwsServer:
    def __init__(
        self, broker: "Broker", account: str, region: str, credentials: Mapping[str, str], max_request_bytes: int, max_connections: int
    ) -> None:
        self._broker = broker
        self._account = account
        self._region = region
        self._credentials = credentials
        self._max_request_bytes = max_request_bytes
        self._letters = SnsLetters(broker.sns, broker.clock)
        self._sender = HttpSender()
        self._served: AwsApplication | None = None
        self._listener = HttpListener(self._application, max_connections)

    @property
    def waiting(self) -> int:
        """How many requests wait for messages."""
        return 0 if self._served is None else len(self._served.home.polls)

    async def listen(self, host: str, port: int) -> str:
        """Raises PortTaken, StorageError and DamagedFile."""
        address = await self._listener.listen(host, port)
        self._broker.sns.serve(self._letters, self._sender.deliver)
        return address

    async def stop(self) -> None:
        if self._served is not None:
            self._served.home.polls.release()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_ANSWERS_S):
                    await self._served.idle()
        await self._listener.stop()
        await self._sender.stop()

    def _application(self) -> Application:
        from message_queues.servers.aws.application import AwsApplication
        from message_queues.servers.aws.context import AwsHome

        home = AwsHome(self._broker, self._letters, self._account, self._region, self._credentials, self._max_request_bytes)
        self._served = AwsApplication(home)
        return self._served
