import google_crc32c
import pytest

from message_queues.errors import DamagedFile, NewerFormat
from message_queues.storage.checkpoint import Checkpoint, SegmentFacts, read_checkpoint, write_checkpoint

FULL = Checkpoint(
    recovery_offset=2**40,
    start_offset=7,
    leader_epochs=((0, 7), (3, 900)),
    segments=(SegmentFacts(7, 1000, 1, 2, 3, 4, 5, 6, 7), SegmentFacts(900, 2**31, -1, -1, -1, 900, 0, 0, 0)),
    state=b"producers",
)
EMPTY = Checkpoint(0, 0, (), (), b"")


@pytest.mark.parametrize("checkpoint", [FULL, EMPTY])
def test_a_checkpoint_reads_back(checkpoint: Checkpoint) -> None:
    assert read_checkpoint(write_checkpoint(checkpoint), "path") == checkpoint


@pytest.mark.parametrize("checkpoint", [FULL, EMPTY])
def test_every_flipped_byte_is_found(checkpoint: Checkpoint) -> None:
    content = write_checkpoint(checkpoint)
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        with pytest.raises(DamagedFile) as raised:
            read_checkpoint(bytes(damaged), "path")
        assert raised.value.path == "path"


def test_every_cut_is_found() -> None:
    content = write_checkpoint(FULL)
    for size in range(len(content)):
        with pytest.raises(DamagedFile):
            read_checkpoint(content[:size], "path")


def _with(body: bytes) -> bytes:
    return b"".join((b"MQCP", google_crc32c.value(body).to_bytes(4), body))


def test_a_newer_version_is_told_from_damage() -> None:
    with pytest.raises(NewerFormat, match="path has format 2"):
        read_checkpoint(_with((2).to_bytes(4) + b"whatever comes then"), "path")


def test_counts_that_do_not_fit_are_damage() -> None:
    body = bytearray(write_checkpoint(FULL)[8:])
    body[20:24] = (2**32 - 1).to_bytes(4)
    with pytest.raises(DamagedFile, match="do not fill"):
        read_checkpoint(_with(bytes(body)), "path")
