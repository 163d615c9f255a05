"""Groups: FindCoordinator (API key 10), versions 0-6; JoinGroup (11) 0-9; SyncGroup (14) 0-5; Heartbeat (12) 0-4; LeaveGroup (13) 0-5;
DescribeGroups (15) 0-6; ListGroups (16) 0-5; DeleteGroups (42) 0-2.

FindCoordinator v1: key type. v3: flexible. v4: several keys at once (KIP-699). v5: TRANSACTION_ABORTABLE. v6: share groups.
JoinGroup v1: rebalance time-out. v4: MEMBER_ID_REQUIRED on first contact. v5: static members. v6: flexible. v7: protocol type (KIP-559).
v8: reason. v9: the leader may be told to skip the assignment.
SyncGroup v3: static members. v4: flexible. v5: protocol type and name (KIP-559).
Heartbeat v3: static members. v4: flexible.
LeaveGroup v3: several members at once. v4: flexible. v5: reason (KIP-800).
DescribeGroups v3: authorized operations. v4: static members. v5: flexible. v6: GROUP_ID_NOT_FOUND with a message (KIP-1043).
ListGroups v3: flexible. v4: filter by state. v5: filter by type. DeleteGroups v2: flexible.
All of them carry the throttle time from v1 (JoinGroup from v2, DeleteGroups from v0).
"""

from message_queues.protocols.kafka.message import Boolean, Bytes, Int8, Int16, Int32, Message, NullableString, String, Struct, field


class FindCoordinatorRequest(Message, versions="0-6", flexible="3+"):
    key: String = field("0-3")
    key_type: Int8 = field("1+")
    """0 group, 1 transaction, 2 share group (the key is then "group:topic id:partition")."""
    coordinator_keys: list[String] = field("4+")


class Coordinator(Struct):
    key: String = field("4+")
    node_id: Int32 = field("4+")
    host: String = field("4+")
    port: Int32 = field("4+")
    error_code: Int16 = field("4+")
    error_message: NullableString = field("4+", ignorable=True)


