from collections.abc import Callable

import pytest

from message_queues.clients.queue_ports import BrokerState, NewBinding, NewExchange, NewQueue, QueueConsumerOptions, QueueProducerOptions
from message_queues.errors import (
    AmbiguousName,
    Conflict,
    ExchangeNotFound,
    InvalidArgument,
    NotFound,
    QueueNotFound,
    RabbitMQError,
)
from message_queues.messaging.consumer import ConsumerSettings
from message_queues.messaging.exchange_publisher import Target
from message_queues.messaging.rabbitmq import RabbitMQ
from message_queues.messaging.rabbitmq_answers import answer_mapping, answer_mappings
from message_queues.messaging.rabbitmq_cluster import RabbitMQCluster, RabbitMQSettings
from tests.messaging.memory_queue_client import MemoryManagement, MemoryQueueClient

OPTIONS = QueueProducerOptions(0, None, 1000, 1_000_000, 1000)
TO_ORDERS = Target("orders", "", mandatory=True, persistent=True)
QUEUE_ANSWER = {
    "name": "work",
    "durable": True,
    "auto_delete": False,
    "exclusive": False,
    "type": "classic",
    "arguments": {},
    "state": "running",
}


def cluster(name: str, served_by: tuple[str, ...] | None = None) -> tuple[RabbitMQCluster, MemoryQueueClient]:
    client = MemoryQueueClient()
    settings = RabbitMQSettings(name, (("rabbit", 5672),), 15672, "/", "guest", "secret")
    return RabbitMQCluster(settings, client, BrokerState("RabbitMQ", "4.3.0", "rabbit@one"), served_by), client


@pytest.fixture
def east() -> tuple[RabbitMQ, RabbitMQCluster, MemoryQueueClient]:
    made, client = cluster("east")
    rabbitmq = RabbitMQ()
    rabbitmq.clusters["east"] = made
    return rabbitmq, made, client


Parts = tuple[RabbitMQ, RabbitMQCluster, MemoryQueueClient]


def test_what_is_declared_twice_alike_is_found_and_otherwise_a_conflict_with_each_difference(east: Parts) -> None:
    rabbitmq, made, client = east
    first = rabbitmq.declare_queue(made, NewQueue("work"))
    assert repr(first) == repr(rabbitmq.declare_queue(made, NewQueue("work"))) == "Queue('work', cluster='east')"
    client.management.answers["queues|/|work"] = QUEUE_ANSWER
    with pytest.raises(Conflict) as raised:
        rabbitmq.declare_queue(made, NewQueue("work", durable=False, arguments={"x-max-length": 5, "x-queue-type": "quorum"}))
    assert raised.value.differences == (
        "durable is True, not False",
        "queue_type is 'classic', not 'quorum'",
        "x-max-length is None, not 5",
    )
    client.management.is_away = True
    with pytest.raises(Conflict) as raised:
        rabbitmq.declare_queue(made, NewQueue("work", arguments={"x-max-length": 5}))
    assert raised.value.differences == ("x-max-length is none, not 5",)


def test_an_exchange_that_exists_otherwise_is_a_conflict(east: Parts) -> None:
    rabbitmq, made, client = east
    rabbitmq.declare_exchange(made, NewExchange("orders", "topic"))
    client.management.answers["exchanges|/|orders"] = {
        "type": "topic",
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": [],
    }
    with pytest.raises(Conflict, match=r"exchange 'orders' on cluster 'east' .*exchange_type is 'topic', not 'fanout'"):
        rabbitmq.declare_exchange(made, NewExchange("orders", "fanout"))


def test_a_queue_that_the_broker_names_is_found_by_that_name(east: Parts) -> None:
    rabbitmq, made, _ = east
    queue = rabbitmq.declare_queue(made, NewQueue("", exclusive=True))
    assert queue.name == "amq.gen-1"
    assert rabbitmq.queue("queue", "amq.gen-1", [made]) is queue
    queue.delete()
    with pytest.raises(NotFound):
        rabbitmq.queue("queue", "amq.gen-1", [made])


