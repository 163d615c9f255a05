import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from message_queues import MessageQueues, embedded
from message_queues.errors import (
    AmbiguousName,
    Closed,
    Conflict,
    InvalidArgument,
    InvalidConfig,
    InvalidTopic,
    MessageQueuesError,
    NotFound,
    Unreachable,
)


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start(brokers=3) as server:
        yield server


@pytest.fixture
def mq(server: embedded.EmbeddedServer) -> Iterator[MessageQueues]:
    with MessageQueues(embedded=server) as mq:
        yield mq


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A topic of this test's own."""
    return str(request.node.name)


# Real clusters, and embedded.


def test_without_a_broker_the_error_names_the_address_and_how_to_run_embedded() -> None:
    mq = MessageQueues(embedded=False)
    with pytest.raises(Unreachable) as raised:
        mq.create_kafka_cluster("production-kafka", ["127.0.0.1:1"])
    assert "127.0.0.1:1 (Connect to ipv4#127.0.0.1:1 failed: Connection refused)" in str(raised.value)
    assert "MessageQueues(embedded=True) or set MESSAGE_QUEUES_EMBEDDED=1" in str(raised.value)
    assert repr(mq) == "MessageQueues(real clusters; clusters: none)"
    mq.close()


def test_a_real_cluster_is_used_as_it_is_and_nothing_else(server: embedded.EmbeddedServer, name: str) -> None:
    with MessageQueues() as mq:
        cluster = mq.create_kafka_cluster("east", server.kafka)
        mq.create_topic("east", name, 2, 3)
        assert name in cluster.describe().topics
        assert not cluster.describe().embedded
        assert repr(mq) == "MessageQueues(real clusters; clusters: 'east')"


def test_embedded_is_said_once_in_the_log_and_by_repr(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), MessageQueues(embedded=True) as mq:
        assert repr(mq) == "MessageQueues(embedded, not started yet; clusters: none)"
        one = mq.create_kafka_cluster("east", ["kafka1:9092", "kafka2:9092", "kafka3:9092"], config={"security.protocol": "SASL_SSL"})
        other = mq.create_kafka_cluster("west", "kafka9:9092")
        assert one.served_by == other.served_by
        assert one.served_by is not None
        assert len(one.served_by) == 3
        assert one.describe().embedded
        assert repr(mq).startswith(f"MessageQueues(embedded in this process at {one.served_by[0]}")
        assert repr(one).endswith(f"embedded at {', '.join(one.served_by)})")
    said = [record.getMessage() for record in caplog.records if "embedded" in record.getMessage()]
    assert len(said) == 1
    assert "no real cluster is used" in said[0]


@pytest.mark.parametrize(("said", "is_embedded"), [("1", True), ("true", True), ("", False), ("0", False), ("no", False), ("DIR", True)])
def test_the_environment_decides_for_a_program_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, is_embedded: bool
) -> None:
    monkeypatch.setenv("MESSAGE_QUEUES_EMBEDDED", said.replace("DIR", str(tmp_path)))
    with MessageQueues() as mq, MessageQueues(embedded=False) as never:
        assert ("embedded" in repr(mq)) is is_embedded
        assert "real clusters" in repr(never)


def test_a_directory_keeps_everything_for_the_next_run(tmp_path: Path) -> None:
    for _ in range(2):
        with MessageQueues(embedded=tmp_path) as mq:
            mq.create_kafka_cluster("east", ["kafka1:9092"])
            mq.create_topic("east", "orders", 1, 1)
            mq.create_publisher("orders", "sync").publish(b"x")
    with MessageQueues(embedded=str(tmp_path)) as mq:
        mq.create_kafka_cluster("east", ["kafka1:9092"])
        mq.create_consumer_group("g", ["orders"], "earliest")
        assert len(list(mq.configure_consumer("orders").messages(idle_timeout_ms=1000))) == 2


def test_programs_of_one_process_share_a_directorys_server(tmp_path: Path) -> None:
    with MessageQueues(embedded=tmp_path) as one, MessageQueues(embedded=tmp_path) as other:
        assert one.create_kafka_cluster("a", "k").served_by == other.create_kafka_cluster("b", "k").served_by


def test_a_cluster_of_more_brokers_than_the_embedded_server_has_nodes_is_refused_with_the_remedy(mq: MessageQueues) -> None:
    with pytest.raises(InvalidArgument, match=r"names 4 brokers and the embedded server has 3 nodes: MessageQueues\(embedded_brokers=4\)"):
        mq.create_kafka_cluster("big", [f"kafka{number}:9092" for number in range(4)])
    with MessageQueues(embedded=True, embedded_brokers=4) as bigger:
        assert len(bigger.create_kafka_cluster("big", [f"kafka{number}:9092" for number in range(4)]).describe().brokers) == 4


