"""The group APIs in all their versions, through the codec."""

import asyncio
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from message_queues.broker.topics import OFFSETS, TopicSpec
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.groups import (
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
    LeaveGroupRequest,
    ListGroupsRequest,
    MemberIdentity,
    SyncGroupRequest,
    SyncGroupRequestAssignment,
    SyncGroupResponse,
)
from message_queues.protocols.kafka.messages.metadata import MetadataRequest
from message_queues.servers.kafka.groups import (
    delete_groups,
    describe_groups,
    find_coordinator,
    heartbeat,
    join_group,
    leave_group,
    list_groups,
    sync_group,
)
from message_queues.servers.kafka.metadata import metadata
from tests.servers.kafka.asked_node import AskedNode, asked_node

SUBSCRIPTION = struct.pack(">hih", 0, 1, 6) + b"orders" + struct.pack(">i", -1)


def on_node(scenario: Callable[[AskedNode], Coroutine[Any, Any, None]], node_ids: tuple[int, ...] = (0,)) -> None:
    async def run() -> None:
        async with asked_node(node_ids) as node:
            await scenario(node)

    asyncio.run(run())


async def join(node: AskedNode, version: int, member_id: str = "", instance_id: str | None = None, **fields: Any) -> JoinGroupResponse:
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=60_000 if version else -1,
        member_id=member_id,
        group_instance_id=instance_id,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=SUBSCRIPTION)],
    )
    for name, value in fields.items():
        setattr(request, name, value)
    answer = asyncio.ensure_future(node.ask_and_wait(join_group, request, version))
    await asyncio.sleep(0)
    node.pass_time(0)
    return await answer


async def member_of(node: AskedNode, version: int, instance_id: str | None = None) -> JoinGroupResponse:
    """Joins as a client does, by two requests where the version wants it."""
    joined = await join(node, version, instance_id=instance_id)
    if joined.error_code == ErrorCode.MEMBER_ID_REQUIRED:
        joined = await join(node, version, joined.member_id)
    assert joined.error_code == ErrorCode.NONE
    return joined


async def sync(node: AskedNode, version: int, joined: JoinGroupResponse, assignment: bytes = b"all") -> SyncGroupResponse:
    request = SyncGroupRequest(
        group_id="g",
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        protocol_type="consumer" if version >= 5 else None,
        protocol_name="range" if version >= 5 else None,
        assignments=[SyncGroupRequestAssignment(member_id=joined.member_id, assignment=assignment)],
    )
    return await node.ask_and_wait(sync_group, request, version)


async def stable(node: AskedNode, instance_id: str | None = None) -> JoinGroupResponse:
    joined = await member_of(node, 9, instance_id)
    await sync(node, 5, joined)
    return joined


# JoinGroup, SyncGroup, Heartbeat, LeaveGroup in every version.


@pytest.mark.parametrize("version", range(10))
def test_a_member_joins_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await member_of(node, version)
        assert joined.generation_id == 1
        assert joined.leader == joined.member_id
        assert joined.member_id.startswith("client-")
        assert joined.protocol_name == "range"
        assert joined.protocol_type == ("consumer" if version >= 7 else None)
        assert [(member.member_id, member.metadata) for member in joined.members] == [(joined.member_id, SUBSCRIPTION)]

    on_node(scenario)


