import asyncio

from message_queues.broker.clock import SystemClock, Timers
from message_queues.servers.timer_driver import TimerDriver
from tests.servers.running_server import eventually


def test_an_earlier_deadline_wakes_the_loop_earlier() -> None:
    async def run() -> None:
        timers = Timers(SystemClock())
        driver = TimerDriver(timers, asyncio.get_running_loop())
        fired: list[str] = []
        timers.after(600_000, lambda: fired.append("late"))
        timers.after(1, lambda: fired.append("early"))
        await eventually(lambda: fired)
        assert fired == ["early"]
        driver.stop()

    asyncio.run(run())


def test_an_action_that_fails_takes_no_other_with_it() -> None:
    async def run() -> None:
        complaints: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context.get("exception")))
        timers = Timers(SystemClock())
        driver = TimerDriver(timers, loop)
        fired: list[str] = []
        timers.after(1, lambda: fired.append(str(1 // 0)))
        timers.after(1, lambda: fired.append("the next"))
        timers.after(2, lambda: fired.append("and one later"))
        await eventually(lambda: len(fired) == 2)
        assert fired == ["the next", "and one later"]
        assert [type(complaint) for complaint in complaints] == [ZeroDivisionError]
        driver.stop()

    asyncio.run(run())


def test_a_driver_that_was_stopped_fires_nothing() -> None:
    async def run() -> None:
        timers = Timers(SystemClock())
        driver = TimerDriver(timers, asyncio.get_running_loop())
        fired: list[str] = []
        timers.after(1, lambda: fired.append("never"))
        driver.stop()
        timers.after(0, lambda: fired.append("never"))
        others = Timers(SystemClock())
        other = TimerDriver(others, asyncio.get_running_loop())
        others.after(5, lambda: fired.append("of another driver"))
        await eventually(lambda: fired)
        assert fired == ["of another driver"]
        other.stop()

    asyncio.run(run())
