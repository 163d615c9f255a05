"""Connections and channels: shaking hands, limits, and what each kind of wrong bytes gets."""

import struct
from typing import Any

import pytest
from pamqp import body, frame, header
from pamqp.commands import Basic, Channel, Connection, Queue

from tests.contract.rabbitmq.raw_client import PROTOCOL_HEADER, RawClient
from tests.contract.rabbitmq.scene import Scene
from tests.contract.recorded_answers import RecordedAnswers


def raw_frame(kind: int, channel: int, payload: bytes, end: bytes = b"\xce") -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + end


def all_of(scene: Scene, client: RawClient) -> list[Any]:
    return [scene.plain(each) for each in client.everything()]


@pytest.mark.parametrize(
    "data",
    [
        b"AMQP\x00\x00\x09\x00",
        b"AMQP\x01\x01\x00\x09",
        b"AMQP\x00\x01\x00\x00",
        b"AMQP\x03\x01\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"XXXXXXXX",
    ],
    ids=repr,
)
def test_another_protocol_header(scene: Scene, rabbitmq_says: RecordedAnswers, data: bytes) -> None:
    client = scene.socket()
    client.write(data)
    client.socket.settimeout(5)
    # What follows is the end of the connection, or connection.start.
    rabbitmq_says(client.socket.recv(8)[:4].decode("latin-1"))


def test_the_handshake(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    client = scene.socket()
    client.write(PROTOCOL_HEADER)
    start = client.expect(0, Connection.Start)
    properties = dict(start.server_properties)
    said: list[Any] = [
        start.version_major,
        start.version_minor,
        start.mechanisms,
        start.locales,
        properties["capabilities"],
        sorted(properties),
    ]
    client.close()
    client = scene.socket()
    client.handshake()
    said.append(scene.plain(client.tune))
    client.send(0, Connection.Open("/"))
    said.append(scene.plain(client.take(0, lambda _: True)))
    said.append(scene.plain(client.ask(0, Connection.Close(200, "bye", 0, 0))))
    said += all_of(scene, client)
    rabbitmq_says(said)


@pytest.mark.parametrize("capable", [True, False], ids=["capable", "not-capable"])
@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", "\0guest\0wrong"),
        ("PLAIN", "\0nobody\0guest"),
        ("PLAIN", "nonsense"),
        ("PLAIN", ""),
        ("NONSENSE", "\0guest\0guest"),
        ("AMQPLAIN", "nonsense"),
    ],
    ids=repr,
)
def test_credentials_that_are_wrong(scene: Scene, rabbitmq_says: RecordedAnswers, mechanism: str, response: str, capable: bool) -> None:
    client = scene.socket()
    client.start_ok(response, mechanism, {"authentication_failure_close": capable})
    rabbitmq_says([scene.plain(client.take(0, lambda _: True)), *all_of(scene, client)])


