"""Fetch (key 1) by hand, versions 4-18.

v4: isolation level. v5: log start offset. v7: sessions (KIP-227). v9: leader epoch. v11: rack. v12: flexible, last fetched epoch.
v13: topic ids. v15: the replica id moves into a tagged field. v17, v18: tagged fields that only replicas send.
A response without errors other than plain codes is written here, as pieces, so that records are never copied into one body.
"""

import struct
from collections.abc import Sequence
from struct import Struct
from typing import TypeAlias

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.hot import varints
from message_queues.protocols.kafka.hot.varints import take

FIRST_WITH_SESSIONS = 7
FIRST_FLEXIBLE = 12
FIRST_WITH_TOPIC_IDS = 13

_INT16 = Struct(">h")
_INT32 = Struct(">i")
_HEAD_V4 = Struct(">iiib")
_HEAD_V7 = Struct(">iiibii")
_PARTITION_V4 = Struct(">iqi")
_PARTITION_V5 = Struct(">iqqi")
_PARTITION_V9 = Struct(">iiqqi")
_PARTITION_V12 = Struct(">iiqiqi")

_FRAME_V0 = Struct(">iii")
_FRAME_V0_SESSION = Struct(">iiihi")
_FRAME_V1_SESSION = Struct(">iiBihi")
_ANSWER_V4 = Struct(">ihqqii")
_ANSWER_V5 = Struct(">ihqqqii")
_ANSWER_V11 = Struct(">ihqqqiii")
_ANSWER_V12 = Struct(">ihqqqBi")

READ_COMMITTED = 1
NodeEndpoint: TypeAlias = tuple[int, str, int, str | None]
"""(node id, host, port, rack)"""
UNKNOWN = frozenset({ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID})


class PartitionFetch:
    """What is asked of one partition. `current_leader_epoch` is -1 when the client does not know it."""

    __slots__ = ("current_leader_epoch", "fetch_offset", "index", "last_fetched_epoch", "max_bytes", "topic")

    def __init__(
        self, topic: bytes, index: int, fetch_offset: int, max_bytes: int, current_leader_epoch: int, last_fetched_epoch: int
    ) -> None:
        self.topic = topic
        """The name, or from version 13 on the topic id, as sent."""
        self.index = index
        self.fetch_offset = fetch_offset
        self.max_bytes = max_bytes
        self.current_leader_epoch = current_leader_epoch
        self.last_fetched_epoch = last_fetched_epoch


class FetchRequestView:
    __slots__ = ("forgotten", "isolation_level", "max_bytes", "max_wait_ms", "min_bytes", "partitions", "session_epoch", "session_id")

    def __init__(self, max_wait_ms: int, min_bytes: int, max_bytes: int, isolation_level: int, session_id: int, session_epoch: int) -> None:
        self.max_wait_ms = max_wait_ms
        self.min_bytes = min_bytes
        self.max_bytes = max_bytes
        self.isolation_level = isolation_level
        self.session_id = session_id
        self.session_epoch = session_epoch
        self.partitions: list[PartitionFetch] = []
        self.forgotten: list[tuple[bytes, int]] = []


def parse(version: int, frame: bytes, position: int) -> FetchRequestView:
    """`position` is where the header ends. Raises MalformedMessage."""
    try:
        return _parse_flexible(version, frame, position) if version >= FIRST_FLEXIBLE else _parse(version, frame, position)
    except (struct.error, IndexError) as error:
        raise MalformedMessage(f"a Fetch request of {len(frame)} bytes ends too early", position) from error


def _parse(version: int, frame: bytes, position: int) -> FetchRequestView:
    position += 4  # replica_id
    if version >= FIRST_WITH_SESSIONS:
        request = FetchRequestView(*_HEAD_V7.unpack_from(frame, position))
        position += _HEAD_V7.size
    else:
        max_wait_ms, min_bytes, max_bytes, isolation_level = _HEAD_V4.unpack_from(frame, position)
        request = FetchRequestView(max_wait_ms, min_bytes, max_bytes, isolation_level, 0, -1)
        position += _HEAD_V4.size
    (topic_count,) = _INT32.unpack_from(frame, position)
    position += 4
    for _ in range(topic_count):
        (size,) = _INT16.unpack_from(frame, position)
        topic = take(frame, position + 2, size)
        position += 2 + size
        (partition_count,) = _INT32.unpack_from(frame, position)
        position += 4
        for _ in range(partition_count):
            leader_epoch = -1
            if version >= 9:
                index, leader_epoch, offset, _, max_bytes = _PARTITION_V9.unpack_from(frame, position)
                position += _PARTITION_V9.size
            elif version >= 5:
                index, offset, _, max_bytes = _PARTITION_V5.unpack_from(frame, position)
                position += _PARTITION_V5.size
            else:
                index, offset, max_bytes = _PARTITION_V4.unpack_from(frame, position)
                position += _PARTITION_V4.size
            request.partitions.append(PartitionFetch(topic, index, offset, max_bytes, leader_epoch, -1))
    if version >= FIRST_WITH_SESSIONS:
        _parse_forgotten(request, frame, position)
    return request


