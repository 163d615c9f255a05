import asyncio
from collections.abc import Awaitable, Callable

from message_queues.broker.queues.shovel_parameters import shovel_definition
from message_queues.servers.shovels.ends import Confirmed, EndLost, Lost, Receive, Shovelled
from message_queues.servers.shovels.shovel import MAX_UNCONFIRMED, RUNNING, TERMINATED, Shovel


class FakeSource:
    """A queue in memory; what was not acknowledged is ready again when it is closed."""

    uri = "amqp://source"

    def __init__(self, queue: list[int]) -> None:
        self.queue = queue
        self.acknowledged: list[int] = []
        self.requeued: list[int] = []
        self.is_reachable = True
        self.lost: Lost
        self.receive: Receive
        self.subscribed = asyncio.Event()

    async def connect(self, lost: Lost) -> None:
        self.lost = lost
        if not self.is_reachable:
            raise EndLost("no answer")

    async def prepare(self) -> int:
        return len(self.queue)

    async def subscribe(self, receive: Receive) -> None:
        self.receive = receive
        self.subscribed.set()
        for tag in list(self.queue):
            self.deliver(tag)

    def deliver(self, tag: int) -> None:
        self.receive(Shovelled(tag, "", "from", b"\0\0", b""))

    def acknowledge(self, tag: int) -> None:
        self.acknowledged.append(tag)
        self.queue.remove(tag)

    def requeue(self, tag: int) -> None:
        self.requeued.append(tag)
        self.deliver(tag)

    async def close(self) -> None:
        pass


class FakeTarget:
    uri = "amqp://target"

    def __init__(self) -> None:
        self.is_blocked = False
        self.confirms_at_once = True
        self.published: list[int] = []
        self.is_closed = False
        self.refusal: str | None = None
        self.lost: Lost
        self.confirmed: Confirmed
        self.ready: Callable[[], None]

    async def connect(self, lost: Lost) -> None:
        self.lost = lost

    async def prepare(self, confirmed: Confirmed, ready: Callable[[], None]) -> None:
        self.confirmed, self.ready = confirmed, ready
        if self.refusal is not None:
            raise EndLost(self.refusal)

    def publish(self, message: Shovelled) -> None:
        self.published.append(message.tag)
        if self.confirms_at_once:
            asyncio.get_running_loop().call_soon(self.confirmed, message.tag, True)

    async def close(self) -> None:
        self.is_closed = True


class Moving:
    """A shovel between two fakes."""

    def __init__(self, count: int, **changes: object) -> None:
        queues: dict[str, object] = {"src-uri": "amqp://a", "src-queue": "from", "dest-uri": "amqp://b", "dest-queue": "to"}
        self.source = FakeSource(list(range(1, count + 1)))
        self.target = FakeTarget()
        self.starts = 0
        self.finished = asyncio.Event()
        value = queues | {key.replace("_", "-"): item for key, item in changes.items()}
        self.shovel = Shovel(shovel_definition("/", "s", value), self.ends, "cluster", self.finished.set)

    def ends(self) -> tuple[FakeSource, FakeTarget]:
        self.starts += 1
        return self.source, self.target


def moving(count: int, test: Callable[[Moving], Awaitable[None]], **changes: object) -> None:
    async def run() -> None:
        given = Moving(count, **changes)
        given.target.confirms_at_once = changes.get("reconnect_delay") != 0.25
        given.shovel.start()
        try:
            await settled()
            await test(given)
        finally:
            await given.shovel.stop()

    asyncio.run(run())


