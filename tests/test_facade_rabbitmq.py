import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from message_queues import MessageQueues, embedded
from message_queues.errors import (
    AmbiguousName,
    Closed,
    Conflict,
    InvalidArgument,
    MessageQueuesError,
    MessagesLost,
    NotAuthorized,
    NotFound,
    ResourceLocked,
    Unreachable,
    Unroutable,
    VirtualHostNotFound,
)


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


@pytest.fixture
def mq(server: embedded.EmbeddedServer) -> Iterator[MessageQueues]:
    with MessageQueues(embedded=server) as mq:
        mq.create_rabbitmq_cluster("east", "rabbit.example.com")
        yield mq


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A queue of this test's own."""
    return str(request.node.name)


def ports(server: embedded.EmbeddedServer) -> tuple[int, int]:
    return int(server.amqp.rpartition(":")[2]), int(server.management.rpartition(":")[2])


# Clusters.


def test_without_a_broker_the_error_names_each_address_and_how_to_run_embedded() -> None:
    with MessageQueues(embedded=False) as mq:
        with pytest.raises(Unreachable) as raised:
            mq.create_rabbitmq_cluster("east", ["127.0.0.1:1", "127.0.0.1"], 2)
        assert "127.0.0.1" in str(raised.value)
        assert "Connection refused" in str(raised.value)
        assert "MessageQueues(embedded=True) or set MESSAGE_QUEUES_EMBEDDED=1" in str(raised.value)
        assert repr(mq) == "MessageQueues(real clusters; clusters: none)"


def test_a_real_cluster_is_used_as_it_is_and_nothing_else(server: embedded.EmbeddedServer, name: str) -> None:
    amqp, management = ports(server)
    with MessageQueues(embedded=False) as mq:
        cluster = mq.create_rabbitmq_cluster("east", ["127.0.0.1:1", "127.0.0.1"], amqp, management, config={"connection_name": "shop"})
        mq.create_queue("east", name)
        described = cluster.describe()
        assert name in described.queues
        assert not described.embedded
        assert repr(mq) == "MessageQueues(real clusters; clusters: 'east')"


def test_embedded_needs_no_password_and_makes_the_virtual_host(server: embedded.EmbeddedServer) -> None:
    with MessageQueues(embedded=server) as mq:
        east = mq.create_rabbitmq_cluster("east", "rabbit", username="app", password="secret", virtual_host="/shop", ssl=True)
        assert east.served_by == (server.amqp, server.management)
        mq.create_queue("east", "only-there")
        assert [each["name"] for each in east.queues()] == ["only-there"]
        assert "secret" not in repr(east)


def test_who_is_refused_is_told_by_whom(server: embedded.EmbeddedServer) -> None:
    amqp, management = ports(server)
    with MessageQueues(embedded=False) as mq:
        with pytest.raises(NotAuthorized):
            mq.create_rabbitmq_cluster("east", "127.0.0.1", amqp, management, password="wrong")
        with pytest.raises(VirtualHostNotFound, match="vhost nowhere not found"):
            mq.create_rabbitmq_cluster("east", "127.0.0.1", amqp, management, virtual_host="nowhere")


def test_the_same_name_for_other_settings_is_a_conflict(mq: MessageQueues) -> None:
    assert mq.create_rabbitmq_cluster("east", "rabbit.example.com") is mq.rabbitmq_cluster("east")
    with pytest.raises(Conflict, match=r"virtual_host is '/', not '/shop'; password differs"):
        mq.create_rabbitmq_cluster("east", "rabbit.example.com", virtual_host="/shop", password="x")
    with pytest.raises(InvalidArgument, match="cluster 'east' is a RabbitMQ cluster"):
        mq.create_kafka_cluster("east", "kafka1")
    with pytest.raises(InvalidArgument, match="cluster 'east' is a RabbitMQ cluster"):
        mq.create_topic("east", "orders")
    with pytest.raises(NotFound, match=r"did you mean east\?"):
        mq.create_queue("eats", "orders")


