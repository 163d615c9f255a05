from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding, Bindings
from message_queues.broker.queues.exchange import Exchange
from tests.broker.queues.published import published


def bindings_of(*names: str) -> Bindings:
    return Bindings({name: Exchange(name, "direct") for name in names})


def test_a_binding_is_there_once() -> None:
    bindings = bindings_of("x")
    assert bindings.add(Binding("x", "q", QUEUE, "k"))
    assert not bindings.add(Binding("x", "q", QUEUE, "k"))
    assert bindings.add(Binding("x", "q", QUEUE, "k", {"a": 1}))
    assert bindings.add(Binding("x", "q", EXCHANGE, "k"))
    assert len(bindings) == len(list(bindings)) == 3
    assert Binding("x", "q", QUEUE, "k") in bindings


def test_arguments_are_compared_whatever_their_order_but_by_type() -> None:
    one = Binding("x", "q", QUEUE, "k", {"a": 1, "b": "c"})
    assert one == Binding("x", "q", QUEUE, "k", {"b": "c", "a": 1})
    assert one != Binding("x", "q", QUEUE, "k", {"a": True, "b": "c"})
    assert one != "a binding"


def test_removing_what_is_not_there_says_so() -> None:
    bindings = bindings_of("x")
    bindings.add(Binding("x", "q", QUEUE, "k"))
    assert not bindings.remove(Binding("x", "q", QUEUE, "l"))
    assert not bindings.remove(Binding("y", "q", QUEUE, "k"))
    assert bindings.remove(Binding("x", "q", QUEUE, "k"))
    assert not bindings.is_source("x")
    assert len(bindings) == 0


def test_bindings_are_found_from_either_end() -> None:
    bindings = bindings_of("x", "y")
    made = [Binding("x", "q", QUEUE, "1"), Binding("x", "q", QUEUE, "2"), Binding("x", "r", QUEUE, "1"), Binding("y", "q", QUEUE, "1")]
    made.append(Binding("y", "x", EXCHANGE, "1"))
    for binding in made:
        bindings.add(binding)
    assert bindings.of_source("x") == made[:3]
    assert bindings.of_destination(QUEUE, "q") == [made[0], made[1], made[3]]
    assert bindings.of_destination(EXCHANGE, "x") == made[4:]
    assert bindings.between("x", QUEUE, "q") == made[:2]
    assert bindings.between("y", QUEUE, "q") == [made[3]]
    assert bindings.between("y", QUEUE, "none") == []


def test_a_queue_takes_its_bindings_with_it() -> None:
    bindings = bindings_of("x", "y")
    for binding in (Binding("x", "q", QUEUE, "1"), Binding("y", "q", QUEUE, "1"), Binding("y", "r", QUEUE, "1")):
        bindings.add(binding)
    assert {binding.source for binding in bindings.remove_of_queue("q")} == {"x", "y"}
    assert not bindings.is_source("x")
    assert bindings.is_source("y")


def test_an_exchange_takes_along_what_leads_to_it_and_from_it() -> None:
    bindings = bindings_of("x", "y")
    for binding in (
        Binding("x", "q", QUEUE, "1"),
        Binding("y", "x", EXCHANGE, "1"),
        Binding("x", "x", EXCHANGE, "1"),
        Binding("y", "q", QUEUE, ""),
    ):
        bindings.add(binding)
    assert len(bindings.remove_of_exchange("x")) == 3
    assert list(bindings) == [Binding("y", "q", QUEUE, "")]


def test_the_exchange_learns_of_its_bindings() -> None:
    x = Exchange("x", "direct")
    bindings = Bindings({"x": x})
    bindings.add(Binding("x", "q", QUEUE, "k"))
    assert list(x.table.match(published("k"))) == [Binding("x", "q", QUEUE, "k")]
    bindings.remove(Binding("x", "q", QUEUE, "k"))
    assert not x.table.match(published("k"))


def test_whoever_asked_hears_of_each_change() -> None:
    bindings = bindings_of("x")
    heard: list[int] = []
    bindings.on_change.append(lambda: heard.append(len(bindings)))
    bindings.add(Binding("x", "q", QUEUE, "k"))
    bindings.add(Binding("x", "q", QUEUE, "k"))
    bindings.remove_of_queue("other")
    bindings.remove_of_queue("q")
    assert heard == [1, 0]


def test_the_properties_key_names_a_binding_in_a_path() -> None:
    assert Binding("x", "q", QUEUE, "").properties_key == "~"
    assert Binding("x", "q", QUEUE, "a.b").properties_key == "a.b"
    assert Binding("x", "q", QUEUE, "a b#~/").properties_key == "a+b%23%7E%2F"
    with_arguments = Binding("x", "q", QUEUE, "a", {"h": 1}).properties_key
    assert with_arguments.startswith("a~")
    assert len(with_arguments) == 8
    assert Binding("x", "q", QUEUE, "", {"h": 1}).properties_key == with_arguments[1:]
    assert repr(Binding("x", "q", QUEUE, "a")) == "Binding('x' -> queue 'q', 'a', {})"
