"""What a request to SQS or SNS is answered with: the broker, who asks, and where."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from message_queues.protocols.aws.content import Wire
from message_queues.servers.aws.polls import Polls
from message_queues.servers.http_listener import Receive

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker
    from message_queues.broker.sqs.queue import SqsQueue
    from message_queues.servers.sns.letters import SnsLetters
    from message_queues.storage.group_commit import Failures

T = TypeVar("T")


@dataclass(slots=True)
class AwsHome:
    """What all requests to one port share."""

    broker: "Broker"
    letters: "SnsLetters"
    account: str = "000000000000"
    region: str = "us-east-1"
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Secret by access key. If there are none, signatures are not checked."""
    max_request_bytes: int = 100 * 1024 * 1024
    polls: Polls = field(default_factory=Polls)


class AwsContext:
    """One request."""

    __slots__ = ("_receive", "access_key", "account", "headers", "home", "path", "region", "scheme", "wire")

    def __init__(
        self,
        home: AwsHome,
        wire: Wire,
        account: str,
        region: str,
        access_key: str,
        headers: Mapping[bytes, bytes],
        scope: Mapping[str, str],
        receive: Receive,
    ) -> None:
        self.home = home
        self.wire = wire
        self.account = account
        """Of who asks."""
        self.region = region
        self.access_key = access_key
        """Empty for a request without a signature."""
        self.headers = headers
        self.path = scope["path"]
        self.scheme = scope["scheme"]
        self._receive = receive

    @property
    def broker(self) -> "Broker":
        return self.home.broker

    @property
    def base_url(self) -> str:
        """Under which the client knows this server: "http://localhost:9324"."""
        return f"{self.scheme}://{self.headers.get(b'host', b'localhost').decode('latin-1')}"

    @property
    def trace_header(self) -> str | None:
        """Developer Guide, "Amazon SQS and AWS X-Ray": what comes as an HTTP header goes with the message as AWSTraceHeader."""
        header = self.headers.get(b"x-amzn-trace-id")
        return header.decode("latin-1") if header else None

    async def stored(self, queue: "SqsQueue | None" = None) -> None:
        """Returns once everything done so far is as durable as promised.

        Raises StorageError when it could not be written: what was done to the queue, if one is named.
        """
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[Failures] = loop.create_future()

        def durable(failures: "Failures") -> None:
            if not stored.done():
                stored.set_result(failures)

        self.home.broker.group_commit.when_durable(durable)
        failures = await stored
        if failures and (queue is None or queue.is_failing(failures)):
            raise next(iter(failures.values()))

    async def wait(self, answer: "asyncio.Future[T]", cancel: Callable[[], object], nothing: T) -> T:
        """For a long poll. Raises ClientGone."""
        return await self.home.polls.wait(answer, self._receive, cancel, nothing)
