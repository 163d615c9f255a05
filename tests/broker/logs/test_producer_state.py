import pytest

from message_queues.broker.logs.producer_state import MAX_SEQUENCE, ProducerStates
from message_queues.errors import InvalidProducerEpoch, OutOfOrderSequence
from message_queues.records.batch import BatchHeader

PRODUCER = 7


def batch(sequence: int, *, records: int = 1, epoch: int = 0, offset: int = 0) -> BatchHeader:
    return BatchHeader(
        base_offset=offset,
        batch_length=49,
        leader_epoch=0,
        magic=2,
        crc=0,
        attributes=0,
        last_offset_delta=records - 1,
        base_timestamp=0,
        max_timestamp=0,
        producer_id=PRODUCER,
        producer_epoch=epoch,
        base_sequence=sequence,
        record_count=records,
    )


def appended(*batches: BatchHeader) -> ProducerStates:
    states = ProducerStates()
    for header in batches:
        assert states.check(header) is None
        states.update(header, max_timestamp=-1, now_ms=1000)
    return states


def test_a_batch_sent_again_gets_the_offset_it_got_before() -> None:
    states = appended(batch(0, records=3, offset=40), batch(3, records=2, offset=43))
    assert states.check(batch(0, records=3)) == (40, -1)
    assert states.check(batch(3, records=2)) == (43, -1)


def test_only_the_last_five_batches_are_remembered() -> None:
    states = appended(*(batch(sequence, offset=sequence) for sequence in range(6)))
    assert states.check(batch(1)) == (1, -1)
    with pytest.raises(OutOfOrderSequence):
        states.check(batch(0))


def test_a_gap_is_refused() -> None:
    with pytest.raises(OutOfOrderSequence, match=r"5 \(incoming seq. number\), 0 \(current end sequence number\)"):
        appended(batch(0)).check(batch(5))


def test_an_old_epoch_is_refused_and_a_new_one_starts_at_zero() -> None:
    states = appended(batch(0, epoch=3))
    with pytest.raises(InvalidProducerEpoch):
        states.check(batch(1, epoch=2))
    with pytest.raises(OutOfOrderSequence):
        states.check(batch(1, epoch=4))
    assert states.check(batch(0, epoch=4)) is None


def test_a_producer_that_is_not_known_may_start_with_any_sequence() -> None:
    assert ProducerStates().check(batch(99)) is None


def test_sequences_wrap_to_zero() -> None:
    states = appended(batch(MAX_SEQUENCE - 1, records=2))
    assert states.check(batch(0)) is None
    assert appended(batch(MAX_SEQUENCE, records=3)).check(batch(2)) is None


def test_the_state_survives_its_encoding() -> None:
    states = appended(batch(0, records=3, offset=40), batch(3, records=2, offset=43))
    again = ProducerStates.decode(states.encode())
    assert again.check(batch(3, records=2)) == (43, -1)
    assert again.check(batch(5)) is None
    assert again.encode() == states.encode()
    assert ProducerStates.decode(b"").by_id == {}


def test_batches_that_the_disk_refused_are_forgotten() -> None:
    states = appended(batch(0, offset=10), batch(1, offset=11), batch(2, offset=12))
    states.forget_from(11)
    assert states.check(batch(1, offset=11)) is None
    assert states.check(batch(0)) == (10, -1)
    states.forget_from(0)
    assert states.by_id == {}


def test_producers_that_were_not_seen_for_long_are_forgotten() -> None:
    states = appended(batch(0))
    states.expire(now_ms=1099, expiration_ms=100)
    assert PRODUCER in states.by_id
    states.expire(now_ms=1100, expiration_ms=100)
    assert states.by_id == {}