def _parse_forgotten(request: FetchRequestView, frame: bytes, position: int) -> None:
    (topic_count,) = _INT32.unpack_from(frame, position)
    position += 4
    for _ in range(topic_count):
        (size,) = _INT16.unpack_from(frame, position)
        topic = take(frame, position + 2, size)
        position += 2 + size
        (partition_count,) = _INT32.unpack_from(frame, position)
        position += 4
        for _ in range(partition_count):
            (index,) = _INT32.unpack_from(frame, position)
            position += 4
            request.forgotten.append((topic, index))


def _parse_flexible(version: int, frame: bytes, position: int) -> FetchRequestView:
    if version < 15:
        position += 4  # replica_id
    request = FetchRequestView(*_HEAD_V7.unpack_from(frame, position))
    topic_count, position = varints.read(frame, position + _HEAD_V7.size)
    for _ in range(topic_count - 1):
        topic, position = _topic(version, frame, position)
        partition_count, position = varints.read(frame, position)
        for _ in range(partition_count - 1):
            index, leader_epoch, offset, last_epoch, _, max_bytes = _PARTITION_V12.unpack_from(frame, position)
            position = varints.skip_tags(frame, position + _PARTITION_V12.size)
            request.partitions.append(PartitionFetch(topic, index, offset, max_bytes, leader_epoch, last_epoch))
        position = varints.skip_tags(frame, position)
    topic_count, position = varints.read(frame, position)
    for _ in range(topic_count - 1):
        topic, position = _topic(version, frame, position)
        partition_count, position = varints.read(frame, position)
        for _ in range(partition_count - 1):
            (index,) = _INT32.unpack_from(frame, position)
            position += 4
            request.forgotten.append((topic, index))
        position = varints.skip_tags(frame, position)
    size, position = varints.read(frame, position)
    varints.skip_tags(frame, position + max(0, size - 1))
    return request


def _topic(version: int, frame: bytes, position: int) -> tuple[bytes, int]:
    if version >= FIRST_WITH_TOPIC_IDS:
        return take(frame, position, 16), position + 16
    size, position = varints.read(frame, position)
    return take(frame, position, size - 1), position + size - 1


class PartitionAnswer:
    __slots__ = ("diverging_epoch", "error", "high_watermark", "index", "leader", "log_start_offset", "records", "topic")

    def __init__(self, topic: bytes, index: int, error: int, high_watermark: int, log_start_offset: int, records: bytes) -> None:
        self.topic = topic
        self.index = index
        self.error = error
        self.high_watermark = high_watermark
        self.log_start_offset = log_start_offset
        self.records = records
        self.leader: tuple[int, int] | None = None
        """(node id, epoch) where the request should have gone (KIP-951); told from version 12 on."""
        self.diverging_epoch: tuple[int, int] | None = None
        """(epoch, end offset) where the client's log has left ours (KIP-320 in Fetch)."""


