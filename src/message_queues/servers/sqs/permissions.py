"""AddPermission, RemovePermission: statements of the queue's policy."""

from message_queues.errors import InvalidParameterValue, MissingParameter
from message_queues.protocols.sqs.requests import AddPermissionRequest, RemovePermissionRequest
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sqs.queue_urls import find_queue


async def add_permission(context: AwsContext, request: AddPermissionRequest) -> None:
    queue = find_queue(context, request.queue_url, "AddPermission")
    label = required_label(request.label)
    if not request.actions:
        raise MissingParameter("The request must contain the parameter Actions.")
    if not request.aws_account_ids:
        raise InvalidParameterValue("Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.")
    context.broker.sqs.add_permission(queue, label, request.aws_account_ids, request.actions)
    await context.stored()


async def remove_permission(context: AwsContext, request: RemovePermissionRequest) -> None:
    queue = find_queue(context, request.queue_url, "RemovePermission")
    context.broker.sqs.remove_permission(queue, required_label(request.label))
    await context.stored()


def required_label(label: str | None) -> str:
    if not label:
        raise MissingParameter("The request must contain the parameter Label.")
    return label
