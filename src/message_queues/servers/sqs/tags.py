"""TagQueue, UntagQueue, ListQueueTags."""

from message_queues.errors import InvalidParameterValue, MissingParameter
from message_queues.protocols.sqs.requests import ListQueueTagsRequest, ListQueueTagsResponse, TagQueueRequest, UntagQueueRequest
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sqs.queue_urls import find_queue


async def tag_queue(context: AwsContext, request: TagQueueRequest) -> None:
    queue = find_queue(context, request.queue_url, "TagQueue")
    if not request.tags:
        raise MissingParameter("The request must contain the parameter Tags.")
    context.broker.sqs.tag(queue, request.tags)
    await context.stored()


async def untag_queue(context: AwsContext, request: UntagQueueRequest) -> None:
    queue = find_queue(context, request.queue_url, "UntagQueue")
    if not request.tag_keys:
        raise InvalidParameterValue("Tag keys must be between 1 and 128 characters in length.")
    context.broker.sqs.untag(queue, request.tag_keys)
    await context.stored()


async def list_queue_tags(context: AwsContext, request: ListQueueTagsRequest) -> ListQueueTagsResponse:
    queue = find_queue(context, request.queue_url, "ListQueueTags")
    return ListQueueTagsResponse(tags=dict(queue.tags) or None)
