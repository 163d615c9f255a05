import asyncio
import struct
from typing import Any

import pytest
from pamqp import commands

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER
from message_queues.records.properties import Properties
from message_queues.servers.server import Server
from tests.servers.amqp.amqp_client import AmqpClient, amqp_server, describe, listener_of, refusal, with_amqp
from tests.servers.running_server import eventually


def on_server(scenario: Any, **settings: Any) -> None:
    async def run() -> None:
        async with amqp_server(**settings) as server:
            await scenario(server)

    asyncio.run(run())


def raw_frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def impatient(server: Server) -> tuple[ManualClock, Timers]:
    """Gives the listener a clock that the test moves."""
    clock = ManualClock()
    timers = Timers(clock)
    listener_of(server).patience = timers
    return clock, timers


def pass_time(patience: tuple[ManualClock, Timers], seconds: int) -> None:
    clock, timers = patience
    advance(clock, timers, clock.now_ms() + seconds * 1000)


# Shaking hands


def test_the_handshake() -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.dialled(server) as client:
            client.write(PROTOCOL_HEADER)
            start: Any = await client.expect(0, commands.Connection.Start)
            assert (start.version_major, start.version_minor, start.locales) == (0, 9, b"en_US")
            mechanisms: Any = start.mechanisms
            assert {b"PLAIN", b"AMQPLAIN"} <= set(mechanisms.split())
            properties: Any = start.server_properties
            assert (properties["product"], properties["version"]) == ("RabbitMQ", "4.2.1")
            assert properties["capabilities"]["basic.nack"] is True
            tune = await client.ask(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"), commands.Connection.Tune)
            assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131072, 60)
            client.send(0, commands.Connection.TuneOk(5, 131072, 0))
            await client.ask(0, commands.Connection.Open("/"), commands.Connection.OpenOk)
            (connection,) = listener_of(server).connections.values()
            assert (connection.state, connection.user_name, connection.virtual_host_name, connection.channel_max) == (
                "running",
                "guest",
                "/",
                5,
            )
            await client.ask(0, commands.Connection.Close(200, "", 0, 0), commands.Connection.CloseOk)

    on_server(run, rabbitmq_version="4.2.1")


@pytest.mark.parametrize("header", [b"AMQP\x00\x00\x08\x00", b"GET / HTTP/1.1\r\n\r\n", b"XXXXXXXX"], ids=repr)
def test_another_protocol_is_answered_with_the_right_one(header: bytes) -> None:
    async def run(server: Server) -> None:
        patience = impatient(server)
        async with await AmqpClient.dialled(server) as client:
            client.write(header)
            assert await client.reader.readexactly(8) == PROTOCOL_HEADER
            pass_time(patience, 3)
            assert await client.reader.read() == b""

    on_server(run)


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", "\0guest\0guest"),
        ("AMQPLAIN", b"\5LOGINS\0\0\0\5guest\10PASSWORDS\0\0\0\5guest"),
        ("ANONYMOUS", ""),
    ],
)
def test_ways_to_log_in(mechanism: str, response: Any) -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.connected(server, mechanism=mechanism, response=response):
            (connection,) = listener_of(server).connections.values()
            assert (connection.auth_mechanism, connection.user_name) == (mechanism, "guest")

    on_server(run)


@pytest.mark.parametrize(
    ("mechanism", "response", "is_told"),
    [
        ("PLAIN", "\0guest\0wrong", True),
        ("PLAIN", "\0nobody\0guest", True),
        ("PLAIN", "nonsense", False),
        ("NONSENSE", "\0guest\0guest", False),
        ("EXTERNAL", "", False),
        ("AMQPLAIN", "nonsense", False),
    ],
)
@pytest.mark.parametrize("is_capable", [True, False])
def test_whoever_cannot_log_in_waits_and_is_told_little(mechanism: str, response: str, is_told: bool, is_capable: bool) -> None:
    async def run(server: Server) -> None:
        patience = impatient(server)
        async with await AmqpClient.dialled(server) as client:
            client.write(PROTOCOL_HEADER)
            await client.expect(0, commands.Connection.Start)
            told: Any = {"capabilities": {"authentication_failure_close": is_capable}}
            client.send(0, commands.Connection.StartOk(told, mechanism, response, "en_US"))
            (connection,) = listener_of(server).connections.values()
            await eventually(lambda: connection.state == "closed")
            pass_time(patience, 3)
            said = await client.hung_up()
            text = f"ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
            assert [describe(each) for each in said] == ([f"Connection.Close 403 {text}"] if is_told and is_capable else [])

    on_server(run)


