import pytest

from message_queues.errors import DamagedFile
from message_queues.storage.log_part import LogPart, frame_head, gone_entry, read_entries, read_frames

PIECES = (b"he", b"ad", b"er")


def _frame(entries: bytes, number: int = 4, oldest: int = 2, synced_bytes: int = 0) -> bytes:
    return frame_head(number, oldest, synced_bytes, entries) + entries


def _entry(name: bytes = b"q/0", **news: object) -> bytes:
    part = LogPart(name)
    for key, value in news.items():
        setattr(part, key, value)
    return b"".join(part.entry())


def _read(*entries: bytes) -> dict[bytes, LogPart]:
    parts: dict[bytes, LogPart] = {}
    for frame in read_frames("log", 4, b"".join(map(_frame, entries))):
        read_entries(parts, frame)
    return parts


def test_what_is_written_is_read() -> None:
    news = _entry(handed={5: (3, PIECES), 9: (1, (b"", b"", b""))}, new_acknowledged=[2, 1 << 40], new_returns=[(5, 1, 2)])
    part = _read(news)[b"q/0"]
    assert part.messages == {5: (3, (b"header", b"", b"")), 9: (1, (b"", b"", b""))}
    assert part.acknowledged == {2, 1 << 40}
    assert part.returns == {5: (1, 2)}
    assert (part.number, part.first, part.end) == (4, 5, (1 << 40) + 1)


def test_later_entries_count_more() -> None:
    first = _entry(handed=dict.fromkeys(range(6), (1, PIECES)), new_returns=[(1, 1, 1)])
    part = _read(first, _entry(new_acknowledged=[0], purged=(4, 6), new_returns=[(1, 2, 3)]))[b"q/0"]
    assert list(part.messages) == [1, 2, 3]
    assert part.returns == {1: (2, 3)}


def test_a_deleted_store_has_nothing_from_before() -> None:
    messages = _entry(handed={0: (1, PIECES)})
    assert set(_read(messages + _entry(b"other", handed={0: (1, PIECES)}), gone_entry(b"q/0"))) == {b"other"}
    assert list(_read(messages, gone_entry(b"q/0") + _entry(handed={7: (1, PIECES)}))[b"q/0"].messages) == [7]


def test_a_torn_tail_is_left_out_and_damage_in_synced_bytes_is_told() -> None:
    one = _frame(_entry(handed={0: (1, PIECES)}))
    two = _frame(_entry(handed={1: (1, PIECES)}), synced_bytes=len(one))
    for end in range(len(two)):
        assert len(read_frames("log", 4, one + two[:end])) == 1
    damaged = bytearray(one)
    damaged[-1] ^= 1
    with pytest.raises(DamagedFile):
        read_frames("log", 4, bytes(damaged) + two)
    assert read_frames("log", 4, bytes(damaged)) == []


def test_a_frame_of_another_file_is_none() -> None:
    assert read_frames("log", 5, _frame(_entry(handed={0: (1, PIECES)}), number=4)) == []


def test_what_is_handed_over_is_in_the_part_once_it_is_logged() -> None:
    part = LogPart(b"q/0")
    part.handed = {3: (1, PIECES), 4: (2, PIECES)}
    part.logged(7, is_living=False)
    assert (part.number, part.first, part.end, list(part.messages)) == (7, 3, 5, [3, 4])
    assert part.returned(4, 1, 1)
    assert part.acknowledge(4)
    assert not part.acknowledge(4)
    assert (list(part.messages), part.returns, part.new_acknowledged) == ([3], {}, [4])


def test_only_what_the_log_has_copies_of_needs_to_be_said_in_it_when_the_files_of_the_store_get_it() -> None:
    part = LogPart(b"q/0")
    part.handed = {3: (1, PIECES)}
    part.logged(7, is_living=False)
    part.new_acknowledged = [2, 3, 8]
    part.forget_news(is_living=True)
    assert part.new_acknowledged == [3]
    part.forget_news(is_living=False)
    assert not part.has_news