def test_a_server_that_was_handed_in_is_not_stopped(server: embedded.EmbeddedServer) -> None:
    with MessageQueues(embedded=server) as mq:
        mq.create_kafka_cluster("east", "kafka1")
    assert "stopped" not in repr(server)


@pytest.mark.parametrize("wrong", [5, "", [1]])
def test_a_wrong_choice_of_embedded_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidArgument, match="embedded"):
        MessageQueues(embedded=wrong)  # type: ignore[arg-type]


# Arguments are checked before any call.

WRONG_CALLS: list[tuple[Callable[[MessageQueues], object], type[MessageQueuesError], str]] = [
    (lambda mq: mq.create_kafka_cluster("", ["a:1"]), InvalidArgument, "name is empty"),
    (lambda mq: mq.create_kafka_cluster("x", ["a:b"]), InvalidArgument, r"brokers\[0\]='a:b'"),
    (lambda mq: mq.create_kafka_cluster("x", ["a:1"], "registry"), InvalidArgument, "schema_registry='registry' must be a URL"),
    (lambda mq: mq.create_kafka_cluster("x", "a:1", config={"bootstrap.servers": "b"}), InvalidArgument, "is set by brokers="),
    (lambda mq: mq.create_kafka_cluster("x", "a:1", connect_timeout_ms=0), InvalidArgument, "connect_timeout_ms=0"),
    (lambda mq: mq.create_topic("esat", "orders"), NotFound, r"cluster_name='esat': no cluster has that name: did you mean east\?"),
    (lambda mq: mq.create_topic("east", "or ders"), InvalidTopic, "topic_name='or ders' holds ' '"),
    (lambda mq: mq.create_topic("east", "orders", 0), InvalidArgument, "partitions=0"),
    (lambda mq: mq.create_topic("east", "orders", 1, 0), InvalidArgument, "replication_factor=0"),
    (lambda mq: mq.create_topic("east", "orders", config={"retention.m": 1}), InvalidConfig, r"did you mean retention\.ms\?"),
    (lambda mq: mq.create_topic("east", "orders", config={"retention.ms": "x"}), InvalidConfig, "must be a whole number"),
    (lambda mq: mq.create_consumer_group("", ["orders"]), InvalidArgument, "group_id is empty"),
    (lambda mq: mq.create_consumer_group("g", "orders"), InvalidArgument, "topics='orders' must be a list"),
    (lambda mq: mq.create_consumer_group("g", ["orders"], "erliest"), InvalidArgument, r"did you mean earliest\?"),
    (lambda mq: mq.create_consumer_group("g", ["orders"], enable_auto_commit="no"), InvalidArgument, "must be True or False"),  # type: ignore[arg-type]
    (lambda mq: mq.create_consumer_group("g", ["orders"], config={"group.id": "h"}), InvalidArgument, "is set by group_id="),
    (lambda mq: mq.create_publisher("orders", "asink"), InvalidArgument, r"did you mean async\?"),
    (lambda mq: mq.create_publisher("orders", batch_size=0), InvalidArgument, "batch_size=0"),
    (lambda mq: mq.create_publisher("orders", linger_ms=-1), InvalidArgument, "linger_ms=-1"),
    (lambda mq: mq.create_publisher("orders", compression="zsdt"), InvalidArgument, r"did you mean zstd\?"),
    (lambda mq: mq.create_publisher("orders", acks=2), InvalidArgument, "acks='2' is not one of"),
    (lambda mq: mq.create_publisher("orders", acks=1), InvalidArgument, "acks=1 needs idempotent=False"),
    (lambda mq: mq.create_publisher("orders", config={"linger.ms": 1}), InvalidArgument, "is set by linger_ms="),
    (lambda mq: mq.configure_consumer("orders", "groop"), InvalidArgument, r"did you mean group\?"),
    (lambda mq: mq.configure_consumer("orders", concurrency=0), InvalidArgument, "concurrency=0"),
    (lambda mq: mq.configure_consumer("orders", prefetch_count=0), InvalidArgument, "prefetch_count=0"),
    (lambda mq: mq.configure_consumer("orders", commit="manul"), InvalidArgument, r"did you mean manual\?"),
    (lambda mq: mq.configure_consumer("orders", commit_interval_ms=0), InvalidArgument, "commit_interval_ms=0"),
    (lambda mq: mq.configure_consumer("orders", "queue"), NotFound, "no cluster is named yet; name one with create_rabbitmq_cluster"),
    (lambda mq: mq.configure_consumer("orders", "group", exclusive=True), InvalidArgument, "exclusive: that is RabbitMQ's"),
    (lambda mq: mq.create_publisher("orders", routing_key="k"), InvalidArgument, "routing_key: that is RabbitMQ's"),
    (lambda mq: mq.create_publisher(), InvalidArgument, "needs topic=, exchange=, queue= or sns_topic=, one of them; it was given none"),
    (lambda mq: mq.create_publisher("orders", queue="orders"), InvalidArgument, "it was given topic, queue"),
    (lambda mq: mq.create_exchange("east", "orders"), InvalidArgument, "cluster 'east' is a Kafka cluster"),
]