def test_a_binding_to_what_is_missing_names_the_nearest(east: Parts) -> None:
    rabbitmq, made, client = east
    rabbitmq.declare_exchange(made, NewExchange("orders", "topic"))
    rabbitmq.declare_queue(made, NewQueue("order-processing"))
    binding = rabbitmq.bind(made, NewBinding("orders", "order-processing", "order.created"))
    rabbitmq.bind(made, NewBinding("orders", "order-processing", "order.created"))
    assert len(client.admin.bindings) == 1
    assert repr(binding) == "Binding('orders' to queue 'order-processing', routing_key='order.created', cluster='east')"
    with pytest.raises(QueueNotFound, match=r"no queue 'order-procesing' in vhost '/': did you mean order-processing\?"):
        rabbitmq.bind(made, NewBinding("orders", "order-procesing"))
    with pytest.raises(ExchangeNotFound, match=r"no exchange 'order' in vhost '/': did you mean orders\?"):
        rabbitmq.bind(made, NewBinding("order", "order-processing"))
    binding.delete()
    binding.delete()
    assert client.admin.bindings == []


def test_a_name_that_only_the_broker_knows_is_found_and_a_misspelt_one_answered_with_the_nearest(east: Parts) -> None:
    rabbitmq, made, client = east
    client.admin.queues["work"] = NewQueue("work")
    client.admin.exchanges["orders"] = NewExchange("orders")
    assert rabbitmq.queue("queue", "work", [made]).name == "work"
    assert rabbitmq.exchange("exchange", "orders", [made]).name == "orders"
    client.management.answers["queues|/"] = [{"name": "work"}]
    with pytest.raises(NotFound, match=r"queue='wrok': nothing has that name: did you mean work\?"):
        rabbitmq.queue("queue", "wrok", [made])
    client.management.is_away = True
    with pytest.raises(NotFound, match=r"queue='wrok': nothing has that name; create it with create_queue"):
        rabbitmq.queue("queue", "wrok", [made])
    with pytest.raises(NotFound, match="no cluster is named yet; name one with create_rabbitmq_cluster"):
        rabbitmq.queue("queue", "work", [])


def test_a_name_on_two_clusters_is_ambiguous_and_naming_one_chooses(east: Parts) -> None:
    rabbitmq, made, _ = east
    west, _ = cluster("west")
    rabbitmq.clusters["west"] = west
    for each in (made, west):
        rabbitmq.declare_queue(each, NewQueue("work"))
    with pytest.raises(AmbiguousName, match="say which with cluster_name=") as raised:
        rabbitmq.queue("queue_name", "work", [made, west])
    assert raised.value.candidates == ("queue 'work' on cluster 'east'", "queue 'work' on cluster 'west'")
    assert rabbitmq.queue("queue_name", "work", [west]).cluster == "west"


def test_publishers_and_consumers_are_made_for_what_exists(east: Parts) -> None:
    rabbitmq, made, client = east
    rabbitmq.declare_exchange(made, NewExchange("orders"))
    rabbitmq.declare_queue(made, NewQueue("work"))
    to_exchange = rabbitmq.publisher(None, TO_ORDERS, OPTIONS, 1000, [made])
    to_queue = rabbitmq.publisher("work", Target("", "", mandatory=True, persistent=False), OPTIONS, 1000, [made])
    to_exchange.publish(b"x", routing_key="k")
    to_queue.publish(b"y")
    assert [(sent.exchange, sent.routing_key) for producer in client.producers for sent in producer.sent] == [("orders", "k"), ("", "work")]
    assert (to_exchange.topic, to_queue.topic) == ("orders", "work")
    with pytest.raises(InvalidArgument, match="a publisher to a queue has the queue's name as routing key"):
        rabbitmq.publisher("work", Target("", "k", mandatory=True, persistent=True), OPTIONS, 1000, [made])
    settings = ConsumerSettings("work", None, (), "", 1, 10, "auto", None, 1000)
    consumer = rabbitmq.consumer(settings, QueueConsumerOptions("work", 10), [made])
    assert consumer.describe().cluster == "east"
    assert client.consumed == [QueueConsumerOptions("work", 10)]
    rabbitmq.close()
    assert client.is_closed


def test_things_describe_themselves_as_the_broker_has_them(east: Parts) -> None:
    rabbitmq, made, client = east
    queue = rabbitmq.declare_queue(made, NewQueue("work"))
    exchange = rabbitmq.declare_exchange(made, NewExchange("orders", "topic"))
    client.admin.messages["work"] = 3
    answers = client.management.answers
    answers["queues|/|work"] = {**QUEUE_ANSWER, "messages_unacknowledged": 2, "policy": "p"}
    described = queue.describe()
    assert (described.messages_ready, described.messages_unacknowledged, described.policy, described.state) == (3, 2, "p", "running")
    assert (queue.message_count(), queue.consumer_count(), queue.purge(), queue.message_count()) == (3, 0, 3, 0)
    answers["exchanges|/|orders"] = {"type": "topic", "durable": True, "message_stats": {"publish_in": 7, "publish_out": 5}}
    answers["exchanges|/|orders|bindings|source"] = [
        {"source": "orders", "destination": "work", "destination_type": "queue", "routing_key": "#", "arguments": {}}
    ]
    about = exchange.describe()
    assert (about.exchange_type, about.published_in, about.published_out, about.policy) == ("topic", 7, 5, None)
    assert about.bindings == (rabbitmq.bind(made, NewBinding("orders", "work", "#")),)
    assert about.bindings[0].describe().destination_kind == "queue"


