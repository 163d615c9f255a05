"""A broker on a disk, driven turn by turn without an event loop: `restart` closes and opens, `crash` only opens."""

import shutil
from collections.abc import Callable
from pathlib import Path

from message_queues.broker.broker import Broker, BrokerSettings, Turn
from message_queues.broker.clock import ManualClock, advance
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.virtual_host import VirtualHost
from message_queues.records.properties import EMPTY_PROPERTIES, read_attributes
from message_queues.storage.data_directory import DataDirectory

PERSISTENT = b"\x10\x00\x02"


def run_now(work: Callable[[], None], done: Callable[[], None]) -> None:
    work()
    done()


class BrokerWorld:
    def __init__(self, directory: Path, version: str = "4.3") -> None:
        self.clock = ManualClock()
        self._directory = directory
        self._version = version
        self._crashes = 0
        self._place = directory / "0"
        self.broker = self._opened()

    def _opened(self) -> Broker:
        self._soon: list[Callable[[], None]] = []
        turn = Turn(self._soon.append, run_now)
        broker = Broker(DataDirectory(str(self._place)), BrokerSettings(rabbit_version=self._version), self.clock, turn)
        broker.open()
        return broker

    @property
    def host(self) -> VirtualHost:
        return self.broker.virtual_hosts["/"]

    @property
    def directory(self) -> Path:
        return self._place

    def turn(self) -> None:
        """What was done becomes durable."""
        while self._soon:
            due, self._soon[:] = list(self._soon), []
            for call in due:
                call()

    def pass_time(self, ms: int) -> None:
        advance(self.clock, self.broker.timers, self.clock.now_ms() + ms)
        self.turn()

    def restart(self) -> None:
        self.turn()
        self.broker.close()
        self.broker = self._opened()

    def crash(self) -> None:
        """The next broker finds what the operating system had been given at this moment; this one is forgotten."""
        self._crashes += 1
        left = self._directory / str(self._crashes)
        shutil.copytree(self._place, left)
        self._place = left
        self.broker = self._opened()

    def publish(self, exchange: str, key: str, body: bytes = b"body", properties: bytes = EMPTY_PROPERTIES, host: str = "/") -> int:
        virtual_host = self.broker.virtual_hosts[host]
        message = QueueMessage(exchange, key, properties, body, read_attributes(properties))
        return virtual_host.publish(virtual_host.exchange(exchange), message)

    def bodies(self, queue: str, host: str = "/") -> list[bytes]:
        """Takes all that is ready."""
        found = []
        while (entry := self.broker.virtual_hosts[host].queue(queue, None).get(no_ack=True)) is not None:
            found.append(entry.message.body)
        return found
