import pytest

from message_queues.broker.sqs.receive_state import pack_state, unpack_state

SENT_MS = 1_700_000_000_123
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("count", "first_ms", "until_ms"),
    [(1, SENT_MS, SENT_MS), (7, SENT_MS + 14 * DAY_MS, SENT_MS + 14 * DAY_MS + DAY_MS // 2), (4_000_000, SENT_MS + 5000, SENT_MS + 6000)],
)
def test_a_state_is_kept(count: int, first_ms: int, until_ms: int) -> None:
    packed = pack_state(SENT_MS, count, first_ms, until_ms)
    assert all(0 <= half < 1 << 32 for half in packed)
    assert tuple(unpack_state(SENT_MS, packed)) == (count, first_ms, until_ms)


def test_nobody_sees_a_message_earlier_than_told() -> None:
    _, first_ms, until_ms = unpack_state(SENT_MS, pack_state(SENT_MS, 1, SENT_MS + 1999, SENT_MS + 1001))
    assert (first_ms, until_ms) == (SENT_MS + 1000, SENT_MS + 2000)


def test_what_is_beyond_the_bits_stays_at_the_end_of_them() -> None:
    count, first_ms, until_ms = unpack_state(SENT_MS, pack_state(SENT_MS, 1 << 40, SENT_MS - 5, SENT_MS + 1000 * DAY_MS))
    assert (count, first_ms) == ((1 << 22) - 1, SENT_MS)
    assert until_ms == SENT_MS + ((1 << 21) - 1) * 1000
