"""Amazon SQS 2012-11-05: requests and responses.

Written by `python -m tools.aws_model --write` from the service model in botocore: do not edit. Every field is optional; what is missing is
the server's to refuse. `name=` is the name in JSON and XML, `QueryList` and `QueryMap` say how Query and XML spell a list or a map.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct
from msgspec import field as named

from message_queues.protocols.aws.shapes import QueryList, QueryMap

VERSION: Final = "2012-11-05"
NAMESPACE: Final = "http://queue.amazonaws.com/doc/2012-11-05/"

Integer: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Long: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

AWSAccountIdList: TypeAlias = Annotated[list[str], QueryList("AWSAccountId")]
ActionNameList: TypeAlias = Annotated[list[str], QueryList("ActionName")]


class AddPermissionRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    label: str | None = named(default=None, name="Label")
    aws_account_ids: AWSAccountIdList | None = named(default=None, name="AWSAccountIds")
    actions: ActionNameList | None = named(default=None, name="Actions")


class CancelMessageMoveTaskRequest(Struct, omit_defaults=True, gc=False):
    task_handle: str | None = named(default=None, name="TaskHandle")


class CancelMessageMoveTaskResponse(Struct, omit_defaults=True, gc=False):
    approximate_number_of_messages_moved: Long | None = named(default=None, name="ApproximateNumberOfMessagesMoved")


class ChangeMessageVisibilityRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    receipt_handle: str | None = named(default=None, name="ReceiptHandle")
    visibility_timeout: Integer | None = named(default=None, name="VisibilityTimeout")


class ChangeMessageVisibilityBatchRequestEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    receipt_handle: str | None = named(default=None, name="ReceiptHandle")
    visibility_timeout: Integer | None = named(default=None, name="VisibilityTimeout")


ChangeMessageVisibilityBatchRequestEntryList: TypeAlias = Annotated[
    list[ChangeMessageVisibilityBatchRequestEntry], QueryList("ChangeMessageVisibilityBatchRequestEntry")
]


class ChangeMessageVisibilityBatchRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    entries: ChangeMessageVisibilityBatchRequestEntryList | None = named(default=None, name="Entries")


class ChangeMessageVisibilityBatchResultEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")


ChangeMessageVisibilityBatchResultEntryList: TypeAlias = Annotated[
    list[ChangeMessageVisibilityBatchResultEntry], QueryList("ChangeMessageVisibilityBatchResultEntry")
]


class BatchResultErrorEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    sender_fault: bool | None = named(default=None, name="SenderFault")
    code: str | None = named(default=None, name="Code")
    message: str | None = named(default=None, name="Message")


BatchResultErrorEntryList: TypeAlias = Annotated[list[BatchResultErrorEntry], QueryList("BatchResultErrorEntry")]


class ChangeMessageVisibilityBatchResponse(Struct, omit_defaults=True, gc=False):
    successful: ChangeMessageVisibilityBatchResultEntryList | None = named(default=None, name="Successful")
    failed: BatchResultErrorEntryList | None = named(default=None, name="Failed")


QueueAttributeMap: TypeAlias = Annotated[dict[str, str], QueryMap("Attribute", "Name", "Value")]
TagMap: TypeAlias = Annotated[dict[str, str], QueryMap("Tag", "Key", "Value")]


class CreateQueueRequest(Struct, omit_defaults=True, gc=False):
    queue_name: str | None = named(default=None, name="QueueName")
    attributes: QueueAttributeMap | None = named(default=None, name="Attributes")
    tags: TagMap | None = named(default=None, name="tags")


class CreateQueueResponse(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")


class DeleteMessageRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    receipt_handle: str | None = named(default=None, name="ReceiptHandle")


class DeleteMessageBatchRequestEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    receipt_handle: str | None = named(default=None, name="ReceiptHandle")


DeleteMessageBatchRequestEntryList: TypeAlias = Annotated[list[DeleteMessageBatchRequestEntry], QueryList("DeleteMessageBatchRequestEntry")]


class DeleteMessageBatchRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    entries: DeleteMessageBatchRequestEntryList | None = named(default=None, name="Entries")


class DeleteMessageBatchResultEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")


DeleteMessageBatchResultEntryList: TypeAlias = Annotated[list[DeleteMessageBatchResultEntry], QueryList("DeleteMessageBatchResultEntry")]


class DeleteMessageBatchResponse(Struct, omit_defaults=True, gc=False):
    successful: DeleteMessageBatchResultEntryList | None = named(default=None, name="Successful")
    failed: BatchResultErrorEntryList | None = named(default=None, name="Failed")


class DeleteQueueRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")


AttributeNameList: TypeAlias = Annotated[list[str], QueryList("AttributeName")]


class GetQueueAttributesRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    attribute_names: AttributeNameList | None = named(default=None, name="AttributeNames")


class GetQueueAttributesResponse(Struct, omit_defaults=True, gc=False):
    attributes: QueueAttributeMap | None = named(default=None, name="Attributes")


class GetQueueUrlRequest(Struct, omit_defaults=True, gc=False):
    queue_name: str | None = named(default=None, name="QueueName")
    queue_owner_aws_account_id: str | None = named(default=None, name="QueueOwnerAWSAccountId")


class GetQueueUrlResponse(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")


class ListDeadLetterSourceQueuesRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    next_token: str | None = named(default=None, name="NextToken")
    max_results: Integer | None = named(default=None, name="MaxResults")


QueueUrlList: TypeAlias = Annotated[list[str], QueryList("QueueUrl")]


class ListDeadLetterSourceQueuesResponse(Struct, omit_defaults=True, gc=False):
    queue_urls: QueueUrlList | None = named(default=None, name="queueUrls")
    next_token: str | None = named(default=None, name="NextToken")


class ListMessageMoveTasksRequest(Struct, omit_defaults=True, gc=False):
    source_arn: str | None = named(default=None, name="SourceArn")
    max_results: Integer | None = named(default=None, name="MaxResults")


class ListMessageMoveTasksResultEntry(Struct, omit_defaults=True, gc=False):
    task_handle: str | None = named(default=None, name="TaskHandle")
    status: str | None = named(default=None, name="Status")
    source_arn: str | None = named(default=None, name="SourceArn")
    destination_arn: str | None = named(default=None, name="DestinationArn")
    max_number_of_messages_per_second: Integer | None = named(default=None, name="MaxNumberOfMessagesPerSecond")
    approximate_number_of_messages_moved: Long | None = named(default=None, name="ApproximateNumberOfMessagesMoved")
    approximate_number_of_messages_to_move: Long | None = named(default=None, name="ApproximateNumberOfMessagesToMove")
    failure_reason: str | None = named(default=None, name="FailureReason")
    started_timestamp: Long | None = named(default=None, name="StartedTimestamp")


ListMessageMoveTasksResultEntryList: TypeAlias = Annotated[
    list[ListMessageMoveTasksResultEntry], QueryList("ListMessageMoveTasksResultEntry")
]


class ListMessageMoveTasksResponse(Struct, omit_defaults=True, gc=False):
    results: ListMessageMoveTasksResultEntryList | None = named(default=None, name="Results")


class ListQueueTagsRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")


class ListQueueTagsResponse(Struct, omit_defaults=True, gc=False):
    tags: TagMap | None = named(default=None, name="Tags")


class ListQueuesRequest(Struct, omit_defaults=True, gc=False):
    queue_name_prefix: str | None = named(default=None, name="QueueNamePrefix")
    next_token: str | None = named(default=None, name="NextToken")
    max_results: Integer | None = named(default=None, name="MaxResults")


class ListQueuesResponse(Struct, omit_defaults=True, gc=False):
    queue_urls: QueueUrlList | None = named(default=None, name="QueueUrls")
    next_token: str | None = named(default=None, name="NextToken")


class PurgeQueueRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")


MessageSystemAttributeList: TypeAlias = Annotated[list[str], QueryList("MessageSystemAttributeName")]
MessageAttributeNameList: TypeAlias = Annotated[list[str], QueryList("MessageAttributeName")]


class ReceiveMessageRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    attribute_names: AttributeNameList | None = named(default=None, name="AttributeNames")
    message_system_attribute_names: MessageSystemAttributeList | None = named(default=None, name="MessageSystemAttributeNames")
    message_attribute_names: MessageAttributeNameList | None = named(default=None, name="MessageAttributeNames")
    max_number_of_messages: Integer | None = named(default=None, name="MaxNumberOfMessages")
    visibility_timeout: Integer | None = named(default=None, name="VisibilityTimeout")
    wait_time_seconds: Integer | None = named(default=None, name="WaitTimeSeconds")
    receive_request_attempt_id: str | None = named(default=None, name="ReceiveRequestAttemptId")


MessageSystemAttributeMap: TypeAlias = Annotated[dict[str, str], QueryMap("Attribute", "Name", "Value")]
StringList: TypeAlias = Annotated[list[str], QueryList("StringListValue")]
BinaryList: TypeAlias = Annotated[list[bytes], QueryList("BinaryListValue")]


class MessageAttributeValue(Struct, omit_defaults=True, gc=False):
    string_value: str | None = named(default=None, name="StringValue")
    binary_value: bytes | None = named(default=None, name="BinaryValue")
    string_list_values: StringList | None = named(default=None, name="StringListValues")
    binary_list_values: BinaryList | None = named(default=None, name="BinaryListValues")
    data_type: str | None = named(default=None, name="DataType")


MessageBodyAttributeMap: TypeAlias = Annotated[dict[str, MessageAttributeValue], QueryMap("MessageAttribute", "Name", "Value")]


class Message(Struct, omit_defaults=True, gc=False):
    message_id: str | None = named(default=None, name="MessageId")
    receipt_handle: str | None = named(default=None, name="ReceiptHandle")
    md5_of_body: str | None = named(default=None, name="MD5OfBody")
    body: str | None = named(default=None, name="Body")
    attributes: MessageSystemAttributeMap | None = named(default=None, name="Attributes")
    md5_of_message_attributes: str | None = named(default=None, name="MD5OfMessageAttributes")
    message_attributes: MessageBodyAttributeMap | None = named(default=None, name="MessageAttributes")


MessageList: TypeAlias = Annotated[list[Message], QueryList("Message")]


class ReceiveMessageResponse(Struct, omit_defaults=True, gc=False):
    messages: MessageList | None = named(default=None, name="Messages")


class RemovePermissionRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    label: str | None = named(default=None, name="Label")


class MessageSystemAttributeValue(Struct, omit_defaults=True, gc=False):
    string_value: str | None = named(default=None, name="StringValue")
    binary_value: bytes | None = named(default=None, name="BinaryValue")
    string_list_values: StringList | None = named(default=None, name="StringListValues")
    binary_list_values: BinaryList | None = named(default=None, name="BinaryListValues")
    data_type: str | None = named(default=None, name="DataType")


MessageBodySystemAttributeMap: TypeAlias = Annotated[
    dict[str, MessageSystemAttributeValue], QueryMap("MessageSystemAttribute", "Name", "Value")
]


class SendMessageRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    message_body: str | None = named(default=None, name="MessageBody")
    delay_seconds: Integer | None = named(default=None, name="DelaySeconds")
    message_attributes: MessageBodyAttributeMap | None = named(default=None, name="MessageAttributes")
    message_system_attributes: MessageBodySystemAttributeMap | None = named(default=None, name="MessageSystemAttributes")
    message_deduplication_id: str | None = named(default=None, name="MessageDeduplicationId")
    message_group_id: str | None = named(default=None, name="MessageGroupId")


class SendMessageResponse(Struct, omit_defaults=True, gc=False):
    md5_of_message_body: str | None = named(default=None, name="MD5OfMessageBody")
    md5_of_message_attributes: str | None = named(default=None, name="MD5OfMessageAttributes")
    md5_of_message_system_attributes: str | None = named(default=None, name="MD5OfMessageSystemAttributes")
    message_id: str | None = named(default=None, name="MessageId")
    sequence_number: str | None = named(default=None, name="SequenceNumber")


class SendMessageBatchRequestEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    message_body: str | None = named(default=None, name="MessageBody")
    delay_seconds: Integer | None = named(default=None, name="DelaySeconds")
    message_attributes: MessageBodyAttributeMap | None = named(default=None, name="MessageAttributes")
    message_system_attributes: MessageBodySystemAttributeMap | None = named(default=None, name="MessageSystemAttributes")
    message_deduplication_id: str | None = named(default=None, name="MessageDeduplicationId")
    message_group_id: str | None = named(default=None, name="MessageGroupId")


SendMessageBatchRequestEntryList: TypeAlias = Annotated[list[SendMessageBatchRequestEntry], QueryList("SendMessageBatchRequestEntry")]


class SendMessageBatchRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    entries: SendMessageBatchRequestEntryList | None = named(default=None, name="Entries")


class SendMessageBatchResultEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    message_id: str | None = named(default=None, name="MessageId")
    md5_of_message_body: str | None = named(default=None, name="MD5OfMessageBody")
    md5_of_message_attributes: str | None = named(default=None, name="MD5OfMessageAttributes")
    md5_of_message_system_attributes: str | None = named(default=None, name="MD5OfMessageSystemAttributes")
    sequence_number: str | None = named(default=None, name="SequenceNumber")


SendMessageBatchResultEntryList: TypeAlias = Annotated[list[SendMessageBatchResultEntry], QueryList("SendMessageBatchResultEntry")]


class SendMessageBatchResponse(Struct, omit_defaults=True, gc=False):
    successful: SendMessageBatchResultEntryList | None = named(default=None, name="Successful")
    failed: BatchResultErrorEntryList | None = named(default=None, name="Failed")


class SetQueueAttributesRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    attributes: QueueAttributeMap | None = named(default=None, name="Attributes")


class StartMessageMoveTaskRequest(Struct, omit_defaults=True, gc=False):
    source_arn: str | None = named(default=None, name="SourceArn")
    destination_arn: str | None = named(default=None, name="DestinationArn")
    max_number_of_messages_per_second: Integer | None = named(default=None, name="MaxNumberOfMessagesPerSecond")


class StartMessageMoveTaskResponse(Struct, omit_defaults=True, gc=False):
    task_handle: str | None = named(default=None, name="TaskHandle")


class TagQueueRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    tags: TagMap | None = named(default=None, name="Tags")


TagKeyList: TypeAlias = Annotated[list[str], QueryList("TagKey")]


class UntagQueueRequest(Struct, omit_defaults=True, gc=False):
    queue_url: str | None = named(default=None, name="QueueUrl")
    tag_keys: TagKeyList | None = named(default=None, name="TagKeys")


REQUESTS: Final[Mapping[str, type[Struct]]] = {
    "AddPermission": AddPermissionRequest,
    "CancelMessageMoveTask": CancelMessageMoveTaskRequest,
    "ChangeMessageVisibility": ChangeMessageVisibilityRequest,
    "ChangeMessageVisibilityBatch": ChangeMessageVisibilityBatchRequest,
    "CreateQueue": CreateQueueRequest,
    "DeleteMessage": DeleteMessageRequest,
    "DeleteMessageBatch": DeleteMessageBatchRequest,
    "DeleteQueue": DeleteQueueRequest,
    "GetQueueAttributes": GetQueueAttributesRequest,
    "GetQueueUrl": GetQueueUrlRequest,
    "ListDeadLetterSourceQueues": ListDeadLetterSourceQueuesRequest,
    "ListMessageMoveTasks": ListMessageMoveTasksRequest,
    "ListQueueTags": ListQueueTagsRequest,
    "ListQueues": ListQueuesRequest,
    "PurgeQueue": PurgeQueueRequest,
    "ReceiveMessage": ReceiveMessageRequest,
    "RemovePermission": RemovePermissionRequest,
    "SendMessage": SendMessageRequest,
    "SendMessageBatch": SendMessageBatchRequest,
    "SetQueueAttributes": SetQueueAttributesRequest,
    "StartMessageMoveTask": StartMessageMoveTaskRequest,
    "TagQueue": TagQueueRequest,
    "UntagQueue": UntagQueueRequest,
}

RESPONSES: Final[Mapping[str, type[Struct] | None]] = {
    "AddPermission": None,
    "CancelMessageMoveTask": CancelMessageMoveTaskResponse,
    "ChangeMessageVisibility": None,
    "ChangeMessageVisibilityBatch": ChangeMessageVisibilityBatchResponse,
    "CreateQueue": CreateQueueResponse,
    "DeleteMessage": None,
    "DeleteMessageBatch": DeleteMessageBatchResponse,
    "DeleteQueue": None,
    "GetQueueAttributes": GetQueueAttributesResponse,
    "GetQueueUrl": GetQueueUrlResponse,
    "ListDeadLetterSourceQueues": ListDeadLetterSourceQueuesResponse,
    "ListMessageMoveTasks": ListMessageMoveTasksResponse,
    "ListQueueTags": ListQueueTagsResponse,
    "ListQueues": ListQueuesResponse,
    "PurgeQueue": None,
    "ReceiveMessage": ReceiveMessageResponse,
    "RemovePermission": None,
    "SendMessage": SendMessageResponse,
    "SendMessageBatch": SendMessageBatchResponse,
    "SetQueueAttributes": None,
    "StartMessageMoveTask": StartMessageMoveTaskResponse,
    "TagQueue": None,
    "UntagQueue": None,
}

ERRORS: Final[Mapping[str, int | None]] = {
    "BatchEntryIdsNotDistinct": None,
    "BatchRequestTooLong": None,
    "EmptyBatchRequest": None,
    "InvalidAddress": None,
    "InvalidAttributeName": None,
    "InvalidAttributeValue": None,
    "InvalidBatchEntryId": None,
    "InvalidIdFormat": None,
    "InvalidMessageContents": None,
    "InvalidSecurity": None,
    "KmsAccessDenied": None,
    "KmsDisabled": None,
    "KmsInvalidKeyUsage": None,
    "KmsInvalidState": None,
    "KmsNotFound": None,
    "KmsOptInRequired": None,
    "KmsThrottled": None,
    "MessageNotInflight": None,
    "OverLimit": None,
    "PurgeQueueInProgress": None,
    "QueueDeletedRecently": None,
    "QueueDoesNotExist": None,
    "QueueNameExists": None,
    "ReceiptHandleIsInvalid": None,
    "RequestThrottled": None,
    "ResourceNotFoundException": None,
    "TooManyEntriesInBatchRequest": None,
    "UnsupportedOperation": None,
}
"""Codes that the model names, and their HTTP statuses where it names them."""

NOT_SERVED: Final[frozenset[str]] = frozenset([])