WRONG_CALLS: list[tuple[Callable[[MessageQueues], object], type[MessageQueuesError], str]] = [
    (lambda mq: mq.create_rabbitmq_cluster("", "h"), InvalidArgument, "name is empty"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "http://h"), InvalidArgument, "without scheme"),
    (lambda mq: mq.create_rabbitmq_cluster("w", []), InvalidArgument, "host is empty"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", 0), InvalidArgument, "port=0 is outside"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", config={"heartbeet": 5}), InvalidArgument, r"did you mean heartbeat\?"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", config={"frame_max": 1}), InvalidArgument, "frame_max=1 is outside"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", ssl_ca_file="ca.pem"), InvalidArgument, "without ssl=True"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", ssl=True, ssl_ca_file="no-such.pem"), InvalidArgument, "cannot be used"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", ssl=True, ssl_key_file="k"), InvalidArgument, "ssl_key_file needs ssl_cert_file"),
    (lambda mq: mq.create_rabbitmq_cluster("w", "h", ssl="yes"), InvalidArgument, "ssl='yes'"),  # type: ignore[arg-type]
    (lambda mq: mq.create_exchange("east", ""), InvalidArgument, "exchange_name is empty"),
    (lambda mq: mq.create_exchange("east", "amq.mine"), InvalidArgument, "RabbitMQ's own"),
    (lambda mq: mq.create_exchange("east", "x" * 256), InvalidArgument, "256 bytes of UTF-8"),
    (lambda mq: mq.create_exchange("east", "x", "topik"), InvalidArgument, r"did you mean topic\?"),
    (lambda mq: mq.create_queue("east", "q", arguments={"x-max-lenght": 1}), InvalidArgument, r"did you mean x-max-length\?"),
    (lambda mq: mq.create_queue("east", "q", queue_type="quorum", exclusive=True), InvalidArgument, "exclusive=True is for classic"),
    (lambda mq: mq.create_queue("east", "q", durable=1), InvalidArgument, "durable=1"),  # type: ignore[arg-type]
    (lambda mq: mq.create_binding("east", "x"), InvalidArgument, "queue= or destination_exchange="),
    (lambda mq: mq.create_binding("east", "x", "q", destination_exchange="y"), InvalidArgument, "one of them"),
    (lambda mq: mq.create_publisher(exchange="x", acks=1), InvalidArgument, "acks: that is Kafka's, and this publisher is to RabbitMQ"),
    (lambda mq: mq.create_publisher(exchange="nowhere"), NotFound, "exchange='nowhere'"),
    (lambda mq: mq.create_publisher(queue="nowhere"), NotFound, "queue='nowhere'"),
    (lambda mq: mq.configure_consumer("nowhere"), NotFound, "queue_name='nowhere'"),
    (lambda mq: mq.configure_consumer("q", "queue", prefetch_count=65_536), InvalidArgument, "prefetch_count=65536 is outside"),
    (lambda mq: mq.configure_consumer("q", "queue", group="g"), InvalidArgument, "group: that is Kafka's"),
    (lambda mq: mq.configure_consumer("q", "queue", arguments={"x-prio": 1}), InvalidArgument, r"did you mean x-priority\?"),
]


@pytest.mark.parametrize(("call", "error", "says"), WRONG_CALLS)
def test_wrong_arguments_are_named_with_what_would_be_right(
    mq: MessageQueues, call: Callable[[MessageQueues], object], error: type[MessageQueuesError], says: str
) -> None:
    with pytest.raises(error, match=says):
        call(mq)


def test_a_context_of_the_programs_own_is_one_way_to_say_tls() -> None:
    with MessageQueues(embedded=False) as mq, pytest.raises(Unreachable):
        mq.create_rabbitmq_cluster("east", "127.0.0.1", 1, ssl=ssl.create_default_context(), management_ssl=True)


# Exchanges, queues, bindings.


def test_what_is_there_with_equal_settings_is_found_and_otherwise_a_conflict(mq: MessageQueues, name: str) -> None:
    for _ in range(2):
        mq.create_exchange("east", name, "topic")
        mq.create_queue("east", name, arguments={"x-max-length": 10})
        mq.create_binding("east", name, name, "order.*")
    with pytest.raises(Conflict) as raised:
        mq.create_queue("east", name, arguments={"x-max-length": 11, "x-expires": 60_000})
    assert raised.value.differences == ("x-expires is None, not 60000", "x-max-length is 10, not 11")
    with pytest.raises(Conflict, match="exchange_type is 'topic', not 'fanout'"):
        mq.create_exchange("east", name, "fanout")


def test_a_queue_that_is_another_programs_alone_is_locked_and_a_shared_one_a_conflict(
    mq: MessageQueues, server: embedded.EmbeddedServer, name: str
) -> None:
    mq.create_queue("east", name)
    with pytest.raises(Conflict, match="exists and is shared: exclusive is False, not True"):
        mq.create_queue("east", name, exclusive=True)
    with MessageQueues(embedded=server) as other:
        other.create_rabbitmq_cluster("west", "rabbit")
        other.create_queue("west", f"{name}-own", exclusive=True)
        with pytest.raises(ResourceLocked):
            mq.create_queue("east", f"{name}-own", exclusive=True)


