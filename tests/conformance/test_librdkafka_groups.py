"""confluent-kafka in groups: joining, rebalances of both kinds, static members, committing and resuming, leaving."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from tests.conformance.librdkafka import consumer, next_message, next_messages, publish
from tests.conformance.topics import Topics, unique_name
from tests.patience import PATIENCE_S


def poll_until(condition: Callable[[], bool], *members: Consumer) -> None:
    """Let each member take part in its group until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        for member in members:
            message = member.poll(0.02)
            if message is not None and (error := message.error()):
                raise KafkaException(error)
        assert time.monotonic() < deadline, [member.assignment() for member in members]


def partitions(member: Consumer) -> set[int]:
    return {each.partition for each in member.assignment()}


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_a_second_member_takes_half_and_gives_it_back_when_it_leaves(bootstrap: str, topics: Topics, strategy: str) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")
    first = consumer(bootstrap, group, partition_assignment_strategy=strategy)
    second = consumer(bootstrap, group, partition_assignment_strategy=strategy)
    first.subscribe([topic])
    poll_until(lambda: partitions(first) == {0, 1, 2, 3}, first)
    second.subscribe([topic])
    poll_until(lambda: len(partitions(first)) == len(partitions(second)) == 2, first, second)
    assert partitions(first) | partitions(second) == {0, 1, 2, 3}
    second.close()
    poll_until(lambda: partitions(first) == {0, 1, 2, 3}, first)
    first.close()


