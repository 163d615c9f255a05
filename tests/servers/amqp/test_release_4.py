"""What RabbitMQ 4.3 does otherwise than older releases, as a client sees it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pamqp import commands

from message_queues.broker.clock import ManualClock, advance
from message_queues.records.properties import Properties
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, Content, amqp_server, refusal, with_amqp

QUORUM = {"x-queue-type": "quorum"}
STREAM = {"x-queue-type": "stream"}
MIB = 1024 * 1024
HALF_AN_HOUR_MS = 1_800_000


def at_a_standstill(scenario: Callable[[Server, AmqpClient], Awaitable[None]]) -> None:
    """On a clock that moves only by `wait`."""
    with_amqp(scenario, clock="manual")


def wait(server: Server, milliseconds: int) -> None:
    assert isinstance(server.clock, ManualClock)
    advance(server.clock, server.broker.timers, server.clock.now_ms() + milliseconds)


async def quorum_queue(client: AmqpClient, name: str = "q", *bodies: bytes, **arguments: Any) -> None:
    await client.declare(name, arguments=QUORUM | {key.replace("_", "-"): value for key, value in arguments.items()})
    await client.published(name, *bodies)


async def fetched(client: AmqpClient, queue: str) -> Content:
    content = await client.got(queue, no_ack=False)
    assert content is not None
    return content


async def ready(client: AmqpClient, queue: str) -> int:
    asked = commands.Queue.Declare(queue=queue, passive=True)
    return (await client.ask(1, asked, commands.Queue.DeclareOk)).message_count or 0


def headers_of(content: Content | None) -> dict[str, Any]:
    assert content is not None
    return dict(content.properties.headers or {})


def counts(content: Content) -> tuple[Any, Any]:
    headers = headers_of(content)
    return headers.get("x-delivery-count"), headers.get("x-acquired-count")


async def sent_back(client: AmqpClient, queue: str, how: type[Any]) -> Content:
    content = await fetched(client, queue)
    client.send(1, how(delivery_tag=content.method.delivery_tag, requeue=True))
    assert await client.silent()
    return content


# Delivery limits and counts


def test_a_message_that_was_rejected_twenty_times_has_one_more_chance() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("dead")
        await quorum_queue(client, "q", b"poison", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
        seen = [counts(await sent_back(client, "q", commands.Basic.Reject)) for _ in range(21)]
        assert seen == [(None, None), *((number, number) for number in range(1, 21))]
        assert await client.got("q") is None
        assert headers_of(await client.got("dead"))["x-death"][0]["reason"] == "delivery_limit"

    with_amqp(run)


def test_a_message_may_be_given_back_without_end() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"popular")
        seen = [counts(await sent_back(client, "q", commands.Basic.Nack)) for _ in range(30)]
        assert seen[-1] == (None, 29)

    with_amqp(run)


def test_a_limit_of_minus_one_is_none() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"poison", x_delivery_limit=-1)
        seen = [counts(await sent_back(client, "q", commands.Basic.Reject)) for _ in range(30)]
        assert seen[-1] == (29, 29)

    with_amqp(run)


def test_a_connection_that_vanishes_counts_as_a_failure() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"poison", x_delivery_limit=1)
        for expected in ((None, None), (1, 1)):
            async with await AmqpClient.connected(server) as other:
                await other.consume("q")
                assert counts(await other.content()) == expected
        async with await AmqpClient.connected(server) as other:
            await other.consume("q")
            assert await other.silent()
        assert await client.got("q") is None

    with_amqp(run)


# Delayed retries


def test_a_retry_is_delayed_longer_each_time_up_to_its_maximum() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"m", x_delayed_retry_type="failed", x_delayed_retry_min=1000, x_delayed_retry_max=2500)
        for delay_ms in (1000, 2000, 2500, 2500):
            await sent_back(client, "q", commands.Basic.Reject)
            wait(server, delay_ms - 1)
            assert await client.got("q") is None
            wait(server, 1)
        await sent_back(client, "q", commands.Basic.Nack)
        assert await client.got("q") is not None

    at_a_standstill(run)


# Consumers that are late


def test_a_late_consumer_is_cancelled_and_its_messages_go_to_others() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"m")
        await client.consume("q", "late")
        await client.content()
        wait(server, HALF_AN_HOUR_MS)
        cancel = await client.expect(1, commands.Basic.Cancel)
        assert (cancel.consumer_tag, cancel.nowait) == ("late", True)
        client.send(1, commands.Basic.Ack(1))
        assert counts(await fetched(client, "q")) == (None, 1)

    at_a_standstill(run)


def test_a_late_consumer_that_cannot_hear_of_it_loses_its_channel() -> None:
    async def run() -> None:
        async with amqp_server(clock="manual") as server, await AmqpClient.connected(server, capabilities={}) as client:
            await quorum_queue(client, "q", b"m", x_consumer_timeout=5000)
            await client.consume("q")
            await client.content()
            wait(server, 5000)
            code, text, *_ = await refusal(client, 1)
            assert code == 406
            assert text.startswith("PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 5000 ms.")

    asyncio.run(run())


def test_a_consumer_may_say_how_long_it_takes() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"m", x_consumer_timeout=5000)
        await client.consume("q", arguments={"x-consumer-timeout": 90_000})
        await client.content()
        wait(server, 89_999)
        assert await client.silent()
        wait(server, 1)
        await client.expect(1, commands.Basic.Cancel)

    at_a_standstill(run)


def test_classic_queues_have_patience() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await client.published("q", b"m")
        await client.consume("q")
        await client.content()
        wait(server, 10 * HALF_AN_HOUR_MS)
        assert await client.silent()
        client.send(1, commands.Basic.Ack(1))
        assert await client.silent()

    at_a_standstill(run)


# Priorities


def test_a_quorum_queue_has_32_priorities_and_none_said_is_four() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client)
        for priority in (0, 3, None, 4, 5, 31, 32, 255):
            client.publish("", "q", str(priority).encode(), Properties(priority=priority))
        await client.published("q")
        await client.consume("q")
        assert await client.bodies(8) == [b"31", b"32", b"255", b"5", b"None", b"4", b"3", b"0"]

    with_amqp(run)


def test_quorum_queues_take_no_highest_priority() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        text = "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue"
        told = commands.Queue.Declare(queue="q", durable=True, arguments=QUORUM | {"x-max-priority": 10})
        assert (await refusal(client, 1, told))[:2] == (406, text)

    with_amqp(run)


# Dead letters


def test_the_first_and_the_last_death_are_named_and_what_a_publisher_says_of_deaths_is_not_believed() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("last")
        await client.declare("b", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "last"})
        await client.declare("a", arguments={"x-message-ttl": 0, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "b"})
        told: dict[str, Any] = {
            "x-death": [{"queue": "b", "reason": "expired", "count": 70}],
            "x-first-death-queue": "nowhere",
            "mine": "yes",
        }
        client.publish("", "a", b"m", Properties(headers=told))
        content = await fetched(client, "b")
        client.send(1, commands.Basic.Reject(content.method.delivery_tag, requeue=False))
        headers = headers_of(await fetched(client, "last"))
        assert headers["mine"] == "yes"
        assert [(death["queue"], death["reason"], death["count"]) for death in headers["x-death"]] == [
            ("b", "rejected", 1),
            ("a", "expired", 1),
        ]
        named = {name: value for name, value in headers.items() if name.startswith(("x-first", "x-last"))}
        assert named == {
            "x-first-death-queue": "a", "x-first-death-reason": "expired", "x-first-death-exchange": "",
            "x-last-death-queue": "b", "x-last-death-reason": "rejected", "x-last-death-exchange": "",
        }  # fmt: skip

    with_amqp(run)


def test_a_message_that_goes_round_without_being_rejected_is_dropped() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        back = {"x-dead-letter-exchange": "", "x-message-ttl": 100}
        await client.declare("a", arguments=back | {"x-dead-letter-routing-key": "b"})
        await client.declare("b", arguments=back | {"x-dead-letter-routing-key": "a"})
        await client.published("a", b"m")
        wait(server, 100)
        assert await ready(client, "b") == 1
        wait(server, 100)
        assert (await ready(client, "a"), await ready(client, "b")) == (0, 0)

    at_a_standstill(run)


def test_at_least_once_keeps_a_dead_letter_until_somebody_takes_it() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(
            client, "q", b"m", x_dead_letter_exchange="", x_dead_letter_routing_key="dead", x_dead_letter_strategy="at-least-once",
            x_overflow="reject-publish",
        )  # fmt: skip
        content = await fetched(client, "q")
        client.send(1, commands.Basic.Reject(content.method.delivery_tag, requeue=False))
        assert await client.got("q") is None
        await client.declare("dead")
        wait(server, 60_000)
        dead = await fetched(client, "dead")
        assert dead.body == b"m"

    at_a_standstill(run)


# What is refused


def test_a_queue_that_is_neither_durable_nor_exclusive_is_refused() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        text = (
            "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.\nBy default, this feature is not permitted anymore.\n"
            "The feature will be removed from a future major RabbitMQ version, regardless of the configuration; "
        )
        assert (await refusal(client, 1, commands.Queue.Declare(queue="q")))[:2] == (
            541,
            text + "actual version to be determined.\nTo...",
        )

    with_amqp(run)


@pytest.mark.parametrize(("arguments", "why"), [({"x-queue-version": 1}, "\"unsupported queue version '1'\"")])
def test_old_classic_queues_are_refused(arguments: dict[str, Any], why: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        name = next(iter(arguments))
        text = f"PRECONDITION_FAILED - invalid arg '{name}' for queue 'q' in vhost '/': {why}"
        assert (await refusal(client, 1, commands.Queue.Declare(queue="q", durable=True, arguments=arguments)))[:2] == (406, text)

    with_amqp(run)


def test_a_message_of_more_than_16_mib_is_refused() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        client.publish("", "q", bytes(16 * MIB))
        assert await client.silent()
        client.publish("", "q", bytes(16 * MIB + 1))
        text = f"PRECONDITION_FAILED - message size {16 * MIB + 1} is larger than configured max size {16 * MIB}"
        assert (await refusal(client, 1))[:2] == (406, text)

    with_amqp(run)


def test_a_frame_max_below_8192_is_refused() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        other = await AmqpClient.dialled(server)
        await other.shake_hands(frame_max=4096)
        text = "NOT_ALLOWED - negotiated frame_max = 4096 is lower than the minimum allowed value (8192)"
        assert (await refusal(other, 0))[:2] == (530, text)
        other.writer.transport.abort()

    with_amqp(run)


# Consumers


def test_a_global_prefetch_count_counts_for_each_consumer() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", b"1", b"2", b"3")
        await client.ask(1, commands.Basic.Qos(0, 1, True), commands.Basic.QosOk)
        await client.consume("q", "one")
        await client.consume("q", "two")
        assert await client.bodies(2) == [b"1", b"2"]
        assert await client.silent()

    with_amqp(run)


def test_the_single_active_consumer_gives_way_to_a_higher_priority() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await quorum_queue(client, "q", x_single_active_consumer=True)
        await client.consume("q", "low")
        await client.consume("q", "high", arguments={"x-priority": 5})
        await client.published("q", b"m")
        assert (await client.content()).method.consumer_tag == "high"
        await client.ask(1, commands.Basic.Cancel("high"), commands.Basic.CancelOk)
        await client.published("q", b"n")
        assert (await client.content()).method.consumer_tag == "low"

    with_amqp(run)


# Time


def test_a_message_without_time_is_for_a_consumer_that_waits() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q", arguments={"x-message-ttl": 0})
        await client.published("q", b"nobody")
        assert await ready(client, "q") == 0
        await client.consume("q", no_ack=True)
        client.publish("", "q", b"somebody")
        assert await client.bodies(1) == [b"somebody"]

    with_amqp(run)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_that_nobody_uses_is_deleted(kind: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q", arguments={"x-queue-type": kind, "x-expires": 1000})
        await client.consume("q")
        wait(server, 5000)
        await client.ask(1, commands.Basic.Cancel("tag"), commands.Basic.CancelOk)
        wait(server, 999)
        assert await client.got("q") is None
        wait(server, 999)
        await client.ask(1, commands.Queue.Declare(queue="q", passive=True), commands.Queue.DeclareOk)
        wait(server, 1000)
        assert (await refusal(client, 1, commands.Queue.Declare(queue="q", passive=True)))[0] == 404

    at_a_standstill(run)


# Exchanges


def test_a_local_random_exchange_gives_each_message_to_one_queue() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(
            1, commands.Exchange.Declare(exchange="x", exchange_type="x-local-random", durable=True), commands.Exchange.DeclareOk
        )
        for name in ("a", "b"):
            await client.declare(name)
            await client.ask(1, commands.Queue.Bind(queue=name, exchange="x", routing_key=""), commands.Queue.BindOk)
        for _ in range(50):
            client.publish("x", "", b"m")
        found = [await ready(client, name) for name in ("a", "b")]
        assert sum(found) == 50
        assert all(found)

    with_amqp(run)


def test_a_modulus_exchange_ignores_the_keys_of_its_bindings() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(
            1, commands.Exchange.Declare(exchange="x", exchange_type="x-modulus-hash", durable=True), commands.Exchange.DeclareOk
        )
        for name in ("a", "b", "c"):
            await client.declare(name)
            await client.ask(1, commands.Queue.Bind(queue=name, exchange="x", routing_key=f"any {name}"), commands.Queue.BindOk)
        for number in range(300):
            client.publish("x", f"key {number % 100}", b"m")
        found = [await ready(client, name) for name in ("a", "b", "c")]
        assert sum(found) == 300
        assert all(count and count % 3 == 0 for count in found)

    with_amqp(run)


def test_an_alternate_exchange_spares_the_return_of_a_mandatory_message() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(1, commands.Exchange.Declare(exchange="other", exchange_type="fanout", durable=True), commands.Exchange.DeclareOk)
        declare = commands.Exchange.Declare(exchange="x", exchange_type="direct", durable=True, arguments={"alternate-exchange": "other"})
        await client.ask(1, declare, commands.Exchange.DeclareOk)
        await client.declare("q")
        await client.ask(1, commands.Queue.Bind(queue="q", exchange="other", routing_key=""), commands.Queue.BindOk)
        client.publish("x", "unknown", b"m", mandatory=True)
        assert await client.silent()
        assert await ready(client, "q") == 1

    with_amqp(run)


# Direct replies


def test_a_mandatory_reply_to_somebody_who_is_there_is_not_returned() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await client.consume("amq.rabbitmq.reply-to", "replies", no_ack=True)
        await client.ask(1, commands.Confirm.Select(), commands.Confirm.SelectOk)
        client.publish("", "q", b"ask", Properties(reply_to="amq.rabbitmq.reply-to"))
        await client.expect(1, commands.Basic.Ack)
        async with await AmqpClient.connected(server) as other:
            asked = await fetched(other, "q")
            reply_to = asked.properties.reply_to
            assert reply_to is not None
            other.publish("", reply_to, b"answer", mandatory=True)
            assert await other.silent()
            assert (await client.content()).body == b"answer"
            other.publish("", reply_to[:-3] + "abc", b"lost", mandatory=True)
            assert (await other.content()).method.reply_code == 312

    with_amqp(run)


# Streams


def test_a_stream_is_read_from_where_its_reader_says() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("s", arguments=STREAM)
        await client.published("s", *(str(number).encode() for number in range(5)))
        await client.ask(1, commands.Basic.Qos(0, 100, False), commands.Basic.QosOk)
        expected = {"first": 5, 3: 2, "next": 0, 17: 0}
        for offset, count in expected.items():
            await client.consume("s", f"{offset}", arguments={"x-stream-offset": offset})
            found = [await client.content() for _ in range(count)]
            assert [content.properties.headers for content in found] == [{"x-stream-offset": number} for number in range(5 - count, 5)]
            await client.ask(1, commands.Basic.Cancel(f"{offset}"), commands.Basic.CancelOk)
        assert await client.silent()

    with_amqp(run)


def test_a_stream_filters_by_value() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("s", arguments=STREAM)
        for value in ("a", "b", None, "a"):
            headers: Any = None if value is None else {"x-stream-filter-value": value}
            client.publish("", "s", str(value).encode(), Properties(headers=headers))
            await client.published("s")
        await client.ask(1, commands.Basic.Qos(0, 100, False), commands.Basic.QosOk)
        await client.consume("s", "one", arguments={"x-stream-offset": "first", "x-stream-filter": "a"})
        assert await client.bodies(2) == [b"a", b"a"]
        await client.consume(
            "s", "two", arguments={"x-stream-offset": "first", "x-stream-filter": ["b"], "x-stream-match-unfiltered": True}
        )
        assert await client.bodies(2) == [b"b", b"None"]
        assert await client.silent()

    with_amqp(run)


@pytest.mark.parametrize(
    ("prefetch_count", "how", "code", "text"),
    [
        (0, {}, 406, "PRECONDITION_FAILED - consumer prefetch count is not set for stream queue 's' in vhost '/'"),
        (9, {"no_ack": True}, 540, "NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue 's' in vhost '/'"),
    ],
)
def test_a_stream_wants_to_hear_of_each_message(prefetch_count: int, how: dict[str, Any], code: int, text: str) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("s", arguments=STREAM)
        await client.ask(1, commands.Basic.Qos(0, prefetch_count, False), commands.Basic.QosOk)
        assert (await refusal(client, 1, commands.Basic.Consume(queue="s", **how)))[:2] == (code, text)

    with_amqp(run)