def test_amqplain(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    client = scene.socket()
    response = "\5LOGINS\0\0\0\5guest\10PASSWORDS\0\0\0\5guest"
    client.start_ok(response, "AMQPLAIN")
    rabbitmq_says(scene.plain(client.take(0, lambda _: True)))


@pytest.mark.parametrize("name", ["missing", "", "/missing"])
def test_a_virtual_host_that_is_missing(scene: Scene, rabbitmq_says: RecordedAnswers, name: str) -> None:
    client = scene.socket()
    client.handshake()
    client.send(0, Connection.Open(name))
    rabbitmq_says([scene.plain(client.take(0, lambda _: True)), *all_of(scene, client)])


@pytest.mark.parametrize(
    "tuned",
    [
        {"frame_max": 4096},
        {"frame_max": 100},
        {"frame_max": 0},
        {"frame_max": 200_000},
        {"channel_max": 0},
        {"channel_max": 5000},
        {"channel_max": 1},
    ],
    ids=str,
)
def test_tuning(scene: Scene, rabbitmq_says: RecordedAnswers, tuned: dict[str, Any]) -> None:
    client = scene.socket()
    client.handshake(**tuned)
    client.send(0, Connection.Open("/"))
    said = [scene.plain(client.take(0, lambda _: True))]
    if not client.everything():
        client.send(2, Channel.Open())
        said.append(scene.plain(client.take(2, lambda _: True)))
    rabbitmq_says(said)


@pytest.mark.parametrize(
    "data",
    [
        raw_frame(9, 1, b"abc"),
        raw_frame(1, 1, b"\0\x32\0\x0a", end=b"\0"),
        raw_frame(1, 1, b"\0\x32"),
        raw_frame(1, 1, b"\0\x63\0\x01"),
        raw_frame(1, 1, b"\0\x32\0\x63"),
        raw_frame(1, 1, b"\0\x32\0\x0a"),
        raw_frame(1, 1, b"\0\x32\0\x0a\0\0\xff"),
        raw_frame(1, 1, b"\0\x32\0\x0a\0\0\1q\0\0\0\0\x05\1xZ\0\0"),
        raw_frame(1, 1, b"\0\x32\0\x0a\0\0\1q\0\xff\xff\xff\xff"),
        raw_frame(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\0\0\0"),
        raw_frame(3, 1, b"body"),
        raw_frame(8, 1, b""),
        raw_frame(8, 0, b"x"),
        raw_frame(8, 0, b""),
        raw_frame(1, 0, b"\0\x32\0\x0a\0\0\1q\0\0\0\0\0"),
        raw_frame(1, 0, b"\0\x0a\0\x28\1/\0\0"),
        raw_frame(1, 1, b"\0\x0a\0\x28\1/\0\0"),
        struct.pack(">BHI", 1, 1, 1 << 30),
        struct.pack(">BHI", 1, 1, 131072) + bytes(131072) + b"\xce",
    ],
    ids=lambda data: data[:24].hex(),
)
def test_frames_that_are_wrong(scene: Scene, rabbitmq_says: RecordedAnswers, data: bytes) -> None:
    scene.client.write(data)
    rabbitmq_says(all_of(scene, scene.client))


@pytest.mark.parametrize("number", [3, 2047, 2048, 65535])
def test_channel_numbers(scene: Scene, rabbitmq_says: RecordedAnswers, number: int) -> None:
    scene.client.send(number, Channel.Open())
    rabbitmq_says(scene.plain(scene.client.take(number, lambda _: True)))


def test_channels_in_the_wrong_state(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    said: list[Any] = []
    wrong: list[tuple[int, Any]] = [
        (1, Channel.Open()),
        (5, Queue.Declare(queue="q", exclusive=True)),
        (5, Channel.Close(0, "", 0, 0)),
        (5, Channel.CloseOk()),
        (0, Channel.Open()),
        (1, Connection.Close(200, "", 0, 0)),
        (0, Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US")),
        (1, Basic.DeliverOk() if hasattr(Basic, "DeliverOk") else Queue.DeclareOk("q", 0, 0)),
        (1, Channel.FlowOk(True)),
    ]
    for channel, method in wrong:
        client = scene.connect()
        client.open_channel()
        client.send(channel, method)
        said.append([method.name, *all_of(scene, client)])
        client.close()
    rabbitmq_says(said)


def test_frames_after_a_channel_exception_are_ignored(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    client = scene.client
    client.send(1, Queue.Declare(queue=scene.name("missing"), passive=True))
    client.send(1, Queue.Declare(queue="", exclusive=True))
    client.publish(1, "", "anything")
    said = [scene.plain(client.take(1, lambda _: True))]
    client.open_channel(1)
    said.append("open again")
    said.append(scene.ask(Queue.Declare(queue="", exclusive=True)))
    rabbitmq_says(said)


@pytest.mark.parametrize(
    "pieces",
    [
        ("publish", "publish"),
        ("publish", "body"),
        ("publish", "header of another class"),
        ("publish", "header", "too much body"),
        ("publish", "header", "method"),
        ("publish", "header", "header"),
        ("publish", "header with bad properties"),
        ("publish", "header with a huge size"),
        ("publish", "header", "body on another channel"),
    ],
    ids=" then ".join,
)
def test_contents_that_are_wrong(scene: Scene, rabbitmq_says: RecordedAnswers, pieces: tuple[str, ...]) -> None:
    frames = {
        "publish": frame.marshal(Basic.Publish(exchange="", routing_key="q"), 1),
        "body": frame.marshal(body.ContentBody(b"body"), 1),
        "header": frame.marshal(header.ContentHeader(0, 4, Basic.Properties()), 1),
        "header of another class": raw_frame(2, 1, b"\0\x32\0\0\0\0\0\0\0\0\0\4\0\0"),
        "too much body": frame.marshal(body.ContentBody(b"longer than said"), 1),
        "method": frame.marshal(Basic.Qos(0, 1, False), 1),
        "header with bad properties": raw_frame(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\4\x80\0\xff"),
        "header with a huge size": raw_frame(2, 1, b"\0\x3c\0\0\x7f\0\0\0\0\0\0\0\0\0"),
        "body on another channel": frame.marshal(body.ContentBody(b"body"), 2),
    }
    scene.client.open_channel(2)
    scene.client.write(b"".join(frames[piece] for piece in pieces))
    rabbitmq_says(all_of(scene, scene.client))


def test_refused_permissions(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    user = scene.name("user")
    queue, exchange = scene.name("queue"), scene.exchange("topic")
    scene.ask(Queue.Declare(queue=queue))
    said: list[Any] = [scene.http("PUT", f"users/{user}", {"password": "secret", "tags": ""})]
    no_access = scene.socket()
    no_access.handshake(user, "secret")
    no_access.send(0, Connection.Open("/"))
    said.append(scene.plain(no_access.take(0, lambda _: True)))
    said.append(scene.http("PUT", f"permissions/%2F/{user}", {"configure": "^mine", "write": "^mine", "read": "^mine"}))
    client = scene.connect(user, "secret")
    methods: list[Any] = [
        Queue.Declare(queue=queue),
        Queue.Declare(queue=queue, passive=True),
        Queue.Delete(queue=queue),
        Queue.Purge(queue=queue),
        Queue.Bind(queue=queue, exchange=exchange, routing_key=""),
        Basic.Get(queue=queue),
        Basic.Consume(queue=queue),
    ]
    for number, method in enumerate(methods, 1):
        client.open_channel(number)
        said.append(scene.plain(client.ask(number, method)))
    client.open_channel(20)
    client.publish(20, exchange, "key", b"not allowed")
    said.append(scene.plain(client.take(20, lambda _: True)))
    scene.ask(Queue.Delete(queue=queue))
    scene.http("DELETE", f"users/{user}")
    rabbitmq_says(said)


def test_topic_permissions(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    user, exchange = scene.name("user"), scene.exchange("topic")
    scene.http("PUT", f"users/{user}", {"password": "secret", "tags": ""})
    scene.http("PUT", f"permissions/%2F/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
    said: list[Any] = [scene.http("PUT", f"topic-permissions/%2F/{user}", {"exchange": exchange, "write": "^allowed", "read": "^allowed"})]
    client = scene.connect(user, "secret")
    client.open_channel(1)
    client.publish(1, exchange, "allowed.key", b"")
    client.publish(1, exchange, "other.key", b"")
    said.append(scene.plain(client.take(1, lambda _: True)))
    client.open_channel(2)
    client.send(2, Queue.Declare(queue="", exclusive=True))
    client.expect(2, Queue.DeclareOk)
    said.append(scene.plain(client.ask(2, Queue.Bind(queue="", exchange=exchange, routing_key="other.*"))))
    scene.http("DELETE", f"users/{user}")
    rabbitmq_says(said)


def test_an_operator_closes_a_connection(scene: Scene, rabbitmq_says: RecordedAnswers) -> None:
    user = scene.name("user")
    scene.http("PUT", f"users/{user}", {"password": "secret", "tags": ""})
    scene.http("PUT", f"permissions/%2F/{user}", {"configure": ".*", "write": ".*", "read": ".*"})
    client = scene.connect(user, "secret")
    scene.http("DELETE", f"users/{user}")
    rabbitmq_says(all_of(scene, client))
