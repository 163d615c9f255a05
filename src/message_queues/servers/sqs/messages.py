"""SendMessage, ReceiveMessage, DeleteMessage, ChangeMessageVisibility."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from message_queues.broker.sqs.message import MessageAttribute, Received, SqsMessage
from message_queues.errors import InvalidAttributeName, InvalidParameterValue, MissingParameter
from message_queues.protocols.sqs.checksums import md5_of_attributes
from message_queues.protocols.sqs.requests import (
    ChangeMessageVisibilityRequest,
    DeleteMessageRequest,
    Message,
    MessageAttributeValue,
    ReceiveMessageRequest,
    ReceiveMessageResponse,
    SendMessageRequest,
    SendMessageResponse,
)
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sqs.message_checks import check_id, new_message
from message_queues.servers.sqs.queue_urls import find_queue

MOST_MESSAGES = 10
LONGEST_WAIT_S = 20
LONGEST_VISIBILITY_S = 43_200
EVERYTHING = frozenset(("All", ".*", "*"))


async def send_message(context: AwsContext, request: SendMessageRequest) -> SendMessageResponse:
    queue = find_queue(context, request.queue_url, "SendMessage")
    sent = queue.send(new_message(request, queue.settings, context.account, context.trace_header))
    await context.stored(queue)
    return SendMessageResponse(
        md5_of_message_body=sent.md5_of_body,
        md5_of_message_attributes=sent.md5_of_attributes,
        md5_of_message_system_attributes=sent.md5_of_system_attributes if request.message_system_attributes else None,
        message_id=sent.message_id,
        sequence_number=sent.sequence_number,
    )


async def delete_message(context: AwsContext, request: DeleteMessageRequest) -> None:
    queue = find_queue(context, request.queue_url, "DeleteMessage")
    queue.delete(required_handle(request.receipt_handle))
    await context.stored(queue)


async def change_message_visibility(context: AwsContext, request: ChangeMessageVisibilityRequest) -> None:
    queue = find_queue(context, request.queue_url, "ChangeMessageVisibility")
    handle = required_handle(request.receipt_handle)
    queue.change_visibility(handle, checked_visibility(request.visibility_timeout))
    await context.stored(queue)


def required_handle(receipt_handle: str | None) -> str:
    if not receipt_handle:
        raise MissingParameter("The request must contain the parameter ReceiptHandle.")
    return receipt_handle


def checked_visibility(seconds: int | None) -> int:
    if seconds is None:
        raise MissingParameter("The request must contain the parameter VisibilityTimeout.")
    check_range("VisibilityTimeout", seconds, 0, LONGEST_VISIBILITY_S)
    return seconds


def check_range(parameter: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidParameterValue(
            f"Value {value} for parameter {parameter} is invalid. Reason: Must be >= {least} and <= {most}, if provided."
        )


# Receiving


async def receive_message(context: AwsContext, request: ReceiveMessageRequest) -> ReceiveMessageResponse:
    queue = find_queue(context, request.queue_url, "ReceiveMessage")
    system_names = checked_system_names(request)
    attribute_names = frozenset(request.message_attribute_names or ())
    count = checked_count(request.max_number_of_messages)
    wait_s = request.wait_time_seconds
    if wait_s is None:
        wait_s = queue.settings.wait_s
    check_range("WaitTimeSeconds", wait_s, 0, LONGEST_WAIT_S)
    if request.visibility_timeout is not None:
        check_range("VisibilityTimeout", request.visibility_timeout, 0, LONGEST_VISIBILITY_S)
    attempt_id = checked_attempt_id(request.receive_request_attempt_id, queue.settings.is_fifo)

    answer: asyncio.Future[Sequence[Received]] = asyncio.get_running_loop().create_future()
    waiting = queue.receive(count, request.visibility_timeout, wait_s, attempt_id, answer.set_result)
    received = answer.result() if answer.done() else await context.wait(answer, waiting.cancel, ())
    if not received:
        return ReceiveMessageResponse()
    # The receive counts, and the time until which nobody else sees the messages.
    await context.stored(queue)
    return ReceiveMessageResponse(messages=[answered(each, system_names, attribute_names) for each in received])


def checked_count(count: int | None) -> int:
    if count is None:
        return 1
    if not 1 <= count <= MOST_MESSAGES:
        raise InvalidParameterValue(
            f"Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and {MOST_MESSAGES}, if provided."
        )
    return count


def checked_attempt_id(attempt_id: str | None, is_fifo: bool) -> str | None:
    if attempt_id is not None:
        check_id("ReceiveRequestAttemptId", attempt_id)
        if not is_fifo:
            raise InvalidParameterValue(
                f"Value {attempt_id} for parameter ReceiveRequestAttemptId is invalid. Reason: "
                "The request include parameter that is not valid for this queue type."
            )
    return attempt_id


# What is told of a message

SystemAttribute = Callable[[Received], str | None]

SYSTEM_ATTRIBUTES: Mapping[str, SystemAttribute] = {
    "SenderId": lambda received: received.message.sender_id,
    "SentTimestamp": lambda received: str(received.message.sent_ms),
    "ApproximateReceiveCount": lambda received: str(received.receive_count),
    "ApproximateFirstReceiveTimestamp": lambda received: str(received.first_received_ms),
    "SequenceNumber": lambda received: sequence_number(received.message),
    "MessageDeduplicationId": lambda received: received.message.deduplication_id,
    "MessageGroupId": lambda received: received.message.group_id,
    "AWSTraceHeader": lambda received: received.message.trace_header,
    "DeadLetterQueueSourceArn": lambda received: received.message.source_arn,
}


def sequence_number(message: SqsMessage) -> str | None:
    """Developer Guide: "The length of SequenceNumber is 128 bits"; Amazon's have 20 digits."""
    return None if message.sequence_number is None else f"{message.sequence_number:020}"


