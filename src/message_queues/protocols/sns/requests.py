"""Amazon SNS 2010-03-31: requests and responses.

Written by `python -m tools.aws_model --write` from the service model in botocore: do not edit. Every field is optional; what is missing is
the server's to refuse. `name=` is the name in JSON and XML, `QueryList` and `QueryMap` say how Query and XML spell a list or a map.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Struct
from msgspec import field as named

from message_queues.protocols.aws.shapes import QueryList, QueryMap

VERSION: Final = "2010-03-31"
NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"


DelegatesList: TypeAlias = Annotated[list[str], QueryList(None)]
ActionsList: TypeAlias = Annotated[list[str], QueryList(None)]


class AddPermissionRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    label: str | None = named(default=None, name="Label")
    aws_account_id: DelegatesList | None = named(default=None, name="AWSAccountId")
    action_name: ActionsList | None = named(default=None, name="ActionName")


class ConfirmSubscriptionRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    token: str | None = named(default=None, name="Token")
    authenticate_on_unsubscribe: str | None = named(default=None, name="AuthenticateOnUnsubscribe")


class ConfirmSubscriptionResponse(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")


TopicAttributesMap: TypeAlias = Annotated[dict[str, str], QueryMap(None, "key", "value")]


class Tag(Struct, omit_defaults=True, gc=False):
    key: str | None = named(default=None, name="Key")
    value: str | None = named(default=None, name="Value")


TagList: TypeAlias = Annotated[list[Tag], QueryList(None)]


class CreateTopicRequest(Struct, omit_defaults=True, gc=False):
    name: str | None = named(default=None, name="Name")
    attributes: TopicAttributesMap | None = named(default=None, name="Attributes")
    tags: TagList | None = named(default=None, name="Tags")
    data_protection_policy: str | None = named(default=None, name="DataProtectionPolicy")


class CreateTopicResponse(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")


class DeleteTopicRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")


class GetDataProtectionPolicyRequest(Struct, omit_defaults=True, gc=False):
    resource_arn: str | None = named(default=None, name="ResourceArn")


class GetDataProtectionPolicyResponse(Struct, omit_defaults=True, gc=False):
    data_protection_policy: str | None = named(default=None, name="DataProtectionPolicy")


class GetSubscriptionAttributesRequest(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")


SubscriptionAttributesMap: TypeAlias = Annotated[dict[str, str], QueryMap(None, "key", "value")]


class GetSubscriptionAttributesResponse(Struct, omit_defaults=True, gc=False):
    attributes: SubscriptionAttributesMap | None = named(default=None, name="Attributes")


class GetTopicAttributesRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")


class GetTopicAttributesResponse(Struct, omit_defaults=True, gc=False):
    attributes: TopicAttributesMap | None = named(default=None, name="Attributes")


class ListSubscriptionsRequest(Struct, omit_defaults=True, gc=False):
    next_token: str | None = named(default=None, name="NextToken")


class Subscription(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")
    owner: str | None = named(default=None, name="Owner")
    protocol: str | None = named(default=None, name="Protocol")
    endpoint: str | None = named(default=None, name="Endpoint")
    topic_arn: str | None = named(default=None, name="TopicArn")


SubscriptionsList: TypeAlias = Annotated[list[Subscription], QueryList(None)]


class ListSubscriptionsResponse(Struct, omit_defaults=True, gc=False):
    subscriptions: SubscriptionsList | None = named(default=None, name="Subscriptions")
    next_token: str | None = named(default=None, name="NextToken")


class ListSubscriptionsByTopicRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    next_token: str | None = named(default=None, name="NextToken")


class ListSubscriptionsByTopicResponse(Struct, omit_defaults=True, gc=False):
    subscriptions: SubscriptionsList | None = named(default=None, name="Subscriptions")
    next_token: str | None = named(default=None, name="NextToken")


class ListTagsForResourceRequest(Struct, omit_defaults=True, gc=False):
    resource_arn: str | None = named(default=None, name="ResourceArn")


class ListTagsForResourceResponse(Struct, omit_defaults=True, gc=False):
    tags: TagList | None = named(default=None, name="Tags")


class ListTopicsRequest(Struct, omit_defaults=True, gc=False):
    next_token: str | None = named(default=None, name="NextToken")


class Topic(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")


TopicsList: TypeAlias = Annotated[list[Topic], QueryList(None)]


class ListTopicsResponse(Struct, omit_defaults=True, gc=False):
    topics: TopicsList | None = named(default=None, name="Topics")
    next_token: str | None = named(default=None, name="NextToken")


class MessageAttributeValue(Struct, omit_defaults=True, gc=False):
    data_type: str | None = named(default=None, name="DataType")
    string_value: str | None = named(default=None, name="StringValue")
    binary_value: bytes | None = named(default=None, name="BinaryValue")


MessageAttributeMap: TypeAlias = Annotated[dict[str, MessageAttributeValue], QueryMap(None, "Name", "Value")]


class PublishRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    target_arn: str | None = named(default=None, name="TargetArn")
    phone_number: str | None = named(default=None, name="PhoneNumber")
    message: str | None = named(default=None, name="Message")
    subject: str | None = named(default=None, name="Subject")
    message_structure: str | None = named(default=None, name="MessageStructure")
    message_attributes: MessageAttributeMap | None = named(default=None, name="MessageAttributes")
    message_deduplication_id: str | None = named(default=None, name="MessageDeduplicationId")
    message_group_id: str | None = named(default=None, name="MessageGroupId")


class PublishResponse(Struct, omit_defaults=True, gc=False):
    message_id: str | None = named(default=None, name="MessageId")
    sequence_number: str | None = named(default=None, name="SequenceNumber")


class PublishBatchRequestEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    message: str | None = named(default=None, name="Message")
    subject: str | None = named(default=None, name="Subject")
    message_structure: str | None = named(default=None, name="MessageStructure")
    message_attributes: MessageAttributeMap | None = named(default=None, name="MessageAttributes")
    message_deduplication_id: str | None = named(default=None, name="MessageDeduplicationId")
    message_group_id: str | None = named(default=None, name="MessageGroupId")


PublishBatchRequestEntryList: TypeAlias = Annotated[list[PublishBatchRequestEntry], QueryList(None)]


class PublishBatchRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    publish_batch_request_entries: PublishBatchRequestEntryList | None = named(default=None, name="PublishBatchRequestEntries")


class PublishBatchResultEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    message_id: str | None = named(default=None, name="MessageId")
    sequence_number: str | None = named(default=None, name="SequenceNumber")


PublishBatchResultEntryList: TypeAlias = Annotated[list[PublishBatchResultEntry], QueryList(None)]


class BatchResultErrorEntry(Struct, omit_defaults=True, gc=False):
    id: str | None = named(default=None, name="Id")
    code: str | None = named(default=None, name="Code")
    message: str | None = named(default=None, name="Message")
    sender_fault: bool | None = named(default=None, name="SenderFault")


BatchResultErrorEntryList: TypeAlias = Annotated[list[BatchResultErrorEntry], QueryList(None)]


class PublishBatchResponse(Struct, omit_defaults=True, gc=False):
    successful: PublishBatchResultEntryList | None = named(default=None, name="Successful")
    failed: BatchResultErrorEntryList | None = named(default=None, name="Failed")


class PutDataProtectionPolicyRequest(Struct, omit_defaults=True, gc=False):
    resource_arn: str | None = named(default=None, name="ResourceArn")
    data_protection_policy: str | None = named(default=None, name="DataProtectionPolicy")


class RemovePermissionRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    label: str | None = named(default=None, name="Label")


class SetSubscriptionAttributesRequest(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")
    attribute_name: str | None = named(default=None, name="AttributeName")
    attribute_value: str | None = named(default=None, name="AttributeValue")


class SetTopicAttributesRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    attribute_name: str | None = named(default=None, name="AttributeName")
    attribute_value: str | None = named(default=None, name="AttributeValue")


class SubscribeRequest(Struct, omit_defaults=True, gc=False):
    topic_arn: str | None = named(default=None, name="TopicArn")
    protocol: str | None = named(default=None, name="Protocol")
    endpoint: str | None = named(default=None, name="Endpoint")
    attributes: SubscriptionAttributesMap | None = named(default=None, name="Attributes")
    return_subscription_arn: bool | None = named(default=None, name="ReturnSubscriptionArn")


class SubscribeResponse(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")


class TagResourceRequest(Struct, omit_defaults=True, gc=False):
    resource_arn: str | None = named(default=None, name="ResourceArn")
    tags: TagList | None = named(default=None, name="Tags")


class TagResourceResponse(Struct, omit_defaults=True, gc=False):
    pass


class UnsubscribeRequest(Struct, omit_defaults=True, gc=False):
    subscription_arn: str | None = named(default=None, name="SubscriptionArn")


TagKeyList: TypeAlias = Annotated[list[str], QueryList(None)]


class UntagResourceRequest(Struct, omit_defaults=True, gc=False):
    resource_arn: str | None = named(default=None, name="ResourceArn")
    tag_keys: TagKeyList | None = named(default=None, name="TagKeys")


class UntagResourceResponse(Struct, omit_defaults=True, gc=False):
    pass


REQUESTS: Final[Mapping[str, type[Struct]]] = {
    "AddPermission": AddPermissionRequest,
    "ConfirmSubscription": ConfirmSubscriptionRequest,
    "CreateTopic": CreateTopicRequest,
    "DeleteTopic": DeleteTopicRequest,
    "GetDataProtectionPolicy": GetDataProtectionPolicyRequest,
    "GetSubscriptionAttributes": GetSubscriptionAttributesRequest,
    "GetTopicAttributes": GetTopicAttributesRequest,
    "ListSubscriptions": ListSubscriptionsRequest,
    "ListSubscriptionsByTopic": ListSubscriptionsByTopicRequest,
    "ListTagsForResource": ListTagsForResourceRequest,
    "ListTopics": ListTopicsRequest,
    "Publish": PublishRequest,
    "PublishBatch": PublishBatchRequest,
    "PutDataProtectionPolicy": PutDataProtectionPolicyRequest,
    "RemovePermission": RemovePermissionRequest,
    "SetSubscriptionAttributes": SetSubscriptionAttributesRequest,
    "SetTopicAttributes": SetTopicAttributesRequest,
    "Subscribe": SubscribeRequest,
    "TagResource": TagResourceRequest,
    "Unsubscribe": UnsubscribeRequest,
    "UntagResource": UntagResourceRequest,
}

RESPONSES: Final[Mapping[str, type[Struct] | None]] = {
    "AddPermission": None,
    "ConfirmSubscription": ConfirmSubscriptionResponse,
    "CreateTopic": CreateTopicResponse,
    "DeleteTopic": None,
    "GetDataProtectionPolicy": GetDataProtectionPolicyResponse,
    "GetSubscriptionAttributes": GetSubscriptionAttributesResponse,
    "GetTopicAttributes": GetTopicAttributesResponse,
    "ListSubscriptions": ListSubscriptionsResponse,
    "ListSubscriptionsByTopic": ListSubscriptionsByTopicResponse,
    "ListTagsForResource": ListTagsForResourceResponse,
    "ListTopics": ListTopicsResponse,
    "Publish": PublishResponse,
    "PublishBatch": PublishBatchResponse,
    "PutDataProtectionPolicy": None,
    "RemovePermission": None,
    "SetSubscriptionAttributes": None,
    "SetTopicAttributes": None,
    "Subscribe": SubscribeResponse,
    "TagResource": TagResourceResponse,
    "Unsubscribe": None,
    "UntagResource": UntagResourceResponse,
}

ERRORS: Final[Mapping[str, int | None]] = {
    "AuthorizationError": 403,
    "BatchEntryIdsNotDistinct": 400,
    "BatchRequestTooLong": 400,
    "ConcurrentAccess": 400,
    "EmptyBatchRequest": 400,
    "EndpointDisabled": 400,
    "FilterPolicyLimitExceeded": 403,
    "InternalError": 500,
    "InvalidBatchEntryId": 400,
    "InvalidParameter": 400,
    "InvalidSecurity": 403,
    "InvalidState": 400,
    "KMSAccessDenied": 400,
    "KMSDisabled": 400,
    "KMSInvalidState": 400,
    "KMSNotFound": 400,
    "KMSOptInRequired": 403,
    "KMSThrottling": 400,
    "NotFound": 404,
    "ParameterValueInvalid": 400,
    "PlatformApplicationDisabled": 400,
    "ReplayLimitExceeded": 403,
    "ResourceNotFound": 404,
    "StaleTag": 400,
    "SubscriptionLimitExceeded": 403,
    "TagLimitExceeded": 400,
    "TagPolicy": 400,
    "TooManyEntriesInBatchRequest": 400,
    "TopicLimitExceeded": 403,
    "ValidationException": 400,
}
"""Codes that the model names, and their HTTP statuses where it names them."""

NOT_SERVED: Final[frozenset[str]] = frozenset(
    [
        "CheckIfPhoneNumberIsOptedOut",
        "CreatePlatformApplication",
        "CreatePlatformEndpoint",
        "CreateSMSSandboxPhoneNumber",
        "DeleteEndpoint",
        "DeletePlatformApplication",
        "DeleteSMSSandboxPhoneNumber",
        "GetEndpointAttributes",
        "GetPlatformApplicationAttributes",
        "GetSMSAttributes",
        "GetSMSSandboxAccountStatus",
        "ListEndpointsByPlatformApplication",
        "ListOriginationNumbers",
        "ListPhoneNumbersOptedOut",
        "ListPlatformApplications",
        "ListSMSSandboxPhoneNumbers",
        "OptInPhoneNumber",
        "SetEndpointAttributes",
        "SetPlatformApplicationAttributes",
        "SetSMSAttributes",
        "VerifySMSSandboxPhoneNumber",
    ]
)
