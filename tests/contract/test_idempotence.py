"""Idempotent producers: sequences that repeat, leave gaps or come from an old epoch; and how producer ids are given out."""

import pytest

from message_queues.protocols.kafka.messages.producer_ids import InitProducerIdRequest, InitProducerIdResponse
from message_queues.records.batch import Record, build_batch
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import NOW, Scene


def new_producer(scene: Scene) -> int:
    answer = scene.request(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000), 4, InitProducerIdResponse)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    return answer.producer_id


def batch_of(producer_id: int, sequence: int, count: int = 1, epoch: int = 0) -> bytes:
    records = [Record(number, NOW, b"key", b"value") for number in range(count)]
    return build_batch(records, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)


class Partition:
    """A new topic's partition, written by one new producer."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.topic = scene.topic()
        self.producer_id = new_producer(scene)

    def write(self, sequence: int, count: int = 1, epoch: int = 0, producer_id: int | None = None) -> object:
        producer = self.producer_id if producer_id is None else producer_id
        answer = self.scene.ask(self.scene.produce(self.topic, batch_of(producer, sequence, count, epoch)), 12)
        return answer["responses"][0]["partition_responses"][0]


def test_producer_ids_are_given_out_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)))


def test_producer_ids_differ(scene: Scene) -> None:
    assert len({new_producer(scene) for _ in range(20)}) == 20


def test_a_producer_without_transactions_gets_a_new_id_when_it_gives_its_old_one(scene: Scene) -> None:
    old = new_producer(scene)
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000, producer_id=old, producer_epoch=0)
    answer = scene.request(request, 4, InitProducerIdResponse)
    assert (answer.error_code, answer.producer_epoch) == (0, 0)
    assert answer.producer_id != old


@pytest.mark.parametrize(("producer_id", "epoch"), [(5, -1), (-1, 5)])
def test_an_id_without_an_epoch_is_refused(scene: Scene, kafka_says: RecordedAnswers, producer_id: int, epoch: int) -> None:
    request = InitProducerIdRequest(transactional_id=None, producer_id=producer_id, producer_epoch=epoch)
    kafka_says(scene.ask(request, 4))


def test_sequences_follow_each_other(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0, 3), partition.write(3, 2), partition.write(5)])


def test_a_batch_sent_again_gets_its_old_offset(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says(
        [partition.write(0, 3), partition.write(3), partition.write(4), partition.write(0, 3), partition.write(3), partition.write(5)]
    )


def test_the_last_five_batches_are_remembered(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(sequence) for sequence in range(7)])
    kafka_says([partition.write(sequence) for sequence in (6, 2, 1, 0)])


def test_a_gap_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0), partition.write(2), partition.write(1)])


def test_a_batch_that_overlaps_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0, 3), partition.write(1, 3), partition.write(0, 2), partition.write(2, 1)])


def test_a_first_sequence_may_be_any(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(7), partition.write(8)])


def test_a_new_epoch_starts_at_zero(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0), partition.write(1, epoch=1), partition.write(0, epoch=1), partition.write(1, epoch=1)])


def test_an_old_epoch_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0), partition.write(0, epoch=2), partition.write(1, epoch=0), partition.write(1, epoch=1)])


def test_sequences_wrap_around(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(2**31 - 2), partition.write(2**31 - 1), partition.write(0), partition.write(1)])


def test_a_batch_may_wrap_in_its_middle(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(2**31 - 2, 4), partition.write(2), partition.write(2**31 - 2, 4)])


def test_a_producer_id_that_was_never_given_out_may_write(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    kafka_says([partition.write(0, producer_id=10**12), partition.write(1, producer_id=10**12)])


@pytest.mark.parametrize(("epoch", "sequence"), [(-1, 0), (0, -1), (-1, -1), (-2, 0)])
def test_a_producer_needs_an_epoch_and_a_sequence(scene: Scene, kafka_says: RecordedAnswers, epoch: int, sequence: int) -> None:
    kafka_says(Partition(scene).write(sequence, epoch=epoch))


def test_two_producers_count_for_themselves(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition, other = Partition(scene), new_producer(scene)
    kafka_says([partition.write(0), partition.write(0, producer_id=other), partition.write(1), partition.write(1, producer_id=other)])


def test_errors_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    partition = Partition(scene)
    partition.write(0)
    kafka_says(scene.ask_all(scene.produce(partition.topic, batch_of(partition.producer_id, 5))))
    partition.write(0, epoch=1)
    kafka_says(scene.ask_all(scene.produce(partition.topic, batch_of(partition.producer_id, 1))))
