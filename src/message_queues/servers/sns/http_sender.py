"""Deliveries to HTTP endpoints, as SNS makes them: one POST, fifteen seconds for the answer, no redirects.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: "Amazon SNS considers all 5XX errors and 429 (too many requests
sent) errors as retryable. … All other errors are considered as permanent failures and retries will not be attempted." An endpoint that
cannot be reached, or does not answer in time, is tried again, too.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from message_queues.broker.sns.ports import HttpDelivery, Outcome

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 15
MOST_CONNECTIONS: Final = 200
USER_AGENT: Final = "Amazon Simple Notification Service Agent"
TOO_MANY_REQUESTS: Final = 429

Done = Callable[[Outcome, str], None]


class HttpSender:
    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def deliver(self, delivery: HttpDelivery, done: Done) -> None:
        task = asyncio.get_running_loop().create_task(self._send(delivery, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """What is under way is delivered again by the next life of the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _send(self, delivery: HttpDelivery, done: Done) -> None:
        client = self._client or self._new_client()
        try:
            request = client.build_request("POST", delivery.url, content=delivery.body, headers=list(delivery.headers))
            async with asyncio.timeout(TIMEOUT_S):
                response = await client.send(request, stream=True)
                await response.aclose()
        except Exception as error:
            # Whatever an address leads to, the delivery has to hear of it: it waits for nothing else.
            done(Outcome.FAILED, f"{type(error).__name__}: {error}")
            return
        done(_outcome(response.status_code), f"HTTP status {response.status_code}")

    def _new_client(self) -> "httpx.AsyncClient":
        import httpx

        self._client = client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            timeout=None,
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip,deflate", "Accept": "*/*"},
            # A proxy of this machine's environment is not meant for what queues are told.
            trust_env=False,
        )
        return client


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.DELIVERED
    return Outcome.FAILED if status >= 500 or status == TOO_MANY_REQUESTS else Outcome.REFUSED
