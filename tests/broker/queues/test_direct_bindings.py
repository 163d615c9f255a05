from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.direct_bindings import DirectBindings, FanoutBindings
from tests.broker.queues.published import published


def to_queue(queue: str, key: str) -> Binding:
    return Binding("x", queue, QUEUE, key)


def test_a_direct_binding_takes_its_own_key() -> None:
    table = DirectBindings()
    for queue, key in (("a", "k"), ("b", "k"), ("c", "l")):
        table.add(to_queue(queue, key))
    assert {binding.destination for binding in table.match(published("k"))} == {"a", "b"}
    assert {binding.destination for binding in table.match(published("none", other_keys=("l", "k")))} == {"a", "b", "c"}
    table.remove(to_queue("a", "k"))
    table.remove(to_queue("b", "k"))
    assert not table.match(published("k"))


def test_a_fanout_binding_takes_every_key() -> None:
    table = FanoutBindings()
    table.add(to_queue("a", "k"))
    table.add(to_queue("b", "l"))
    assert {binding.destination for binding in table.match(published("any"))} == {"a", "b"}
    table.remove(to_queue("a", "k"))
    assert {binding.destination for binding in table.match(published("any"))} == {"b"}