@pytest.mark.parametrize(("call", "error", "says"), WRONG_CALLS)
def test_wrong_arguments_are_named_with_what_would_be_right(
    mq: MessageQueues, call: Callable[[MessageQueues], object], error: type[MessageQueuesError], says: str
) -> None:
    mq.create_kafka_cluster("east", "kafka1:9092")
    with pytest.raises(error, match=says):
        call(mq)


def test_a_misspelt_client_property_is_answered_with_the_nearest(mq: MessageQueues, name: str) -> None:
    mq.create_kafka_cluster("east", "kafka1:9092")
    mq.create_topic("east", name)
    mq.create_consumer_group(name, [name])
    with pytest.raises(InvalidArgument, match=r"did you mean session\.timeout\.ms\?"):
        mq.configure_consumer(name, config={"session.timeout": 6000})
    with pytest.raises(InvalidArgument, match=r"did you mean retry\.backoff\.ms\?"):
        mq.create_publisher(name, config={"retry.backof.ms": 5})


# Names.


def test_what_is_there_with_equal_settings_is_found_and_otherwise_a_conflict(mq: MessageQueues, name: str) -> None:
    cluster = mq.create_kafka_cluster("east", ["kafka1:9092"], "http://registry:8081")
    assert mq.create_kafka_cluster("east", "kafka1", "http://registry:8081") is cluster
    with pytest.raises(Conflict, match="cluster 'east' exists with other settings") as raised:
        mq.create_kafka_cluster("east", ["kafka2:9092"])
    assert len(raised.value.differences) == 2

    mq.create_topic("east", name, 2, 1, {"retention.ms": 5000})
    mq.create_topic("east", name, 2, 1, {"retention.ms": "5000"})
    with pytest.raises(Conflict) as raised:
        mq.create_topic("east", name, 3, 2, {"retention.ms": "6000"})
    assert raised.value.differences == (
        "partitions is 2, not 3", "replication_factor is 1, not 2", "retention.ms is 5000, not 6000",
    )  # fmt: skip

    group = mq.create_consumer_group(name, [name], "earliest")
    assert mq.create_consumer_group(name, [name], "earliest") is group
    with pytest.raises(Conflict, match="auto_offset_reset is 'earliest', not 'latest'"):
        mq.create_consumer_group(name, [name], "latest")


def test_a_topic_that_another_program_made_is_found_on_the_cluster(mq: MessageQueues, server: embedded.EmbeddedServer, name: str) -> None:
    with MessageQueues(embedded=server) as other:
        other.create_kafka_cluster("there", "kafka1")
        other.create_topic("there", name)
    with pytest.raises(NotFound, match="no cluster is named yet"):
        mq.create_publisher(name)
    mq.create_kafka_cluster("east", "kafka1")
    assert mq.create_publisher(name).describe().cluster == "east"
    assert mq.topic(name).cluster == "east"
    with pytest.raises(NotFound, match=rf"topic='{name}s': nothing has that name: did you mean {name}\?"):
        mq.create_publisher(f"{name}s")


def test_an_ambiguous_topic_lists_the_clusters_and_naming_one_chooses(mq: MessageQueues, name: str) -> None:
    for cluster in ("east", "west"):
        mq.create_kafka_cluster(cluster, "kafka1")
        mq.create_topic(cluster, name)
    with pytest.raises(AmbiguousName) as raised:
        mq.create_publisher(name)
    assert raised.value.candidates == (f"Kafka topic '{name}' on cluster 'east'", f"Kafka topic '{name}' on cluster 'west'")
    assert mq.create_publisher(name, cluster_name="west").describe().cluster == "west"
    with pytest.raises(AmbiguousName, match="topics="):
        mq.create_consumer_group("g", [name])
    assert mq.create_consumer_group("g", [name], cluster_name="east").settings.cluster == "east"


def test_a_group_is_on_the_cluster_of_its_topics(mq: MessageQueues, name: str) -> None:
    with pytest.raises(NotFound, match="no cluster is named yet"):
        mq.create_consumer_group("g", [name])
    for cluster in ("east", "west"):
        mq.create_kafka_cluster(cluster, "kafka1")
    mq.create_topic("west", name)
    assert mq.create_consumer_group("g", [name, "later"]).settings.cluster == "west"
    with pytest.raises(NotFound, match="say which cluster the group is on"):
        mq.create_consumer_group("h", ["nowhere"])


