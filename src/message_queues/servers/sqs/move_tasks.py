"""StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks."""

from message_queues.broker.sqs.move_tasks import MoveTask
from message_queues.errors import AccessDenied, InvalidParameterValue, MissingParameter
from message_queues.protocols.sqs.requests import (
    CancelMessageMoveTaskRequest,
    CancelMessageMoveTaskResponse,
    ListMessageMoveTasksRequest,
    ListMessageMoveTasksResponse,
    ListMessageMoveTasksResultEntry,
    StartMessageMoveTaskRequest,
    StartMessageMoveTaskResponse,
)
from message_queues.servers.aws.context import AwsContext

MOST_RESULTS = 10


async def start_message_move_task(context: AwsContext, request: StartMessageMoveTaskRequest) -> StartMessageMoveTaskResponse:
    handle = context.broker.sqs.move_tasks.start(
        own(context, required("SourceArn", request.source_arn)), request.destination_arn, request.max_number_of_messages_per_second
    )
    await context.stored()
    return StartMessageMoveTaskResponse(task_handle=handle)


async def cancel_message_move_task(context: AwsContext, request: CancelMessageMoveTaskRequest) -> CancelMessageMoveTaskResponse:
    moved = context.broker.sqs.move_tasks.cancel(required("TaskHandle", request.task_handle))
    await context.stored()
    return CancelMessageMoveTaskResponse(approximate_number_of_messages_moved=moved)


async def list_message_move_tasks(context: AwsContext, request: ListMessageMoveTasksRequest) -> ListMessageMoveTasksResponse:
    source_arn = own(context, required("SourceArn", request.source_arn))
    most = 1 if request.max_results is None else request.max_results
    if not 1 <= most <= MOST_RESULTS:
        raise InvalidParameterValue(
            f"Value {most} for parameter MaxResults is invalid. Reason: Must be between 1 and {MOST_RESULTS}, if provided."
        )
    return ListMessageMoveTasksResponse(results=[entry(task) for task in context.broker.sqs.move_tasks.list(source_arn, most)])


def required(parameter: str, value: str | None) -> str:
    if not value:
        raise MissingParameter(f"The request must contain the parameter {parameter}.")
    return value


def own(context: AwsContext, arn: str) -> str:
    """API reference: "Cross-account permissions don't apply to this action"."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sqs":
        raise InvalidParameterValue(
            "You must use this format to specify the SourceArn: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        )
    if parts[4] != context.account:
        raise AccessDenied(f"User: arn:aws:iam::{context.account}:root is not authorized to perform this action on resource: {arn}")
    return arn


def entry(task: MoveTask) -> ListMessageMoveTasksResultEntry:
    """API reference: TaskHandle is told of a RUNNING task alone."""
    return ListMessageMoveTasksResultEntry(
        task_handle=task.handle if task.status == "RUNNING" else None,
        status=task.status,
        source_arn=task.source_arn,
        destination_arn=task.destination_arn,
        max_number_of_messages_per_second=task.rate,
        approximate_number_of_messages_moved=task.moved,
        approximate_number_of_messages_to_move=task.to_move,
        failure_reason=task.failure_reason,
        started_timestamp=task.started_ms,
    )
