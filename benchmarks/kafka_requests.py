"""The few Kafka requests that the measurements send over a plain socket, built by hand.

They are independent of the project's own codec, so a defect there cannot hide itself here.
Produce is version 10 and the record batch version 2, both as librdkafka 2.16 sends them; Metadata is version 1.
"""

import socket
import struct
from dataclasses import dataclass

import google_crc32c

PRODUCE_VERSION = 10
METADATA_VERSION = 1
CLIENT_ID = b"raw-socket"
BASE_OFFSET_BYTES = 8


class RefusedResponse(Exception):
    """The broker answered with an error code, or with something other than what was asked."""


@dataclass(frozen=True, slots=True)
class ProduceExchange:
    """One Produce request, ready to send, and what its response must look like."""

    request: bytes
    response_prefix: bytes
    """Everything up to the base offset: length, correlation id, topic, partition and error code 0."""
    response_bytes: int

    def base_offset(self, response: bytes) -> int:
        """The offset that the broker gave the record, once the response is known to be of success."""
        if len(response) != self.response_bytes or not response.startswith(self.response_prefix):
            raise RefusedResponse(describe_produce_response(response, self))
        offset: int = struct.unpack_from(">q", response, len(self.response_prefix))[0]
        return offset


def produce_exchange(topic: str, partition: int, value: bytes, correlation_id: int) -> ProduceExchange:
    """A request of one record with acks=all, and the shape of its answer."""
    name = topic.encode()
    batch = record_batch(value)
    body = b"".join(
        (
            struct.pack(">hhi h", 0, PRODUCE_VERSION, correlation_id, len(CLIENT_ID)),
            CLIENT_ID,
            b"\0",  # header's tagged fields
            b"\0",  # no transactional id
            struct.pack(">hi", -1, 30_000),
            compact(1),
            compact(len(name)),
            name,
            compact(1),
            struct.pack(">i", partition),
            compact(len(batch)),
            batch,
            b"\0\0\0",  # tagged fields of partition, topic and request
        )
    )
    prefix_body = b"".join(
        (
            struct.pack(">i", correlation_id),
            b"\0",
            compact(1),
            compact(len(name)),
            name,
            compact(1),
            struct.pack(">ih", partition, 0),
        )
    )
    # base offset, append time, start offset, no record errors, no message, two tag sections, throttle time, tags
    rest = BASE_OFFSET_BYTES + 8 + 8 + 1 + 1 + 1 + 1 + 4 + 1
    size = len(prefix_body) + rest
    return ProduceExchange(
        request=struct.pack(">i", len(body)) + body,
        response_prefix=struct.pack(">i", size) + prefix_body,
        response_bytes=4 + size,
    )


def describe_produce_response(response: bytes, exchange: ProduceExchange) -> str:
    """Why a response was refused, with its error code when it has come that far."""
    at = len(exchange.response_prefix) - 2
    same_partition = response[4:at] == exchange.response_prefix[4:at]
    if same_partition and len(response) >= at + 2:
        return f"Produce was answered with error code {struct.unpack_from('>h', response, at)[0]}"
    return f"Produce was answered with {len(response)} unexpected bytes, starting {response[:64].hex()}"


def record_batch(value: bytes) -> bytes:
    """A batch with a single record without key or headers."""
    record = b"\0\0\0\1" + zigzag(len(value)) + value + b"\0"
    records = zigzag(len(record)) + record
    checked = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, 1) + records
    crc = google_crc32c.value(checked)
    return struct.pack(">qiibI", 0, 4 + 1 + 4 + len(checked), -1, 2, crc) + checked


def zigzag(number: int) -> bytes:
    """A non-negative number as the records spell it."""
    return unsigned_varint(number << 1)


def compact(number: int) -> bytes:
    """A length as flexible versions spell it: one more than it is."""
    return unsigned_varint(number + 1)


def unsigned_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What a Metadata response says: how many brokers, and how many partitions with and without a leader."""

    brokers: int
    partitions_led: int
    partitions_without_leader: int


def ask_metadata(address: str, topics: tuple[str, ...] | None, timeout_s: float) -> ClusterView:
    """Metadata over a connection of its own. None asks for every topic."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
        connection.sendall(metadata_request(topics))
        (size,) = struct.unpack(">i", receive_exactly(connection, 4))
        return read_metadata(receive_exactly(connection, size))


def metadata_request(topics: tuple[str, ...] | None) -> bytes:
    names = () if topics is None else tuple(topic.encode() for topic in topics)
    body = b"".join(
        (
            struct.pack(">hhih", 3, METADATA_VERSION, 1, len(CLIENT_ID)),
            CLIENT_ID,
            struct.pack(">i", -1 if topics is None else len(names)),
            *(struct.pack(">h", len(name)) + name for name in names),
        )
    )
    return struct.pack(">i", len(body)) + body


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        chunk = connection.recv(min(size - len(received), 1 << 20))
        if not chunk:
            raise ConnectionResetError("the broker closed the connection within a response")
        received += chunk
    return bytes(received)


def read_metadata(response: bytes) -> ClusterView:
    """Metadata v1, read only as far as the measurements need it."""
    position = 4
    (brokers,) = struct.unpack_from(">i", response, position)
    position += 4
    for _ in range(brokers):
        position = after_string(response, position + 4) + 4  # node id, host, port
        position = after_string(response, position)  # rack
    (topics,) = struct.unpack_from(">i", response, position + 4)  # after the controller id
    position += 8
    led = leaderless = 0
    for _ in range(topics):
        position = after_string(response, position + 2) + 1  # error, name, is internal
        (partitions,) = struct.unpack_from(">i", response, position)
        position += 4
        for _ in range(partitions):
            _, _, leader, replicas = struct.unpack_from(">hiii", response, position)
            position += 14 + 4 * replicas
            (in_sync,) = struct.unpack_from(">i", response, position)
            position += 4 + 4 * in_sync
            led += leader >= 0
            leaderless += leader < 0
    return ClusterView(brokers, led, leaderless)


def after_string(response: bytes, position: int) -> int:
    (length,) = struct.unpack_from(">h", response, position)
    return position + 2 + max(0, int(length))
