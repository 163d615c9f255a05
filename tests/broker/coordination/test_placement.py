from collections import Counter

import pytest

from message_queues.broker.coordination.placement import coordinator_node, coordinator_partition, java_hash_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 0),
        ("a", 97),
        ("hello", 99162322),
        ("hello world", 1794106052),
        ("test-group", 627841412),
        ("polygenelubricants", -2147483648),
        ("größe", 98762257),
        ("日本語", 25921943),
        ("😀", 1772899),
    ],
)
def test_the_hash_is_that_of_a_java_string(text: str, code: int) -> None:
    assert java_hash_code(text) == code


def test_a_long_key_has_a_hash_too() -> None:
    code = 0
    for _ in range(1000):
        code = (code * 31 + ord("x")) % (1 << 32)
    assert java_hash_code("x" * 1000) % (1 << 32) == code


def test_the_smallest_hash_has_partition_zero() -> None:
    assert coordinator_partition("polygenelubricants", 50) == 0


def test_a_negative_hash_counts_without_its_sign() -> None:
    negative = next(f"g{i}" * 5 for i in range(1000) if java_hash_code(f"g{i}" * 5) < 0)
    assert coordinator_partition(negative, 50) == -java_hash_code(negative) % 50 == abs(java_hash_code(negative)) % 50


def test_partitions_are_led_by_the_nodes_in_turn() -> None:
    assert coordinator_partition("hello", 50) == 22
    assert coordinator_node("hello", (4, 7, 9), 50) == (4, 7, 9)[22 % 3]


def test_groups_spread_over_the_nodes() -> None:
    shares = Counter(coordinator_node(f"group-{i}", (0, 1, 2), 50) for i in range(3000))
    assert min(shares.values()) > 800
