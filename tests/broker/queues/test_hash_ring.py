from collections import Counter

import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.hash_ring import HashRing, ModulusHash, check_hash_arguments, check_weight, jump
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue
from message_queues.records.properties import Properties
from tests.broker.queues.published import published


def ring(weights: dict[str, str], arguments: FieldTable | None = None) -> HashRing:
    table = HashRing(arguments or {})
    for queue, weight in weights.items():
        table.add(Binding("x", queue, QUEUE, weight))
    return table


def queue_of(table: HashRing | ModulusHash, message: QueueMessage) -> str:
    (binding,) = table.match(message)
    return binding.destination


def shares(table: HashRing | ModulusHash) -> Counter[str]:
    return Counter(queue_of(table, published(f"key {number}")) for number in range(10_000))


def test_queues_get_shares_by_their_weights() -> None:
    told = shares(ring({"a": "1", "b": "3"}))
    assert 2_300 < told["a"] < 2_700


def test_the_same_key_goes_to_the_same_queue() -> None:
    table = ring({"a": "1", "b": "1", "c": "1"})
    assert len({queue_of(table, published("k")) for _ in range(10)}) == 1


def test_one_queue_more_moves_few_keys() -> None:
    table = ring({"a": "1", "b": "1", "c": "1"})
    before = [queue_of(table, published(str(number))) for number in range(4_000)]
    table.add(Binding("x", "d", QUEUE, "1"))
    after = [queue_of(table, published(str(number))) for number in range(4_000)]
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert 800 < len(moved) < 1_200
    assert set(moved) == {"d"}


def test_without_a_binding_there_is_no_destination() -> None:
    table = ring({"a": "2"})
    table.remove(Binding("x", "a", QUEUE, "2"))
    assert not table.match(published("k"))
    assert not ModulusHash().match(published("k"))


def test_a_second_binding_of_a_queue_counts_once_the_first_is_gone() -> None:
    table = ring({"a": "1", "b": "1"})
    table.add(Binding("x", "a", QUEUE, "9"))
    assert 4_500 < shares(table)["a"] < 5_500
    table.remove(Binding("x", "a", QUEUE, "1"))
    assert shares(table)["a"] > 8_500


def test_a_header_can_be_hashed() -> None:
    table = ring({"a": "1", "b": "1"}, {"hash-header": "customer"})
    found = {queue_of(table, published(str(number), {"customer": "same"})) for number in range(50)}
    assert len(found) == 1
    assert len({queue_of(table, published("k", {"customer": number})) for number in range(50)}) == 2
    assert queue_of(table, published("k")) == queue_of(table, published("l"))


@pytest.mark.parametrize("name", ["correlation_id", "message_id", "timestamp"])
def test_a_property_can_be_hashed(name: str) -> None:
    table = ring({"a": "1", "b": "1"}, {"hash-property": name})

    def with_property(number: int) -> QueueMessage:
        properties = Properties()
        if name == "timestamp":
            properties = Properties(timestamp=number)
        elif name == "message_id":
            properties = Properties(message_id=str(number))
        else:
            properties = Properties(correlation_id=str(number))
        return published(str(number), properties=properties)

    assert len({queue_of(table, with_property(number)) for number in range(50)}) == 2
    assert len({queue_of(table, with_property(7)) for _ in range(10)}) == 1


def test_a_list_is_hashed_by_its_first_value() -> None:
    table = ring({"a": "1", "b": "1", "c": "1"}, {"hash-header": "h"})
    for number in range(20):
        one = queue_of(table, published(headers={"h": [str(number), "x"]}))
        assert one == queue_of(table, published(headers={"h": str(number)}))
    assert queue_of(table, published(headers={"h": []}))


def test_jumping_moves_one_key_of_each_bucket_at_most_into_the_new_one() -> None:
    for hashed in range(0, 1 << 40, 1 << 32):
        place = jump(hashed, 1)
        assert place == 0
        for buckets in range(2, 50):
            following = jump(hashed, buckets)
            assert following in (place, buckets - 1)
            place = following


def test_the_modulus_gives_a_queue_a_share_for_each_binding() -> None:
    table = ModulusHash()
    for queue, key in (("a", "1"), ("b", "1"), ("b", "2")):
        table.add(Binding("x", queue, QUEUE, key))
    assert 3_000 < shares(table)["a"] < 3_700
    table.remove(Binding("x", "b", QUEUE, "1"))
    assert 4_600 < shares(table)["a"] < 5_400


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", r"The binding key must be an integer: <<>>"),
        ("one", r'The binding key must be an integer: <<"one">>'),
        ("1.5", r'The binding key must be an integer: <<"1.5">>'),
        ("0", "The binding key must be greater than 0"),
        ("-3", "The binding key must be greater than 0"),
        ("-" + "9" * 200, "The binding key must be greater than 0"),
        ("10001", "The binding key must not exceed 10000"),
        ("9" * 200, "The binding key must not exceed 10000"),
    ],
)
def test_a_weight_is_a_number_from_1_to_10000(key: str, told: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"^{told}$"):
        check_weight(key)


def test_good_weights_are_taken() -> None:
    for key in ("1", "10000", "+7", "007", "0" * 100 + "5"):
        check_weight(key)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"hash-header": "h", "hash-property": "message_id"}, "hash-header and hash-property are mutually exclusive"),
        ({"hash-property": "app_id"}, "Unsupported property: app_id"),
    ],
)
def test_what_cannot_be_hashed_is_refused(arguments: dict[str, FieldValue], told: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"^{told}$"):
        check_hash_arguments(arguments)
