"""Produce (key 0) by hand, versions 3-13.

v3: transactional id. v5: log start offset in the response. v8: record errors. v9: flexible. v10: leader hints (KIP-951).
v13: topic ids instead of names. A request is parsed without copying anything but the records; a response without errors is written here,
one with errors by the generic codec.
"""

import struct
from struct import Struct

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.hot import varints
from message_queues.protocols.kafka.hot.varints import take

FIRST_FLEXIBLE = 9
FIRST_WITH_TOPIC_IDS = 13

_ACKS_TIMEOUT_COUNT = Struct(">hii")
_ACKS_TIMEOUT = Struct(">hi")
_INT16 = Struct(">h")
_INT32 = Struct(">i")
_INDEX_SIZE = Struct(">ii")

_FRAME_V0 = Struct(">ii")
_FRAME_V1 = Struct(">iiB")
_PARTITION_V3 = Struct(">ihqq")
_PARTITION_V5 = Struct(">ihqqq")
_PARTITION_V8 = Struct(">ihqqqih")
_PARTITION_V9 = Struct(">ihqqqBBB")

PartitionRecords = list[tuple[int, bytes]]


class ProduceRequestView:
    """`topics` holds (name or topic id, [(partition, records)]) as sent."""

    __slots__ = ("acks", "topics", "transactional_id")

    def __init__(self, acks: int, transactional_id: bytes | None, topics: list[tuple[bytes, PartitionRecords]]) -> None:
        self.acks = acks
        self.transactional_id = transactional_id
        self.topics = topics


def parse(version: int, frame: bytes, position: int) -> ProduceRequestView:
    """`position` is where the header ends. Raises MalformedMessage."""
    try:
        return _parse_flexible(version, frame, position) if version >= FIRST_FLEXIBLE else _parse(frame, position)
    except (struct.error, IndexError) as error:
        raise MalformedMessage(f"a Produce request of {len(frame)} bytes ends too early", position) from error


def _parse(frame: bytes, position: int) -> ProduceRequestView:
    (size,) = _INT16.unpack_from(frame, position)
    position += 2
    transactional_id: bytes | None = None
    if size >= 0:
        transactional_id = take(frame, position, size)
        position += size
    acks, _, topic_count = _ACKS_TIMEOUT_COUNT.unpack_from(frame, position)
    position += 10
    topics: list[tuple[bytes, PartitionRecords]] = []
    for _ in range(topic_count):
        (size,) = _INT16.unpack_from(frame, position)
        name = take(frame, position + 2, size)
        position += 2 + size
        (partition_count,) = _INT32.unpack_from(frame, position)
        position += 4
        partitions: PartitionRecords = []
        for _ in range(partition_count):
            index, size = _INDEX_SIZE.unpack_from(frame, position)
            position += 8
            if size < 0:
                partitions.append((index, b""))
                continue
            partitions.append((index, take(frame, position, size)))
            position += size
        topics.append((name, partitions))
    return ProduceRequestView(acks, transactional_id, topics)


def _parse_flexible(version: int, frame: bytes, position: int) -> ProduceRequestView:
    # Nearly every varint here has one byte, so that is looked at before a function is called.
    size = frame[position]
    position += 1
    if size >= 0x80:
        size, position = varints.read(frame, position - 1)
    transactional_id: bytes | None = None
    if size:
        transactional_id = take(frame, position, size - 1)
        position += size - 1
    acks, _ = _ACKS_TIMEOUT.unpack_from(frame, position)
    topic_count, position = varints.read(frame, position + 6)
    topics: list[tuple[bytes, PartitionRecords]] = []
    for _ in range(topic_count - 1):
        if version >= FIRST_WITH_TOPIC_IDS:
            size = 16
        else:
            size = frame[position] - 1
            position += 1
            if size >= 0x7F:
                size, position = varints.read(frame, position - 1)
                size -= 1
        topic = take(frame, position, size)
        position += size
        partition_count = frame[position]
        position += 1
        if partition_count >= 0x80:
            partition_count, position = varints.read(frame, position - 1)
        partitions: PartitionRecords = []
        for _ in range(partition_count - 1):
            (index,) = _INT32.unpack_from(frame, position)
            size, position = varints.read(frame, position + 4)
            if size:
                partitions.append((index, take(frame, position, size - 1)))
                position += size - 1
            else:
                partitions.append((index, b""))
            position = varints.skip_tags(frame, position) if frame[position] else position + 1
        position = varints.skip_tags(frame, position) if frame[position] else position + 1
        topics.append((topic, partitions))
    varints.skip_tags(frame, position)
    return ProduceRequestView(acks, transactional_id, topics)