@pytest.mark.parametrize("version", range(4, 10))
def test_the_first_join_is_told_its_member_id(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        told = await join(node, version)
        assert told.error_code == ErrorCode.MEMBER_ID_REQUIRED
        assert told.member_id
        assert told.protocol_name == (None if version >= 7 else "")

    on_node(scenario)


def test_a_join_refused_says_so_with_its_own_member_id() -> None:
    async def scenario(node: AskedNode) -> None:
        refused = await join(node, 9, "made-up")
        assert (refused.error_code, refused.member_id, refused.generation_id) == (ErrorCode.UNKNOWN_MEMBER_ID, "made-up", -1)
        assert (await join(node, 9, group_id="")).error_code == ErrorCode.INVALID_GROUP_ID
        assert (await join(node, 9, session_timeout_ms=1)).error_code == ErrorCode.INVALID_SESSION_TIMEOUT
        assert (await join(node, 0, protocols=[])).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL

    on_node(scenario)


def test_version_0_has_the_session_timeout_for_the_rebalance() -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await join(node, 0)
        group = node.broker.groups.find("g")
        assert group is not None
        assert group.members[joined.member_id].rebalance_timeout_ms == 10_000

    on_node(scenario)


@pytest.mark.parametrize("version", range(6))
def test_the_leader_syncs_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        synced = await sync(node, version, await member_of(node, 9))
        assert (synced.error_code, synced.assignment) == (ErrorCode.NONE, b"all")
        assert (synced.protocol_type, synced.protocol_name) == (("consumer", "range") if version >= 5 else (None, None))

    on_node(scenario)


def test_sync_5_must_name_its_protocol() -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await member_of(node, 9)
        request = SyncGroupRequest(group_id="g", generation_id=1, member_id=joined.member_id)
        assert (await node.ask_and_wait(sync_group, request, 5)).error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        assert (await node.ask_and_wait(sync_group, request, 4)).error_code == ErrorCode.NONE

    on_node(scenario)


@pytest.mark.parametrize("version", range(5))
def test_a_member_beats_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await stable(node)
        beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=joined.member_id)
        assert node.ask(heartbeat, beat, version).error_code == ErrorCode.NONE
        beat.generation_id = 7
        assert node.ask(heartbeat, beat, version).error_code == ErrorCode.ILLEGAL_GENERATION
        assert node.ask(heartbeat, HeartbeatRequest(group_id=""), version).error_code == ErrorCode.INVALID_GROUP_ID

    on_node(scenario)


@pytest.mark.parametrize("version", range(6))
def test_a_member_leaves_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await stable(node)
        ids = [joined.member_id, "made-up"]
        for member_id, code in zip(ids, (ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID), strict=True):
            request = LeaveGroupRequest(group_id="g")
            if version >= 3:
                request.members = [MemberIdentity(member_id=member_id)]
            else:
                request.member_id = member_id
            left = await node.ask_and_wait(leave_group, request, version)
            if version >= 3:
                assert (left.error_code, [member.error_code for member in left.members]) == (ErrorCode.NONE, [code])
            else:
                assert left.error_code == code

    on_node(scenario)


def test_static_members_are_fenced_and_removed_by_instance() -> None:
    async def scenario(node: AskedNode) -> None:
        old = await stable(node, "s")
        new = await join(node, 9, instance_id="s")
        assert (new.error_code, new.generation_id, new.skip_assignment) == (ErrorCode.NONE, 1, True)
        beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=old.member_id, group_instance_id="s")
        assert node.ask(heartbeat, beat, 4).error_code == ErrorCode.FENCED_INSTANCE_ID
        request = LeaveGroupRequest(group_id="g", members=[MemberIdentity(group_instance_id="s", reason="too old")])
        left = await node.ask_and_wait(leave_group, request, 5)
        assert [(member.group_instance_id, member.error_code) for member in left.members] == [("s", ErrorCode.NONE)]

    on_node(scenario)


def test_an_empty_group_id_cannot_be_left() -> None:
    async def scenario(node: AskedNode) -> None:
        request = LeaveGroupRequest(members=[MemberIdentity(member_id="m")])
        assert (await node.ask_and_wait(leave_group, request, 5)).error_code == ErrorCode.INVALID_GROUP_ID

    on_node(scenario)


def test_a_join_whose_client_has_gone_stays_in_the_group_until_its_session_ends() -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await stable(node)
        request = JoinGroupRequest(
            group_id="g",
            session_timeout_ms=10_000,
            rebalance_timeout_ms=60_000,
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name="range", metadata=SUBSCRIPTION)],
        )
        parked = asyncio.ensure_future(node.ask_and_wait(join_group, request, 3))
        await asyncio.sleep(0)
        parked.cancel()
        await asyncio.sleep(0)
        group = node.broker.groups.find("g")
        assert group is not None
        assert len(group.members) == 2
        assert (await join(node, 9, joined.member_id)).generation_id == 2
        node.pass_time(10_000)
        assert len(group.members) == 0

    on_node(scenario)


# FindCoordinator.