class FindCoordinatorResponse(Message, versions="0-6", flexible="3+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    error_code: Int16 = field("0-3")
    error_message: NullableString = field("1-3", ignorable=True)
    node_id: Int32 = field("0-3")
    host: String = field("0-3")
    port: Int32 = field("0-3")
    coordinators: list[Coordinator] = field("4+")


class JoinGroupRequestProtocol(Struct):
    name: String = field("0+")
    metadata: Bytes = field("0+")


class JoinGroupRequest(Message, versions="0-9", flexible="6+"):
    group_id: String = field("0+")
    session_timeout_ms: Int32 = field("0+")
    rebalance_timeout_ms: Int32 = field("1+", default=-1, ignorable=True)
    """-1: the session time-out counts instead."""
    member_id: String = field("0+")
    group_instance_id: NullableString = field("5+", default=None)
    protocol_type: String = field("0+")
    protocols: list[JoinGroupRequestProtocol] = field("0+")
    reason: NullableString = field("8+", default=None, ignorable=True)


class JoinGroupResponseMember(Struct):
    member_id: String = field("0+")
    group_instance_id: NullableString = field("5+", default=None, ignorable=True)
    metadata: Bytes = field("0+")


class JoinGroupResponse(Message, versions="0-9", flexible="6+"):
    throttle_time_ms: Int32 = field("2+", ignorable=True)
    error_code: Int16 = field("0+")
    generation_id: Int32 = field("0+", default=-1)
    protocol_type: NullableString = field("7+", default=None, ignorable=True)
    protocol_name: NullableString = field("0+", nullable="7+")
    leader: String = field("0+")
    skip_assignment: Boolean = field("9+")
    member_id: String = field("0+")
    members: list[JoinGroupResponseMember] = field("0+")


class SyncGroupRequestAssignment(Struct):
    member_id: String = field("0+")
    assignment: Bytes = field("0+")


class SyncGroupRequest(Message, versions="0-5", flexible="4+"):
    group_id: String = field("0+")
    generation_id: Int32 = field("0+")
    member_id: String = field("0+")
    group_instance_id: NullableString = field("3+", default=None)
    protocol_type: NullableString = field("5+", default=None, ignorable=True)
    protocol_name: NullableString = field("5+", default=None, ignorable=True)
    assignments: list[SyncGroupRequestAssignment] = field("0+")


class SyncGroupResponse(Message, versions="0-5", flexible="4+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    error_code: Int16 = field("0+")
    protocol_type: NullableString = field("5+", default=None, ignorable=True)
    protocol_name: NullableString = field("5+", default=None, ignorable=True)
    assignment: Bytes = field("0+")


class HeartbeatRequest(Message, versions="0-4", flexible="4+"):
    group_id: String = field("0+")
    generation_id: Int32 = field("0+")
    member_id: String = field("0+")
    group_instance_id: NullableString = field("3+", default=None)


class HeartbeatResponse(Message, versions="0-4", flexible="4+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    error_code: Int16 = field("0+")


class MemberIdentity(Struct):
    member_id: String = field("3+")
    group_instance_id: NullableString = field("3+", default=None)
    reason: NullableString = field("5+", default=None, ignorable=True)


class LeaveGroupRequest(Message, versions="0-5", flexible="4+"):
    group_id: String = field("0+")
    member_id: String = field("0-2")
    members: list[MemberIdentity] = field("3+")


class MemberResponse(Struct):
    member_id: String = field("3+")
    group_instance_id: NullableString = field("3+")
    error_code: Int16 = field("3+")


class LeaveGroupResponse(Message, versions="0-5", flexible="4+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    error_code: Int16 = field("0+")
    members: list[MemberResponse] = field("3+")


class DescribeGroupsRequest(Message, versions="0-6", flexible="5+"):
    groups: list[String] = field("0+")
    include_authorized_operations: Boolean = field("3+")


class DescribedGroupMember(Struct):
    member_id: String = field("0+")
    group_instance_id: NullableString = field("4+", default=None, ignorable=True)
    client_id: String = field("0+")
    client_host: String = field("0+")
    member_metadata: Bytes = field("0+")
    member_assignment: Bytes = field("0+")


class DescribedGroup(Struct):
    error_code: Int16 = field("0+")
    error_message: NullableString = field("6+", default=None)
    group_id: String = field("0+")
    group_state: String = field("0+")
    protocol_type: String = field("0+")
    protocol_data: String = field("0+")
    members: list[DescribedGroupMember] = field("0+")
    authorized_operations: Int32 = field("3+", default=-0x80000000)


class DescribeGroupsResponse(Message, versions="0-6", flexible="5+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    groups: list[DescribedGroup] = field("0+")


class ListGroupsRequest(Message, versions="0-5", flexible="3+"):
    states_filter: list[String] = field("4+")
    types_filter: list[String] = field("5+")


class ListedGroup(Struct):
    group_id: String = field("0+")
    protocol_type: String = field("0+")
    group_state: String = field("4+", ignorable=True)
    group_type: String = field("5+", ignorable=True)


class ListGroupsResponse(Message, versions="0-5", flexible="3+"):
    throttle_time_ms: Int32 = field("1+", ignorable=True)
    error_code: Int16 = field("0+")
    groups: list[ListedGroup] = field("0+")


class DeleteGroupsRequest(Message, versions="0-2", flexible="2+"):
    groups_names: list[String] = field("0+")


class DeletableGroupResult(Struct):
    group_id: String = field("0+")
    error_code: Int16 = field("0+")


class DeleteGroupsResponse(Message, versions="0-2", flexible="2+"):
    throttle_time_ms: Int32 = field("0+")
    results: list[DeletableGroupResult] = field("0+")
