"""Opening one segment of a message store: its summary, or else its batches one by one; then its acknowledgements."""

import logging
from collections.abc import Sequence

from google_crc32c import value

from message_queues.errors import CorruptMessage, DamagedFile
from message_queues.records.batch import CONTROL_BIT, CRC_START, HEADER_BYTES, BatchHeader, read_header
from message_queues.storage.acknowledgements import Group, load_groups
from message_queues.storage.message_segment import (
    BATCH_MARK,
    BATCH_MARK_AT,
    PERSISTENT,
    SUMMARY_BYTES,
    Batch,
    MessageSegment,
    Weigh,
    batch_fault,
    read_messages,
    read_summary,
)
from message_queues.storage.open_files import OpenFiles

_logger = logging.getLogger(__name__)


def open_segment(
    open_files: OpenFiles, directory: str, base: int, has_acknowledgements: bool, weigh: Weigh, logged: Sequence[int] = ()
) -> MessageSegment:
    """The segment as its files have it; a torn tail is cut. DamagedFile where synced bytes are not valid.

    `logged`: positions that the shared log says are acknowledged, perhaps of messages that never came into the file.
    """
    segment = MessageSegment(directory, base, PERSISTENT)
    weights: dict[int, int] | None = None
    file = open_files.get(segment.path)
    size = file.size
    summary = read_summary(file.read_at(size - SUMMARY_BYTES, SUMMARY_BYTES)) if size >= SUMMARY_BYTES else None
    if summary is not None:
        segment.generation = summary.generation
    if summary is not None and summary.first == base and not any(position < summary.end for position in logged):
        segment.size = segment.synced_bytes = size
        segment.end = summary.end
        segment.count = segment.live = summary.messages
        segment.weight = segment.live_weight = summary.weight
        segment.is_sealed = True
        segment.flags = None
        segment.index = None
    else:
        weights = {}
        _take_batches(segment, open_files, weigh, weights)
    if has_acknowledgements:
        _take_acknowledgements(segment, open_files, weights)
    if weights is not None:
        for position in logged:
            segment.acknowledge(position, weights.get(position, 0))
        if summary is not None and summary.first == base and segment.size == size:
            segment.is_sealed = True
            segment.synced_bytes = size
    return segment


def _take_batches(segment: MessageSegment, open_files: OpenFiles, weigh: Weigh, weights: dict[int, int]) -> None:
    file = open_files.get(segment.path)
    data = file.read_at(0, file.size)
    reason: str | None = None
    synced_bytes = 0
    at = 0
    while at < len(data):
        if len(data) - at < HEADER_BYTES:
            reason = "the batch header is cut"
            break
        header = read_header(data, at)
        reason = _fault(header, data, at, segment.end)
        if reason is not None:
            break
        if header.attributes & CONTROL_BIT:
            # A summary that something was written behind: it says that all before it was synced.
            segment.size = at + header.size
            synced_bytes = max(synced_bytes, at)
        else:
            synced_bytes = max(synced_bytes, header.base_sequence)
            segment.take(_batch_at(segment, header, data, at, weigh, weights))
        at += header.size
    if reason is None:
        return
    synced_bytes = max(synced_bytes, _synced_bytes_behind(data, at, segment.end))
    if synced_bytes > at:
        raise DamagedFile(segment.path, at, f"{reason}, and {synced_bytes} bytes were synced")
    _logger.warning("%s: cut off %d bytes at %d that a crash left behind: %s", segment.path, len(data) - at, at, reason)
    file.truncate(at)


def _fault(header: BatchHeader, data: bytes, at: int, expected: int) -> str | None:
    size = header.size
    reason = batch_fault(header, expected, len(data) - at)
    if reason is None and value(data[at + CRC_START : at + size]) != header.crc:
        reason = "the checksum does not match"
    return reason


def _batch_at(segment: MessageSegment, header: BatchHeader, data: bytes, at: int, weigh: Weigh, weights: dict[int, int]) -> Batch:
    base = header.base_offset
    end = base + header.last_offset_delta + 1
    flags = bytearray(b"\x01") * (end - base)
    count = weight = 0
    try:
        for position, start, message_end in read_messages(data, at + HEADER_BYTES, at + header.size, base):
            flags[position - base] = 0
            count += 1
            one = weights[position] = weigh(data, start, message_end)
            weight += one
    except (CorruptMessage, IndexError) as error:
        raise DamagedFile(segment.path, at, f"its records cannot be read: {error}") from error
    return Batch(base, end, count, weight, bytes(flags), data[at + HEADER_BYTES : at + header.size])


def _synced_bytes_behind(data: bytes, position: int, expected: int) -> int:
    """What valid batches behind an invalid one say."""
    synced_bytes = 0
    found = data.find(BATCH_MARK, position + 1)
    while found >= 0:
        at = found - BATCH_MARK_AT
        if at > position and len(data) - at >= HEADER_BYTES:
            header = read_header(data, at)
            if _fault(header, data, at, expected) is None:
                synced_bytes = max(synced_bytes, at if header.is_control else header.base_sequence)
        found = data.find(BATCH_MARK, found + 1)
    return synced_bytes


def _take_acknowledgements(segment: MessageSegment, open_files: OpenFiles, weights: dict[int, int] | None) -> None:
    """`weights` are those of the messages that were found; None: there is a summary, and nothing was looked at."""
    groups, segment.acks_bytes = load_groups(open_files, segment.acks_path)
    span = segment.end - segment.base
    flags = segment.flags
    if flags is None:
        flags = segment.flags = bytearray(span)
    generation = segment.generation
    for group in groups:
        new = 0
        for number in group.acknowledged:
            if number < span:
                if not flags[number]:
                    flags[number] = 1
                    new += 1
                    if weights is not None:
                        segment.live_weight -= weights[segment.base + number]
            elif weights is None and group.generation >= segment.generation:
                # Of an earlier one it is about a message that was lost with the power, before the summary was written.
                raise DamagedFile(segment.acks_path, 0, f"message {segment.base + number} is acknowledged, the last is {segment.end - 1}")
        if weights is not None:
            # The acknowledged ones that are not there were lost with the power: both were not synced.
            segment.live -= new
            segment.generation = max(segment.generation, group.generation + 1)
        elif group.generation >= segment.generation:
            segment.live -= new
            segment.live_weight -= group.weight
            # The next summary must not count what an earlier life said while it wrote one that it did not finish.
            generation = max(generation, group.generation)
        _take_returns(segment, group)
    segment.generation = max(segment.generation, generation)


def _take_returns(segment: MessageSegment, group: Group) -> None:
    for number, delivery_count, acquired_count in group.returns:
        if segment.returned is None:
            segment.returned = {}
        segment.returned[segment.base + number] = (delivery_count, acquired_count)