def test_a_cooperative_rebalance_takes_only_what_moves(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")
    revoked: list[int] = []
    first = consumer(bootstrap, group, partition_assignment_strategy="cooperative-sticky")
    second = consumer(bootstrap, group, partition_assignment_strategy="cooperative-sticky")
    first.subscribe([topic], on_revoke=lambda _, given_up: revoked.extend(each.partition for each in given_up))
    poll_until(lambda: len(partitions(first)) == 4, first)
    second.subscribe([topic])
    poll_until(lambda: len(partitions(first)) == len(partitions(second)) == 2, first, second)
    assert set(revoked) == partitions(second)
    first.close()
    second.close()


def test_members_share_out_the_messages_without_loss_or_repetition(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=3), unique_name("group")
    members = [consumer(bootstrap, group) for _ in range(3)]
    for member in members:
        member.subscribe([topic])
    poll_until(lambda: all(len(partitions(member)) == 1 for member in members), *members)
    for partition in range(3):
        publish(bootstrap, topic, [f"{partition}/{number}".encode() for number in range(10)], partition=partition)
    received = {message.value() for member in members for message in next_messages(member, 10)}
    assert received == {f"{partition}/{number}".encode() for partition in range(3) for number in range(10)}
    for member in members:
        member.close()


def test_a_group_resumes_where_it_committed(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    publish(bootstrap, topic, [str(number).encode() for number in range(10)])
    first = consumer(bootstrap, group)
    first.subscribe([topic])
    for message in next_messages(first, 4):
        first.commit(message=message, asynchronous=False)
    first.close()
    second = consumer(bootstrap, group)
    second.subscribe([topic])
    assert next_message(second).value() == b"4"
    second.close()


def test_a_commit_keeps_its_metadata(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=2), unique_name("group")
    member = consumer(bootstrap, group)
    member.commit(offsets=[TopicPartition(topic, 0, 5, metadata="worker 7 — half way")], asynchronous=False)
    committed, absent = member.committed([TopicPartition(topic, 0), TopicPartition(topic, 1)], timeout=PATIENCE_S)
    assert (committed.offset, committed.metadata) == (5, "worker 7 — half way")
    assert absent.offset == OFFSET_INVALID
    member.close()


def test_metadata_that_is_too_large_is_refused(bootstrap: str, topics: Topics) -> None:
    topic = topics.new()
    member = consumer(bootstrap)
    with pytest.raises(KafkaException) as refused:
        member.commit(offsets=[TopicPartition(topic, 0, 5, metadata="x" * 5000)], asynchronous=False)
    assert refused.value.args[0].code() == KafkaError.OFFSET_METADATA_TOO_LARGE
    member.close()


def test_a_stranger_cannot_commit_into_a_group_that_has_members(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    member = consumer(bootstrap, group)
    member.subscribe([topic])
    poll_until(lambda: partitions(member) == {0}, member)
    stranger = consumer(bootstrap, group)
    with pytest.raises(KafkaException) as refused:
        stranger.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_MEMBER_ID
    stranger.close()
    member.close()


def test_a_static_member_that_comes_back_gets_its_partitions_without_a_rebalance(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=4), unique_name("group")
    rebalances: list[int] = []
    stays = consumer(bootstrap, group, group_instance_id="stays")
    returns = consumer(bootstrap, group, group_instance_id="returns")
    stays.subscribe([topic], on_revoke=lambda _, given_up: rebalances.append(len(given_up)))
    returns.subscribe([topic])
    poll_until(lambda: len(partitions(stays)) == len(partitions(returns)) == 2, stays, returns)
    before, rebalances_before = partitions(returns), len(rebalances)
    returns.close()
    returns = consumer(bootstrap, group, group_instance_id="returns")
    returns.subscribe([topic])
    poll_until(lambda: partitions(returns) == before, stays, returns)
    assert len(rebalances) == rebalances_before
    stays.close()
    returns.close()


def test_a_second_member_of_the_same_instance_fences_the_first(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    first = consumer(bootstrap, group, group_instance_id="only one")
    first.subscribe([topic])
    poll_until(lambda: partitions(first) == {0}, first)
    second = consumer(bootstrap, group, group_instance_id="only one")
    second.subscribe([topic])
    poll_until(lambda: partitions(second) == {0}, second)
    with pytest.raises(KafkaException) as refused:
        poll_until(lambda: False, first)
    assert refused.value.args[0].code() == KafkaError._FATAL
    assert "fenced by other consumer with same group.instance.id" in refused.value.args[0].str()
    second.close()
    first.close()


def test_a_member_that_dies_loses_its_partitions_after_its_session(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(partitions=2), unique_name("group")
    # A static member leaves the group by time-out alone: closing it is, to the group, as if it had died.
    dies = consumer(bootstrap, group, group_instance_id="dies", session_timeout_ms=1500)
    stays = consumer(bootstrap, group, session_timeout_ms=1500)
    dies.subscribe([topic])
    stays.subscribe([topic])
    poll_until(lambda: len(partitions(dies)) == len(partitions(stays)) == 1, dies, stays)
    dies.close()
    poll_until(lambda: len(partitions(stays)) == 2, stays)
    stays.close()


def test_a_regular_expression_subscribes_to_topics_that_come_later(bootstrap: str, topics: Topics) -> None:
    prefix = topics.new()
    member = consumer(bootstrap, topic_metadata_refresh_interval_ms=200)
    member.subscribe([f"^{prefix}.*"])
    poll_until(lambda: len(member.assignment()) == 1, member)
    publish(bootstrap, f"{prefix}-later", [b"found"])
    assert next_message(member).value() == b"found"
    member.close()


def test_a_group_with_no_common_strategy_refuses_the_newcomer(bootstrap: str, topics: Topics) -> None:
    topic, group = topics.new(), unique_name("group")
    first = consumer(bootstrap, group, partition_assignment_strategy="range")
    first.subscribe([topic])
    poll_until(lambda: partitions(first) == {0}, first)
    second = consumer(bootstrap, group, partition_assignment_strategy="roundrobin")
    second.subscribe([topic])
    with pytest.raises(KafkaException) as refused:
        next_message(second)
    assert refused.value.args[0].code() == KafkaError.INCONSISTENT_GROUP_PROTOCOL
    second.close()
    first.close()
