import asyncio
from collections.abc import Awaitable, Callable

import pytest

from message_queues.servers.aws.polls import ClientGone, Polls
from message_queues.servers.http_listener import Scope

Receive = Callable[[], Awaitable[Scope]]


def receiving(gone: asyncio.Event) -> Receive:
    async def receive() -> Scope:
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


def test_what_comes_is_the_answer() -> None:
    async def scenario() -> None:
        polls, answer, cancelled = Polls(), asyncio.get_running_loop().create_future(), []
        waiting = asyncio.ensure_future(polls.wait(answer, receiving(asyncio.Event()), lambda: cancelled.append(1), ()))
        await asyncio.sleep(0)
        assert len(polls) == 1
        answer.set_result(("message",))
        assert await waiting == ("message",)
        assert len(polls) == 0
        assert not cancelled

    asyncio.run(scenario())


def test_who_hangs_up_is_waited_for_no_longer() -> None:
    async def scenario() -> None:
        gone, polls, cancelled = asyncio.Event(), Polls(), []
        answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        waiting = asyncio.ensure_future(polls.wait(answer, receiving(gone), lambda: cancelled.append(1), ()))
        await asyncio.sleep(0)
        gone.set()
        with pytest.raises(ClientGone):
            await waiting
        assert cancelled == [1]
        assert len(polls) == 0

    asyncio.run(scenario())


def test_a_release_answers_all_who_wait_and_all_who_come_later() -> None:
    async def scenario() -> None:
        polls, cancelled = Polls(), []
        loop = asyncio.get_running_loop()
        waiting = [
            asyncio.ensure_future(polls.wait(loop.create_future(), receiving(asyncio.Event()), lambda: cancelled.append(1), ()))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        polls.release()
        assert await asyncio.gather(*waiting) == [(), (), ()]
        assert await polls.wait(loop.create_future(), receiving(asyncio.Event()), lambda: cancelled.append(1), ()) == ()
        assert cancelled == [1, 1, 1, 1]

    asyncio.run(scenario())
