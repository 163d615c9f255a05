"""OffsetCommit, OffsetFetch and OffsetDelete."""

from collections.abc import Callable

import pytest

from message_queues.protocols.kafka.messages.groups import LeaveGroupRequest, MemberIdentity
from message_queues.protocols.kafka.messages.offsets import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene


def commit(
    scene: Scene, group: str, topic: str, offset: int = 5, *, partition: int = 0, metadata: str | None = "note", epoch: int = -1
) -> OffsetCommitRequest:
    part = OffsetCommitRequestPartition(
        partition_index=partition, committed_offset=offset, committed_metadata=metadata, committed_leader_epoch=epoch
    )
    topic_id = scene.topic_id(topic) if topic in scene.known_topics else b"0123456789abcdef"
    return OffsetCommitRequest(group_id=group, topics=[OffsetCommitRequestTopic(name=topic, topic_id=topic_id, partitions=[part])])


def as_member(request: OffsetCommitRequest, member: str, generation: int = 1, instance: str | None = None) -> OffsetCommitRequest:
    request.member_id, request.generation_id_or_member_epoch, request.group_instance_id = member, generation, instance
    return request


def fetch_old(group: str, topic: str | None, *partitions: int) -> OffsetFetchRequest:
    topics = None if topic is None else [OffsetFetchRequestTopic(name=topic, partition_indexes=list(partitions))]
    return OffsetFetchRequest(group_id=group, topics=topics)


def fetch(scene: Scene, group: str, topic: str | None, *partitions: int) -> OffsetFetchRequest:
    topics = None
    if topic is not None:
        topic_id = scene.topic_id(topic) if topic in scene.known_topics else b"0123456789abcdef"
        topics = [OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=list(partitions))]
    return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=topics)])


def test_an_offset_is_committed_and_fetched_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic(2)
    kafka_says(scene.ask_all(commit(scene, group, topic)))
    kafka_says(scene.ask_all(fetch_old(group, topic, 0, 1)))
    kafka_says(scene.ask_all(fetch(scene, group, topic, 0, 1)))
    kafka_says(scene.ask_all(fetch_old(group, None)))
    kafka_says(scene.ask_all(fetch(scene, group, None)))


