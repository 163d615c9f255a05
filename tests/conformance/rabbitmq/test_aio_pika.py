"""Programs as users of aio-pika write them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError
from aio_pika.patterns import RPC

from tests.conformance.rabbitmq.conftest import Restarts, TlsServer
from tests.contract.rabbitmq.servers import RabbitMQUnderTest

PATIENCE_S = 20
Named = Callable[[str], str]


def with_channel(server: RabbitMQUnderTest, program: Callable[[Any], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await aio_pika.connect(f"amqp://guest:guest@{server.host}:{server.port}/") as connection:
            await program(await connection.channel(on_return_raises=True))

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


def test_publishes_are_confirmed_side_by_side_and_come_back(server: RabbitMQUnderTest) -> None:
    async def program(channel: Any) -> None:
        queue = await channel.declare_queue(exclusive=True)
        exchange = channel.default_exchange
        await asyncio.gather(*(exchange.publish(aio_pika.Message(b"%d" % n), queue.name) for n in range(500)))
        assert (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count == 500
        with pytest.raises(DeliveryError) as returned:
            await exchange.publish(aio_pika.Message(b"lost"), "nowhere-at-all")
        assert returned.value.message is not None
        assert returned.value.message.body == b"lost"

    with_channel(server, program)


def test_an_iterator_takes_what_the_prefetch_count_lets_it(server: RabbitMQUnderTest) -> None:
    async def program(channel: Any) -> None:
        await channel.set_qos(prefetch_count=2)
        queue = await channel.declare_queue(exclusive=True)
        for number in range(5):
            await channel.default_exchange.publish(aio_pika.Message(b"%d" % number), queue.name)
        seen = []
        async with queue.iterator() as messages:
            async for message in messages:
                seen.append((message.body, message.redelivered))
                if message.body == b"1" and not message.redelivered:
                    await message.nack(requeue=True)
                else:
                    await message.ack()
                if len(seen) == 6:
                    break
        assert sorted(seen) == [(b"0", False), (b"1", False), (b"1", True), (b"2", False), (b"3", False), (b"4", False)]

    with_channel(server, program)


def test_a_message_that_a_handler_fails_over_is_rejected_to_the_dead(server: RabbitMQUnderTest) -> None:
    async def program(channel: Any) -> None:
        dead = await channel.declare_queue(exclusive=True)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name}
        queue = await channel.declare_queue(exclusive=True, arguments=arguments)
        await channel.default_exchange.publish(aio_pika.Message(b"bad", headers={"n": 1}), queue.name)
        message = await queue.get(timeout=PATIENCE_S)
        with pytest.raises(ZeroDivisionError):
            async with message.process(requeue=False):
                raise ZeroDivisionError
        async with dead.iterator(timeout=PATIENCE_S) as messages:
            found = await anext(messages)
            await found.ack()
        assert (found.body, found.headers["n"], found.headers["x-death"][0]["reason"]) == (b"bad", 1, "rejected")

    with_channel(server, program)


def test_remote_procedures_by_the_pattern_of_the_library(server: RabbitMQUnderTest, name: Named) -> None:
    async def multiply(*, x: int, y: int) -> int:
        return x * y

    async def program(channel: Any) -> None:
        rpc = await RPC.create(channel, durable=True)
        procedure = name("multiply")
        await rpc.register(procedure, multiply, auto_delete=True, durable=True)
        assert await asyncio.gather(*(rpc.call(procedure, kwargs={"x": n, "y": 2}) for n in range(20))) == [2 * n for n in range(20)]
        await rpc.close()

    with_channel(server, program)


def test_a_stream_from_an_offset(server: RabbitMQUnderTest, name: Named) -> None:
    async def program(channel: Any) -> None:
        await channel.set_qos(prefetch_count=10)
        stream = await channel.declare_queue(name("stream"), durable=True, arguments={"x-queue-type": "stream"})
        for number in range(8):
            await channel.default_exchange.publish(aio_pika.Message(b"%d" % number), stream.name)
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_message(message: Any) -> None:
            await message.ack()
            arrived.put_nowait(message.body)

        tag = await stream.consume(on_message, arguments={"x-stream-offset": 5})
        assert [await arrived.get() for _ in range(3)] == [b"5", b"6", b"7"]
        await stream.cancel(tag)
        await stream.delete(if_unused=False, if_empty=False)

    with_channel(server, program)


def test_a_robust_connection_goes_on_when_the_server_is_back(restarts: Restarts, name: Named) -> None:
    """Its topology, its consumer, and a durable message that nobody had taken."""

    async def run() -> None:
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def on_message(message: Any) -> None:
            async with message.process():
                arrived.put_nowait(message.body)

        server = restarts.running()
        await asyncio.to_thread(server.__enter__)
        try:
            url = f"amqp://guest:guest@127.0.0.1:{restarts.port}/"
            connection = await aio_pika.connect_robust(url, reconnect_interval=0.1)
            channel = await connection.channel()
            waiting = await channel.declare_queue(name("waiting"), durable=True)
            queue = await channel.declare_queue(name("work"), durable=True)
            await queue.consume(on_message)
            persistent = aio_pika.DeliveryMode.PERSISTENT
            await channel.default_exchange.publish(aio_pika.Message(b"before", delivery_mode=persistent), queue.name)
            await channel.default_exchange.publish(aio_pika.Message(b"kept", delivery_mode=persistent), waiting.name)
            assert await arrived.get() == b"before"
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
        server = restarts.running()
        await asyncio.to_thread(server.__enter__)
        try:
            await connection.ready()
            await channel.ready()
            await channel.default_exchange.publish(aio_pika.Message(b"after", delivery_mode=persistent), queue.name)
            assert await arrived.get() == b"after"
            kept = await waiting.get(timeout=PATIENCE_S)
            await kept.ack()
            assert kept.body == b"kept"
            await connection.close()
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)

    asyncio.run(asyncio.wait_for(run(), 3 * PATIENCE_S))


def test_a_program_over_tls(tls_server: TlsServer) -> None:
    async def run() -> None:
        url = f"amqps://guest:guest@localhost:{tls_server.port}/"
        async with await aio_pika.connect(url, ssl_context=tls_server.context) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await channel.default_exchange.publish(aio_pika.Message(b"secret"), queue.name)
            message = await queue.get(timeout=PATIENCE_S)
            await message.ack()
            assert message.body == b"secret"

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))