def test_exchanges_are_bound_to_exchanges(mq: MessageQueues, name: str) -> None:
    mq.create_exchange("east", name, "topic")
    mq.create_exchange("east", f"{name}-2", "fanout")
    queue = mq.create_queue("east", name)
    binding = mq.create_binding("east", name, routing_key="a.#", destination_exchange=f"{name}-2")
    mq.create_binding("east", f"{name}-2", name)
    publisher = mq.create_publisher(exchange=name)
    publisher.publish(b"x", routing_key="a.b").result(5000)
    binding.delete()
    with pytest.raises(Unroutable):
        publisher.publish(b"x", routing_key="a.b").result(5000)
    assert queue.message_count() == 1


def test_a_queue_that_the_broker_names(mq: MessageQueues) -> None:
    queue = mq.create_queue("east", "", exclusive=True, durable=False)
    assert queue.name.startswith("amq.gen-")
    mq.create_publisher(queue=queue.name, publisher_type="sync").publish(b"x")
    message = mq.configure_consumer(queue.name).receive(5000)
    assert message is not None
    assert message.value == b"x"


def test_things_that_another_program_made_are_found(mq: MessageQueues, server: embedded.EmbeddedServer, name: str) -> None:
    with MessageQueues(embedded=server) as other:
        other.create_rabbitmq_cluster("west", "rabbit")
        other.create_exchange("west", name)
        other.create_queue("west", name)
    assert mq.exchange(name).describe().exchange_type == "direct"
    assert mq.queue(name).purge() == 0
    with pytest.raises(NotFound, match=rf"did you mean {name}\?"):
        mq.queue(f"{name[:-1]}")


def test_a_name_that_is_both_a_topic_and_a_queue_is_ambiguous_and_the_type_chooses(mq: MessageQueues, name: str) -> None:
    mq.create_kafka_cluster("kafka", "kafka1")
    mq.create_topic("kafka", name)
    mq.create_consumer_group(name, [name])
    mq.create_queue("east", name)
    with pytest.raises(AmbiguousName, match="say which with consumer_type=") as raised:
        mq.configure_consumer(name)
    assert raised.value.candidates == (f"consumer group {name!r} on cluster 'kafka'", f"queue {name!r} on cluster 'east'")
    assert mq.configure_consumer(name, "queue").describe().consumer_type == "queue"
    assert mq.configure_consumer(name, "group").describe().consumer_type == "group"
    assert mq.configure_consumer(name, cluster_name="east").describe().cluster == "east"


# The end.


def test_closing_flushes_returns_what_is_in_hand_and_ends_everything(server: embedded.EmbeddedServer, name: str) -> None:
    mq = MessageQueues(embedded=server)
    mq.create_rabbitmq_cluster("east", "rabbit")
    queue = mq.create_queue("east", name)
    publisher = mq.create_publisher(queue=name, linger_ms=50)
    for number in range(10):
        publisher.publish(str(number).encode())
    publisher.flush()
    consumer = mq.configure_consumer(name, commit="manual")
    first, second = consumer.receive(5000), consumer.receive(5000)
    assert first is not None
    assert second is not None
    second.ack()
    mq.close()
    mq.close()
    with pytest.raises(Closed):
        mq.queue(name)
    with MessageQueues(embedded=server) as again:
        again.create_rabbitmq_cluster("east", "rabbit")
        assert again.queue(name).message_count() == 9
    assert publisher.is_closed
    assert consumer.is_closed
    assert queue.name == name


def test_a_message_that_was_lost_is_said_at_the_end(server: embedded.EmbeddedServer, name: str) -> None:
    mq = MessageQueues(embedded=server)
    mq.create_rabbitmq_cluster("east", "rabbit")
    mq.create_exchange("east", name)
    mq.create_publisher(exchange=name).publish(b"x", routing_key="nowhere")
    with pytest.raises(MessagesLost, match=rf"1 messages to {name!r} did not arrive: exchange {name!r} routes 'nowhere' to no queue"):
        mq.close()


def test_a_directory_keeps_everything_for_the_next_run(tmp_path: Path) -> None:
    for _ in range(2):
        with MessageQueues(embedded=tmp_path) as mq:
            mq.create_rabbitmq_cluster("east", "rabbit")
            mq.create_queue("east", "orders")
            mq.create_publisher(queue="orders", publisher_type="sync").publish(b"x")
    with MessageQueues(embedded=tmp_path) as mq:
        mq.create_rabbitmq_cluster("east", "rabbit")
        assert len(list(mq.configure_consumer("orders").messages(idle_timeout_ms=500))) == 2
