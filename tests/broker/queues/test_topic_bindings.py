import random
import re

import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.topic_bindings import TopicBindings, check_topic
from message_queues.errors import PreconditionFailed
from tests.broker.queues.published import published


def bound(*keys: str) -> TopicBindings:
    table = TopicBindings()
    for key in keys:
        table.add(to_queue(key))
    return table


def to_queue(key: str, queue: str = "q") -> Binding:
    return Binding("x", queue, QUEUE, key)


def matching(table: TopicBindings, key: str, *other_keys: str) -> set[str]:
    return {binding.routing_key for binding in table.match(published(key, other_keys=other_keys))}


@pytest.mark.parametrize(
    ("pattern", "key", "is_match"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("*", "a", True),
        ("*", "", False),
        ("*", "a.b", False),
        ("*.*", "a.b", True),
        ("#", "", True),
        ("#", "a", True),
        ("#", "a.b.c", True),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#", "b", False),
        ("#.a", "a", True),
        ("#.a", "b.c.a", True),
        ("#.a", "a.b", False),
        ("a.#.b", "a.b", True),
        ("a.#.b", "a.x.y.b", True),
        ("a.*.b", "a.b", False),
        ("#.*", "", False),
        ("#.*", "a", True),
        ("*.#", "a.b.c", True),
        ("#.#", "", True),
        ("", "", True),
        ("", "a", False),
        (".", ".", True),
        ("*.*", ".", True),
        ("a..b", "a..b", True),
        ("a.*.b", "a..b", True),
        ("a.b", "a..b", False),
        ("a*", "ab", False),
        ("*", "#", True),
        ("#", "*.#", True),
        ("a", "*", False),
    ],
)
def test_a_star_is_one_word_and_a_hash_any_number(pattern: str, key: str, is_match: bool) -> None:
    assert (matching(bound(pattern), key) == {pattern}) == is_match


def test_all_patterns_that_match_are_found() -> None:
    table = bound("stock.usd.nyse", "stock.*.nyse", "stock.#", "#.nyse", "*.usd", "forex.#")
    assert matching(table, "stock.usd.nyse") == {"stock.usd.nyse", "stock.*.nyse", "stock.#", "#.nyse"}


def test_each_further_routing_key_counts() -> None:
    assert matching(bound("a", "b.*", "c"), "a", "b.x") == {"a", "b.*"}


def test_two_queues_may_share_a_pattern() -> None:
    table = bound("a.#")
    table.add(to_queue("a.#", "other"))
    assert sorted(binding.destination for binding in table.match(published("a.b"))) == ["other", "q"]
    table.remove(to_queue("a.#", "other"))
    assert [binding.destination for binding in table.match(published("a.b"))] == ["q"]


def test_what_was_removed_leaves_nothing_behind() -> None:
    keys = ["a.b.c", "a.*.c", "a.#", "#", "*.b", "a.#.c", ""]
    table = bound(*keys)
    for key in keys:
        table.remove(to_queue(key))
        assert key not in matching(table, "a.b.c")
    assert table.is_empty


def test_many_hashes_take_no_longer_than_the_trie_is_large() -> None:
    table = bound(".".join(["#", "a"] * 20))
    assert matching(table, ".".join(["a"] * 100))
    assert not matching(table, ".".join(["a"] * 100 + ["b"]))


def test_the_trie_agrees_with_comparing_each_pattern() -> None:
    seeded = random.Random(4)
    words = ["a", "b", "", "*", "#", "ab"]
    for _ in range(1_000):
        patterns = {".".join(seeded.choices(words, k=seeded.randint(0, 4))) for _ in range(seeded.randint(1, 12))}
        table = bound(*patterns)
        gone = set(seeded.sample(sorted(patterns), k=len(patterns) // 3))
        for pattern in gone:
            table.remove(to_queue(pattern))
        for _ in range(10):
            key = ".".join(seeded.choices(words, k=seeded.randint(0, 5)))
            expected = {pattern for pattern in patterns - gone if naive_match(pattern, key)}
            assert matching(table, key) == expected, (patterns - gone, key)


def naive_match(pattern: str, key: str) -> bool:
    """By a regular expression over words, each written with a full stop after it."""
    parts = [word_pattern(word) for word in pattern.split(".")] if pattern else []
    return re.fullmatch("".join(parts), f"{key}." if key else "") is not None


def word_pattern(word: str) -> str:
    return {"*": r"[^.]*\.", "#": r"(?:[^.]*\.)*"}.get(word, re.escape(word) + r"\.")


def test_more_than_two_hashes_are_refused() -> None:
    check_topic("#.a.#")
    with pytest.raises(PreconditionFailed, match=r"^Topic binding key '#\.#\.a\.#' uses 3 '#' wildcards, at most 2 are allowed$"):
        check_topic("#.#.a.#")
