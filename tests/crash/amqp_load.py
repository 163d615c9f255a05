"""The load of the crash runs over AMQP: a publisher with confirms and a consumer with acknowledgements, which outlive their server."""

import itertools
import threading
from collections.abc import Callable

from pamqp import commands

from tests.contract.rabbitmq.raw_client import CLOSED, Content, RawClient
from tests.patience import PATIENCE_S, eventually

WINDOW = 200
"""Publishes that wait for their confirm at a time."""


class Progress:
    """A count that others wait for."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def reach(self, count: int) -> None:
        with self._changed:
            self._count = max(self._count, count)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= count, 3 * PATIENCE_S), f"{self._count} of {count}"


class Worker(threading.Thread):
    """Works on one connection after another; whatever breaks a connection but the server's end is kept and told by `finish`."""

    def __init__(self, address: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self.progress = Progress()
        self.violations: list[str] = []
        self._address = address
        self._failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.is_done():
                client = self._connected()
                try:
                    self.work(client)
                except OSError:
                    continue
                except AssertionError:
                    # What was expected does not come on a connection that has ended.
                    if not client.is_closed:
                        raise
                finally:
                    client.close()
        except BaseException as error:
            self._failure = error

    def finish(self) -> None:
        self.join(6 * PATIENCE_S)
        assert not self.is_alive(), f"{type(self).__name__} is still at work"
        if self._failure is not None:
            raise self._failure

    def is_done(self) -> bool:
        raise NotImplementedError

    def work(self, client: RawClient) -> None:
        raise NotImplementedError

    def _connected(self) -> RawClient:
        clients: list[RawClient] = []

        def connect() -> bool:
            try:
                client = RawClient.connect(*host_and_port(self._address()))
                client.open_channel()
            except (OSError, AssertionError):
                return False
            clients.append(client)
            return True

        eventually(connect)
        return clients[0]


class Publisher(Worker):
    """Publishes 0, 1, 2 …, and again what was not confirmed when the connection broke: "5.0", then "5.1"."""

    def __init__(self, address: Callable[[], str], queue: str, count: int) -> None:
        super().__init__(address)
        self.confirmed: set[int] = set()
        self._queue = queue
        self._left = list(range(count))
        self._attempts = itertools.count()

    def is_done(self) -> bool:
        return not self._left

    def work(self, client: RawClient) -> None:
        client.send(1, commands.Confirm.Select())
        client.expect(1, commands.Confirm.SelectOk)
        unconfirmed: dict[int, int] = {}
        waiting = list(self._left)
        attempt = next(self._attempts)
        tag = 0
        while waiting or unconfirmed:
            while waiting and len(unconfirmed) < WINDOW:
                tag += 1
                unconfirmed[tag] = waiting.pop(0)
                client.publish(1, "", self._queue, f"{unconfirmed[tag]}.{attempt}".encode(), delivery_mode=2)
            answer = client.take(1, lambda _: True)
            if answer == CLOSED:
                break
            assert isinstance(answer, commands.Basic.Ack), answer
            for each in [each for each in unconfirmed if each == answer.delivery_tag or (answer.multiple and each < answer.delivery_tag)]:
                self.confirmed.add(unconfirmed.pop(each))
            self.progress.reach(len(self.confirmed))
            self._left = [*unconfirmed.values(), *waiting]


class Consumer(Worker):
    """Acknowledges what it gets; once the server has answered something after an acknowledgement, the message must never come again."""

    def __init__(self, address: Callable[[], str], queue: str) -> None:
        super().__init__(address)
        self.seen: set[int] = set()
        self.settled: set[bytes] = set()
        self._queue = queue
        self._is_over = threading.Event()

    def stop(self) -> None:
        self._is_over.set()

    def is_done(self) -> bool:
        return self._is_over.is_set()

    def work(self, client: RawClient) -> None:
        client.send(1, commands.Basic.Qos(prefetch_count=50))
        client.expect(1, commands.Basic.QosOk)
        client.send(1, commands.Basic.Consume(queue=self._queue, consumer_tag="consumer"))
        client.expect(1, commands.Basic.ConsumeOk)
        while not self._is_over.is_set():
            batch = [each for each in client.some(1) if isinstance(each, Content)]
            bodies = [each.body for each in batch]
            self.violations += [f"{body!r} came back after its acknowledgement" for body in bodies if body in self.settled]
            self.seen.update(map(number_of, bodies))
            self.progress.reach(len(self.seen))
            if client.is_closed:
                return
            if batch:
                client.send(1, commands.Basic.Ack(delivery_tag=batch[-1].method.delivery_tag, multiple=True))
            # On its own channel, so that no delivery is taken for the answer.
            client.send(2, commands.Channel.Open())
            if not isinstance(client.take(2, lambda each: isinstance(each, commands.Channel.OpenOk)), commands.Channel.OpenOk):
                return
            client.send(2, commands.Channel.Close(0, "", 0, 0))
            if not isinstance(client.take(2, lambda each: isinstance(each, commands.Channel.CloseOk)), commands.Channel.CloseOk):
                return
            self.settled.update(bodies)


def number_of(body: bytes) -> int:
    return int(body.partition(b".")[0])


def host_and_port(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host, int(port)
