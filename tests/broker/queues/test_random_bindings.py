from collections import Counter

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.random_bindings import RandomBindings
from tests.broker.queues.published import published


def test_each_message_goes_to_one_and_all_get_their_share() -> None:
    table = RandomBindings()
    for queue in "abc":
        table.add(Binding("x", queue, QUEUE, ""))
    told = Counter[str]()
    for _ in range(3_000):
        (binding,) = table.match(published("k"))
        told[binding.destination] += 1
    assert set(told) == set("abc")
    assert min(told.values()) > 800


def test_what_was_removed_gets_nothing_more() -> None:
    table = RandomBindings()
    bindings = [Binding("x", queue, QUEUE, "") for queue in "abc"]
    for binding in bindings:
        table.add(binding)
    table.remove(bindings[0])
    assert {next(iter(table.match(published()))).destination for _ in range(100)} == {"b", "c"}
    table.remove(bindings[2])
    table.remove(bindings[1])
    assert not table.match(published())
