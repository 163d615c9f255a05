"""Batches to fill logs with, and the log they are put into."""

from message_queues.records.batch import BatchHeader, Record, build_batch, read_header, split_batches
from message_queues.storage.filesystem import FileSystem, MemoryFileSystem
from message_queues.storage.log import Log, LogSettings
from message_queues.storage.open_files import OpenFiles

DIRECTORY = "/data/topics/orders/0"
NOW_MS = 1_700_000_000_000


def batch_at(offset: int, count: int = 1, *, timestamp: int | None = None, size: int = 100, epoch: int = 0) -> bytes:
    """`count` records from `offset` on; record n is n ms later than `timestamp`, which is NOW_MS + offset otherwise."""
    first = NOW_MS + offset if timestamp is None else timestamp
    return build_batch(
        [Record(offset + index, first + index, b"key", bytes([offset % 256]) * size) for index in range(count)],
        base_offset=offset,
        leader_epoch=epoch,
    )


def memory(seed: int = 0) -> MemoryFileSystem:
    """A file system that has, durably, the directory which the broker makes."""
    file_system = MemoryFileSystem(seed)
    file_system.make_directories("/data/topics")
    file_system.sync_directory("/data")
    file_system.sync_directory("/")
    return file_system


def open_log(
    file_system: FileSystem, settings: LogSettings | None = None, recovered: list[BatchHeader] | None = None, limit: int = 3
) -> Log:
    """Few open files, so that they are opened again and again."""
    headers = [] if recovered is None else recovered
    return Log.open(OpenFiles(file_system, limit), DIRECTORY, settings or LogSettings(), headers.append)


def append(log: Log, count: int = 1, *, timestamp: int | None = None, size: int = 100, epoch: int = 0, now_ms: int = NOW_MS) -> bytes:
    batch = batch_at(log.end_offset, count, timestamp=timestamp, size=size, epoch=epoch)
    log.append(read_header(batch), (batch[:16], memoryview(batch)[16:]), now_ms)
    return batch


def fill(log: Log, batches: int, count: int = 1, *, size: int = 100, epoch: int = 0) -> bytes:
    """Appends and flushes one by one; returns all that was written."""
    written = []
    for _ in range(batches):
        written.append(append(log, count, size=size, epoch=epoch))
        log.flush()
    return b"".join(written)


def read_all(log: Log, offset: int | None = None, max_bytes: int = 1000) -> bytes:
    """What a consumer gets that asks again and again."""
    parts = []
    position = log.start_offset if offset is None else offset
    while position < log.flushed_offset:
        data = log.read(position, max_bytes)
        whole = whole_batches(data)
        assert whole, f"nothing at {position} of {log.flushed_offset}"
        parts.append(whole)
        position = split_batches(whole)[-1][1].next_offset
    return b"".join(parts)


def whole_batches(data: bytes) -> bytes:
    """`data` without the batch that is cut at its end."""
    end = 0
    while end + 61 <= len(data) and end + read_header(data, end).size <= len(data):
        end += read_header(data, end).size
    return data[:end]
