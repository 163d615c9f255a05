import pytest

from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding, Bindings
from message_queues.broker.queues.exchange import Exchange, Recipient
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.routing import Router
from message_queues.records.field_table import FieldTable
from tests.broker.queues.published import published


class Kept:
    """A queue that only remembers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[QueueMessage] = []

    def publish(self, message: QueueMessage) -> bool:
        self.messages.append(message)
        return True


class Delays:
    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def recipient(self, exchange_name: str) -> Recipient:
        return self.kept.setdefault(exchange_name, Kept(f"delayed of {exchange_name}"))


class Topology:
    def __init__(self, max_remembered: int = 1_000) -> None:
        self.exchanges = {"": Exchange("", "direct")}
        self.queues: dict[str, Kept] = {}
        self.bindings = Bindings(self.exchanges)
        self.delays = Delays()
        self.router = Router(self.exchanges, self.queues, self.bindings, self.delays, max_remembered)

    def exchange(self, name: str, kind: str = "direct", arguments: FieldTable | None = None) -> Exchange:
        self.exchanges[name] = Exchange(name, kind, arguments)
        self.router.forget_routes()
        return self.exchanges[name]

    def queue(self, *names: str) -> None:
        self.queues.update({name: Kept(name) for name in names})

    def bind(self, source: str, destination: str, key: str = "", arguments: FieldTable | None = None) -> Binding:
        kind = EXCHANGE if destination in self.exchanges else QUEUE
        binding = Binding(source, destination, kind, key, arguments)
        self.bindings.add(binding)
        return binding

    def route(self, exchange: str, key: str = "", *other_keys: str, headers: FieldTable | None = None) -> list[str]:
        recipients = self.router.route(self.exchanges[exchange], published(key, headers, other_keys=other_keys))
        names = [recipient.name for recipient in recipients]
        assert len(names) == len(set(names))
        return sorted(names)


def test_the_default_exchange_routes_by_the_name_of_the_queue() -> None:
    topology = Topology()
    topology.queue("q", "r")
    assert topology.route("", "q") == ["q"]
    assert topology.route("", "none") == []
    assert topology.route("", "q", "r", "q", "none") == ["q", "r"]
    del topology.queues["q"]
    assert topology.route("", "q") == []


def test_every_queue_gets_a_message_once() -> None:
    topology = Topology()
    topology.exchange("x", "topic")
    topology.queue("q")
    for key in ("#", "a.#", "a.b", "*.b"):
        topology.bind("x", "q", key)
    for _ in range(2):
        assert topology.route("x", "a.b") == ["q"]
        assert topology.route("x", "a.b", "a.c") == ["q"]


def test_exchanges_pass_messages_on_to_exchanges() -> None:
    topology = Topology()
    topology.exchange("x")
    topology.exchange("y", "topic")
    topology.exchange("z", "headers")
    topology.queue("q", "r")
    topology.bind("x", "y", "a.b")
    topology.bind("y", "q", "a.*")
    topology.bind("y", "z", "#")
    topology.bind("z", "r", "", {"h": 1})
    assert topology.route("x", "a.b") == ["q"]
    assert topology.route("x", "a.b", headers={"h": 1}) == ["q", "r"]
    assert topology.route("x", "a.c") == []


def test_a_cycle_of_exchanges_ends() -> None:
    topology = Topology()
    for name in ("x", "y"):
        topology.exchange(name, "fanout")
    topology.queue("q")
    topology.bind("x", "y")
    topology.bind("y", "x")
    topology.bind("x", "x")
    topology.bind("y", "q")
    assert topology.route("x", "any") == ["q"]


def test_what_no_binding_takes_goes_to_the_alternate_exchange() -> None:
    topology = Topology()
    topology.exchange("x", "direct", {"alternate-exchange": "y"})
    topology.exchange("y", "direct", {"alternate-exchange": "z"})
    topology.exchange("z", "fanout")
    topology.queue("q", "r", "s")
    topology.bind("x", "q", "1")
    topology.bind("y", "r", "2")
    topology.bind("z", "s")
    assert [topology.route("x", key) for key in "123"] == [["q"], ["r"], ["s"]]


def test_alternates_that_lead_in_a_circle_or_nowhere_end() -> None:
    topology = Topology()
    topology.exchange("x", "direct", {"alternate-exchange": "y"})
    topology.exchange("y", "direct", {"alternate-exchange": "x"})
    topology.exchange("w", "direct", {"alternate-exchange": "none"})
    topology.exchange("v", "direct", {"alternate-exchange": ""})
    topology.queue("k")
    assert topology.route("x", "k") == topology.route("w", "k") == topology.route("v", "k") == []


def test_a_binding_to_an_exchange_counts_as_taken_whatever_comes_of_it() -> None:
    topology = Topology()
    topology.exchange("x", "fanout", {"alternate-exchange": "ae"})
    topology.exchange("y")
    topology.exchange("ae", "fanout")
    topology.queue("q")
    topology.bind("x", "y")
    topology.bind("ae", "q")
    assert topology.route("x", "k") == []


@pytest.mark.parametrize("kind", ["direct", "topic", "fanout"])
def test_a_remembered_route_is_forgotten_when_a_binding_changes(kind: str) -> None:
    topology = Topology()
    topology.exchange("x", kind)
    topology.queue("q", "r")
    topology.bind("x", "q", "k")
    assert topology.route("x", "k") == ["q"]
    binding = topology.bind("x", "r", "k")
    assert topology.route("x", "k") == ["q", "r"]
    topology.bindings.remove(binding)
    assert topology.route("x", "k") == ["q"]
    topology.bindings.remove_of_queue("q")
    assert topology.route("x", "k") == []


def test_a_repeated_route_is_the_same_object() -> None:
    topology = Topology()
    x = topology.exchange("x", "topic")
    topology.queue("q")
    topology.bind("x", "q", "#")
    first = topology.router.route(x, published("k"))
    assert topology.router.route(x, published("k")) is first


def test_a_fanout_remembers_one_route_for_all_keys() -> None:
    topology = Topology()
    x = topology.exchange("x", "fanout")
    topology.queue("q")
    topology.bind("x", "q")
    first = topology.router.route(x, published("1", other_keys=("2",)))
    assert topology.router.route(x, published("3")) is first


def test_a_fanout_before_a_direct_exchange_looks_at_keys() -> None:
    topology = Topology()
    topology.exchange("x", "fanout")
    topology.exchange("y")
    topology.queue("q", "r")
    topology.bind("x", "y")
    topology.bind("y", "q", "1")
    topology.bind("y", "r", "2")
    for _ in range(2):
        assert [topology.route("x", key) for key in "12"] == [["q"], ["r"]]
        assert topology.route("x", "1", "2") == ["q", "r"]


def test_what_depends_on_headers_is_not_remembered() -> None:
    topology = Topology()
    topology.exchange("x", "headers")
    topology.queue("q", "r")
    topology.bind("x", "q", "", {"h": 1})
    topology.bind("x", "r", "", {"h": 2})
    assert topology.route("x", "k", headers={"h": 1}) == ["q"]
    assert topology.route("x", "k", headers={"h": 2}) == ["r"]


def test_remembered_routes_are_bounded() -> None:
    topology = Topology(max_remembered=10)
    x = topology.exchange("x", "topic")
    topology.queue("q")
    topology.bind("x", "q", "#")
    for number in range(100):
        assert topology.route("x", str(number)) == ["q"]
        assert len(x.routes or {}) <= 5


def test_a_random_exchange_chooses_anew() -> None:
    topology = Topology()
    topology.exchange("x", "x-random")
    topology.queue("q", "r")
    topology.bind("x", "q")
    topology.bind("x", "r")
    assert {tuple(topology.route("x", "k")) for _ in range(100)} == {("q",), ("r",)}


def test_a_message_with_a_delay_goes_to_what_keeps_it_and_nowhere_else() -> None:
    topology = Topology()
    topology.exchange("x", "x-delayed-message", {"x-delayed-type": "topic", "alternate-exchange": "ae"})
    topology.exchange("ae", "fanout")
    topology.queue("q", "r")
    topology.bind("x", "q", "a.#")
    topology.bind("ae", "r")
    assert topology.route("x", "a.b", headers={"x-delay": 5}) == ["delayed of x"]
    undelayed: list[FieldTable | None] = [{"x-delay": 0}, {"x-delay": -5}, {}, None]
    for headers in undelayed:
        assert topology.route("x", "a.b", headers=headers) == ["q"]
    assert topology.route("x", "b") == ["r"]


def test_a_delay_counts_behind_a_binding_too() -> None:
    topology = Topology()
    topology.exchange("x", "fanout")
    topology.exchange("y", "x-delayed-message", {"x-delayed-type": "fanout"})
    topology.queue("q", "r")
    topology.bind("x", "y")
    topology.bind("x", "q")
    topology.bind("y", "r")
    assert topology.route("x", headers={"x-delay": 5}) == ["delayed of y", "q"]
    assert topology.route("x") == ["q", "r"]


def test_a_new_binding_brings_the_recent_history() -> None:
    topology = Topology()
    x = topology.exchange("x", "x-recent-history", {"x-recent-history-length": 2})
    for number in range(3):
        topology.router.route(x, published(body=str(number).encode()))
    topology.queue("q", "r")
    topology.router.replay_history(topology.bind("x", "q"))
    assert [message.body for message in topology.queues["q"].messages] == [b"1", b"2"]
    topology.exchange("y", "fanout")
    topology.bind("y", "r")
    topology.router.replay_history(topology.bind("x", "y"))
    assert [message.body for message in topology.queues["r"].messages] == [b"1", b"2"]
    assert len(topology.queues["q"].messages) == 2


def test_other_exchanges_have_no_history() -> None:
    topology = Topology()
    topology.exchange("x", "fanout")
    topology.queue("q")
    topology.router.replay_history(topology.bind("x", "q"))
    assert topology.queues["q"].messages == []


def test_an_exchange_that_is_gone_is_passed_over() -> None:
    topology = Topology()
    topology.exchange("x", "fanout")
    topology.exchange("y", "fanout")
    topology.queue("q")
    topology.bind("x", "q")
    topology.bind("x", "y")
    del topology.exchanges["y"]
    assert topology.route("x") == ["q"]
