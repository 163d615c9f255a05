"""The actions of Amazon SNS, by name. What changes something is answered once it is durable."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sns.publishing import publish, publish_batch
from message_queues.servers.sns.subscriptions import (
    confirm_subscription,
    get_subscription_attributes,
    list_subscriptions,
    list_subscriptions_by_topic,
    set_subscription_attributes,
    subscribe,
    unsubscribe,
)
from message_queues.servers.sns.topics import (
    add_permission,
    create_topic,
    delete_topic,
    get_data_protection_policy,
    get_topic_attributes,
    list_tags_for_resource,
    list_topics,
    put_data_protection_policy,
    remove_permission,
    set_topic_attributes,
    tag_resource,
    untag_resource,
)

HANDLERS: Mapping[str, Callable[[AwsContext, Any], Awaitable[Struct | None]]] = {
    "AddPermission": add_permission,
    "ConfirmSubscription": confirm_subscription,
    "CreateTopic": create_topic,
    "DeleteTopic": delete_topic,
    "GetDataProtectionPolicy": get_data_protection_policy,
    "GetSubscriptionAttributes": get_subscription_attributes,
    "GetTopicAttributes": get_topic_attributes,
    "ListSubscriptions": list_subscriptions,
    "ListSubscriptionsByTopic": list_subscriptions_by_topic,
    "ListTagsForResource": list_tags_for_resource,
    "ListTopics": list_topics,
    "Publish": publish,
    "PublishBatch": publish_batch,
    "PutDataProtectionPolicy": put_data_protection_policy,
    "RemovePermission": remove_permission,
    "SetSubscriptionAttributes": set_subscription_attributes,
    "SetTopicAttributes": set_topic_attributes,
    "Subscribe": subscribe,
    "TagResource": tag_resource,
    "Unsubscribe": unsubscribe,
    "UntagResource": untag_resource,
}


async def handle(action: str, request: Any, context: AwsContext) -> Struct | None:
    return await HANDLERS[action](context, request)