def test_a_leader_epoch_is_kept(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic()
    kafka_says(scene.ask(commit(scene, group, topic, epoch=3)))
    kafka_says(scene.ask(fetch(scene, group, topic, 0)))


@pytest.mark.parametrize("metadata", [None, "", "ünïcode", "x" * 4096, "x" * 4097], ids=["null", "empty", "unicode", "4096", "4097"])
def test_metadata(scene: Scene, kafka_says: RecordedAnswers, metadata: str | None) -> None:
    group, topic = scene.name("group"), scene.topic()
    kafka_says(scene.ask(commit(scene, group, topic, metadata=metadata)))
    kafka_says(scene.ask(fetch(scene, group, topic, 0)))


@pytest.mark.parametrize("offset", [0, -1, -2, 2**62])
def test_any_offset_can_be_committed(scene: Scene, kafka_says: RecordedAnswers, offset: int) -> None:
    group, topic = scene.name("group"), scene.topic()
    kafka_says(scene.ask(commit(scene, group, topic, offset)))
    kafka_says(scene.ask(fetch(scene, group, topic, 0)))


def test_an_unknown_topic_and_partition(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    kafka_says(scene.ask_all(commit(scene, group, scene.name("absent"))))
    kafka_says(scene.ask_all(commit(scene, group, scene.topic(), partition=9)))
    kafka_says(scene.ask(fetch(scene, group, scene.name("absent"), 0), 9))
    kafka_says(scene.ask(fetch(scene, group, scene.name("absent"), 0), 10))


def test_a_group_without_a_name(scene: Scene, kafka_says: RecordedAnswers) -> None:
    topic = scene.topic()
    kafka_says(scene.ask_all(commit(scene, "", topic)))
    kafka_says(scene.ask(fetch(scene, "", topic, 0)))


MEMBERS: dict[str, Callable[[OffsetCommitRequest, str], OffsetCommitRequest]] = {
    "member": lambda request, member: as_member(request, member),
    "old-generation": lambda request, member: as_member(request, member, 0),
    "new-generation": lambda request, member: as_member(request, member, 2),
    "negative-generation": lambda request, member: as_member(request, member, -1),
    "nobody": lambda request, member: as_member(request, "nobody"),
    "no-member": lambda request, member: as_member(request, "", -1),
    "no-member-with-generation": lambda request, member: as_member(request, "", 1),
    "unknown-instance": lambda request, member: as_member(request, member, 1, "unknown"),
    "own-instance": lambda request, member: as_member(request, member, 1, "static"),
    "stolen-instance": lambda request, member: as_member(request, "nobody", 1, "static"),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_commits_into_a_group_with_a_member(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    group, topic = scene.name("group"), scene.topic()
    member = scene.only_member(group, instance="static").member_id
    kafka_says(scene.ask_all(MEMBERS[case](commit(scene, group, topic), member)))


@pytest.mark.parametrize("case", MEMBERS)
def test_commits_into_a_group_that_is_not_there(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    kafka_says(scene.ask_all(MEMBERS[case](commit(scene, scene.name("group"), scene.topic()), "member")))


@pytest.mark.parametrize("case", ["no-member", "member", "nobody"])
def test_commits_into_a_group_that_its_members_left(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    group, topic = scene.name("group"), scene.topic()
    member = scene.only_member(group).member_id
    scene.ask(LeaveGroupRequest(group_id=group, members=[MemberIdentity(member_id=member)]))
    kafka_says(scene.ask(MEMBERS[case](commit(scene, group, topic), member)))


def test_offsets_of_a_group_that_is_not_there(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("absent"), scene.topic()
    kafka_says(scene.ask_all(fetch_old(group, topic, 0)))
    kafka_says(scene.ask_all(fetch(scene, group, topic, 0)))
    kafka_says(scene.ask_all(fetch(scene, group, None)))


def test_several_groups_are_fetched_at_once(scene: Scene, kafka_says: RecordedAnswers) -> None:
    first, second, topic = scene.name("first"), scene.name("second"), scene.topic()
    scene.ask(commit(scene, first, topic, 1))
    scene.ask(commit(scene, second, topic, 2))
    request = fetch(scene, first, topic, 0)
    request.groups += fetch(scene, second, None).groups
    kafka_says(scene.ask(request, 9))


def test_a_fetch_that_names_a_member_it_does_not_know(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic()
    scene.only_member(group)
    request = fetch(scene, group, topic, 0)
    request.groups[0].member_id, request.groups[0].member_epoch = "nobody", 1
    kafka_says(scene.ask(request))


# OffsetDelete


def delete(group: str, topic: str, *partitions: int) -> OffsetDeleteRequest:
    parts = [OffsetDeleteRequestPartition(partition_index=index) for index in partitions]
    return OffsetDeleteRequest(group_id=group, topics=[OffsetDeleteRequestTopic(name=topic, partitions=parts)])


def test_offsets_are_deleted(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic(2)
    scene.ask(commit(scene, group, topic))
    scene.ask(commit(scene, group, topic, partition=1))
    kafka_says(scene.ask(delete(group, topic, 0)))
    kafka_says(scene.ask(fetch(scene, group, None)))


def test_what_is_not_there_is_not_deleted(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic()
    kafka_says(scene.ask(delete(scene.name("absent"), topic, 0)))
    scene.ask(commit(scene, group, topic))
    kafka_says(scene.ask(delete(group, scene.name("other"), 0)))
    kafka_says(scene.ask(delete(group, topic, 7)))
    kafka_says(scene.ask(delete("", topic, 0)))


def test_offsets_of_a_topic_that_a_member_reads_are_not_deleted(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group, topic = scene.name("group"), scene.topic()
    scene.only_member(group, topic=topic)
    kafka_says(scene.ask(delete(group, topic, 0)))
