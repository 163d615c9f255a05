"""SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch: each entry succeeds or fails for itself.

What is wrong with the batch as a whole refuses all of it. API reference, SendMessageBatch: "the total size of all messages that you send in
a single SendMessageBatch call can't exceed 1,048,576 bytes".
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from message_queues.broker.sqs.message import Sent
from message_queues.errors import BatchRefused, InvalidParameterValue, MessageQueuesError, StorageError
from message_queues.protocols.sqs.requests import (
    BatchResultErrorEntry,
    ChangeMessageVisibilityBatchRequest,
    ChangeMessageVisibilityBatchRequestEntry,
    ChangeMessageVisibilityBatchResponse,
    ChangeMessageVisibilityBatchResultEntry,
    DeleteMessageBatchRequest,
    DeleteMessageBatchRequestEntry,
    DeleteMessageBatchResponse,
    DeleteMessageBatchResultEntry,
    SendMessageBatchRequest,
    SendMessageBatchRequestEntry,
    SendMessageBatchResponse,
    SendMessageBatchResultEntry,
)
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.aws.error_map import sqs_fault
from message_queues.servers.sqs.message_checks import attributes_size, new_message
from message_queues.servers.sqs.messages import checked_visibility, required_handle
from message_queues.servers.sqs.queue_urls import find_queue

MOST_ENTRIES = 10
GREATEST_SIZE = 1_048_576
ENTRY_ID = re.compile(r"[A-Za-z0-9_\-]{1,80}")


class Entry(Protocol):
    id: str | None


E = TypeVar("E", bound=Entry)
R = TypeVar("R")


async def send_message_batch(context: AwsContext, request: SendMessageBatchRequest) -> SendMessageBatchResponse:
    queue = find_queue(context, request.queue_url, "SendMessageBatch")
    entries = checked(request.entries, "SendMessageBatchRequestEntry")
    if queue.settings.is_fifo:
        check_fifo(entries, queue.settings.content_based_deduplication)
    check_size(entries)

    def send(entry: SendMessageBatchRequestEntry) -> SendMessageBatchResultEntry:
        return sent_entry(entry, queue.send(new_message(entry, queue.settings, context.account, context.trace_header)))

    successful, failed = each_for_itself(entries, send)
    await context.stored(queue)
    return SendMessageBatchResponse(successful=successful, failed=failed or None)


async def delete_message_batch(context: AwsContext, request: DeleteMessageBatchRequest) -> DeleteMessageBatchResponse:
    queue = find_queue(context, request.queue_url, "DeleteMessageBatch")

    def delete(entry: DeleteMessageBatchRequestEntry) -> DeleteMessageBatchResultEntry:
        queue.delete(required_handle(entry.receipt_handle))
        return DeleteMessageBatchResultEntry(id=entry.id)

    successful, failed = each_for_itself(checked(request.entries, "DeleteMessageBatchRequestEntry"), delete)
    await context.stored(queue)
    return DeleteMessageBatchResponse(successful=successful, failed=failed or None)


async def change_message_visibility_batch(
    context: AwsContext, request: ChangeMessageVisibilityBatchRequest
) -> ChangeMessageVisibilityBatchResponse:
    queue = find_queue(context, request.queue_url, "ChangeMessageVisibilityBatch")

    def change(entry: ChangeMessageVisibilityBatchRequestEntry) -> ChangeMessageVisibilityBatchResultEntry:
        queue.change_visibility(required_handle(entry.receipt_handle), checked_visibility(entry.visibility_timeout))
        return ChangeMessageVisibilityBatchResultEntry(id=entry.id)

    successful, failed = each_for_itself(checked(request.entries, "ChangeMessageVisibilityBatchRequestEntry"), change)
    await context.stored(queue)
    return ChangeMessageVisibilityBatchResponse(successful=successful, failed=failed or None)


def each_for_itself(entries: Sequence[E], act: Callable[[E], R]) -> tuple[list[R], list[BatchResultErrorEntry]]:
    """What has failed names the code that the Query API has, in JSON too, as AWS answers."""
    successful, failed = [], []
    for entry in entries:
        try:
            successful.append(act(entry))
        except StorageError:
            raise
        except MessageQueuesError as error:
            fault = sqs_fault(error)
            failed.append(
                BatchResultErrorEntry(id=entry.id, sender_fault=fault.is_sender, code=fault.query_code or fault.code, message=fault.message)
            )
    return successful, failed


def sent_entry(entry: SendMessageBatchRequestEntry, sent: Sent) -> SendMessageBatchResultEntry:
    return SendMessageBatchResultEntry(
        id=entry.id,
        message_id=sent.message_id,
        md5_of_message_body=sent.md5_of_body,
        md5_of_message_attributes=sent.md5_of_attributes,
        md5_of_message_system_attributes=sent.md5_of_system_attributes if entry.message_system_attributes else None,
        sequence_number=sent.sequence_number,
    )


# What holds for a batch as a whole


def checked(entries: Sequence[E] | None, entry_name: str) -> Sequence[E]:
    """Raises BatchRefused."""
    if not entries:
        raise BatchRefused("EmptyBatchRequest", f"There should be at least one {entry_name} in the request.")
    if len(entries) > MOST_ENTRIES:
        raise BatchRefused(
            "TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        )
    seen: set[str] = set()
    for entry in entries:
        if entry.id is None or not ENTRY_ID.fullmatch(entry.id):
            raise BatchRefused(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            )
        if entry.id in seen:
            raise BatchRefused("BatchEntryIdsNotDistinct", f"Id {entry.id} repeated.")
        seen.add(entry.id)
    return entries


def check_fifo(entries: Sequence[SendMessageBatchRequestEntry], deduplicates_by_content: bool) -> None:
    """The real service refuses the whole batch for these, as InvalidParameterValue, other than a message sent alone."""
    for entry in entries:
        if entry.message_group_id is None:
            raise InvalidParameterValue("The request must contain the parameter MessageGroupId.")
        if entry.message_deduplication_id is None and not deduplicates_by_content:
            raise InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
            )


def check_size(entries: Sequence[SendMessageBatchRequestEntry]) -> None:
    size = sum(
        len((entry.message_body or "").encode("utf-8", "surrogatepass"))
        + (attributes_size(entry.message_attributes) if entry.message_attributes else 0)
        for entry in entries
    )
    if size > GREATEST_SIZE:
        raise BatchRefused(
            "BatchRequestTooLong", f"Batch requests cannot be longer than {GREATEST_SIZE} bytes. You have sent {size} bytes."
        )
