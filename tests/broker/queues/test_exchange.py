import pytest

from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding
from message_queues.broker.queues.exchange import EXCHANGE_TYPES, Exchange, check_binding, check_exchange_arguments, routing_kind
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable


def test_each_type_can_be_made() -> None:
    for kind in EXCHANGE_TYPES:
        arguments: FieldTable = {"x-delayed-type": "topic"} if kind == "x-delayed-message" else {}
        check_exchange_arguments(kind, arguments)
        exchange = Exchange("x", kind, arguments)
        assert exchange.is_delaying == (kind == "x-delayed-message")
        assert not exchange.is_default


def test_the_exchange_without_a_name_is_the_default_one() -> None:
    assert Exchange("", "direct").is_default


def test_a_delayed_exchange_routes_by_the_type_it_names() -> None:
    assert routing_kind("x-delayed-message", {"x-delayed-type": "headers"}) == "headers"
    assert routing_kind("topic", {}) == "topic"


def test_the_alternate_exchange_comes_from_the_arguments() -> None:
    assert Exchange("x", "direct", {"alternate-exchange": "ae"}).alternate_exchange == "ae"
    assert Exchange("x", "direct").alternate_exchange is None


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        ("direct", {"alternate-exchange": 1}, "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"),
        ("direct", {"alternate-exchange": None}, "invalid type 'void' for arg 'alternate-exchange' in exchange 'x' in vhost '/'"),
        ("x-consistent-hash", {"hash-property": "priority"}, "Unsupported property: priority"),
        ("x-recent-history", {"x-recent-history-length": 0}, "Invalid argument 0, 'x-recent-history-length' must be a positive integer"),
        ("x-delayed-message", {}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ("x-delayed-message", {"x-delayed-type": 1}, "Invalid argument, 'x-delayed-type' must be an existing exchange type"),
        ("x-delayed-message", {"x-delayed-type": "none"}, "unknown exchange type 'none'"),
        (
            "x-delayed-message",
            {"x-delayed-type": "x-delayed-message"},
            "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
        ),
        ("x-delayed-message", {"x-delayed-type": "x-consistent-hash", "hash-property": "x"}, "Unsupported property: x"),
    ],
)
def test_bad_arguments_are_refused(kind: str, arguments: FieldTable, told: str) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        check_exchange_arguments(kind, arguments, "exchange 'x' in vhost '/'")
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("kind", "key", "arguments", "told"),
    [
        ("topic", "#.#.#", {}, "Topic binding key '#.#.#' uses 3 '#' wildcards, at most 2 are allowed"),
        ("headers", "", {"x-match": "x"}, 'Invalid x-match field value <<"x">>; expected all, any, all-with-x, or any-with-x'),
        ("x-consistent-hash", "heavy", {}, 'The binding key must be an integer: <<"heavy">>'),
        ("x-local-random", "k", {}, "Non empty binding 'k' key not permitted"),
    ],
)
def test_bad_bindings_are_refused(kind: str, key: str, arguments: FieldTable, told: str) -> None:
    for exchange in (Exchange("x", kind), Exchange("x", "x-delayed-message", {"x-delayed-type": kind})):
        with pytest.raises(PreconditionFailed) as refused:
            check_binding(exchange, Binding("x", "q", QUEUE, key, arguments))
        assert str(refused.value) == told
    check_binding(Exchange("x", "direct"), Binding("x", "q", QUEUE, key, arguments))


def test_older_versions_take_any_topic() -> None:
    check_binding(Exchange("x", "topic"), Binding("x", "q", QUEUE, "#.#.#"), has_topic_limit=False)


def test_only_classic_queues_can_be_bound_to_a_local_random_exchange() -> None:
    exchange = Exchange("x", "x-local-random")
    check_binding(exchange, Binding("x", "q", QUEUE, ""), "classic")
    with pytest.raises(PreconditionFailed, match=r"^Queue type rabbit_quorum_queue not valid for this exchange type$"):
        check_binding(exchange, Binding("x", "q", QUEUE, ""), "quorum")
    with pytest.raises(PreconditionFailed, match=r"^Destination not found$"):
        check_binding(exchange, Binding("x", "y", EXCHANGE, ""), None)
