import asyncio

import pytest

from message_queues.broker.queues.shovel_parameters import shovel_definition
from message_queues.records.properties import EMPTY_PROPERTIES
from message_queues.servers.shovels.amqp_target import AmqpTarget
from message_queues.servers.shovels.ends import EndLost, Shovelled
from tests.servers.running_server import eventually, running_server


def target_of(uri: str, **changes: object) -> AmqpTarget:
    value: dict[str, object] = {"src-uri": "amqp://", "src-queue": "from", "dest-uri": uri}
    return AmqpTarget(shovel_definition("/", "s", value | {key.replace("_", "-"): item for key, item in changes.items()}).target, "s")


def test_what_a_full_queue_refuses_is_told_apart_from_what_it_takes() -> None:
    async def run() -> None:
        async with running_server() as server:
            uri = f"amqp://guest:guest@{server.addresses['amqp'][0]}"
            target = target_of(uri, dest_queue="q", dest_queue_args={"x-max-length": 3, "x-overflow": "reject-publish"})
            told: dict[int, bool] = {}
            await target.connect(lambda reason: None)
            await target.prepare(told.__setitem__, lambda: None)
            for tag in range(10, 15):
                target.publish(Shovelled(tag, "", "q", EMPTY_PROPERTIES, b""))
            await eventually(lambda: len(told) == 5)
            assert [told[tag] for tag in range(10, 15)] == [True, True, True, False, False]
            await target.close()

    asyncio.run(run())


def test_a_blocked_connection_asks_to_wait() -> None:
    async def run() -> None:
        async with running_server() as server:
            target = target_of(f"amqp://guest:guest@{server.addresses['amqp'][0]}", dest_queue="q")
            ready: list[bool] = []
            await target.connect(lambda reason: None)
            await target.prepare(lambda tag, is_taken: None, lambda: ready.append(target.is_blocked))
            server.broker.alarms.disk_free_limit_bytes = 1 << 62
            server.broker.alarms.check()
            target.publish(Shovelled(1, "", "q", EMPTY_PROPERTIES, b""))
            await eventually(lambda: target.is_blocked)
            server.broker.alarms.disk_free_limit_bytes = 0
            server.broker.alarms.check()
            await eventually(lambda: ready == [False])
            await target.close()

    asyncio.run(run())


def test_an_exchange_that_is_not_there_loses_the_target() -> None:
    async def run() -> None:
        async with running_server() as server:
            target = target_of(f"amqp://guest:guest@{server.addresses['amqp'][0]}", dest_exchange="none")
            lost: list[str] = []
            await target.connect(lost.append)
            await target.prepare(lambda tag, is_taken: None, lambda: None)
            target.publish(Shovelled(1, "none", "k", EMPTY_PROPERTIES, b""))
            await eventually(lambda: lost)
            assert lost[0] == "NOT_FOUND - no exchange 'none' in vhost '/'"
            target.publish(Shovelled(2, "none", "k", EMPTY_PROPERTIES, b""))
            await target.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("number", "multiple", "settled"),
    [(1, False, [10]), (2, False, [11]), (2, True, [10, 11]), (3, True, [10, 11, 12]), (9, False, [])],
)
def test_an_answer_settles_one_message_or_all_up_to_it(number: int, multiple: bool, settled: list[int]) -> None:
    async def run() -> None:
        target = target_of("amqp://h", dest_exchange="x")
        target._unconfirmed.extend([(1, 10), (2, 11), (3, 12)])
        told: list[int] = []
        target._settle(number, multiple, True, lambda tag, is_taken: told.append(tag))
        assert told == settled
        assert len(target._unconfirmed) == 3 - len(settled)

    asyncio.run(run())


def test_a_target_that_cannot_be_had_is_lost() -> None:
    async def run() -> None:
        target = target_of("amqp://127.0.0.1:1", dest_queue="q")
        with pytest.raises(EndLost):
            await target.connect(lambda reason: None)
        target.publish(Shovelled(1, "", "q", EMPTY_PROPERTIES, b""))
        await target.close()
        assert target.uri == "amqp://127.0.0.1:1"

    asyncio.run(run())
