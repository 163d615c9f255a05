import asyncio

import pytest

from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsResponse
from message_queues.servers.kafka.begun_answer import BegunAnswer

ANSWER = ApiVersionsResponse()


async def finished(answer: BegunAnswer) -> Message:
    return await answer


def test_an_answer_that_waits_for_nothing_is_there_at_once() -> None:
    async def handler() -> Message:
        return ANSWER

    assert BegunAnswer.begin(handler()) is ANSWER


def test_an_error_before_the_first_wait_is_raised_at_once() -> None:
    async def handler() -> Message:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        BegunAnswer.begin(handler())


def test_a_handler_begins_at_once_and_goes_on_through_all_its_waits() -> None:
    async def run() -> None:
        seen: list[str] = []
        first, second = asyncio.Event(), asyncio.Event()

        async def handler() -> Message:
            seen.append("begun")
            await first.wait()
            seen.append("first")
            await second.wait()
            return ANSWER

        answer = BegunAnswer.begin(handler())
        assert seen == ["begun"]
        assert isinstance(answer, BegunAnswer)
        task = asyncio.create_task(finished(answer))
        first.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.set()
        assert await task is ANSWER
        assert seen == ["begun", "first"]

    asyncio.run(run())


def test_a_handler_hears_that_what_it_waits_for_has_failed() -> None:
    async def run() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def handler() -> Message:
            with pytest.raises(OSError, match="full"):
                await future
            return ANSWER

        answer = BegunAnswer.begin(handler())
        assert isinstance(answer, BegunAnswer)
        task = asyncio.create_task(finished(answer))
        future.set_exception(OSError("full"))
        assert await task is ANSWER

    asyncio.run(run())


@pytest.mark.parametrize("turns", [0, 1])
def test_a_handler_hears_that_its_client_has_gone(turns: int) -> None:
    async def run() -> None:
        heard: list[bool] = []

        async def handler() -> Message:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append(True)
                raise
            return ANSWER

        answer = BegunAnswer.begin(handler())
        assert isinstance(answer, BegunAnswer)
        task = asyncio.create_task(finished(answer))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert heard == [True] * turns

    asyncio.run(run())