async def settled() -> None:
    """Everything that is only a matter of turns has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_messages_are_acknowledged_once_they_are_confirmed() -> None:
    async def test(given: Moving) -> None:
        assert given.shovel.state == RUNNING
        assert given.target.published == given.source.acknowledged == [1, 2, 3]
        assert given.shovel.forwarded == 3

    moving(3, test)


def test_nothing_is_acknowledged_before_it_is_confirmed() -> None:
    async def test(given: Moving) -> None:
        assert given.target.published == [1, 2, 3]
        assert given.source.acknowledged == []
        given.target.confirmed(2, True)
        assert given.source.acknowledged == [2]

    moving(3, test, reconnect_delay=0.25)


def test_on_publish_acknowledges_what_was_sent() -> None:
    async def test(given: Moving) -> None:
        assert given.source.acknowledged == [1, 2, 3]
        given.target.confirmed(1, False)
        await settled()
        assert given.source.requeued == []

    moving(3, test, ack_mode="on-publish", reconnect_delay=0.25)


def test_a_blocked_target_gets_nothing_until_it_is_ready() -> None:
    async def test(given: Moving) -> None:
        given.target.is_blocked = True
        given.source.queue += [1, 2]
        given.source.deliver(1)
        given.source.deliver(2)
        assert given.target.published == []
        assert given.shovel.pending == 2
        assert given.shovel.is_blocked
        given.target.is_blocked = False
        given.target.ready()
        await settled()
        assert given.source.acknowledged == [1, 2]

    moving(0, test)


def test_no_more_than_so_many_messages_are_on_their_way() -> None:
    async def test(given: Moving) -> None:
        assert len(given.target.published) == MAX_UNCONFIRMED
        assert given.shovel.pending == 5
        given.target.confirmed(1, True)
        assert len(given.target.published) == MAX_UNCONFIRMED + 1

    moving(MAX_UNCONFIRMED + 5, test, ack_mode="no-ack", reconnect_delay=0.25)


def test_a_refused_message_goes_back_and_comes_again() -> None:
    async def test(given: Moving) -> None:
        given.target.confirmed(1, False)
        given.target.confirms_at_once = True
        async with asyncio.timeout(10):
            await given.finished.wait()
        assert given.source.requeued == [1]
        assert given.target.published == [1, 1]
        assert given.source.acknowledged == [1]

    moving(1, test, reconnect_delay=0.25, src_delete_after="queue-length")


def test_a_shovel_ends_after_as_many_messages_as_there_were() -> None:
    async def test(given: Moving) -> None:
        assert given.finished.is_set()
        assert given.source.acknowledged == [1, 2, 3]
        assert given.shovel.remaining == 0
        assert given.target.is_closed

    moving(3, test, src_delete_after="queue-length")


def test_a_shovel_with_nothing_to_do_ends_at_once() -> None:
    async def test(given: Moving) -> None:
        assert given.finished.is_set()
        assert given.target.published == []

    moving(0, test, src_delete_after="queue-length")


def test_no_more_are_sent_than_shall_be_moved() -> None:
    async def test(given: Moving) -> None:
        assert given.target.published == [1, 2]
        assert (given.shovel.remaining, given.shovel.unsent) == (2, 0)
        given.target.confirmed(1, True)
        assert not given.finished.is_set()
        given.target.confirmed(2, True)
        await settled()
        assert given.finished.is_set()
        assert given.source.queue == [3]

    moving(3, test, src_delete_after=2, reconnect_delay=0.25)


def test_a_lost_end_is_told_and_the_shovel_starts_again() -> None:
    async def test(given: Moving) -> None:
        given.source.lost("the connection is gone")
        given.target.lost("and another")
        await settled()
        assert (given.shovel.state, given.shovel.reason) == (TERMINATED, "the connection is gone")
        assert given.target.is_closed
        given.source.subscribed.clear()
        async with asyncio.timeout(10):
            await given.source.subscribed.wait()
        assert (given.shovel.state, given.starts) == (RUNNING, 2)

    moving(1, test, reconnect_delay=0.01)


def test_without_a_reconnect_delay_a_lost_shovel_stays_as_it_is() -> None:
    async def test(given: Moving) -> None:
        given.target.lost("gone")
        await settled()
        assert given.shovel.state == TERMINATED
        assert given.starts == 1

    moving(1, test, reconnect_delay=0)


def test_an_end_that_cannot_be_had_is_told() -> None:
    async def run() -> None:
        given = Moving(1, reconnect_delay=0)
        given.source.is_reachable = False
        given.shovel.start()
        await settled()
        assert given.shovel.reason == "failed to connect to source: no answer"
        other = Moving(1, reconnect_delay=0)
        other.target.refusal = "no exchange"
        other.shovel.start()
        await settled()
        assert other.shovel.reason == "failed to set up topology: no exchange"

    asyncio.run(run())


def test_a_stopped_shovel_moves_nothing_more() -> None:
    async def test(given: Moving) -> None:
        await given.shovel.stop()
        assert given.target.is_closed
        given.target.confirmed(1, True)
        assert given.source.acknowledged == []

    moving(1, test, reconnect_delay=0.25)
