"""CreateQueue, DeleteQueue, GetQueueUrl, ListQueues, ListDeadLetterSourceQueues, PurgeQueue, GetQueueAttributes, SetQueueAttributes."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence

from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.errors import InvalidAttributeName, InvalidParameterValue, MissingParameter
from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import invalid_action
from message_queues.protocols.sqs.requests import (
    CreateQueueRequest,
    CreateQueueResponse,
    DeleteQueueRequest,
    GetQueueAttributesRequest,
    GetQueueAttributesResponse,
    GetQueueUrlRequest,
    GetQueueUrlResponse,
    ListDeadLetterSourceQueuesRequest,
    ListDeadLetterSourceQueuesResponse,
    ListQueuesRequest,
    ListQueuesResponse,
    PurgeQueueRequest,
    SetQueueAttributesRequest,
)
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sqs.queue_attributes import ATTRIBUTES, attributes_of
from message_queues.servers.sqs.queue_urls import check_access, find_queue, queue_url

MOST_RESULTS = 1000


async def create_queue(context: AwsContext, request: CreateQueueRequest) -> CreateQueueResponse:
    refuse_at_a_queue(context, "CreateQueue")
    name = required_name(request.queue_name)
    queue = context.broker.sqs.create(QueueName(context.region, context.account, name), request.attributes or {}, request.tags or {})
    await context.stored()
    return CreateQueueResponse(queue_url=queue_url(context, queue))


async def delete_queue(context: AwsContext, request: DeleteQueueRequest) -> None:
    queue = find_queue(context, request.queue_url, "DeleteQueue")
    context.broker.sqs.delete(queue.name)
    await context.stored()


async def get_queue_url(context: AwsContext, request: GetQueueUrlRequest) -> GetQueueUrlResponse:
    name = required_name(request.queue_name)
    account = request.queue_owner_aws_account_id or context.account
    queue = context.broker.sqs.get(QueueName(context.region, account, name))
    if account != context.account:
        check_access(context, queue, "GetQueueUrl")
    return GetQueueUrlResponse(queue_url=queue_url(context, queue))


async def purge_queue(context: AwsContext, request: PurgeQueueRequest) -> None:
    queue = find_queue(context, request.queue_url, "PurgeQueue")
    queue.purge()
    await context.stored(queue)


def required_name(name: str | None) -> str:
    if name is None:
        raise MissingParameter("The request must contain the parameter QueueName.")
    return name


def refuse_at_a_queue(context: AwsContext, action: str) -> None:
    """The address of a queue takes no action that is about no queue."""
    if context.wire is Wire.QUERY and context.path != "/":
        raise invalid_action(action)


# Lists


async def list_queues(context: AwsContext, request: ListQueuesRequest) -> ListQueuesResponse:
    refuse_at_a_queue(context, "ListQueues")
    most = checked_most(request.max_results)
    found = context.broker.sqs.list(context.region, context.account, request.queue_name_prefix or "")
    page, next_token = paged(found, request.next_token, most)
    return ListQueuesResponse(
        # No list at all is what the real service answers where there is no queue.
        queue_urls=[queue_url(context, queue) for queue in page] or None,
        next_token=next_token if request.max_results is not None else None,
    )


async def list_dead_letter_source_queues(
    context: AwsContext, request: ListDeadLetterSourceQueuesRequest
) -> ListDeadLetterSourceQueuesResponse:
    queue = find_queue(context, request.queue_url, "ListDeadLetterSourceQueues")
    most = checked_most(request.max_results)
    page, next_token = paged(context.broker.sqs.dead_letter_sources(queue), request.next_token, most)
    return ListDeadLetterSourceQueuesResponse(
        queue_urls=[queue_url(context, source) for source in page],
        next_token=next_token if request.max_results is not None else None,
    )


def checked_most(most: int | None) -> int:
    if most is None:
        return MOST_RESULTS
    if not 1 <= most <= MOST_RESULTS:
        raise InvalidParameterValue(
            f"Value {most} for parameter MaxResults is invalid. Reason: Must be between 1 and {MOST_RESULTS}, if provided."
        )
    return most


def paged(queues: Iterable[SqsQueue], token: str | None, most: int) -> tuple[Sequence[SqsQueue], str | None]:
    """By name: a token is the last one of its page, so that queues may come and go between two of them."""
    after = decoded_token(token) if token else ""
    rest = sorted((queue for queue in queues if queue.name.name > after), key=lambda queue: queue.name.name)
    page = rest[:most]
    return page, encoded_token(page[-1].name.name) if len(rest) > most else None


def encoded_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def decoded_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode("ascii")).decode()
    except (UnicodeError, binascii.Error):
        raise InvalidParameterValue(f"Value {token} for parameter NextToken is invalid. Reason: It is none of this service's.") from None


# Attributes


async def get_queue_attributes(context: AwsContext, request: GetQueueAttributesRequest) -> GetQueueAttributesResponse:
    queue = find_queue(context, request.queue_url, "GetQueueAttributes")
    names = request.attribute_names or ()
    for name in names:
        if name != "All" and name not in ATTRIBUTES:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    attributes: Mapping[str, str] = attributes_of(queue) if names else {}
    if "All" not in names:
        attributes = {name: attributes[name] for name in dict.fromkeys(names) if name in attributes}
    return GetQueueAttributesResponse(attributes=attributes or None)  # type: ignore[arg-type]  # msgspec writes any mapping


async def set_queue_attributes(context: AwsContext, request: SetQueueAttributesRequest) -> None:
    queue = find_queue(context, request.queue_url, "SetQueueAttributes")
    if request.attributes is None:
        raise MissingParameter("The request must contain the parameter Attributes.")
    context.broker.sqs.set_attributes(queue, request.attributes)
    await context.stored()
