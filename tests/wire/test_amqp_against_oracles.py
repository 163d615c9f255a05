"""Our AMQP codec against two others: what pamqp and pika write is what we write, byte for byte, and each reads the other's.

Their dialects of field tables are narrower than RabbitMQ's, so values are drawn that both sides can say. pika writes every integer as 64
bits and pamqp in as few as hold it: integers are drawn where either writes as RabbitMQ does.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pika
import pytest
from pamqp import base, commands, encode, header
from pamqp import frame as pamqp_frame
from pika import data as pika_data
from pika import frame as pika_frame
from pika import spec

from message_queues.protocols.amqp.deliveries import DeliveryFrames, method_frame, publish_frames
from message_queues.protocols.amqp.methods import read_method, write_method
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp, read_table, write_table
from message_queues.records.properties import Properties, read_properties, write_properties

ALPHABET = "abcxyz.-_019 äß€𝄞"
NAMES = "abcxyz.-_019"
ROUNDS = 300
# Arguments that mean something else than their type says, or that pamqp checks.
FIXED: dict[str, object] = {
    "ticket": 0,
    "capabilities": "",
    "insist": False,
    "out_of_band": "0",
    "channel_id": "0",
    "known_hosts": "",
    "cluster_id": "",
}
METHODS = [kind for kind in commands.INDEX_MAPPING.values() if kind is not commands.Basic.RecoverAsync]


class RandomValues:
    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def text(self, alphabet: str = ALPHABET, most: int = 60) -> str:
        return "".join(self._random.choices(alphabet, k=self._random.choice((0, 1, 5, most))))

    def table(self, depth: int = 0) -> FieldTable:
        # In the order in which pamqp writes it.
        names = sorted({self.text(NAMES) for _ in range(self._random.choice((0, 1, 3)))})
        return {name: self.value(depth) for name in names}

    def value(self, depth: int) -> FieldValue:
        choose = self._random
        match choose.randrange(9 if depth < 3 else 6):
            case 0:
                return choose.random() < 0.5
            case 1:
                # 32 bits: the range where pamqp and RabbitMQ choose the same tag.
                return choose.choice((-1, 1)) * choose.randrange(40_000, 1 << 31)
            case 2:
                return Decimal(choose.randrange(1 << 31)).scaleb(-choose.randrange(10))
            case 3:
                return Timestamp(choose.randrange(1 << 32))
            case 4:
                return None
            case 5 | 6:
                return self.text()
            case 7:
                return [self.value(depth + 1) for _ in range(choose.randrange(4))]
        return self.table(depth + 1)

    def argument(self, name: str, kind: str) -> object:
        choose = self._random
        if name in FIXED:
            return FIXED[name]
        match kind:
            case "bit":
                return choose.random() < 0.5
            case "octet":
                return choose.randrange(256)
            case "short":
                return choose.choice((0, 1, (1 << 16) - 1))
            case "long":
                return choose.choice((0, 1, (1 << 32) - 1))
            case "longlong":
                return choose.choice((0, 1, (1 << 63) - 1))
            case "table":
                return self.table()
        return self.text(NAMES)

    def method(self, kind: type[base.Frame]) -> base.Frame:
        made = kind.__new__(kind)
        for name in kind.__slots__:
            setattr(made, name, self.argument(name, kind.amqp_type(name)))
        return made

    def properties(self) -> Properties:
        choose = self._random
        made = Properties(delivery_mode=choose.choice((1, 2)), priority=choose.randrange(256), headers=self.table())
        for name in (
            "content_type",
            "content_encoding",
            "correlation_id",
            "reply_to",
            "expiration",
            "message_id",
            "type",
            "user_id",
            "app_id",
        ):
            if choose.random() < 0.5:
                setattr(made, name, "x" + self.text())
        if choose.random() < 0.5:
            made.timestamp = Timestamp(choose.randrange(1 << 32))
        return made


def theirs(value: object) -> Any:
    """Timestamps are datetimes to both."""
    match value:
        case Timestamp():
            return datetime.fromtimestamp(value, UTC)
        case dict():
            return {name: theirs(each) for name, each in value.items()}
        case list():
            return [theirs(each) for each in value]
    return value


def pika_would(value: object) -> Any:
    """Integers of 64 bits, and decimals without zeros at their ends, as pika writes them."""
    match value:
        case Timestamp():
            return datetime.fromtimestamp(value, UTC)
        case bool():
            return value
        case int():
            return value << 32
        case Decimal():
            return value.normalize() if value != value.to_integral_value() else Decimal(int(value))
        case dict():
            return {name: pika_would(each) for name, each in value.items()}
        case list():
            return [pika_would(each) for each in value]
    return value


def ours_for_pika(value: Any) -> FieldValue:
    match value:
        case bool():
            return value
        case datetime():
            return Timestamp(int(value.timestamp()))
        case dict():
            return {name: ours_for_pika(each) for name, each in value.items()}
        case list():
            return [ours_for_pika(each) for each in value]
    return value  # type: ignore[no-any-return]


def tables(seed: str) -> Iterator[FieldTable]:
    values = RandomValues(seed)
    for _ in range(ROUNDS):
        yield values.table()


def test_field_tables_are_the_bytes_of_pamqp() -> None:
    for table in tables("pamqp"):
        assert write_table(table) == encode.field_table(theirs(table))


def test_field_tables_are_the_bytes_of_pika() -> None:
    for table in tables("pika"):
        for_pika = pika_would(table)
        pieces: list[bytes] = []
        pika_data.encode_table(pieces, for_pika)
        assert write_table(ours_for_pika(for_pika)) == b"".join(pieces)  # type: ignore[arg-type]


def test_field_tables_of_pika_are_read_as_pika_reads_them() -> None:
    for table in tables("read by pika"):
        written = write_table(table)
        read, _ = pika_data.decode_table(written, 0)
        assert ours_for_pika(read) == ours_for_pika(theirs(read_table(written)[0]))


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.name)
def test_methods_are_the_bytes_of_pamqp(kind: type[base.Frame]) -> None:
    values = RandomValues(kind.name)
    for _ in range(20):
        method = values.method(kind)
        for_pamqp = kind.__new__(kind)
        for name in kind.__slots__:
            setattr(for_pamqp, name, theirs(getattr(method, name)))
        written = method_frame(9, method)
        assert written == pamqp_frame.marshal(for_pamqp, 9)
        assert write_method(read_method(written[7:-1])) == written[7:-1]


# pika reads connection.update-secret, which only clients send, into another method's fields.
@pytest.mark.parametrize("kind", [kind for kind in METHODS if kind is not commands.Connection.UpdateSecret], ids=lambda kind: kind.name)
def test_pika_reads_our_methods(kind: type[base.Frame]) -> None:
    values = RandomValues(kind.name)
    for _ in range(10):
        method = values.method(kind)
        written = write_method(method)
        pikas = spec.methods[kind.index]
        read = pikas.__new__(pikas).decode(written, 4)
        assert b"".join([written[:4], *read.encode()]) == written or any(kind.amqp_type(name) == "table" for name in kind.__slots__)
        for name in kind.__slots__:
            if kind.amqp_type(name) in ("bit", "short", "long", "longlong", "octet") and name in vars(read):
                assert getattr(read, name) == getattr(method, name), name


def test_properties_are_the_bytes_of_pamqp() -> None:
    values = RandomValues("properties")
    for _ in range(ROUNDS):
        properties = values.properties()
        given = {name: theirs(getattr(properties, name)) for name in Properties.__slots__ if getattr(properties, name) is not None}
        given["message_type"] = given.pop("type", None)
        marshalled = header.ContentHeader(0, 5, commands.Basic.Properties(**given)).marshal()
        assert write_properties(properties) == marshalled[12:]
        assert read_properties(marshalled[12:]) == properties


def test_properties_of_pika_are_read_and_written() -> None:
    values = RandomValues("pika properties")
    for _ in range(ROUNDS):
        properties = values.properties()
        given = {name: getattr(properties, name) for name in Properties.__slots__}
        given["headers"] = None
        theirs_written = b"".join(pika.BasicProperties(**given).encode())
        properties.headers = None
        assert write_properties(properties) == theirs_written
        assert read_properties(theirs_written) == properties


@pytest.mark.parametrize("size", [0, 1, 100, 131064, 131065])
def test_a_publish_is_the_bytes_of_pika(size: int) -> None:
    properties = write_properties(Properties(content_type="text/plain", delivery_mode=2))
    content = b"x" * size
    pieces = [pika_frame.Method(3, spec.Basic.Publish(exchange="events", routing_key="a.b", mandatory=True)).marshal()]
    pieces.append(pika_frame.Header(3, size, pika.BasicProperties(content_type="text/plain", delivery_mode=2)).marshal())
    pieces += [pika_frame.Body(3, content[start : start + 131064]).marshal() for start in range(0, size, 131064)]
    assert publish_frames(3, "events", "a.b", properties, content, mandatory=True, frame_max=131072) == b"".join(pieces)


def test_a_delivery_is_the_bytes_of_pika() -> None:
    deliver = spec.Basic.Deliver(consumer_tag="ctag", delivery_tag=77, redelivered=True, exchange="events", routing_key="a.b")
    pieces = [pika_frame.Method(3, deliver).marshal(), pika_frame.Header(3, 5, pika.BasicProperties(priority=4)).marshal()]
    expected = b"".join([*pieces, pika_frame.Body(3, b"hello").marshal()])
    properties = write_properties(Properties(priority=4))
    assert DeliveryFrames(3, "ctag").frames(77, True, "events", "a.b", properties, b"hello", 131072) == expected