def test_a_queue_name_means_the_group_over_that_topic_or_the_group_itself(mq: MessageQueues, name: str) -> None:
    mq.create_kafka_cluster("east", "kafka1")
    mq.create_consumer_group(f"{name}-processors", [name, "later"], enable_auto_commit=False)
    by_topic = mq.configure_consumer(name).describe()
    assert (by_topic.group_id, by_topic.topics, by_topic.commit) == (f"{name}-processors", (name,), "manual")
    by_group = mq.configure_consumer(f"{name}-processors", commit="auto").describe()
    assert (by_group.topics, by_group.commit) == ((name, "later"), "auto")

    mq.create_consumer_group(f"{name}-auditors", [name])
    with pytest.raises(AmbiguousName, match="say which with group=") as raised:
        mq.configure_consumer(name)
    assert len(raised.value.candidates) == 2
    assert mq.configure_consumer(name, group=f"{name}-auditors").describe().group_id == f"{name}-auditors"
    with pytest.raises(NotFound, match=rf"did you mean {name}-auditors\?"):
        mq.configure_consumer(name, group=f"{name}-auditor")
    with pytest.raises(NotFound, match=f"group '{name}-auditors' is over {name}"):
        mq.configure_consumer("later", group=f"{name}-auditors")
    with pytest.raises(NotFound, match="declare a group over it with create_consumer_group"):
        mq.configure_consumer("qqqqqqqqqqqqqqqq")
    assert mq.consumer_group(f"{name}-auditors").topics == (name,)


# Life and death.


def test_objects_are_altered_and_deleted(mq: MessageQueues, name: str) -> None:
    mq.create_kafka_cluster("east", "kafka1")
    topic = mq.create_topic("east", name, 1, 1)
    topic.alter(config={"retention.ms": 5000}, partitions=2)
    assert topic.describe().overrides == {"retention.ms": "5000"}
    group = mq.create_consumer_group(name, [name], "earliest")
    mq.create_publisher(name, "sync").publish(b"x", partition=0)
    consumer = mq.configure_consumer(name)
    assert consumer.receive(10_000) is not None
    consumer.commit()
    assert group.describe().state == "Stable"
    consumer.close()
    assert sum(lag.lag for lag in group.lag().values()) == 1
    group.reset_offsets("latest")
    assert sum(lag.lag for lag in group.lag().values()) == 0
    group.delete()
    with pytest.raises(NotFound):
        mq.consumer_group(name)
    topic.delete()
    with pytest.raises(NotFound):
        mq.create_publisher(name)


def test_closing_flushes_commits_and_ends_everything(server: embedded.EmbeddedServer, name: str) -> None:
    with MessageQueues(embedded=server) as mq:
        mq.create_kafka_cluster("east", "kafka1")
        mq.create_topic("east", name, 1, 1)
        group = mq.create_consumer_group(name, [name], "earliest")
        publisher, consumer = mq.create_publisher(name, linger_ms=1000), mq.configure_consumer(name)
        delivery = publisher.publish(b"1")
        publisher.flush()
        first = consumer.receive(10_000)
        assert first is not None
        first.ack()
        late = publisher.publish(b"2")
    assert delivery.offset == 0
    assert late.offset == 1
    assert publisher.is_closed
    assert consumer.is_closed
    assert sum(lag.lag for lag in group.lag().values()) == 1
    with pytest.raises(Closed, match="this MessageQueues is closed"):
        mq.create_kafka_cluster("west", "kafka1")
    mq.close()
    assert repr(mq).endswith("; closed)")


PROGRAM_THAT_CLOSES_NOTHING = """
from message_queues import MessageQueues
mq = MessageQueues(embedded=DIR)
mq.create_kafka_cluster("east", "kafka1")
mq.create_topic("east", "orders")
publisher = mq.create_publisher("orders", linger_ms=1000)
for number in range(100):
    publisher.publish(str(number))
"""


def test_a_program_that_ends_without_closing_loses_nothing(tmp_path: Path) -> None:
    program = PROGRAM_THAT_CLOSES_NOTHING.replace("DIR", repr(str(tmp_path)))
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=dict(os.environ))
    with MessageQueues(embedded=tmp_path) as mq:
        mq.create_kafka_cluster("east", "kafka1")
        mq.create_consumer_group("g", ["orders"], "earliest")
        assert len(list(mq.configure_consumer("orders").messages(idle_timeout_ms=1000))) == 100
