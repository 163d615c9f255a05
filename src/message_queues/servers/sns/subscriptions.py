"""Actions on subscriptions."""

import re
from typing import Final

from message_queues.broker.sns.arns import elements_of
from message_queues.broker.sns.subscription import Subscription
from message_queues.broker.sns.subscriptions import Subscriptions
from message_queues.errors import AccessDenied, InvalidParameterValue, ResourceNotFound
from message_queues.protocols.sns import requests as sns
from message_queues.servers.aws.context import AwsContext
from message_queues.servers.sns.access import topic_for
from message_queues.servers.sns.message_checks import null_value
from message_queues.servers.sns.pages import page_of

PENDING: Final = "pending confirmation"
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def subscribe(context: AwsContext, request: sns.SubscribeRequest) -> sns.SubscribeResponse:
    topic = topic_for(context, "Subscribe", request.topic_arn)
    if request.protocol is None:
        raise null_value("protocol")
    subscription = _of(context).subscribe(
        topic, request.protocol, request.endpoint or "", request.attributes or {}, context.account, context.base_url
    )
    await context.stored()
    shows_arn = subscription.is_confirmed or request.return_subscription_arn
    return sns.SubscribeResponse(subscription_arn=subscription.arn if shows_arn else PENDING)


async def confirm_subscription(context: AwsContext, request: sns.ConfirmSubscriptionRequest) -> sns.ConfirmSubscriptionResponse:
    is_authenticated = bool(context.access_key)
    authenticates = (request.authenticate_on_unsubscribe or "false").lower() == "true"
    if authenticates and not is_authenticated:
        # "This call requires an AWS signature only when the AuthenticateOnUnsubscribe flag is set to "true"."
        raise AccessDenied("A signature is required to confirm a subscription with AuthenticateOnUnsubscribe")
    subscription = _of(context).confirm(request.topic_arn, request.token, authenticates, is_authenticated)
    await context.stored()
    return sns.ConfirmSubscriptionResponse(subscription_arn=subscription.arn)


async def unsubscribe(context: AwsContext, request: sns.UnsubscribeRequest) -> None:
    """Of what is no subscription any more it is no error."""
    arn = request.subscription_arn or None
    elements = elements_of(arn, "SubscriptionArn")
    if not _ID.fullmatch(elements[-1]):
        raise InvalidParameterValue("Invalid parameter: SubscriptionId")
    subscriptions = _of(context)
    subscription = subscriptions.by_arn.get(arn or "")
    if subscription is None or subscription.is_deactivated:
        return
    # Who follows the link in a message names no region.
    if context.access_key and not _is_here(context, subscription):
        return
    if context.access_key:
        _check_owner(context, "Unsubscribe", subscription)
        subscriptions.unsubscribe(subscription)
    elif subscription.authenticates_unsubscribe:
        # "If the subscription requires authentication for deletion, … an Amazon Web Services signature is required."
        raise AccessDenied(f"A signature is required to unsubscribe {arn}")
    else:
        subscriptions.deactivate(subscription, context.base_url)
    await context.stored()


async def get_subscription_attributes(
    context: AwsContext, request: sns.GetSubscriptionAttributesRequest
) -> sns.GetSubscriptionAttributesResponse:
    subscription = _named(context, "GetSubscriptionAttributes", request.subscription_arn)
    return sns.GetSubscriptionAttributesResponse(attributes=_of(context).described(subscription))


async def set_subscription_attributes(context: AwsContext, request: sns.SetSubscriptionAttributesRequest) -> None:
    subscription = _named(context, "SetSubscriptionAttributes", request.subscription_arn)
    if request.attribute_name is None:
        raise null_value("attributeName")
    _of(context).set_attribute(subscription, request.attribute_name, request.attribute_value or "")
    await context.stored()


async def list_subscriptions(context: AwsContext, request: sns.ListSubscriptionsRequest) -> sns.ListSubscriptionsResponse:
    own = (each for each in _of(context).by_arn.values() if _is_listed(context, each))
    page, next_token = page_of(own, request.next_token)
    return sns.ListSubscriptionsResponse(subscriptions=list(map(_listed, page)), next_token=next_token)


async def list_subscriptions_by_topic(
    context: AwsContext, request: sns.ListSubscriptionsByTopicRequest
) -> sns.ListSubscriptionsByTopicResponse:
    topic = topic_for(context, "ListSubscriptionsByTopic", request.topic_arn)
    page, next_token = page_of(topic.visible_subscriptions(), request.next_token)
    return sns.ListSubscriptionsByTopicResponse(subscriptions=list(map(_listed, page)), next_token=next_token)


def _of(context: AwsContext) -> Subscriptions:
    return context.broker.sns.subscriptions


def _named(context: AwsContext, action: str, arn: str | None) -> Subscription:
    """Raises InvalidParameterValue, ResourceNotFound and AccessDenied."""
    subscription = _of(context).named(arn)
    if not _is_here(context, subscription):
        raise ResourceNotFound("Subscription does not exist")
    _check_owner(context, action, subscription)
    return subscription


def _is_here(context: AwsContext, subscription: Subscription) -> bool:
    return subscription.arn.split(":")[3] == context.region


def _is_listed(context: AwsContext, subscription: Subscription) -> bool:
    return subscription.owner == context.account and _is_here(context, subscription) and not subscription.is_deactivated


def _listed(subscription: Subscription) -> sns.Subscription:
    return sns.Subscription(
        subscription_arn=subscription.shown_arn,
        owner=subscription.owner,
        protocol=subscription.protocol,
        endpoint=subscription.endpoint,
        topic_arn=subscription.topic_arn,
    )


def _check_owner(context: AwsContext, action: str, subscription: Subscription) -> None:
    """ "Only the owner of the subscription or the topic's owner"."""
    if context.account not in (subscription.owner, subscription.topic_arn.split(":")[4]):
        raise AccessDenied(
            f"User: arn:aws:iam::{context.account}:root is not authorized to perform: SNS:{action} on resource: {subscription.arn}"
        )
