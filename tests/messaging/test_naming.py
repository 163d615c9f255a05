import pytest

from message_queues.errors import AmbiguousName, NotFound
from message_queues.messaging.naming import Names, the_only


def test_a_name_means_the_thing_of_its_kind_whatever_else_carries_it() -> None:
    topics: Names[str] = Names("Kafka topic")
    exchanges: Names[str] = Names("exchange")
    topics.add("production-kafka", "orders", "the topic")
    exchanges.add("production-rabbitmq", "orders", "the exchange")
    assert the_only("topic", "orders", topics.candidates("orders"), (), "create it") == "the topic"


def test_an_ambiguous_name_lists_every_candidate() -> None:
    topics: Names[str] = Names("Kafka topic")
    topics.add("east", "orders", "one")
    topics.add("west", "orders", "other")
    with pytest.raises(AmbiguousName, match="topic='orders' may mean Kafka topic 'orders' on cluster 'east' or Kafka topic") as raised:
        the_only("topic", "orders", topics.candidates("orders"), (), "create it")
    assert raised.value.candidates == ("Kafka topic 'orders' on cluster 'east'", "Kafka topic 'orders' on cluster 'west'")
    assert the_only("topic", "orders", topics.candidates("orders", "west"), (), "create it") == "other"


def test_a_name_that_nothing_has_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"topic='order': nothing has that name: did you mean orders\?"):
        the_only("topic", "order", [], ["orders", "payments"], "create it with create_topic")
    with pytest.raises(NotFound, match="nothing has that name; create it with create_topic"):
        the_only("topic", "qqq", [], ["orders"], "create it with create_topic")


def test_what_is_forgotten_is_no_candidate() -> None:
    topics: Names[str] = Names("Kafka topic")
    topics.add("east", "orders", "one")
    assert topics.get("east", "orders") == "one"
    topics.forget("east", "orders")
    assert topics.get("east", "orders") is None
    assert topics.everything() == []