@pytest.mark.parametrize(("version", "key_type"), [(0, 0), *((version, key_type) for version in range(1, 7) for key_type in (0, 1))])
def test_a_coordinator_is_found_in_every_version(version: int, key_type: int) -> None:
    async def scenario(node: AskedNode) -> None:
        owner = node.broker.groups.coordinator_of("hello")
        if version >= 4:
            request = FindCoordinatorRequest(key_type=key_type, coordinator_keys=["hello", ""])
            found, of_nothing = (await node.ask_and_wait(find_coordinator, request, version)).coordinators
            assert (found.key, found.node_id, found.host, found.port) == ("hello", owner, "127.0.0.1", 9092 + owner)
            assert (of_nothing.error_code, of_nothing.node_id) == (ErrorCode.NONE, 0)
        else:
            one = await node.ask_and_wait(find_coordinator, FindCoordinatorRequest(key="hello", key_type=key_type), version)
            assert (one.error_code, one.node_id, one.host, one.port) == (ErrorCode.NONE, owner, "127.0.0.1", 9092 + owner)
            assert one.error_message == ("NONE" if version >= 1 else "")

    on_node(scenario, (0, 1, 2))


def test_the_offsets_topic_appears_as_the_coordinator_of_a_group_is_looked_for() -> None:
    async def scenario(node: AskedNode) -> None:
        await node.ask_and_wait(find_coordinator, FindCoordinatorRequest(key_type=1, coordinator_keys=["transactional"]), 6)
        assert OFFSETS not in node.broker.topics.by_name
        await node.ask_and_wait(find_coordinator, FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]), 6)
        described = (await node.ask_and_wait(metadata, MetadataRequest(topics=None), 13)).topics
        assert {topic.name for topic in described if topic.is_internal} == {OFFSETS}

    on_node(scenario)


def test_a_coordinator_is_found_where_the_name_of_the_offsets_topic_is_taken() -> None:
    async def scenario(node: AskedNode) -> None:
        await node.broker.create_topic(TopicSpec("__consumer.offsets", 1, 1))
        [found] = (await node.ask_and_wait(find_coordinator, FindCoordinatorRequest(coordinator_keys=["g"]), 6)).coordinators
        assert found.error_code == ErrorCode.NONE

    on_node(scenario)


def test_share_groups_have_no_coordinator() -> None:
    async def scenario(node: AskedNode) -> None:
        of_several = FindCoordinatorRequest(key_type=2, coordinator_keys=["g:t:0"])
        [found] = (await node.ask_and_wait(find_coordinator, of_several, 6)).coordinators
        assert (found.error_code, found.node_id, found.port) == (ErrorCode.INVALID_REQUEST, -1, -1)
        of_one = await node.ask_and_wait(find_coordinator, FindCoordinatorRequest(key="g:t:0", key_type=2), 3)
        assert of_one.error_code == ErrorCode.INVALID_REQUEST

    on_node(scenario)


def test_a_node_does_not_answer_for_the_groups_of_another() -> None:
    async def scenario(node: AskedNode) -> None:
        node.node_id = next(node_id for node_id in (0, 1, 2) if node_id != node.broker.groups.coordinator_of("g"))
        assert (await join(node, 9)).error_code == ErrorCode.NOT_COORDINATOR
        assert (await node.ask_and_wait(sync_group, SyncGroupRequest(group_id="g"), 3)).error_code == ErrorCode.NOT_COORDINATOR
        assert node.ask(heartbeat, HeartbeatRequest(group_id="g"), 4).error_code == ErrorCode.NOT_COORDINATOR
        leave = LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id="m")])
        assert (await node.ask_and_wait(leave_group, leave, 5)).error_code == ErrorCode.NOT_COORDINATOR
        [described] = node.ask(describe_groups, DescribeGroupsRequest(groups=["g"]), 6).groups
        assert described.error_code == ErrorCode.NOT_COORDINATOR
        [deleted] = (await node.ask_and_wait(delete_groups, DeleteGroupsRequest(groups_names=["g"]), 2)).results
        assert deleted.error_code == ErrorCode.NOT_COORDINATOR

    on_node(scenario, (0, 1, 2))


# DescribeGroups, ListGroups, DeleteGroups.


@pytest.mark.parametrize("version", range(7))
def test_a_stable_group_is_described_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await stable(node, "s")
        request = DescribeGroupsRequest(groups=["g"], include_authorized_operations=version >= 3)
        [group] = node.ask(describe_groups, request, version).groups
        assert (group.error_code, group.group_id, group.group_state) == (ErrorCode.NONE, "g", "Stable")
        assert (group.protocol_type, group.protocol_data) == ("consumer", "range")
        [member] = group.members
        assert (member.member_id, member.client_id, member.client_host) == (joined.member_id, "client", "/10.0.0.7")
        assert (member.member_metadata, member.member_assignment) == (SUBSCRIPTION, b"all")
        assert member.group_instance_id == ("s" if version >= 4 else None)
        # READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS.
        assert group.authorized_operations == (1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11 if version >= 3 else -0x80000000)

    on_node(scenario)