@pytest.mark.parametrize(
    ("tuned", "text"),
    [
        ({"frame_max": 4096}, "negotiated frame_max = 4096 is lower than the minimum allowed value (8192)"),
        ({"frame_max": 0}, "negotiated frame_max = 0 is higher than the maximum allowed value (131072)"),
        ({"frame_max": 200_000}, "negotiated frame_max = 200000 is higher than the maximum allowed value (131072)"),
        ({"channel_max": 0}, "negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"),
        ({"channel_max": 5000}, "negotiated channel_max = 5000 is higher than the maximum allowed value (2047)"),
    ],
    ids=str,
)
def test_tuning_beyond_what_is_allowed(tuned: dict[str, Any], text: str) -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.dialled(server) as client:
            await client.shake_hands(**tuned)
            code, said, _class_id, _method_id = await refusal(client, 0)
            assert (code, said) == (530, f"NOT_ALLOWED - {text}")

    on_server(run)


@pytest.mark.parametrize("name", ["missing", "", "/missing"])
def test_a_virtual_host_that_is_missing(name: str) -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.dialled(server) as client:
            await client.shake_hands()
            assert await refusal(client, 0, commands.Connection.Open(name)) == (530, f"NOT_ALLOWED - vhost {name} not found", 10, 40)

    on_server(run)


def test_a_virtual_host_without_permission() -> None:
    async def run(server: Server) -> None:
        server.broker.access.put_user("stranger", password="secret", tags=())
        async with await AmqpClient.dialled(server) as client:
            await client.shake_hands("stranger", "secret")
            text = "NOT_ALLOWED - access to vhost '/' refused for user 'stranger'"
            assert await refusal(client, 0, commands.Connection.Open("/")) == (530, text, 10, 40)

    on_server(run)


def test_a_client_that_does_not_shake_hands_is_let_go() -> None:
    async def run(server: Server) -> None:
        patience = impatient(server)
        async with await AmqpClient.dialled(server) as client:
            client.write(PROTOCOL_HEADER)
            await client.expect(0, commands.Connection.Start)
            pass_time(patience, 11)
            await client.hung_up()

    on_server(run)


def test_a_method_that_nothing_waits_for_ends_a_handshake_in_silence() -> None:
    async def run(server: Server) -> None:
        patience = impatient(server)
        async with await AmqpClient.dialled(server) as client:
            client.write(PROTOCOL_HEADER)
            await client.expect(0, commands.Connection.Start)
            client.send(0, commands.Connection.TuneOk(0, 0, 0))
            (connection,) = listener_of(server).connections.values()
            await eventually(lambda: connection.state == "closed")
            pass_time(patience, 3)
            assert await client.hung_up() == []

    on_server(run)


