"""The classic group protocol: joining, syncing, heartbeats, leaving, describing, listing, deleting; and finding the coordinator."""

from collections.abc import Callable
from typing import Any

import pytest

from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages.groups import (
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    ListGroupsRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import Scene


def changed(request: JoinGroupRequest, **fields: Any) -> JoinGroupRequest:
    for name, value in fields.items():
        setattr(request, name, value)
    return request


# FindCoordinator


def test_the_coordinator_of_a_group_is_found(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says(scene.ask_all(FindCoordinatorRequest(key=group)))
    kafka_says(scene.ask_all(FindCoordinatorRequest(coordinator_keys=[group])))


@pytest.mark.parametrize("key_type", [1, 2, 3, -1])
def test_coordinators_of_other_kinds(scene: Scene, kafka_says: RecordedAnswers, key_type: int) -> None:
    if key_type == 1:
        scene.ask(FindCoordinatorRequest(coordinator_keys=[scene.name("transaction")], key_type=1))
        return
    kafka_says(scene.ask_all(FindCoordinatorRequest(coordinator_keys=[scene.name("key")], key_type=key_type)))


def test_the_coordinator_of_a_group_without_a_name(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask(FindCoordinatorRequest(coordinator_keys=[""]), 5))
    kafka_says(scene.ask(FindCoordinatorRequest(coordinator_keys=[]), 5))


# JoinGroup


def test_a_first_member_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: scene.join(scene.name("group"))))


def test_a_static_first_member_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(lambda: scene.join(scene.name("group"), instance="static")))


BAD_JOINS: dict[str, Callable[[JoinGroupRequest], JoinGroupRequest]] = {
    "no-group-id": lambda join: changed(join, group_id=""),
    "session-too-short": lambda join: changed(join, session_timeout_ms=999),
    "session-too-long": lambda join: changed(join, session_timeout_ms=1_800_001),
    "session-negative": lambda join: changed(join, session_timeout_ms=-1),
    "unknown-member": lambda join: changed(join, member_id="nobody"),
    "no-protocols": lambda join: changed(join, protocols=[]),
    "no-protocol-type": lambda join: changed(join, protocol_type=""),
    "other-protocol-type": lambda join: changed(join, protocol_type="connect"),
    "empty-instance": lambda join: changed(join, group_instance_id=""),
    "bad-instance": lambda join: changed(join, group_instance_id="a/b c"),
    "long-instance": lambda join: changed(join, group_instance_id="x" * 250),
    "dots-instance": lambda join: changed(join, group_instance_id=".."),
}