Appended = tuple[int, int, int, int]
"""(partition, base offset, append time or -1, log start offset) of a batch that was appended."""


def encode_success(version: int, correlation_id: int, topics: list[tuple[bytes, list[Appended]]]) -> bytes:
    """The whole frame, length first, of a response in which no partition has an error."""
    flexible = version >= FIRST_FLEXIBLE
    if flexible and len(topics) == 1 and len(topics[0][1]) == 1:
        return _encode_one(version, correlation_id, *topics[0])
    parts: list[bytes] = []
    parts.append(varints.write(len(topics) + 1) if flexible else _INT32.pack(len(topics)))
    for topic, partitions in topics:
        if not flexible:
            parts.append(_INT16.pack(len(topic)) + topic + _INT32.pack(len(partitions)))
        elif version >= FIRST_WITH_TOPIC_IDS:
            parts.append(topic + varints.write(len(partitions) + 1))
        else:
            parts.append(varints.write(len(topic) + 1) + topic + varints.write(len(partitions) + 1))
        for index, base_offset, append_time, start_offset in partitions:
            if flexible:
                # No record errors (compact 1), no message (compact 0), no tags.
                parts.append(_PARTITION_V9.pack(index, 0, base_offset, append_time, start_offset, 1, 0, 0))
            elif version >= 8:
                parts.append(_PARTITION_V8.pack(index, 0, base_offset, append_time, start_offset, 0, -1))
            elif version >= 5:
                parts.append(_PARTITION_V5.pack(index, 0, base_offset, append_time, start_offset))
            else:
                parts.append(_PARTITION_V3.pack(index, 0, base_offset, append_time))
        if flexible:
            parts.append(b"\0")
    # throttle_time_ms, and the response's own tags.
    parts.append(b"\0\0\0\0\0" if flexible else b"\0\0\0\0")
    body = b"".join(parts)
    return (_FRAME_V1.pack(len(body) + 5, correlation_id, 0) if flexible else _FRAME_V0.pack(len(body) + 4, correlation_id)) + body


_ONE_HEAD = Struct(">iiBB")
_ONE_TAIL = Struct(">BihqqqBBBBiB")


def _encode_one(version: int, correlation_id: int, topic: bytes, partitions: list[Appended]) -> bytes:
    """What most responses are: one partition of one topic."""
    ((index, base_offset, append_time, start_offset),) = partitions
    key = topic if version >= FIRST_WITH_TOPIC_IDS else varints.write(len(topic) + 1) + topic
    size = _ONE_HEAD.size - 4 + len(key) + _ONE_TAIL.size
    return (
        _ONE_HEAD.pack(size, correlation_id, 0, 2)
        + key
        + _ONE_TAIL.pack(2, index, 0, base_offset, append_time, start_offset, 1, 0, 0, 0, 0, 0)
    )


def success_layout(version: int, topic: bytes) -> tuple[Struct, bytes]:
    """For responses about the same partition again and again, flexible versions: the layout of the whole frame of success, and the bytes
    between its header and the partition. Packed are: size, correlation id, 0, those bytes, partition, 0, base offset, append time,
    log start offset, 1.
    """
    key = topic if version >= FIRST_WITH_TOPIC_IDS else varints.write(len(topic) + 1) + topic
    start = b"\2" + key + b"\2"
    # The rest is as in _ONE_TAIL: no message, no tags, no throttle time.
    return Struct(f">iiB{len(start)}sihqqqB8x"), start
