"""Publish and PublishBatch. The queues that subscribe have their messages when the answer comes."""

from message_queues.broker.sns.subscribing import PHONE_DIGITS
from message_queues.broker.sns.topic import Topic
from message_queues.errors import InvalidParameterValue
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sns import requests as sns
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sns.access import topic_for
from message_queues.servers.sns.message_checks import check_batch, new_message

_TRACE_HEADER = b"x-amzn-trace-id"


async def publish(context: AwsContext, request: sns.PublishRequest) -> sns.PublishResponse:
    topic = _target(context, request)
    message = new_message(topic, request, trace_header=_trace_header(context))
    published = context.broker.sns.publish(topic, message, context.base_url)
    await context.stored()
    return sns.PublishResponse(message_id=published.message_id, sequence_number=published.sequence_number)


async def publish_batch(context: AwsContext, request: sns.PublishBatchRequest) -> sns.PublishBatchResponse:
    """What is wrong with one entry refuses all of them, as AWS does it: none is published before all are checked."""
    topic = topic_for(context, "Publish", request.topic_arn)
    entries = request.publish_batch_request_entries or []
    check_batch(topic, entries)
    trace_header = _trace_header(context)
    messages = [
        new_message(topic, entry, f"publishBatchRequestEntries.{number}.member.", trace_header) for number, entry in enumerate(entries, 1)
    ]
    published = [context.broker.sns.publish(topic, message, context.base_url) for message in messages]
    await context.stored()
    successful = [
        sns.PublishBatchResultEntry(id=entry.id, message_id=each.message_id, sequence_number=each.sequence_number)
        for entry, each in zip(entries, published, strict=True)
    ]
    return sns.PublishBatchResponse(successful=successful, failed=[])


def _target(context: AwsContext, request: sns.PublishRequest) -> Topic:
    if request.topic_arn is not None:
        return topic_for(context, "Publish", request.topic_arn)
    if request.target_arn is not None:
        if ":endpoint/" in request.target_arn:
            raise InvalidParameterValue("Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified")
        return topic_for(context, "Publish", request.target_arn, "TargetArn")
    if request.phone_number is not None:
        if not PHONE_DIGITS.fullmatch(request.phone_number):
            raise InvalidParameterValue(f"Invalid parameter: PhoneNumber Reason: {request.phone_number} is not valid to publish to")
        raise AwsFault("InvalidParameter", "Invalid parameter: PhoneNumber Reason: this server sends no SMS")
    raise InvalidParameterValue("Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter")


def _trace_header(context: AwsContext) -> str | None:
    header = context.headers.get(_TRACE_HEADER)
    return None if header is None else header.decode("latin-1")