# Connections that run


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (commands.Channel.Open(), (504, "CHANNEL_ERROR - unexpected method in connection state running", 20, 10)),
        (commands.Connection.Open("/"), (504, "CHANNEL_ERROR - unexpected method in connection state running", 10, 40)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_methods_that_are_not_for_channel_0(method: Any, said: Any) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        assert await refusal(client, 0, method) == said

    with_amqp(run)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (raw_frame(9, 1, b"abc"), (501, 'FRAME_ERROR - type 9, all octets = <<"abc">>: unknown_frame', 0, 0)),
        (raw_frame(3, 1, b"body"), (505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead", 0, 0)),
        (raw_frame(8, 1, b""), (505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", 0, 0)),
    ],
)
def test_frames_that_are_wrong_end_the_connection_and_no_other(data: bytes, said: Any) -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        async with await AmqpClient.connected(server) as other:
            patience = impatient(server)
            client.write(data)
            assert await refusal(client, 0) == said
            pass_time(patience, 3)
            assert await client.hung_up() == []
            await other.declare("q")

    with_amqp(run)


def test_a_method_that_does_not_exist_ends_the_connection_in_silence() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        client.write(raw_frame(1, 1, b"\0\x63\0\x01"))
        assert await client.hung_up() == []

    with_amqp(run)


def test_the_secret_can_be_updated() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.ask(0, commands.Connection.UpdateSecret("new", "because"), commands.Connection.UpdateSecretOk)

    with_amqp(run)


def test_a_connection_that_is_closed_deletes_its_exclusive_queues() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        name = await client.declare("", durable=False, exclusive=True)
        assert name.startswith("amq.gen-")
        async with await AmqpClient.connected(server) as other:
            code, text, *_ = await refusal(other, 1, commands.Queue.Declare(queue=name, passive=True))
            assert (code, text.startswith(f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}'")) == (405, True)
        await client.ask(0, commands.Connection.Close(200, "", 0, 0), commands.Connection.CloseOk)
        assert name not in server.broker.virtual_hosts["/"].queues

    with_amqp(run)


def test_a_client_that_vanishes_leaves_nothing() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        name = await client.declare("", durable=False, exclusive=True)
        client.writer.transport.abort()
        await eventually(lambda: not listener_of(server).connections)
        assert name not in server.broker.virtual_hosts["/"].queues
        assert listener_of(server).channels_closed == 1

    with_amqp(run)


def test_an_operator_closes_a_connection_and_says_why() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        patience = impatient(server)
        listener_of(server).close_those_of_user("guest", "no more")
        assert await refusal(client, 0) == (320, "CONNECTION_FORCED - no more", 0, 0)
        client.send(1, commands.Basic.Qos(0, 1, False))
        client.send(0, commands.Connection.CloseOk())
        assert await client.hung_up() == []
        async with await AmqpClient.connected(server) as silent:
            listener_of(server).close_those_of_virtual_host("/", "vhost '/' is deleted")
            assert (await refusal(silent, 0))[1] == "CONNECTION_FORCED - vhost '/' is deleted"
            pass_time(patience, 30)
            await silent.hung_up()

    with_amqp(run)


def test_a_server_that_stops_says_goodbye() -> None:
    async def run() -> None:
        async with amqp_server() as server:
            client = await AmqpClient.connected(server)
            said = asyncio.create_task(refusal(client, 0))
        text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
        assert await said == (320, text, 0, 0)
        await client.hung_up()

    asyncio.run(run())


def test_heartbeats_are_exchanged() -> None:
    async def run(server: Server) -> None:
        patience = impatient(server)
        async with await AmqpClient.connected(server, heartbeat_s=10) as client:
            pass_time(patience, 5)
            pass_time(patience, 5)
            assert await client.next(0) is None
            pass_time(patience, 15)
            assert set(await client.hung_up()) == {None}

    on_server(run)


# Limits


def test_channels_beyond_channel_max_are_refused() -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.connected(server, channel_max=2) as client:
            await client.open_channel(7)
            text = "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)"
            assert await refusal(client, 9, commands.Channel.Open()) == (530, text, 20, 10)

    on_server(run)


def test_connections_beyond_the_limit_are_refused() -> None:
    async def run(server: Server) -> None:
        async with await AmqpClient.connected(server), await AmqpClient.dialled(server) as second:
            await second.shake_hands()
            text = "NOT_ALLOWED - connection refused: node connection limit (1) is reached"
            assert await refusal(second, 0, commands.Connection.Open("/")) == (530, text, 10, 40)

    on_server(run, max_connections=1)


def test_connections_and_channels_beyond_the_limits_of_host_and_user_are_refused() -> None:
    async def run(server: Server) -> None:
        hosts, access = server.broker.virtual_hosts, server.broker.access
        async with await AmqpClient.connected(server) as first:
            hosts.set_limit("/", "max-connections", 1)
            async with await AmqpClient.dialled(server) as second:
                await second.shake_hands()
                text = "NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) is reached"
                assert await refusal(second, 0, commands.Connection.Open("/")) == (530, text, 10, 40)
            hosts.clear_limit("/", "max-connections")
            access.set_user_limit("guest", "max-connections", 1)
            async with await AmqpClient.dialled(server) as second:
                await second.shake_hands()
                text = "NOT_ALLOWED - connection refused for user 'guest': user connection limit (1) is reached"
                assert await refusal(second, 0, commands.Connection.Open("/")) == (530, text, 10, 40)
            access.set_user_limit("guest", "max-channels", 1)
            code, text, *_ = await refusal(first, 2, commands.Channel.Open())
            assert (code, "the maximum allowed user limit of" in text) == (530, True)

    on_server(run)


@pytest.mark.parametrize("what", ["user", "virtual host"])
def test_connections_go_with_their_user_and_their_virtual_host(what: str) -> None:
    async def run(server: Server) -> None:
        hosts, access = server.broker.virtual_hosts, server.broker.access
        hosts.put("other")
        access.put_user("somebody", password="secret")
        access.set_permissions("somebody", "other", configure=".*", write=".*", read=".*")
        async with await AmqpClient.connected(server, "other", user="somebody", password="secret") as client:
            if what == "user":
                access.delete_user("somebody")
                assert await refusal(client, 0) == (320, "CONNECTION_FORCED - user 'somebody' is deleted", 0, 0)
            else:
                hosts.delete("other")
                assert await refusal(client, 0) == (320, "CONNECTION_FORCED - vhost 'other' is deleted", 0, 0)

    on_server(run)


# Alarms


def test_a_publisher_is_held_while_memory_runs_out() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        alarms = server.broker.alarms
        await client.declare("q")
        alarms.measure_memory = lambda: 1 << 60
        alarms.check()
        async with await AmqpClient.connected(server) as consumer:
            await consumer.consume("q", no_ack=True)
            client.publish("", "q", b"the last")
            blocked = await client.expect(0, commands.Connection.Blocked)
            assert blocked.reason == "low on memory"
            assert (await consumer.content()).body == b"the last"
            client.publish("", "q", b"held")
            assert await consumer.silent()
            states = {connection.state for connection in listener_of(server).connections.values()}
            assert states == {"running", "blocked"}
            alarms.measure_memory = lambda: 0
            alarms.check()
            await client.expect(0, commands.Connection.Unblocked)
            assert (await consumer.content()).body == b"held"

    with_amqp(run)


def test_a_publisher_that_cannot_be_told_is_held_all_the_same() -> None:
    async def run(server: Server) -> None:
        alarms = server.broker.alarms
        async with await AmqpClient.connected(server, capabilities={}) as client:
            await client.declare("q")
            alarms.measure_memory = lambda: 1 << 60
            alarms.check()
            client.publish("", "q", b"1", Properties(delivery_mode=2))
            (connection,) = listener_of(server).connections.values()
            await eventually(lambda: connection.state == "blocked")
            alarms.measure_memory = lambda: 0
            alarms.check()
            assert await client.got("q")

    on_server(run)


def test_many_requests_in_few_bytes_are_not_answered_beyond_what_memory_holds() -> None:
    async def run(server: Server, client: AmqpClient) -> None:
        await client.declare("q")
        await client.published("q", *(bytes([number]) * 1_000_000 for number in range(60)))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(60):
            client.send(1, commands.Basic.Get(queue="q", no_ack=True))
        await client.writer.drain()
        queue = server.broker.virtual_hosts["/"].queues["q"]
        await eventually(lambda: queue.message_count < 60)
        async with await AmqpClient.connected(server):
            assert queue.message_count > 20
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert [body[0] for body in await client.bodies(60)] == list(range(60))
        assert await client.silent()

    with_amqp(run)