def encode(
    version: int,
    correlation_id: int,
    error: int,
    session_id: int,
    isolation_level: int,
    answers: list[PartitionAnswer],
    leaders: Sequence[NodeEndpoint] = (),
) -> list[bytes]:
    """The pieces of the whole frame, length first; records are pieces of their own. `leaders` are where the answers' leaders listen."""
    flexible = version >= FIRST_FLEXIBLE
    groups = _by_topic(answers)
    pieces: list[bytes] = [b"", varints.write(len(groups) + 1) if flexible else _INT32.pack(len(groups))]
    for topic, partitions in groups:
        pieces.append(_topic_head(version, topic, len(partitions)))
        for answer in partitions:
            if flexible:
                _encode_flexible(answer, isolation_level, pieces)
            else:
                _encode(version, answer, isolation_level, pieces)
        if flexible:
            pieces.append(b"\0")
    if flexible:
        pieces.append(_node_endpoints(leaders) if leaders else b"\0")
    size = sum(map(len, pieces))
    if flexible:
        pieces[0] = _FRAME_V1_SESSION.pack(size + 15, correlation_id, 0, 0, error, session_id)
    elif version >= FIRST_WITH_SESSIONS:
        pieces[0] = _FRAME_V0_SESSION.pack(size + 14, correlation_id, 0, error, session_id)
    else:
        pieces[0] = _FRAME_V0.pack(size + 8, correlation_id, 0)
    return pieces


def _by_topic(answers: list[PartitionAnswer]) -> list[tuple[bytes, list[PartitionAnswer]]]:
    if len(answers) == 1:
        return [(answers[0].topic, answers)]
    groups: dict[bytes, list[PartitionAnswer]] = {}
    for answer in answers:
        groups.setdefault(answer.topic, []).append(answer)
    return list(groups.items())


def _topic_head(version: int, topic: bytes, partitions: int) -> bytes:
    if version >= FIRST_WITH_TOPIC_IDS:
        return topic + varints.write(partitions + 1)
    if version >= FIRST_FLEXIBLE:
        return varints.write(len(topic) + 1) + topic + varints.write(partitions + 1)
    return _INT16.pack(len(topic)) + topic + _INT32.pack(partitions)


def _encode(version: int, answer: PartitionAnswer, isolation_level: int, pieces: list[bytes]) -> None:
    # Aborted transactions are null for read_uncommitted, a list for read_committed and for what does not exist.
    aborted = 0 if isolation_level == READ_COMMITTED or answer.error in UNKNOWN else -1
    size = len(answer.records)
    high_watermark = answer.high_watermark
    if version >= 11:
        head = _ANSWER_V11.pack(answer.index, answer.error, high_watermark, high_watermark, answer.log_start_offset, aborted, -1, size)
    elif version >= 5:
        head = _ANSWER_V5.pack(answer.index, answer.error, high_watermark, high_watermark, answer.log_start_offset, aborted, size)
    else:
        head = _ANSWER_V4.pack(answer.index, answer.error, high_watermark, high_watermark, aborted, size)
    pieces.append(head)
    if size:
        pieces.append(answer.records)


def _encode_flexible(answer: PartitionAnswer, isolation_level: int, pieces: list[bytes]) -> None:
    aborted = 1 if isolation_level == READ_COMMITTED or answer.error in UNKNOWN else 0
    high_watermark = answer.high_watermark
    head = _ANSWER_V12.pack(answer.index, answer.error, high_watermark, high_watermark, answer.log_start_offset, aborted, -1)
    pieces.append(head + varints.write(len(answer.records) + 1))
    if answer.records:
        pieces.append(answer.records)
    if answer.leader is None and answer.diverging_epoch is None:
        pieces.append(b"\0")
    else:
        pieces.append(_tags(answer))


def _node_endpoints(leaders: Sequence[NodeEndpoint]) -> bytes:
    """The tag section of the whole answer: one field with tag 0."""
    parts = [varints.write(len(leaders) + 1)]
    for node_id, host, port, rack in leaders:
        name, place = host.encode(), None if rack is None else rack.encode()
        parts += [_INT32.pack(node_id), varints.write(len(name) + 1), name, _INT32.pack(port)]
        parts += [b"\0"] if place is None else [varints.write(len(place) + 1), place]
        parts.append(b"\0")
    body = b"".join(parts)
    return b"\x01\x00" + varints.write(len(body)) + body


_EPOCH_END_OFFSET = Struct(">iqB")
_LEADER = Struct(">iiB")


def _tags(answer: PartitionAnswer) -> bytes:
    tags: list[bytes] = []
    if answer.diverging_epoch is not None:
        tags.append(b"\x00" + bytes((_EPOCH_END_OFFSET.size,)) + _EPOCH_END_OFFSET.pack(*answer.diverging_epoch, 0))
    if answer.leader is not None:
        tags.append(b"\x01" + bytes((_LEADER.size,)) + _LEADER.pack(*answer.leader, 0))
    return bytes((len(tags),)) + b"".join(tags)