def checked_system_names(request: ReceiveMessageRequest) -> Iterable[str]:
    """AttributeNames is the older name of the same parameter: what either names is told."""
    given = (*(request.message_system_attribute_names or ()), *(request.attribute_names or ()))
    if "All" in given:
        return SYSTEM_ATTRIBUTES
    for name in given:
        if name not in SYSTEM_ATTRIBUTES:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    return dict.fromkeys(given)


def answered(received: Received, system_names: Iterable[str], attribute_names: frozenset[str]) -> Message:
    message = received.message
    attributes = {name: value for name in system_names if (value := SYSTEM_ATTRIBUTES[name](received)) is not None}
    answer = Message(
        message_id=message.message_id,
        receipt_handle=received.receipt_handle,
        md5_of_body=message.md5_of_body,
        body=message.body.decode(),
        attributes=attributes or None,
    )
    chosen = chosen_attributes(message.attributes, attribute_names) if message.attributes and attribute_names else ()
    if chosen:
        answer.message_attributes = {each.name: attribute_value(each) for each in chosen}
        # Of those that are told, so that a client can check what it reads.
        is_whole = len(chosen) == len(message.attributes)
        answer.md5_of_message_attributes = message.md5_of_attributes if is_whole else md5_of_attributes(chosen)
    return answer


def chosen_attributes(attributes: Sequence[MessageAttribute], names: frozenset[str]) -> Sequence[MessageAttribute]:
    """API reference: "You can also use all message attributes starting with a prefix, for example bar.*"."""
    if names & EVERYTHING:
        return attributes
    prefixes = tuple(name[:-2] for name in names if name.endswith(".*"))
    return [each for each in attributes if each.name in names or (prefixes and each.name.startswith(prefixes))]


def attribute_value(attribute: MessageAttribute) -> MessageAttributeValue:
    if attribute.data_type.startswith("Binary"):
        return MessageAttributeValue(binary_value=attribute.value, data_type=attribute.data_type)
    return MessageAttributeValue(string_value=attribute.value.decode(), data_type=attribute.data_type)