@pytest.mark.parametrize("case", BAD_JOINS)
def test_odd_joins(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    kafka_says(scene.ask(BAD_JOINS[case](scene.join(scene.name("group")))))


@pytest.mark.parametrize("case", [case for case in BAD_JOINS if "instance" not in case])
def test_odd_joins_of_a_group_that_has_a_member(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says(scene.ask(BAD_JOINS[case](scene.join(group))))


def test_a_join_without_a_common_protocol_is_refused(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says(scene.ask_all(lambda: scene.join(group, protocol="other")))


def test_a_leader_that_joins_again_starts_a_new_generation(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group)
    kafka_says(scene.ask(scene.join(group, member_id=member.member_id)))


def test_a_static_leader_that_comes_back_keeps_the_generation(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    first = scene.only_member(group, instance="static")
    kafka_says(scene.ask(scene.join(group, instance="static")))
    kafka_says(scene.ask(heartbeat(group, first.member_id, instance="static")))
    kafka_says(scene.ask(heartbeat(group, first.member_id)))
    kafka_says(scene.ask(scene.join(group, instance="static", member_id=first.member_id)))


def test_a_static_member_with_another_subscription_starts_a_new_generation(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    scene.only_member(group, instance="static")
    kafka_says(scene.ask(scene.join(group, instance="static", topic="something-else")))


class TwoMembers:
    """A stable group of two: the leader gave itself `a` and the follower `b`."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.group = scene, scene.name("group")
        self.other = scene.another_client("other")
        self.leader = scene.only_member(self.group).member_id
        refused = self.other.ask(scene.join(self.group), 9)
        assert isinstance(refused, JoinGroupResponse)
        self.follower = refused.member_id
        api = self.other.send(scene.join(self.group, member_id=self.follower), 9)
        leader = scene.request(scene.join(self.group, member_id=self.leader), 9, JoinGroupResponse)
        self.joined = [leader, self.other.receive(api, 9)]
        self.generation = leader.generation_id
        api = self.other.send(self.sync(self.follower), 5)
        leader_sync = scene.client.ask(self.sync(self.leader, {self.leader: b"a", self.follower: b"b"}), 5)
        self.synced = [leader_sync, self.other.receive(api, 5)]

    def sync(self, member: str, assignments: dict[str, bytes] | None = None) -> SyncGroupRequest:
        given = [SyncGroupRequestAssignment(member_id=name, assignment=value) for name, value in (assignments or {}).items()]
        return sync(self.group, member, self.generation, given)


def sync(
    group: str, member: str, generation: int, assignments: list[SyncGroupRequestAssignment] | None = None, **fields: Any
) -> SyncGroupRequest:
    defaults: dict[str, Any] = {"protocol_type": "consumer", "protocol_name": "range"}
    return SyncGroupRequest(
        group_id=group, generation_id=generation, member_id=member, assignments=assignments or [], **{**defaults, **fields}
    )


def heartbeat(group: str, member: str, generation: int = 1, instance: str | None = None) -> HeartbeatRequest:
    return HeartbeatRequest(group_id=group, generation_id=generation, member_id=member, group_instance_id=instance)


def test_two_members_join_and_sync(scene: Scene, kafka_says: RecordedAnswers) -> None:
    members = TwoMembers(scene)
    leader, follower = (scene.plain(each) for each in members.joined)
    leader["members"].sort(key=lambda member: str(member["member_id"]))
    kafka_says([leader, follower])
    kafka_says([scene.plain(each) for each in members.synced])


def test_a_follower_that_joins_again_gets_the_generation_it_has(scene: Scene, kafka_says: RecordedAnswers) -> None:
    members = TwoMembers(scene)
    kafka_says(scene.plain(members.other.ask(scene.join(members.group, member_id=members.follower), 9)))


def test_members_are_told_of_a_rebalance_by_their_heartbeat(scene: Scene, kafka_says: RecordedAnswers) -> None:
    members = TwoMembers(scene)
    kafka_says(scene.ask(heartbeat(members.group, members.leader, members.generation)))
    members.other.ask(LeaveGroupRequest(group_id=members.group, members=[MemberIdentity(member_id=members.follower)]), 5)
    kafka_says(scene.ask(heartbeat(members.group, members.leader, members.generation)))
    kafka_says(scene.ask(members.sync(members.leader)))


# SyncGroup


def test_syncs(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group).member_id
    kafka_says(scene.ask_all(sync(group, member, 1)))
    kafka_says(scene.ask_all(sync(group, member, 2)))
    kafka_says(scene.ask_all(sync(group, "nobody", 1)))
    kafka_says(scene.ask(sync(group, member, 1, protocol_type="connect")))
    kafka_says(scene.ask(sync(group, member, 1, protocol_name="roundrobin")))
    kafka_says(scene.ask(sync(group, member, 1, protocol_type=None)))
    kafka_says(scene.ask(sync(group, member, 1, group_instance_id="static")))
    kafka_says(scene.ask_all(sync(scene.name("absent"), member, 1)))
    kafka_says(scene.ask(sync("", member, 1)))


def test_a_leader_may_leave_members_without_assignment(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    refused = scene.request(scene.join(group), 9, JoinGroupResponse)
    joined = scene.request(scene.join(group, member_id=refused.member_id), 9, JoinGroupResponse)
    kafka_says(scene.ask(sync(group, joined.member_id, joined.generation_id)))


# Heartbeat and LeaveGroup


def test_heartbeats(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group).member_id
    kafka_says(scene.ask_all(heartbeat(group, member)))
    kafka_says(scene.ask_all(heartbeat(group, member, 2)))
    kafka_says(scene.ask_all(heartbeat(group, member, 0)))
    kafka_says(scene.ask_all(heartbeat(group, "nobody")))
    kafka_says(scene.ask_all(heartbeat(group, member, 1, "static")))
    kafka_says(scene.ask_all(heartbeat(scene.name("absent"), member)))
    kafka_says(scene.ask(heartbeat("", member)))


def test_a_heartbeat_before_the_sync(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    refused = scene.request(scene.join(group), 9, JoinGroupResponse)
    scene.request(scene.join(group, member_id=refused.member_id), 9, JoinGroupResponse)
    kafka_says(scene.ask(heartbeat(group, refused.member_id, 1)))


def leave(group: str, *members: MemberIdentity) -> LeaveGroupRequest:
    return LeaveGroupRequest(group_id=group, members=list(members))


def test_leaving_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    def leave_alone() -> Message:
        group = scene.name("group")
        return LeaveGroupRequest(group_id=group, member_id=scene.only_member(group).member_id)

    def leave_listed() -> Message:
        group = scene.name("group")
        return leave(group, MemberIdentity(member_id=scene.only_member(group).member_id))

    kafka_says({version: scene.ask(leave_alone(), version) for version in (0, 1, 2)})
    kafka_says({version: scene.ask(leave_listed(), version) for version in (3, 4, 5)})


def test_odd_leaves(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group, instance="static").member_id
    kafka_says(scene.ask(leave(group, MemberIdentity(member_id="nobody"))))
    kafka_says(scene.ask(leave(group, MemberIdentity(member_id="nobody", group_instance_id="static"))))
    kafka_says(scene.ask(leave(group, MemberIdentity(member_id="", group_instance_id="unknown"))))
    kafka_says(scene.ask(leave(group, MemberIdentity(member_id=member, group_instance_id="unknown"))))
    kafka_says(scene.ask(leave(group)))
    kafka_says(scene.ask(leave(scene.name("absent"), MemberIdentity(member_id="nobody"))))
    kafka_says(scene.ask(leave("", MemberIdentity(member_id="nobody"))))
    kafka_says(scene.ask(LeaveGroupRequest(group_id=group, member_id="nobody"), 2))
    kafka_says(scene.ask(leave(group, MemberIdentity(member_id="", group_instance_id="static"))))


# DescribeGroups, ListGroups, DeleteGroups


def test_a_group_is_described_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    scene.only_member(group, instance="static")
    kafka_says(scene.ask_all(DescribeGroupsRequest(groups=[group])))
    kafka_says(scene.ask(DescribeGroupsRequest(groups=[group], include_authorized_operations=True)))


def test_an_empty_group_is_described(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group).member_id
    scene.ask(leave(group, MemberIdentity(member_id=member)))
    kafka_says(scene.ask_all(DescribeGroupsRequest(groups=[group])))


def test_groups_that_are_not_there_are_described(scene: Scene, kafka_says: RecordedAnswers) -> None:
    kafka_says(scene.ask_all(DescribeGroupsRequest(groups=[scene.name("absent")])))
    kafka_says(scene.ask(DescribeGroupsRequest(groups=[])))


def test_a_group_between_joining_and_syncing_is_described(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    refused = scene.request(scene.join(group), 9, JoinGroupResponse)
    kafka_says(scene.ask(DescribeGroupsRequest(groups=[group])))
    scene.request(scene.join(group, member_id=refused.member_id), 9, JoinGroupResponse)
    kafka_says(scene.ask(DescribeGroupsRequest(groups=[group])))


def listed(scene: Scene, group: str, version: int = 5, **filters: list[str]) -> Any:
    answer = scene.ask(ListGroupsRequest(**filters), version)
    shown = scene.plain_name(group)
    return {**answer, "groups": [each for each in answer.get("groups", []) if each.get("group_id") == shown]}


def test_groups_are_listed_in_every_version(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says({version: listed(scene, group, version) for version in range(6)})


@pytest.mark.parametrize("state", ["Stable", "stable", "STABLE", "Empty", "PreparingRebalance", "Dead", "NoSuchState", ""])
def test_groups_are_listed_by_state(scene: Scene, kafka_says: RecordedAnswers, state: str) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says(listed(scene, group, states_filter=[state]))


@pytest.mark.parametrize("kind", ["classic", "Classic", "consumer", "share", "nonsense"])
def test_groups_are_listed_by_type(scene: Scene, kafka_says: RecordedAnswers, kind: str) -> None:
    group = scene.name("group")
    scene.only_member(group)
    kafka_says(listed(scene, group, types_filter=[kind]))


def test_groups_are_deleted_when_empty(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    member = scene.only_member(group).member_id
    kafka_says(scene.ask_all(DeleteGroupsRequest(groups_names=[group])))
    scene.ask(leave(group, MemberIdentity(member_id=member)))
    kafka_says(scene.ask(DeleteGroupsRequest(groups_names=[group])))
    kafka_says(scene.ask_all(DeleteGroupsRequest(groups_names=[group])))


def test_a_member_of_an_old_version_may_come_without_an_id(scene: Scene, kafka_says: RecordedAnswers) -> None:
    group = scene.name("group")
    joined = scene.request(scene.join(group), 3, JoinGroupResponse)
    assert joined.member_id.startswith("contract-")
    synced = scene.request(sync(group, joined.member_id, joined.generation_id), 2, SyncGroupResponse)
    kafka_says([scene.plain(joined), scene.plain(synced)])


def test_the_id_of_a_member_begins_with_its_client_or_instance(scene: Scene) -> None:
    assert scene.only_member(scene.name("group")).member_id.startswith("contract-")
    assert scene.only_member(scene.name("group"), instance="static").member_id.startswith("static-")
