"""Orders published at a given rate, and something killed in the middle of it, on a thread beside the publisher, which is not told."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from examples.orders.broker_process import BrokerProcess
from examples.orders.order import Order, Plan, orders
from examples.orders.screen import Screen
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally

KILL_AT = 0.45
"""The share of orders that is acknowledged when something is killed …"""
KILL_AT_PROCESSED = 0.25
"""… and the share that is processed by then."""
WAIT_AT = 0.6
"""A share that is not passed before the kill, so that it comes in the middle on any machine."""


@dataclass(frozen=True, slots=True)
class Accident:
    victim: str
    kill: Callable[[], int]
    """Returns the id of the process that is gone."""
    recover: Callable[[], str]
    """Returns once all is well again, and what it says of that."""


def server_killed(broker: BrokerProcess) -> Accident:
    """The server ends with kill -9, and starts again on the same data and ports."""

    def kill() -> int:
        pid = broker.pid
        broker.kill()
        return pid

    def restart() -> str:
        broker.start()
        return f"process {broker.pid} listens on the same ports"

    return Accident("the server", kill, restart)


class InterruptedPublishing:
    def __init__(self, plan: Plan, tally: Tally, screen: Screen, publish: Callable[[Order], object], accident: Accident) -> None:
        self._plan = plan
        self._tally = tally
        self._screen = screen
        self._publish = publish
        self._accident = accident
        self._has_been_killed = threading.Event()

    def run(self) -> float:
        """Until every order is handed over and all is well again; returns how many seconds that took after the kill."""
        with ExitStack() as ending:
            recovery = ending.enter_context(ThreadPoolExecutor(1)).submit(self._kill_and_recover)
            ending.callback(self._has_been_killed.set)
            self._publish_all(recovery)
            return recovery.result(PATIENCE_S)

    def _publish_all(self, recovery: "Future[float]") -> None:
        """At the given rate; not beyond a certain share before the accident."""
        plan = self._plan
        started = time.monotonic()
        for number, order in enumerate(orders(plan.orders, plan.seed)):
            if number == int(plan.orders * WAIT_AT):
                paused = time.monotonic()
                self._wait_for_the_kill(recovery)
                started += time.monotonic() - paused
            due = started + number / plan.rate
            while (now := time.monotonic()) < due:
                time.sleep(min(0.005, due - now))
            self._publish(order)

    def _wait_for_the_kill(self, recovery: "Future[float]") -> None:
        if not self._has_been_killed.wait(PATIENCE_S):
            raise DemoFailed(f"{self._accident.victim} was not killed within {PATIENCE_S} s")
        if recovery.done():
            recovery.result()  # raises what went wrong with it

    def _kill_and_recover(self) -> float:
        tally, total = self._tally, self._plan.orders
        try:
            tally.wait_until(
                lambda: len(tally.acknowledged) >= total * KILL_AT and tally.processed >= total * KILL_AT_PROCESSED,
                f"that enough orders were under way to kill {self._accident.victim}",
            )
            under_way = f"{len(tally.acknowledged):,} {tally.taken} and {tally.processed:,} processed orders"
            tally.killed_ns = killed_ns = time.monotonic_ns()
            pid = self._accident.kill()
        finally:
            self._has_been_killed.set()
        said = self._accident.recover()
        recovered_s = (time.monotonic_ns() - killed_ns) / 1e9
        self._screen.say(f"kill -9 {pid} at {under_way}; {said} {recovered_s:.2f} s later")
        return recovered_s
