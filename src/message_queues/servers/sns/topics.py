"""Actions on topics."""

from collections.abc import Sequence

from message_queues.broker.sns.topic import Topic
from message_queues.errors import InvalidParameterValue, ResourceNotFound
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.sns import requests as sns
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sns.access import check_region, topic_for
from message_queues.servers.sns.message_checks import null_value
from message_queues.servers.sns.pages import page_of


async def create_topic(context: AwsContext, request: sns.CreateTopicRequest) -> sns.CreateTopicResponse:
    if request.name is None:
        raise null_value("name")
    topic = context.broker.sns.create(
        context.region, context.account, request.name, request.attributes or {}, _tags(request.tags), request.data_protection_policy
    )
    await context.stored()
    return sns.CreateTopicResponse(topic_arn=topic.arn)


async def delete_topic(context: AwsContext, request: sns.DeleteTopicRequest) -> None:
    """Of what is no topic any more it is no error."""
    try:
        topic = topic_for(context, "DeleteTopic", request.topic_arn)
    except ResourceNotFound:
        return
    context.broker.sns.delete(topic)
    await context.stored()


async def list_topics(context: AwsContext, request: sns.ListTopicsRequest) -> sns.ListTopicsResponse:
    page, next_token = page_of(context.broker.sns.of(context.region, context.account), request.next_token)
    return sns.ListTopicsResponse(topics=[sns.Topic(topic_arn=topic.arn) for topic in page], next_token=next_token)


async def get_topic_attributes(context: AwsContext, request: sns.GetTopicAttributesRequest) -> sns.GetTopicAttributesResponse:
    topic = topic_for(context, "GetTopicAttributes", request.topic_arn)
    return sns.GetTopicAttributesResponse(attributes=context.broker.sns.described(topic))


async def set_topic_attributes(context: AwsContext, request: sns.SetTopicAttributesRequest) -> None:
    topic = topic_for(context, "SetTopicAttributes", request.topic_arn)
    if request.attribute_name is None:
        raise null_value("attributeName")
    context.broker.sns.set_attribute(topic, request.attribute_name, request.attribute_value or "")
    await context.stored()


async def add_permission(context: AwsContext, request: sns.AddPermissionRequest) -> None:
    topic = topic_for(context, "AddPermission", request.topic_arn)
    for name, value in (("label", request.label), ("aWSAccountId", request.aws_account_id), ("actionName", request.action_name)):
        if not value:
            raise null_value(name)
    context.broker.sns.add_permission(topic, request.label or "", request.aws_account_id or [], request.action_name or [])
    await context.stored()


async def remove_permission(context: AwsContext, request: sns.RemovePermissionRequest) -> None:
    topic = topic_for(context, "RemovePermission", request.topic_arn)
    if request.label is None:
        raise null_value("label")
    context.broker.sns.remove_permission(topic, request.label)
    await context.stored()


# Tags


async def tag_resource(context: AwsContext, request: sns.TagResourceRequest) -> sns.TagResourceResponse:
    topic = _resource(context, request.resource_arn)
    context.broker.sns.tag(topic, _tags(request.tags))
    await context.stored()
    return sns.TagResourceResponse()


async def untag_resource(context: AwsContext, request: sns.UntagResourceRequest) -> sns.UntagResourceResponse:
    topic = _resource(context, request.resource_arn)
    context.broker.sns.untag(topic, request.tag_keys or [])
    await context.stored()
    return sns.UntagResourceResponse()


async def list_tags_for_resource(context: AwsContext, request: sns.ListTagsForResourceRequest) -> sns.ListTagsForResourceResponse:
    topic = _resource(context, request.resource_arn)
    return sns.ListTagsForResourceResponse(tags=[sns.Tag(key=key, value=value) for key, value in topic.tags.items()])


def _resource(context: AwsContext, arn: str | None) -> Topic:
    """What tags are for has an error of its own, also where it is no ARN."""
    try:
        check_region(context, arn, "ResourceArn")
        topic = context.broker.sns.named(arn, "ResourceArn")
    except (ResourceNotFound, InvalidParameterValue) as error:
        raise AwsFault("ResourceNotFound", "Resource does not exist", 404) from error
    if topic.name.account != context.account:
        raise AwsFault("ResourceNotFound", "Resource does not exist", 404)
    return topic


def _tags(given: Sequence[sns.Tag] | None) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in given or ():
        if not tag.key or len(tag.key) > 128 or len(tag.value or "") > 256:
            raise InvalidParameterValue("Invalid parameter: Tags Reason: a key has 1 to 128 characters, and a value at most 256")
        if tag.key in tags:
            raise InvalidParameterValue("Invalid parameter: Duplicated keys are not allowed.")
        tags[tag.key] = tag.value or ""
    return tags


# Data protection: the policy is kept, and does nothing


async def get_data_protection_policy(
    context: AwsContext, request: sns.GetDataProtectionPolicyRequest
) -> sns.GetDataProtectionPolicyResponse:
    topic = topic_for(context, "GetDataProtectionPolicy", request.resource_arn, "ResourceArn")
    return sns.GetDataProtectionPolicyResponse(data_protection_policy=topic.data_protection_policy)


async def put_data_protection_policy(context: AwsContext, request: sns.PutDataProtectionPolicyRequest) -> None:
    topic = topic_for(context, "PutDataProtectionPolicy", request.resource_arn, "ResourceArn")
    context.broker.sns.set_data_protection_policy(topic, request.data_protection_policy or None)
    await context.stored()
