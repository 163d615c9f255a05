"""A sealed segment of a message store written anew: only the messages that are left, under their positions, and a new summary.

The new file is synced under the name of the old one with `.new` behind it; whoever asked for it renames it. Until then, and if it never
comes to that, the old one is whole.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from google_crc32c import value

from message_queues.errors import DamagedFile
from message_queues.records.batch import CRC_START, HEADER_BYTES, PREFIX_BYTES, read_header
from message_queues.storage.filesystem import FileSystem
from message_queues.storage.message_segment import Summary, batch_fault, batch_head, make_batches, read_messages, write_summary

NEW: Final = ".new"


class Rewritten(NamedTuple):
    size: int
    summary: Summary


def rewrite_segment(file_system: FileSystem, path: str, size: int, flags: bytes, summary: Summary) -> Rewritten:
    """Writes the messages of the first `size` bytes of the file whose flag is 0; `summary` is the one for them.

    Raises OSError, and DamagedFile where the old file is not what was written.
    """
    old = file_system.open(path)
    try:
        data = old.read_at(0, size)
    finally:
        old.close()
    messages = _messages(path, data, summary)
    kept = [(at, (0, (data[start:end], b"", b""))) for at, start, end in messages if not flags[at - summary.first]]
    if len(kept) != summary.messages:
        raise DamagedFile(path, 0, f"{len(kept)} messages are left in it, not {summary.messages}")
    content: list[bytes | memoryview] = []
    for batch in make_batches(kept):
        content += (batch_head(batch, 0), batch.payload)
    content.append(write_summary(summary))
    new = file_system.open(path + NEW, create=True)
    try:
        new.truncate(0)
        new.append(content)
        new.sync()
    finally:
        new.close()
    return Rewritten(sum(map(len, content)), summary)


def _messages(path: str, data: bytes, summary: Summary) -> Iterator[tuple[int, int, int]]:
    at = 0
    expected = summary.first
    while len(data) - at >= HEADER_BYTES:
        header = read_header(data, at)
        size = header.batch_length + PREFIX_BYTES
        reason = batch_fault(header, expected, len(data) - at)
        if reason is None and value(data[at + CRC_START : at + size]) != header.crc:
            reason = "the checksum does not match"
        if reason is not None:
            raise DamagedFile(path, at, reason)
        if not header.is_control:
            yield from read_messages(data, at + HEADER_BYTES, at + size, header.base_offset)
            expected = header.next_offset
        at += size
