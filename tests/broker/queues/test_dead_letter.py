import pytest

from message_queues.broker.queues.dead_letter import EXPIRED, MAXLEN, REJECTED, Death, DeathCustoms, is_cycle, record_death
from message_queues.broker.queues.message import QueueMessage
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp
from message_queues.records.properties import Properties, read_attributes, read_properties, write_properties
from tests.broker.queues.queue_world import message

AT_MS = 1_700_000_000_999
NEW = DeathCustoms(trusts_publishers=False, names_last=True, keeps_copies=True)
OLD = DeathCustoms(trusts_publishers=True, names_last=False, keeps_copies=False)


def _died(
    of: QueueMessage,
    queue: str = "q",
    reason: str = REJECTED,
    *,
    routing_key: str | None = None,
    customs: DeathCustoms = NEW,
    at_ms: int = AT_MS,
) -> QueueMessage:
    return record_death(of, Death(queue, reason, at_ms, "dlx", routing_key), customs)


def _headers(of: QueueMessage) -> FieldTable:
    return of.attributes.headers


def _deaths(of: QueueMessage) -> list[FieldTable]:
    deaths = _headers(of)["x-death"]
    assert isinstance(deaths, list)
    return [death for death in deaths if isinstance(death, dict)]


def test_the_first_death_is_told_in_full() -> None:
    dead = _died(message("body", "key", "orders", headers={"mine": 1}))
    assert (dead.exchange, dead.routing_key, dead.body, dead.has_died) == ("dlx", "key", b"body", True)
    assert _headers(dead) == {
        "mine": 1,
        "x-death": [
            {
                "count": 1,
                "reason": "rejected",
                "queue": "q",
                "time": Timestamp(1_700_000_000),
                "exchange": "orders",
                "routing-keys": ["key"],
            }
        ],
        "x-first-death-reason": "rejected",
        "x-first-death-queue": "q",
        "x-first-death-exchange": "orders",
        "x-last-death-reason": "rejected",
        "x-last-death-queue": "q",
        "x-last-death-exchange": "orders",
    }
    time = _deaths(dead)[0]["time"]
    assert isinstance(time, Timestamp)


def test_the_last_death_is_named_since_3_13() -> None:
    dead = _died(message(), customs=OLD)
    assert sorted(_headers(dead)) == ["x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason"]


def test_other_properties_stay_and_the_expiration_goes() -> None:
    properties = write_properties(
        Properties(
            content_type="text/plain", delivery_mode=2, priority=7, correlation_id="c", expiration="1500", message_id="m", app_id="a"
        )
    )
    dead = _died(QueueMessage("", "q", properties, b"", read_attributes(properties)), reason=EXPIRED)
    told = read_properties(dead.properties)
    assert (told.content_type, told.delivery_mode, told.priority, told.correlation_id, told.message_id, told.app_id) == (
        "text/plain", 2, 7, "c", "m", "a",
    )  # fmt: skip
    assert (told.expiration, dead.attributes.expiration) == (None, None)
    assert _deaths(dead)[0]["original-expiration"] == "1500"


def test_the_same_death_again_only_counts() -> None:
    dead = _died(_died(_died(message(exchange="orders")), at_ms=AT_MS + 5000), at_ms=AT_MS + 9000)
    (death,) = _deaths(dead)
    assert (death["count"], death["time"], death["exchange"]) == (3, 1_700_000_000, "orders")


def test_another_death_comes_before_the_earlier_ones() -> None:
    dead = message(exchange="orders")
    for queue, reason in (("a", REJECTED), ("b", EXPIRED), ("a", EXPIRED), ("b", EXPIRED)):
        dead = _died(dead, queue, reason)
    told = [(death["queue"], death["reason"], death["count"], death["exchange"]) for death in _deaths(dead)]
    assert told == [("b", EXPIRED, 2, "dlx"), ("a", EXPIRED, 1, "dlx"), ("a", REJECTED, 1, "orders")]
    headers = _headers(dead)
    assert [headers[f"x-first-death-{what}"] for what in ("queue", "reason", "exchange")] == ["a", REJECTED, "orders"]
    assert [headers[f"x-last-death-{what}"] for what in ("queue", "reason", "exchange")] == ["b", EXPIRED, "dlx"]


# Keys


def _copied() -> QueueMessage:
    return message("m", "key", headers={"CC": ["copy"]}, other_keys=("copy", "blind"))


def test_without_a_key_of_the_queue_the_messages_own_keys_stay() -> None:
    dead = _died(_copied())
    assert (dead.routing_key, dead.other_keys) == ("key", ("copy", "blind"))
    assert _headers(dead)["CC"] == ["copy"]
    # Who was sent a blind copy is nobody's business.
    assert _deaths(dead)[0]["routing-keys"] == ["key", "copy"]


@pytest.mark.parametrize(("customs", "copies"), [(NEW, ["copy"]), (OLD, None)])
def test_a_key_of_the_queue_replaces_all_others(customs: DeathCustoms, copies: FieldValue) -> None:
    dead = _died(_copied(), routing_key="other", customs=customs)
    assert (dead.routing_key, dead.other_keys) == ("other", ())
    assert _headers(dead).get("CC") == copies
    assert _deaths(dead)[0]["routing-keys"] == ["key", "copy"]
    assert _deaths(_died(dead, "next", customs=customs))[0]["routing-keys"] == ["other"]


# What publishers send


def _forged() -> QueueMessage:
    return message(
        headers={
            "x-death": [{"count": 4, "reason": REJECTED, "queue": "q", "exchange": "e", "time": Timestamp(1), "routing-keys": []}],
            "x-first-death-queue": "forged",
        }
    )


def test_an_x_death_of_a_publisher_is_replaced() -> None:
    dead = _died(_forged(), customs=NEW)
    assert [death["count"] for death in _deaths(dead)] == [1]
    assert _headers(dead)["x-first-death-queue"] == "q"


def test_until_3_13_an_x_death_of_a_publisher_counts() -> None:
    dead = _died(_forged(), customs=OLD)
    assert [death["count"] for death in _deaths(dead)] == [5]
    assert _headers(dead)["x-first-death-queue"] == "forged"


@pytest.mark.parametrize("header", ["text", 5, None, [1, "a"], {"count": 1}])
def test_an_x_death_that_makes_no_sense_is_replaced(header: FieldValue) -> None:
    assert [death["count"] for death in _deaths(_died(message(headers={"x-death": header}), customs=OLD))] == [1]


# Cycles


def test_a_message_does_not_come_back_by_itself() -> None:
    dead = _died(message(), "a", EXPIRED)
    assert is_cycle(dead, "a")
    assert not is_cycle(dead, "b")
    further = _died(_died(dead, "b", MAXLEN), "c", EXPIRED)
    assert [is_cycle(further, queue) for queue in "abcd"] == [True, True, True, False]


def test_a_rejection_on_the_way_makes_it_no_cycle() -> None:
    dead = _died(_died(message(), "a", EXPIRED), "b", REJECTED)
    assert not is_cycle(dead, "a")
    assert not is_cycle(dead, "b")
    again = _died(dead, "c", EXPIRED)
    assert [is_cycle(again, queue) for queue in "abc"] == [False, False, True]


def test_a_message_without_deaths_is_in_no_cycle() -> None:
    assert not is_cycle(message(), "q")
    assert not is_cycle(message(headers={"x-death": "text"}), "q")
