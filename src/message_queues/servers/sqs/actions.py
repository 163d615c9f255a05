"""The 23 actions of Amazon SQS, by name."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sqs.batches import change_message_visibility_batch, delete_message_batch, send_message_batch
from message_queues.servers.sqs.messages import change_message_visibility, delete_message, receive_message, send_message
from message_queues.servers.sqs.move_tasks import cancel_message_move_task, list_message_move_tasks, start_message_move_task
from message_queues.servers.sqs.permissions import add_permission, remove_permission
from message_queues.servers.sqs.queues import (
    create_queue,
    delete_queue,
    get_queue_attributes,
    get_queue_url,
    list_dead_letter_source_queues,
    list_queues,
    purge_queue,
    set_queue_attributes,
)
from message_queues.servers.sqs.tags import list_queue_tags, tag_queue, untag_queue

HANDLERS: Mapping[str, Callable[[AwsContext, Any], Awaitable[Struct | None]]] = {
    "AddPermission": add_permission,
    "CancelMessageMoveTask": cancel_message_move_task,
    "ChangeMessageVisibility": change_message_visibility,
    "ChangeMessageVisibilityBatch": change_message_visibility_batch,
    "CreateQueue": create_queue,
    "DeleteMessage": delete_message,
    "DeleteMessageBatch": delete_message_batch,
    "DeleteQueue": delete_queue,
    "GetQueueAttributes": get_queue_attributes,
    "GetQueueUrl": get_queue_url,
    "ListDeadLetterSourceQueues": list_dead_letter_source_queues,
    "ListMessageMoveTasks": list_message_move_tasks,
    "ListQueueTags": list_queue_tags,
    "ListQueues": list_queues,
    "PurgeQueue": purge_queue,
    "ReceiveMessage": receive_message,
    "RemovePermission": remove_permission,
    "SendMessage": send_message,
    "SendMessageBatch": send_message_batch,
    "SetQueueAttributes": set_queue_attributes,
    "StartMessageMoveTask": start_message_move_task,
    "TagQueue": tag_queue,
    "UntagQueue": untag_queue,
}


async def handle(action: str, request: Any, context: AwsContext) -> Struct | None:
    """Raises MessageQueuesError (error_map.py says how it is told), ClientGone."""
    return await HANDLERS[action](context, request)
