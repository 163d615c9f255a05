"""The stock Java client (kafka-clients 4.3.1), by the scenarios of `tools/java`: producing, consuming, classic groups, administration."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from message_queues import MessageQueues
from tests.conformance.java_client import java_program
from tests.conformance.librdkafka import publish, read
from tests.conformance.topics import Topics, unique_name
from tests.patience import eventually
from tests.servers_under_test import ServerUnderTest
from tools.scenarios import Refused, ScenarioProgram

pytestmark = pytest.mark.real

KEPT = {"retention.ms": "-1"}
"""For records of a time long ago."""

KEYS = [f"customer-{number}" for number in range(100)] + ["", "a", "ключ", "鍵", "🗝", "x" * 1000]


@pytest.fixture(scope="session")
def java(server: ServerUnderTest) -> Iterator[ScenarioProgram]:
    with java_program(server) as program:
        yield program


@pytest.fixture
def embedded(server: ServerUnderTest) -> None:
    """Of a test that says what is left out, and thus holds for our server alone."""
    if server.kind != "embedded":
        pytest.skip("a real Kafka has it")


def produce(java: ScenarioProgram, topic: str, *values: str, **config: object) -> list[dict[str, Any]]:
    """Each value into partition 0."""
    told = java.play("produce", topic=topic, records=[{"partition": 0, "value": value} for value in values], config=config)
    assert isinstance(told, list)
    return told


def refusal(java: ScenarioProgram, scenario: str, **arguments: object) -> str:
    with pytest.raises(Refused) as refused:
        java.play(scenario, **arguments)
    return refused.value.error


# Producing


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_a_record_comes_back_as_it_was_sent(java: ScenarioProgram, topics: Topics, compression: str) -> None:
    topic = topics.new(config=KEPT)
    sent: list[dict[str, Any]] = [
        {"partition": 0, "timestamp": 1_700_000_000_000, "key": "k", "value": "v", "headers": [["h", "1"], ["h", "2"], ["empty", None]]},
        {"partition": 0, "timestamp": 1_700_000_000_500, "key": None, "value": "no key"},
        {"partition": 0, "timestamp": 1_700_000_000_400, "key": "a tombstone", "value": None},
        {"partition": 0, "timestamp": 1_700_000_000_600, "key": "", "value": ""},
    ]
    told = java.play("produce", topic=topic, records=sent, config={"compression.type": compression, "linger.ms": 20})
    assert [each["offset"] for each in told] == [0, 1, 2, 3]
    assert [each["timestamp"] for each in told] == [each["timestamp"] for each in sent]
    for record, original in zip(java.play("read", topic=topic, count=4), sent, strict=True):
        assert {name: record[name] for name in ("timestamp", "key", "value")} == {
            name: original[name] for name in ("timestamp", "key", "value")
        }
        assert record["headers"] == original.get("headers", [])
        assert record["timestamp_type"] == "CreateTime"


@pytest.mark.parametrize(("acks", "idempotent"), [("all", True), ("all", False), ("1", False)])
def test_records_are_confirmed_in_order(java: ScenarioProgram, topics: Topics, acks: str, idempotent: bool) -> None:
    topic = topics.new()
    values = [str(number) for number in range(500)]
    config = {"acks": acks, "enable.idempotence": idempotent, "batch.size": 200}
    assert [each["offset"] for each in produce(java, topic, *values, **config)] == list(range(500))
    assert [each["value"] for each in java.play("read", topic=topic, count=500)] == values


def test_without_acknowledgement_nothing_is_told_but_all_arrives(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    told = produce(java, topic, "a", "b", **{"acks": "0", "enable.idempotence": False})
    assert [each["offset"] for each in told] == [None, None]
    assert [each["value"] for each in java.play("read", topic=topic, count=2)] == ["a", "b"]


def test_a_big_record_fits_if_the_topic_allows_it(java: ScenarioProgram, topics: Topics) -> None:
    large = {"max.request.size": 20_000_000, "buffer.memory": 40_000_000}
    record = {"partition": 0, "value_bytes": 5_000_000}
    (refused,) = java.play("produce", topic=topics.new(), records=[record], config=large)
    assert refused["error"] == "RecordTooLargeException"
    topic = topics.new(config={"max.message.bytes": "6000000"})
    (told,) = java.play("produce", topic=topic, records=[record], config=large)
    assert told["offset"] == 0
    # More than max.partition.fetch.bytes: a consumer gets past it all the same.
    assert [each["value_bytes"] for each in java.play("read", topic=topic, count=1)] == [5_000_000]


def test_the_broker_stamps_the_time_if_the_topic_says_so(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(config={"message.timestamp.type": "LogAppendTime"})
    (told,) = java.play("produce", topic=topic, records=[{"partition": 0, "timestamp": 1000, "value": "v"}])
    (record,) = java.play("read", topic=topic, count=1)
    assert (record["timestamp_type"], record["timestamp"]) == ("LogAppendTime", told["timestamp"])
    assert record["timestamp"] > 1_700_000_000_000


def test_a_record_too_far_from_now_is_refused(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(config={"message.timestamp.before.max.ms": "1000"})
    (told,) = java.play("produce", topic=topic, records=[{"partition": 0, "timestamp": 1000, "value": "v"}])
    assert told["error"] == "InvalidTimestampException"


def test_a_topic_is_made_when_it_is_produced_to(java: ScenarioProgram) -> None:
    topic = unique_name("made")
    (told,) = java.play("produce", topic=topic, records=[{"value": "v"}])
    assert (told["partition"], told["offset"]) == (0, 0)
    (partition,) = java.play("partitions_for", topic=topic)
    assert (partition["partition"], partition["replicas"]) == (0, 1)


def test_threads_share_a_producer(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=6)
    assert java.play("produce_from_threads", topic=topic, threads=8, count=500, config={"batch.size": 1000}) == 4000
    records = java.play("read", topic=topic, partitions=list(range(6)), count=4000)
    for key in range(8):
        of_one_thread = [each for each in records if each["key"] == str(key)]
        assert [int(each["value"]) for each in of_one_thread] == list(range(500))


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_producer_goes_on_when_its_topic_is_made_again(java: ScenarioProgram, topics: Topics, idempotent: bool) -> None:
    assert java.play("produce_to_recreated_topic", topic=topics.new(), config={"enable.idempotence": idempotent}) == [0, 1, 0]


def test_keys_land_in_the_same_partitions_as_those_of_the_library(java: ScenarioProgram, topics: Topics, bootstrap: str) -> None:
    topic = topics.new(partitions=12)
    of_java = java.play("produce", topic=topic, records=[{"key": key, "value": "v"} for key in KEYS])
    mq = MessageQueues()
    mq.create_kafka_cluster(name="cluster", brokers=bootstrap.split(","))
    with mq.create_publisher(topic=topic) as publisher:
        of_library = [publisher.publish(b"v", key=key) for key in KEYS]
        publisher.flush()
    mq.close()
    assert [each.result().partition for each in of_library] == [each["partition"] for each in of_java]
    hashes = java.play("murmur2", keys=KEYS)
    assert [(each & 0x7FFFFFFF) % 12 for each in hashes] == [each["partition"] for each in of_java]


def test_what_java_compressed_librdkafka_reads_and_the_other_way_round(java: ScenarioProgram, topics: Topics, bootstrap: str) -> None:
    topic = topics.new()
    for compression in ("gzip", "snappy", "lz4", "zstd"):
        produce(
            java, topic, *[f"java {compression} {number}" for number in range(20)], **{"compression.type": compression, "linger.ms": 20}
        )
        publish(bootstrap, topic, [f"librdkafka {compression} {number}".encode() for number in range(20)], compression_type=compression)
    by_java = [each["value"] for each in java.play("read", topic=topic, count=160)]
    assert by_java == [(message.value() or b"").decode() for message in read(bootstrap, topic, 160)]
    assert len(set(by_java)) == 160


# Consuming


def test_offsets_are_found_at_both_ends_and_by_time(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=2, config=KEPT)
    records = [{"partition": 0, "timestamp": 1_700_000_000_000 + 1000 * number, "value": "v"} for number in range(5)]
    java.play("produce", topic=topic, records=records)
    times = [0, 1_700_000_000_000, 1_700_000_001_500, 1_700_000_004_000, 1_700_000_004_001]
    found = java.play("offsets", topic=topic, partitions=[0, 1], times=times)
    assert (found["beginning"], found["end"]) == ([0, 0], [5, 0])
    assert found["times"] == [[0, 1_700_000_000_000], [0, 1_700_000_000_000], [2, 1_700_000_002_000], [4, 1_700_000_004_000], None]


def test_a_consumer_seeks(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    produce(java, topic, *"abcdefghij", **{"linger.ms": 20})
    assert java.play("seek", topic=topic, to=7) == {"read": [7, 0, 7], "end": 10}


def test_a_paused_partition_gives_nothing_until_it_is_resumed(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    java.play("produce", topic=topic, records=[{"partition": number % 2, "value": "v"} for number in range(20)])
    assert java.play("pause", topic=topic, count=10) == {"meanwhile": [1], "afterwards": [0]}


@pytest.mark.parametrize(("policy", "position"), [("earliest", 0), ("latest", 3), ("by_duration:P1D", 2), ("by_duration:P100D", 1)])
def test_a_new_group_starts_where_its_policy_says(java: ScenarioProgram, topics: Topics, policy: str, position: int) -> None:
    topic = topics.new(config=KEPT)
    day_ms = 86_400_000
    times = [int(time.time() * 1000) - days * day_ms for days in (200, 10, 0)]
    java.play("produce", topic=topic, records=[{"partition": 0, "timestamp": each, "value": "v"} for each in times])
    assert java.play("reset", topic=topic, group=unique_name("group"), config={"auto.offset.reset": policy}) == position


def test_without_a_policy_a_new_group_is_told_that_it_has_no_offset(java: ScenarioProgram, topics: Topics) -> None:
    config = {"auto.offset.reset": "none"}
    refused = refusal(java, "reset", topic=topics.new(), group=unique_name("group"), config=config)
    assert refused == "NoOffsetForPartitionException"


def test_a_position_outside_of_the_log_is_reset_or_told(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    produce(java, topic, "a", "b")
    assert java.play("read_beyond", topic=topic, **{"from": 1000}) == 0
    refused = refusal(java, "read_beyond", topic=topic, config={"auto.offset.reset": "none"}, **{"from": 1000})
    assert refused == "OffsetOutOfRangeException"


def test_one_consumer_reads_many_partitions_beside_each_other(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=50)
    java.play("produce", topic=topic, records=[{"partition": number % 50, "value": str(number)} for number in range(1000)])
    records = java.play("read", topic=topic, partitions=list(range(50)), count=1000, config={"max.partition.fetch.bytes": 200})
    assert sorted(int(each["value"]) for each in records) == list(range(1000))
    for partition in range(50):
        assert [each["offset"] for each in records if each["partition"] == partition] == list(range(20))


def test_a_consumer_knows_its_lag(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    produce(java, topic, *"abcdefghij")
    assert java.play("lag", topic=topic, read=4, config={"max.poll.records": 1}) == 6


def test_a_consumer_goes_from_topic_to_topic_and_back(java: ScenarioProgram, topics: Topics) -> None:
    one, other = topics.new(), topics.new()
    produce(java, one, "a", "b")
    produce(java, other, "c", "d")
    read_in_turn = java.play("reassign", topics=[one, other, one, other, one], count=2)
    assert read_in_turn == [["a", "b"], ["c", "d"], ["a", "b"], ["c", "d"], ["a", "b"]]


def test_a_consumer_of_committed_records_reads_those_without_a_transaction(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    produce(java, topic, "a", "b")
    config = {"isolation.level": "read_committed", "check.crcs": True, "client.rack": "r1"}
    assert [each["value"] for each in java.play("read", topic=topic, count=2, config=config)] == ["a", "b"]


def test_a_consumer_lists_topics(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=3)
    assert java.play("listed_topics")[topic] == 3


# Groups


@pytest.mark.parametrize(
    ("assignor", "revoked"),
    [
        ("RangeAssignor", 4),
        ("RoundRobinAssignor", 4),
        ("StickyAssignor", 4),
        # Cooperative: only what moves is taken.
        ("CooperativeStickyAssignor", 2),
    ],
)
def test_a_second_member_takes_half_and_gives_it_back(java: ScenarioProgram, topics: Topics, assignor: str, revoked: int) -> None:
    config = {"partition.assignment.strategy": f"org.apache.kafka.clients.consumer.{assignor}"}
    told = java.play("rebalance", topic=topics.new(partitions=4), group=unique_name("group"), config=config)
    assert told["alone"] == told["again"] == [0, 1, 2, 3]
    assert (len(told["first"]), len(told["second"])) == (2, 2)
    assert sorted(told["first"] + told["second"]) == [0, 1, 2, 3]
    assert told["same_generation"]
    assert len(told["revoked"]) == revoked


def test_a_static_member_comes_back_without_a_rebalance(java: ScenarioProgram, topics: Topics) -> None:
    config = {"group.instance.id": "first"}
    told = java.play("static_member", topic=topics.new(partitions=4), group=unique_name("group"), config=config)
    before, after = told["before"], told["after"]
    assert (after["partitions"], after["generation"]) == (before["partitions"], before["generation"])
    assert told["member_id_is_new"]
    assert told["revoked_from_the_other"] == []


def test_an_instance_is_fenced_by_a_second_one_of_its_name(java: ScenarioProgram, topics: Topics) -> None:
    told = java.play("fenced_instance", topic=topics.new(), group=unique_name("group"), config={"group.instance.id": "only"})
    assert told == "FencedInstanceIdException"


def test_metadata_and_epoch_of_a_committed_offset_come_back(java: ScenarioProgram, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    assert java.play("committed", topic=topic, group=group) is None
    java.play("commit", topic=topic, group=group, offset=42, metadata="seen by ключ", leader_epoch=0)
    assert java.play("committed", topic=topic, group=group) == {"offset": 42, "metadata": "seen by ключ", "leader_epoch": 0}
    java.play("commit", topic=topic, group=group, offset=43)
    assert java.play("committed", topic=topic, group=group) == {"offset": 43, "metadata": "", "leader_epoch": None}


def test_too_long_a_metadata_is_refused(java: ScenarioProgram, topics: Topics) -> None:
    refused = refusal(java, "commit", topic=topics.new(), group=unique_name("group"), offset=1, metadata="x" * 4097)
    assert refused == "OffsetMetadataTooLarge"


@pytest.mark.parametrize("automatic", [False, True])
def test_a_group_resumes_where_it_committed(java: ScenarioProgram, topics: Topics, automatic: bool) -> None:
    topic, group = topics.new(), unique_name("group")
    produce(java, topic, *"abcdefghij")
    config = {"max.poll.records": 1, "enable.auto.commit": automatic}
    assert java.play("resume", topic=topic, group=group, count=4, config=config) == list("abcd")
    assert java.play("resume", topic=topic, group=group, count=6, config=config) == list("efghij")


def test_a_subscription_by_pattern_takes_all_topics_that_match(java: ScenarioProgram, topics: Topics) -> None:
    wanted = sorted(topics.new() for _ in range(3))
    topics.new()
    pattern = "|".join(wanted)
    assert java.play("pattern", pattern=pattern, group=unique_name("group"), partitions=3) == wanted


def test_new_partitions_are_noticed_and_taken(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    config = {"metadata.max.age.ms": 100}
    assert java.play("new_partitions", topic=topic, group=unique_name("group"), count=6, config=config) == [0, 1, 2, 3, 4, 5]


def test_a_topic_is_made_when_it_is_subscribed_to(java: ScenarioProgram) -> None:
    config = {"metadata.max.age.ms": 100}
    assert java.play("join", topic=unique_name("made"), group=unique_name("group"), config=config) == [0]


def test_a_session_that_is_too_short_is_refused(java: ScenarioProgram, topics: Topics) -> None:
    config = {"session.timeout.ms": 500, "heartbeat.interval.ms": 100}
    assert refusal(java, "join", topic=topics.new(), group=unique_name("group"), config=config) == "InvalidSessionTimeoutException"


def test_members_without_a_common_assignor_do_not_meet(java: ScenarioProgram, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    java.play("join", topic=topic, group=group, config={"group.instance.id": "stays"})
    config = {"partition.assignment.strategy": "org.apache.kafka.clients.consumer.RoundRobinAssignor"}
    assert refusal(java, "join", topic=topic, group=group, config=config) == "InconsistentGroupProtocolException"


# Administration: topics


def test_a_topic_is_created_described_and_deleted(java: ScenarioProgram, server: ServerUnderTest) -> None:
    topic = unique_name("topic")
    created = java.play(
        "create_topic", topic=topic, partitions=3, replication_factor=server.node_count, configs={"retention.ms": "1234567"}
    )
    assert (created["partitions"], created["replication_factor"]) == (3, server.node_count)
    assert created["configs"]["retention.ms"] == "1234567"
    assert len(created["configs"]) >= 33
    described = eventually_described(java, topic=topic)
    assert (described["name"], described["topic_id"], described["is_internal"]) == (topic, created["topic_id"], False)
    assert [each["partition"] for each in described["partitions"]] == [0, 1, 2]
    assert all(len(each["replicas"]) == len(each["isr"]) == server.node_count for each in described["partitions"])
    assert all(each["leader"] == each["replicas"][0] for each in described["partitions"])
    assert java.play("list_topics")[topic] == created["topic_id"]
    java.play("delete_topic", topic=topic)
    eventually(lambda: topic not in java.play("list_topics"))
    assert refusal(java, "describe_topic", topic=topic) == "UnknownTopicOrPartitionException"


def eventually_described(java: ScenarioProgram, **topic: str) -> dict[str, Any]:
    """A real cluster tells its nodes of a topic a moment after it has confirmed it."""
    told: dict[str, Any] = {}

    def is_described() -> bool:
        try:
            told.update(java.play("describe_topic", **topic))
        except Refused:
            return False
        return all(each["leader"] is not None for each in told["partitions"])

    eventually(is_described)
    return told


def test_a_topic_goes_by_its_id_too(java: ScenarioProgram) -> None:
    topic = unique_name("topic")
    topic_id = java.play("create_topic", topic=topic)["topic_id"]
    assert eventually_described(java, topic_id=topic_id)["name"] == topic
    java.play("delete_topic", topic_id=topic_id)
    eventually(lambda: topic not in java.play("list_topics"))
    assert refusal(java, "describe_topic", topic_id=topic_id) == "UnknownTopicIdException"
    assert refusal(java, "delete_topic", topic_id=topic_id) == "UnknownTopicIdException"


def test_a_topic_of_many_partitions_is_described_in_parts(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=50)
    described = java.play("describe_topic", topic=topic, partitions_in_a_response=7)
    assert [each["partition"] for each in described["partitions"]] == list(range(50))


def test_replicas_may_be_placed_by_hand(java: ScenarioProgram) -> None:
    topic = unique_name("topic")
    node = java.play("describe_cluster")["nodes"][-1]
    java.play("create_topic", topic=topic, assignments=[[node], [node]])
    assert [each["replicas"] for each in eventually_described(java, topic=topic)["partitions"]] == [[node], [node]]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"topic": "not a name"}, "InvalidTopicException"),
        ({"topic": ".."}, "InvalidTopicException"),
        ({"partitions": 0}, "InvalidPartitionsException"),
        ({"replication_factor": 7}, "InvalidReplicationFactorException"),
        ({"configs": {"no.such.config": "1"}}, "InvalidConfigurationException"),
        ({"configs": {"retention.ms": "long"}}, "InvalidConfigurationException"),
        ({"assignments": [[77]]}, "InvalidReplicaAssignmentException"),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else each,
)
def test_a_bad_topic_is_refused(java: ScenarioProgram, arguments: dict[str, Any], error: str) -> None:
    assert refusal(java, "create_topic", **{"topic": unique_name("topic"), **arguments}) == error


def test_a_topic_that_is_only_validated_is_not_there(java: ScenarioProgram) -> None:
    topic = unique_name("topic")
    assert java.play("create_topic", topic=topic, partitions=3, validate_only=True)["partitions"] == 3
    assert topic not in java.play("list_topics")


def test_a_topic_cannot_be_created_twice(java: ScenarioProgram, topics: Topics) -> None:
    assert refusal(java, "create_topic", topic=topics.new()) == "TopicExistsException"


def test_partitions_are_added_but_not_taken_away(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(partitions=2)
    node = java.play("describe_cluster")["nodes"][-1]
    java.play("create_partitions", topic=topic, count=9, validate_only=True)
    java.play("create_partitions", topic=topic, count=3)
    java.play("create_partitions", topic=topic, count=4, assignments=[[node]])
    eventually(lambda: topics.partition_count(topic) == 4)
    assert java.play("describe_topic", topic=topic)["partitions"][3]["replicas"] == [node]
    assert refusal(java, "create_partitions", topic=topic, count=3) == "InvalidPartitionsException"
    assert refusal(java, "create_partitions", topic=topic, count=4) == "InvalidPartitionsException"
    assert refusal(java, "create_partitions", topic=unique_name("absent"), count=4) == "UnknownTopicOrPartitionException"


def test_records_are_deleted_up_to_an_offset_or_all(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    produce(java, topic, *"abcde")
    assert java.play("delete_records", topic=topic, before=2) == 2
    assert java.play("offsets", topic=topic)["beginning"] == [2]
    assert refusal(java, "delete_records", topic=topic, before=6) == "OffsetOutOfRangeException"
    assert java.play("delete_records", topic=topic, before=-1) == 5
    assert java.play("offsets", topic=topic)["beginning"] == [5]


# Administration: configurations


def test_a_topic_describes_its_configuration(java: ScenarioProgram, topics: Topics) -> None:
    entries = java.play("describe_configs", type="topic", name=topics.new(config={"segment.bytes": "2000000"}))
    assert len(entries) >= 33
    assert entries["segment.bytes"] == {
        "value": "2000000",
        "source": "DYNAMIC_TOPIC_CONFIG",
        "type": "INT",
        "is_default": False,
        "is_read_only": False,
        "is_sensitive": False,
        "has_documentation": True,
        "synonyms": ["segment.bytes", "log.segment.bytes"],
    }
    assert (entries["cleanup.policy"]["value"], entries["cleanup.policy"]["source"]) == ("delete", "DEFAULT_CONFIG")
    assert all(each["has_documentation"] for each in entries.values())


def test_a_configuration_is_set_extended_and_taken_back(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()

    def holds_after(operation: list[str | None], value: str, source: str) -> None:
        java.play("alter_configs", type="topic", name=topic, operations=[operation])
        key = operation[1]
        eventually(
            lambda: [java.play("describe_configs", type="topic", name=topic)[key][each] for each in ("value", "source")] == [value, source]
        )

    holds_after(["set", "retention.ms", "1000"], "1000", "DYNAMIC_TOPIC_CONFIG")
    holds_after(["delete", "retention.ms", None], "604800000", "DEFAULT_CONFIG")
    holds_after(["append", "cleanup.policy", "compact"], "delete,compact", "DYNAMIC_TOPIC_CONFIG")
    holds_after(["subtract", "cleanup.policy", "delete"], "compact", "DYNAMIC_TOPIC_CONFIG")


@pytest.mark.parametrize(
    "operation", [["set", "retention.m", "1"], ["set", "retention.ms", "long"], ["append", "retention.ms", "1"]], ids=lambda each: each[1]
)
def test_a_bad_configuration_is_refused(java: ScenarioProgram, topics: Topics, operation: list[str]) -> None:
    refused = refusal(java, "alter_configs", type="topic", name=topics.new(), operations=[operation])
    assert refused == "InvalidConfigurationException"


def test_a_configuration_that_is_only_validated_does_not_change(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    java.play("alter_configs", type="topic", name=topic, operations=[["set", "retention.ms", "1000"]], validate_only=True)
    assert java.play("describe_configs", type="topic", name=topic)["retention.ms"]["value"] == "604800000"


def test_a_broker_describes_its_configuration(java: ScenarioProgram) -> None:
    node = java.play("describe_cluster")["nodes"][0]
    entries = java.play("describe_configs", type="broker", name=str(node))
    assert (entries["group.min.session.timeout.ms"]["value"], entries["group.min.session.timeout.ms"]["source"]) == (
        "1000",
        "STATIC_BROKER_CONFIG",
    )
    assert (entries["num.partitions"]["value"], entries["num.partitions"]["is_read_only"]) == ("1", True)


# Administration: groups


def test_a_group_is_described_and_listed_with_its_member_and_without(java: ScenarioProgram, topics: Topics) -> None:
    config = {"client.id": "the-client", "group.instance.id": None}
    told = java.play("describe_group", topic=topics.new(partitions=2), group=unique_name("group"), config=config)
    member = {
        "member_id": told["member_id"],
        "instance_id": None,
        "client_id": "the-client",
        "host": "/127.0.0.1",
        "partitions": [0, 1],
    }
    alive, empty = told["alive"], told["empty"]
    listed = {"type": "Classic", "protocol": "consumer", "state": "Stable"}
    assert alive["consumer_group"].pop("coordinator") >= 0
    assert alive == {
        "consumer_group": {"state": "Stable", "type": "Classic", "assignor": "range", "is_simple": False, "members": [member]},
        "classic_group": {"state": "Stable", "protocol": "consumer", "protocol_data": "range", "members": [member]},
        "listed": listed,
        "listed_as_consumer_group": listed,
        "listed_as_stable": listed,
    }
    assert (empty["consumer_group"]["state"], empty["consumer_group"]["members"]) == ("Empty", [])
    assert (empty["listed"], empty["listed_as_stable"]) == ({**listed, "state": "Empty"}, None)


def test_a_group_that_is_not_there_is_told_so(java: ScenarioProgram) -> None:
    group = unique_name("absent")
    assert refusal(java, "describe_absent_group", group=group) == "GroupIdNotFoundException"
    assert refusal(java, "delete_group", group=group) == "GroupIdNotFoundException"
    assert java.play("list_group_offsets", group=group) == {}


def test_offsets_of_a_group_are_altered_listed_and_deleted(java: ScenarioProgram, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    java.play("alter_group_offsets", topic=topic, group=group, offset=7, metadata="by hand")
    assert java.play("list_group_offsets", group=group) == {f"{topic}-0": {"offset": 7, "metadata": "by hand", "leader_epoch": None}}
    java.play("delete_group_offsets", topic=topic, group=group)
    assert java.play("list_group_offsets", group=group) == {}


def test_a_group_is_deleted_with_its_offsets(java: ScenarioProgram, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    java.play("alter_group_offsets", topic=topic, group=group, offset=7)
    java.play("delete_group", group=group)
    assert java.play("list_group_offsets", group=group) == {}


def test_a_group_with_a_member_keeps_what_it_uses(java: ScenarioProgram, topics: Topics) -> None:
    refusals = java.play("administer_while_a_member_reads", topic=topics.new(), group=unique_name("group"), offset=0)
    assert refusals == {
        "delete_group": "GroupNotEmptyException",
        "delete_group_offsets": "GroupSubscribedToTopicException",
        "alter_group_offsets": "UnknownMemberIdException",
    }


def test_a_static_member_is_removed_by_its_instance_id(java: ScenarioProgram, topics: Topics) -> None:
    arguments = {"instance": "i", "config": {"group.instance.id": "i"}}
    assert java.play("remove_member", topic=topics.new(), group=unique_name("group"), **arguments) == ["Stable", "Empty"]


# Administration: the cluster


def test_the_cluster_is_described(java: ScenarioProgram, server: ServerUnderTest) -> None:
    told = java.play("describe_cluster")
    assert told["addresses"] == sorted(server.addresses)
    assert told["controller"] in told["nodes"]
    assert len(told["cluster_id"]) == 22


def test_log_directories_know_the_size_of_each_replica(java: ScenarioProgram, topics: Topics, server: ServerUnderTest) -> None:
    topic = topics.new(partitions=2, replication=server.node_count)
    produce(java, topic, "x" * 1000)
    told = java.play("describe_log_dirs", topic=topic)
    assert len(told) == server.node_count
    for directory in told.values():
        assert directory["is_sized"]
        assert directory["sizes"][f"{topic}-0"] > 1000
        assert directory["sizes"][f"{topic}-1"] == 0


def test_offsets_are_listed_by_every_specification(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new(config=KEPT)
    first = 1_700_000_000_000
    java.play("produce", topic=topic, records=[{"partition": 0, "timestamp": first + after, "value": "v"} for after in (0, 2000, 1000)])
    java.play("delete_records", topic=topic, before=1)
    specs = ["earliest", "latest", "max_timestamp", "earliest_local", "latest_tiered", "earliest_pending_upload", str(first + 500)]
    found = {spec: java.play("list_offsets", topic=topic, spec=spec) for spec in specs}
    assert found == {
        "earliest": [1, -1],
        "latest": [3, -1],
        "max_timestamp": [1, first + 2000],
        "earliest_local": [1, -1],
        "latest_tiered": [-1, -1],
        "earliest_pending_upload": [-1, -1],
        str(first + 500): [1, first + 2000],
    }


def test_nothing_has_a_largest_time_in_an_empty_partition(java: ScenarioProgram, topics: Topics) -> None:
    topic = topics.new()
    assert java.play("list_offsets", topic=topic, spec="max_timestamp") == [-1, -1]
    assert java.play("list_offsets", topic=topic, spec="0") == [-1, -1]


def test_features_can_be_asked_for(java: ScenarioProgram) -> None:
    assert isinstance(java.play("describe_features"), dict)


# What is left out is refused by the client, which finds no such API; it must not hang.


@pytest.mark.parametrize("scenario", ["describe_producers", "elect_leaders", "list_reassignments", "list_transactions"])
@pytest.mark.usefixtures("embedded")
def test_what_is_not_served_is_refused_at_once(java: ScenarioProgram, topics: Topics, scenario: str) -> None:
    assert refusal(java, scenario, topic=topics.new()) == "UnsupportedVersionException"


@pytest.mark.usefixtures("embedded")
def test_the_protocol_of_new_groups_is_refused(java: ScenarioProgram, topics: Topics) -> None:
    config = {"group.protocol": "consumer", "heartbeat.interval.ms": None}
    refused = refusal(java, "join", topic=topics.new(), group=unique_name("group"), config=config)
    assert refused == "UnsupportedVersionException"
