"""The processes that process orders, from outside: starting, killing and stopping them, and what their databases hold together."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.orders.order import Order
from examples.orders.tally import PATIENCE_S, DemoFailed, Tally
from examples.orders.warehouse import SeenOrder, reserved_and_taken, seen_orders

ROOT = Path(__file__).resolve().parents[2]


class ProcessorProcess:
    """`examples.orders.processor` as a process of its own, and how far it says it is."""

    def __init__(self, name: str, directory: Path, source: Sequence[str], tally: Tally) -> None:
        self.database = directory / f"processor-{name}.sqlite"
        self._log = (directory / f"processor-{name}.log").open("wb")
        self._name = name
        self._tally = tally
        command = [sys.executable, "-m", "examples.orders.processor", str(self.database), *source]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """kill -9; it is gone when this returns."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join()

    def stop(self) -> None:
        """Let it finish what it has in hand, and leave."""
        self._process.terminate()
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"processor {self._name} did not stop within {PATIENCE_S} s") from None
        self._listener.join()
        if code != 0:
            raise DemoFailed(f"processor {self._name} ended with code {code}: {Path(self._log.name).read_text()[-2000:]}")

    def end(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._tally.told(self._name, int(line))


def processed_orders(processors: Sequence[ProcessorProcess]) -> dict[str, SeenOrder]:
    """What the databases hold, taken together."""
    together: dict[str, SeenOrder] = {}
    for processor in processors:
        for order in seen_orders(processor.database):
            other = together.get(order.order_id)
            together[order.order_id] = order if other is None else other.seen_again(order)
    return together


@dataclass(frozen=True, slots=True)
class Books:
    """Whether stock and money of the processors are what the published orders come to."""

    reserved: int
    taken: int
    agree: bool

    @classmethod
    def of(cls, processors: Sequence[ProcessorProcess], seen: Mapping[str, SeenOrder], published: Mapping[str, Order]) -> "Books":
        totals = [reserved_and_taken(processor.database) for processor in processors]
        reserved, taken = sum(each[0] for each in totals), sum(each[1] for each in totals)
        # An order that both processors have taken stands in both books, and is counted above as processed more than once.
        counted = [published[order_id] for order_id, order in seen.items() for _ in range(order.processors)]
        expected_taken = sum(order.total_cents for order in counted)
        expected_reserved = sum(line.quantity for order in counted for line in order.lines)
        return cls(reserved, taken, (reserved, taken) == (expected_reserved, expected_taken))


def percentiles(latencies_us: list[int]) -> str:
    ordered = sorted(latencies_us) or [0]
    p50, p99 = (ordered[int(len(ordered) * share)] / 1000 for share in (0.5, 0.99))
    return f"p50 {p50:,.1f} ms, p99 {p99:,.1f} ms"
