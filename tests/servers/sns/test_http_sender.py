import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.broker.sns.ports import HttpDelivery, Outcome
from message_queues.servers.sns.http_sender import HttpSender
from tests.servers.sns.endpoint import Endpoint

PATIENCE_S = 20


def outcome(url: str) -> tuple[Outcome, str]:
    async def run() -> tuple[Outcome, str]:
        sender = HttpSender()
        done: asyncio.Future[tuple[Outcome, str]] = asyncio.get_running_loop().create_future()
        sender.deliver(HttpDelivery(url, (("Content-Type", "text/plain"),), b"hello"), lambda *told: done.set_result(told))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await done
        finally:
            await sender.stop()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (429, Outcome.FAILED),
        (500, Outcome.FAILED),
        (503, Outcome.FAILED),
    ],
)
def test_the_status_decides(endpoint: Endpoint, status: int, expected: Outcome) -> None:
    endpoint.status = status
    assert outcome(endpoint.url) == (expected, f"HTTP status {status}")
    assert [each.body for each in endpoint.delivered] == [b"hello"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "http://[::1/", "http://127.0.0.1:99999/"])
def test_what_cannot_be_reached_is_tried_again(url: str) -> None:
    found, reason = outcome(url)
    assert found is Outcome.FAILED
    assert reason


def test_an_endpoint_with_a_certificate_that_nobody_vouches_for_is_not_trusted(endpoint: Endpoint) -> None:
    found, _ = outcome(endpoint.url.replace("http://", "https://"))
    assert found is Outcome.FAILED
    assert endpoint.delivered == []


def test_what_is_under_way_when_the_server_stops_tells_nothing() -> None:
    async def run(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> list[object]:
        told: list[object] = []
        silent = await asyncio.start_server(serve, "127.0.0.1", 0)
        sender = HttpSender()
        port = silent.sockets[0].getsockname()[1]
        sender.deliver(HttpDelivery(f"http://127.0.0.1:{port}/", (), b"x"), lambda *outcome: told.append(outcome))
        async with asyncio.timeout(PATIENCE_S):
            await arrived.wait()
            await sender.stop()
        silent.close()
        return told

    arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        writer.close()

    assert asyncio.run(run(serve)) == []