@pytest.mark.parametrize("version", range(7))
def test_an_unknown_group_is_dead_and_from_version_6_not_found(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        [group] = node.ask(describe_groups, DescribeGroupsRequest(groups=["nobody"]), version).groups
        assert group.group_state == "Dead"
        if version >= 6:
            assert (group.error_code, group.error_message) == (ErrorCode.GROUP_ID_NOT_FOUND, "Group nobody not found.")
        else:
            assert group.error_code == ErrorCode.NONE
        assert group.authorized_operations == -0x80000000

    on_node(scenario)


def test_between_generations_there_is_no_metadata_to_show() -> None:
    async def scenario(node: AskedNode) -> None:
        await member_of(node, 9)
        [group] = node.ask(describe_groups, DescribeGroupsRequest(groups=["g"]), 6).groups
        assert (group.group_state, group.protocol_data, group.members[0].member_metadata) == ("CompletingRebalance", "", b"")

    on_node(scenario)


@pytest.mark.parametrize("version", range(6))
def test_groups_are_listed_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        await stable(node)
        [listed] = node.ask(list_groups, ListGroupsRequest(), version).groups
        assert (listed.group_id, listed.protocol_type) == ("g", "consumer")
        assert listed.group_state == ("Stable" if version >= 4 else "")
        assert listed.group_type == ("classic" if version >= 5 else "")

    on_node(scenario)


def test_groups_are_listed_by_state_and_type_however_they_are_spelt() -> None:
    async def scenario(node: AskedNode) -> None:
        await stable(node)
        for states, types, count in (
            (["stable"], [], 1),
            ([" Stable "], ["Classic"], 1),
            (["Empty"], [], 0),
            (["Empty", "STABLE"], ["consumer", "classic"], 1),
            ([], ["consumer"], 0),
            ([], ["nonsense"], 0),
        ):
            request = ListGroupsRequest(states_filter=states, types_filter=types)
            assert len(node.ask(list_groups, request, 5).groups) == count, (states, types)

    on_node(scenario)


def test_each_node_lists_its_own_groups() -> None:
    async def scenario(node: AskedNode) -> None:
        owner = node.broker.groups.coordinator_of("g")
        node.node_id = owner
        await stable(node)
        seen = []
        for node_id in (0, 1, 2):
            node.node_id = node_id
            seen.append([listed.group_id for listed in node.ask(list_groups, ListGroupsRequest(), 5).groups])
        assert seen == [["g"] if node_id == owner else [] for node_id in (0, 1, 2)]

    on_node(scenario, (0, 1, 2))


@pytest.mark.parametrize("version", range(3))
def test_groups_are_deleted_in_every_version(version: int) -> None:
    async def scenario(node: AskedNode) -> None:
        joined = await stable(node)
        request = DeleteGroupsRequest(groups_names=["g", "nobody", "g"])
        results = (await node.ask_and_wait(delete_groups, request, version)).results
        assert [(result.group_id, result.error_code) for result in results] == [
            ("g", ErrorCode.NON_EMPTY_GROUP),
            ("nobody", ErrorCode.GROUP_ID_NOT_FOUND),
        ]
        await node.ask_and_wait(leave_group, LeaveGroupRequest(group_id="g", members=[MemberIdentity(member_id=joined.member_id)]), 5)
        [result] = (await node.ask_and_wait(delete_groups, DeleteGroupsRequest(groups_names=["g"]), version)).results
        assert result.error_code == ErrorCode.NONE

    on_node(scenario)


# Restart.


def test_members_go_on_after_a_restart_on_the_same_data(tmp_path: Path) -> None:
    data = str(tmp_path)

    async def run() -> None:
        async with asked_node(data=data) as node:
            joined = await stable(node)
            clock = node.clock
        async with asked_node(data=data, clock=clock) as node:
            beat = HeartbeatRequest(group_id="g", generation_id=joined.generation_id, member_id=joined.member_id)
            assert node.ask(heartbeat, beat, 4).error_code == ErrorCode.NONE
            assert (await sync(node, 5, joined, b"ignored")).assignment == b"all"

    asyncio.run(run())
