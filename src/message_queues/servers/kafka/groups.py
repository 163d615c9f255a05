"""FindCoordinator (10) 0-6, JoinGroup (11) 0-9, SyncGroup (14) 0-5, Heartbeat (12) 0-4, LeaveGroup (13) 0-5, DescribeGroups (15) 0-6,
ListGroups (16) 0-5, DeleteGroups (42) 0-2.

Each request takes effect in the turn in which it arrives; only the reply may wait: for the group, and for the journal.
A JoinGroup that is parked stays in the group when its connection breaks, as in Kafka: the session decides.
FindCoordinator finds a node for transactional ids too; share groups are not built, and are refused as Kafka refuses them when they are off.
Without ACLs everyone may do all that a group knows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from message_queues.broker.broker import Broker
from message_queues.broker.coordination.classic_group import ClassicGroup, GroupState, Joined, Synced
from message_queues.broker.coordination.coordinator import Join, Leaver, Sync
from message_queues.broker.topics import OFFSETS
from message_queues.errors import InconsistentGroupProtocol, MemberIdRequired, MessageQueuesError
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.messages.groups import (
    Coordinator,
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DescribedGroup,
    DescribedGroupMember,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    JoinGroupResponseMember,
    LeaveGroupRequest,
    LeaveGroupResponse,
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
    MemberIdentity,
    MemberResponse,
    SyncGroupRequest,
    SyncGroupResponse,
)
from message_queues.servers.error_map import error_code
from message_queues.servers.kafka.context import OMITTED_OPERATIONS, RequestContext, operations

GROUP_OPERATIONS = operations(3, 6, 8, 10, 11)

# FindCoordinator's key types.
GROUP, TRANSACTION, SHARE = 0, 1, 2

FIRST_WITH_SEVERAL_KEYS = 4
FIRST_WITH_REBALANCE_TIMEOUT = 1
FIRST_THAT_NEEDS_MEMBER_ID = 4
FIRST_WITH_NULLABLE_PROTOCOL = 7
FIRST_WITH_SKIP_ASSIGNMENT = 9
FIRST_SYNC_WITH_PROTOCOL = 5
FIRST_WITH_SEVERAL_LEAVERS = 3
FIRST_WITH_GROUP_ID_NOT_FOUND = 6

CLASSIC = "classic"
NO_REASON = "not provided"

Answer = TypeVar("Answer", Joined, Synced)


# FindCoordinator


async def find_coordinator(context: RequestContext, request: FindCoordinatorRequest) -> FindCoordinatorResponse:
    if request.key_type == GROUP:
        await context.broker.create_missing_topics([OFFSETS])
    if context.api_version >= FIRST_WITH_SEVERAL_KEYS:
        return FindCoordinatorResponse(coordinators=[_coordinator(context, request.key_type, key) for key in request.coordinator_keys])
    found = _coordinator(context, request.key_type, request.key)
    return FindCoordinatorResponse(
        error_code=found.error_code,
        # Kafka gives the name of the error, even of none.
        error_message=ErrorCode(found.error_code).name if found.error_code == ErrorCode.NONE else found.error_message,
        node_id=found.node_id,
        host=found.host,
        port=found.port,
    )


def _coordinator(context: RequestContext, key_type: int, key: str) -> Coordinator:
    if key_type not in (GROUP, TRANSACTION):
        message = "" if key_type == SHARE else ErrorCode.INVALID_REQUEST.message
        return Coordinator(key=key, node_id=-1, port=-1, error_code=ErrorCode.INVALID_REQUEST, error_message=message)
    node_id = context.broker.groups.coordinator_of(key)
    endpoint = next(endpoint for endpoint in context.endpoints if endpoint.node_id == node_id)
    return Coordinator(key=key, node_id=node_id, host=endpoint.host, port=endpoint.port)


# JoinGroup


def join_group(context: RequestContext, request: JoinGroupRequest) -> Awaitable[JoinGroupResponse]:
    join = _join(context, request)
    answered = _parked(context, request.group_id, lambda reply: context.broker.groups.join(join, reply))
    return _join_response(context, request, answered)


def _join(context: RequestContext, request: JoinGroupRequest) -> Join:
    version = context.api_version
    return Join(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        client_id=context.client_id or "",
        client_host=_java_host(context.client_host),
        session_timeout_ms=request.session_timeout_ms,
        rebalance_timeout_ms=request.rebalance_timeout_ms if version >= FIRST_WITH_REBALANCE_TIMEOUT else request.session_timeout_ms,
        protocol_type=request.protocol_type,
        protocols=tuple((protocol.name, protocol.metadata) for protocol in request.protocols),
        needs_member_id=version >= FIRST_THAT_NEEDS_MEMBER_ID,
        knows_skip_assignment=version >= FIRST_WITH_SKIP_ASSIGNMENT,
        reason=request.reason or NO_REASON,
    )


async def _join_response(
    context: RequestContext, request: JoinGroupRequest, answered: Awaitable[Joined | MessageQueuesError]
) -> JoinGroupResponse:
    answer = await _durable(context.broker, answered)
    no_name = None if context.api_version >= FIRST_WITH_NULLABLE_PROTOCOL else ""
    if isinstance(answer, MessageQueuesError):
        member_id = answer.member_id if isinstance(answer, MemberIdRequired) else request.member_id
        return JoinGroupResponse(error_code=error_code(answer), member_id=member_id, protocol_name=no_name)
    return JoinGroupResponse(
        generation_id=answer.generation,
        protocol_type=answer.protocol_type,
        protocol_name=answer.protocol_name or no_name,
        leader=answer.leader_id,
        skip_assignment=answer.skip_assignment,
        member_id=answer.member_id,
        members=[
            JoinGroupResponseMember(member_id=member.member_id, group_instance_id=member.instance_id, metadata=member.metadata)
            for member in answer.members
        ],
    )


# SyncGroup


def sync_group(context: RequestContext, request: SyncGroupRequest) -> Awaitable[SyncGroupResponse]:
    sync = Sync(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=request.group_instance_id,
        generation=request.generation_id,
        protocol_type=request.protocol_type,
        protocol_name=request.protocol_name,
        assignments={assignment.member_id: assignment.assignment for assignment in request.assignments},
    )

    if context.api_version >= FIRST_SYNC_WITH_PROTOCOL and None in (request.protocol_type, request.protocol_name):
        # Kafka finds this out before it asks who coordinates the group.
        refusal = InconsistentGroupProtocol("SyncGroup names its protocol type and protocol from version 5 on")
        return _sync_response(context, _refused(refusal))

    def send(reply: Callable[[Synced | MessageQueuesError], None]) -> None:
        context.broker.groups.sync(sync, reply)

    return _sync_response(context, _parked(context, request.group_id, send))


async def _refused(error: MessageQueuesError) -> MessageQueuesError:
    return error


async def _sync_response(context: RequestContext, answered: Awaitable[Synced | MessageQueuesError]) -> SyncGroupResponse:
    answer = await _durable(context.broker, answered)
    if isinstance(answer, MessageQueuesError):
        return SyncGroupResponse(error_code=error_code(answer))
    return SyncGroupResponse(protocol_type=answer.protocol_type, protocol_name=answer.protocol_name, assignment=answer.assignment)


def _parked(
    context: RequestContext, group_id: str, send: Callable[[Callable[[Answer | MessageQueuesError], None]], None]
) -> Awaitable[Answer | MessageQueuesError]:
    """Sends a request to its group, whose answer may come much later, or to nobody: the client may be gone by then."""
    answered: asyncio.Future[Answer | MessageQueuesError] = asyncio.get_running_loop().create_future()

    def reply(answer: Answer | MessageQueuesError) -> None:
        if not answered.done():
            answered.set_result(answer)

    try:
        context.broker.groups.check_coordinator(group_id, context.node_id)
        send(reply)
    except MessageQueuesError as error:
        reply(error)
    return answered


async def _durable(broker: Broker, answered: Awaitable[Answer | MessageQueuesError]) -> Answer | MessageQueuesError:
    """The answer, once what it says is in the journal."""
    answer = await answered
    if not isinstance(answer, MessageQueuesError):
        try:
            await broker.synced()
        except MessageQueuesError as error:
            return error
    return answer


# Heartbeat


def heartbeat(context: RequestContext, request: HeartbeatRequest) -> HeartbeatResponse:
    groups = context.broker.groups
    try:
        groups.check_coordinator(request.group_id, context.node_id)
        groups.heartbeat(request.group_id, request.member_id, request.group_instance_id, request.generation_id)
    except MessageQueuesError as error:
        return HeartbeatResponse(error_code=error_code(error))
    return HeartbeatResponse()


# LeaveGroup


def leave_group(context: RequestContext, request: LeaveGroupRequest) -> Awaitable[LeaveGroupResponse]:
    several = context.api_version >= FIRST_WITH_SEVERAL_LEAVERS
    leaving = request.members if several else [MemberIdentity(member_id=request.member_id)]
    groups = context.broker.groups
    response = LeaveGroupResponse()
    try:
        groups.check_coordinator(request.group_id, context.node_id)
        answers = groups.leave(request.group_id, [Leaver(one.member_id, one.group_instance_id, one.reason or NO_REASON) for one in leaving])
    except MessageQueuesError as error:
        response.error_code = error_code(error)
        return _after_sync(context, response)
    if several:
        response.members = [
            MemberResponse(member_id=one.member_id, group_instance_id=one.group_instance_id, error_code=_code(answer))
            for one, answer in zip(leaving, answers, strict=True)
        ]
    else:
        response.error_code = _code(answers[0])
    return _after_sync(context, response)


async def _after_sync(context: RequestContext, response: LeaveGroupResponse) -> LeaveGroupResponse:
    try:
        await context.broker.synced()
    except MessageQueuesError as error:
        return LeaveGroupResponse(error_code=error_code(error))
    return response


# DescribeGroups


def describe_groups(context: RequestContext, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
    allowed = GROUP_OPERATIONS if request.include_authorized_operations else OMITTED_OPERATIONS
    return DescribeGroupsResponse(groups=[_described(context, group_id, allowed) for group_id in request.groups])


def _described(context: RequestContext, group_id: str, allowed: int) -> DescribedGroup:
    groups = context.broker.groups
    try:
        groups.check_coordinator(group_id, context.node_id)
    except MessageQueuesError as error:
        return DescribedGroup(group_id=group_id, error_code=error_code(error))
    group = groups.find(group_id)
    if group is not None:
        return _described_group(group, allowed)
    if context.api_version >= FIRST_WITH_GROUP_ID_NOT_FOUND:
        message = f"Group {group_id} not found."
        return DescribedGroup(
            group_id=group_id, group_state=GroupState.DEAD, error_code=ErrorCode.GROUP_ID_NOT_FOUND, error_message=message
        )
    return DescribedGroup(group_id=group_id, group_state=GroupState.DEAD, authorized_operations=allowed)


def _described_group(group: ClassicGroup, allowed: int) -> DescribedGroup:
    # Between generations there is no protocol that the members' metadata could be of.
    protocol_name = group.protocol_name if group.state is GroupState.STABLE else None
    return DescribedGroup(
        group_id=group.group_id,
        group_state=group.state,
        protocol_type=group.protocol_type or "",
        protocol_data=protocol_name or "",
        members=[
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=b"" if protocol_name is None else member.metadata_for(protocol_name),
                member_assignment=member.assignment,
            )
            for member in group.members.values()
        ],
        authorized_operations=allowed,
    )


# ListGroups


def list_groups(context: RequestContext, request: ListGroupsRequest) -> ListGroupsResponse:
    """The groups of this node: clients ask every node."""
    groups = context.broker.groups
    states = {state.strip().lower() for state in request.states_filter}
    types = {group_type.lower() for group_type in request.types_filter}
    if types and CLASSIC not in types:
        return ListGroupsResponse()
    return ListGroupsResponse(
        groups=[
            ListedGroup(group_id=group.group_id, protocol_type=group.protocol_type or "", group_state=group.state, group_type=CLASSIC)
            for group in groups
            if (not states or group.state.lower() in states) and groups.coordinator_of(group.group_id) == context.node_id
        ]
    )


# DeleteGroups


def delete_groups(context: RequestContext, request: DeleteGroupsRequest) -> Awaitable[DeleteGroupsResponse]:
    answers = {group_id: _delete(context, group_id) for group_id in dict.fromkeys(request.groups_names)}
    return _delete_response(context, answers)


def _delete(context: RequestContext, group_id: str) -> ErrorCode:
    try:
        context.broker.groups.check_coordinator(group_id, context.node_id)
        context.broker.groups.delete(group_id)
    except MessageQueuesError as error:
        return error_code(error)
    return ErrorCode.NONE


async def _delete_response(context: RequestContext, answers: dict[str, ErrorCode]) -> DeleteGroupsResponse:
    try:
        await context.broker.synced()
    except MessageQueuesError as error:
        answers = {group_id: code or error_code(error) for group_id, code in answers.items()}
    return DeleteGroupsResponse(results=[DeletableGroupResult(group_id=group_id, error_code=code) for group_id, code in answers.items()])


def _code(error: MessageQueuesError | None) -> ErrorCode:
    return ErrorCode.NONE if error is None else error_code(error)


def _java_host(host: str) -> str:
    """As Java prints an address without a name, and Kafka shows it in the description of a group."""
    return f"/{host}"