def test_what_is_gone_says_so(east: Parts) -> None:
    rabbitmq, made, _ = east
    queue = rabbitmq.declare_queue(made, NewQueue("work"))
    exchange = rabbitmq.declare_exchange(made, NewExchange("orders"))
    assert queue.delete() == 0
    exchange.delete()
    calls: tuple[tuple[Callable[[], object], type[Exception]], ...] = (
        (queue.describe, QueueNotFound),
        (queue.message_count, QueueNotFound),
        (queue.delete, QueueNotFound),
        (exchange.describe, ExchangeNotFound),
        (exchange.delete, ExchangeNotFound),
    )
    for call, error in calls:
        with pytest.raises(error):
            call()


def test_settings_that_differ_are_listed_and_the_password_is_not_shown() -> None:
    held = RabbitMQSettings("east", (("rabbit", 5672),), 15672, "/", "guest", "secret")
    asked = RabbitMQSettings("east", (("rabbit", 5673),), 15672, "/shop", "guest", "other")
    assert held.differences(held) == ()
    assert held.differences(asked) == ("host is 'rabbit:5672', not 'rabbit:5673'", "virtual_host is '/', not '/shop'", "password differs")
    assert "secret" not in repr(held)


def test_a_cluster_describes_itself() -> None:
    made, client = cluster("east", served_by=("127.0.0.1:1", "127.0.0.1:2"))
    client.management.answers.update(
        {
            "overview": {"cluster_name": "rabbit@one", "rabbitmq_version": "4.3.0"},
            "nodes": [{"name": "rabbit@one"}],
            "exchanges|/": [{"name": ""}, {"name": "orders"}],
            "queues|/": [{"name": "work"}],
        }
    )
    described = made.describe()
    assert (described.version, described.nodes, described.exchanges, described.queues) == ("4.3.0", ("rabbit@one",), ("orders",), ("work",))
    assert described.embedded
    assert repr(made) == "RabbitMQCluster('east', host='rabbit:5672', virtual_host='/', embedded at 127.0.0.1:1, 127.0.0.1:2)"


def test_administration_says_to_the_management_api_what_it_is_told() -> None:
    made, client = cluster("east")
    management: MemoryManagement = client.management
    management.answers["aliveness-test|/"] = {"status": "ok"}
    management.answers["definitions"] = {"queues": []}
    made.create_virtual_host("shop", description="the shop", default_queue_type="quorum")
    made.create_user("app", "pw", ["monitoring"])
    made.set_permissions("app", configure="", write="orders", read="")
    made.set_policy("limit", "^work", {"max-length": 10}, apply_to="queues", priority=1)
    made.create_shovel("move", {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"})
    made.import_definitions(made.export_definitions())
    made.delete_shovel("move")
    assert made.is_alive()
    assert management.told == [
        ("PUT", "vhosts|shop", {"description": "the shop", "default_queue_type": "quorum"}),
        ("PUT", "users|app", {"password": "pw", "tags": "monitoring"}),
        ("PUT", "permissions|/|app", {"configure": "", "write": "orders", "read": ""}),
        ("PUT", "policies|/|limit", {"pattern": "^work", "definition": {"max-length": 10}, "apply-to": "queues", "priority": 1}),
        (
            "PUT",
            "parameters|shovel|/|move",
            {"value": {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"}},
        ),
        ("POST", "definitions", {"queues": []}),
        ("DELETE", "parameters|shovel|/|move", None),
    ]
    with pytest.raises(InvalidArgument, match=r"tags\[0\]='admin' is not one of"):
        made.create_user("app", "pw", ["admin"])
    with pytest.raises(InvalidArgument, match=r"definition=\{\} must be a mapping"):
        made.set_policy("limit", "^work", {})


def test_answers_of_another_shape_are_an_error_and_not_a_crash() -> None:
    assert answer_mapping([]) == {}
    assert answer_mappings({"items": [{"a": 1}], "page": 1}) == [{"a": 1}]
    for read in (answer_mapping, answer_mappings):
        with pytest.raises(RabbitMQError, match="the management API answers with str"):
            read("nonsense")
