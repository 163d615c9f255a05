"""All subscriptions of the broker."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from message_queues.broker.event import Event
from message_queues.broker.sns.archive import Archive
from message_queues.broker.sns.arns import elements_of, topic_name
from message_queues.broker.sns.delivery_policy import effective
from message_queues.broker.sns.events import (
    SnsReplay,
    SnsReplayProgressed,
    SnsSubscribed,
    SnsSubscriptionAttributesSet,
    SnsSubscriptionConfirmed,
    SnsSubscriptionDeactivated,
    SnsTokenRenewed,
    SnsUnsubscribed,
)
from message_queues.broker.sns.fan_out import FanOut
from message_queues.broker.sns.ports import Confirmation, SnsHome
from message_queues.broker.sns.replays import PENDING, Replays
from message_queues.broker.sns.subscribing import check_dead_letter_queue, check_endpoint
from message_queues.broker.sns.subscription import CONFIRMED_BY_ENDPOINT, HTTP, REPLAY_OVER, TOKEN_VALID_MS, Subscription
from message_queues.broker.sns.subscription_attributes import kept, settings_of
from message_queues.broker.sns.topic import Topic
from message_queues.errors import AwsError, InvalidParameterValue, ResourceNotFound

MOST_FILTER_POLICIES: Final = 200
"""Of a topic's subscriptions: "By default, you can have up to 200 filter policies per topic"."""
TOKEN_BYTES: Final = 144
_TOKEN: Final = re.compile(r"[0-9a-f]{64,}")


@contextmanager
def refused_as(prefix: str) -> Iterator[None]:
    """Completes the text of a refusal."""
    try:
        yield
    except InvalidParameterValue as refusal:
        raise InvalidParameterValue(f"{prefix}{refusal}") from refusal


class Subscriptions:
    def __init__(self, home: SnsHome, topics: Mapping[str, Topic], archive_of: Callable[[Topic], Archive | None]) -> None:
        self.by_arn: dict[str, Subscription] = {}
        self.fan_out = FanOut(home, self.by_arn.get)
        self._home = home
        self._commit = home.commit
        self._topics = topics
        self._archive_of = archive_of
        self._replays = Replays(home, self.fan_out)
        self._by_token: dict[str, Subscription] = {}
        self._made = 0
        self._is_served = False
        self.appliers: Mapping[type[Event], Callable[..., object]] = {
            SnsSubscribed: self._apply_subscribed,
            SnsTokenRenewed: self._apply_token_renewed,
            SnsSubscriptionConfirmed: self._apply_confirmed,
            SnsSubscriptionDeactivated: self._apply_deactivated,
            SnsSubscriptionAttributesSet: lambda event: self.by_arn[event.arn].change(event.changes),
            SnsReplayProgressed: self._apply_replay_progressed,
            SnsUnsubscribed: self._apply_unsubscribed,
        }

    def serve(self) -> None:
        """From now on messages can go out: what waits for that goes on. Raises StorageError and DamagedFile."""
        self._is_served = True
        self.fan_out.http.open()
        for subscription in self.by_arn.values():
            self._go_on_replaying(subscription)

    def subscribe(
        self, topic: Topic, protocol: str, endpoint: str, attributes: Mapping[str, str], owner: str, base_url: str
    ) -> Subscription:
        """The subscription that is there, if it is like this one: one that waits for its confirmation is asked for it again.

        Raises InvalidParameterValue and AwsError (FilterPolicyLimitExceeded).
        """
        check_endpoint(topic, protocol, endpoint)
        with refused_as("Invalid parameter: Attributes Reason: "):
            settings = settings_of(attributes)
        wanted = {name: kept_value for name, value in attributes.items() if (kept_value := kept(name, value)) is not None}
        present = next((each for each in topic.visible_subscriptions() if each.protocol == protocol and each.endpoint == endpoint), None)
        if present is not None:
            return self._subscribed_again(topic, present, wanted, base_url)
        self._check(topic, endpoint, settings.dead_letter_arn, wanted)
        is_confirmed = protocol not in CONFIRMED_BY_ENDPOINT and (protocol != "sqs" or endpoint.split(":")[4] == owner)
        now_ms = self._home.clock.now_ms()
        event = SnsSubscribed(
            arn=f"{topic.arn}:{uuid4()}",
            topic_arn=topic.arn,
            protocol=protocol,
            endpoint=endpoint,
            owner=owner,
            attributes=wanted,
            created_ms=now_ms,
            is_confirmed=is_confirmed,
            was_authenticated=is_confirmed,
            token=None if is_confirmed else secrets.token_hex(TOKEN_BYTES),
            token_expires_ms=0 if is_confirmed else now_ms + TOKEN_VALID_MS,
            replay=SnsReplay(0, PENDING) if "ReplayPolicy" in wanted else None,
        )
        self._commit([event])
        subscription = self.by_arn[event.arn]
        if not is_confirmed:
            self._ask_for_confirmation(topic, subscription, base_url)
        self._go_on_replaying(subscription)
        return subscription

    def _subscribed_again(self, topic: Topic, present: Subscription, wanted: Mapping[str, str], base_url: str) -> Subscription:
        defaults = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}
        if any(present.attributes.get(name, defaults.get(name)) != value for name, value in wanted.items()):
            raise InvalidParameterValue("Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
        if not present.is_confirmed:
            expires_ms = self._home.clock.now_ms() + TOKEN_VALID_MS
            self._commit([SnsTokenRenewed(arn=present.arn, token=secrets.token_hex(TOKEN_BYTES), token_expires_ms=expires_ms)])
            self._ask_for_confirmation(topic, present, base_url)
        return present

    def _check(self, topic: Topic, endpoint: str, dead_letter_arn: str | None, attributes: Mapping[str, str]) -> None:
        if "FilterPolicy" in attributes:
            others = sum("FilterPolicy" in each.attributes and each.endpoint != endpoint for each in topic.subscriptions.values())
            if others >= MOST_FILTER_POLICIES:
                raise AwsError("FilterPolicyLimitExceeded", f"A topic has at most {MOST_FILTER_POLICIES} filter policies")
        if "ReplayPolicy" in attributes and topic.archive_days is None:
            raise InvalidParameterValue("Invalid parameter: ReplayPolicy Reason: the topic has no archive")
        check_dead_letter_queue(topic, endpoint, dead_letter_arn)

    def named(self, arn: str | None) -> Subscription:
        """Raises InvalidParameterValue and ResourceNotFound."""
        elements_of(arn, "SubscriptionArn")
        found = self.by_arn.get(arn or "")
        if found is None or found.is_deactivated:
            raise ResourceNotFound("Subscription does not exist")
        return found

    def described(self, subscription: Subscription) -> dict[str, str]:
        found = subscription.described()
        topic = self._topics.get(subscription.topic_arn)
        if topic is not None and subscription.protocol in HTTP:
            found["EffectiveDeliveryPolicy"] = effective(topic.delivery_policy, subscription.settings.delivery).document
        return found

    def set_attribute(self, subscription: Subscription, name: str, value: str) -> None:
        topic = self._topics[subscription.topic_arn]
        with refused_as("Invalid parameter: "):
            settings = settings_of({**_without(subscription.attributes, name), name: value})
        kept_value = kept(name, value)
        self._check(topic, subscription.endpoint, settings.dead_letter_arn, {} if kept_value is None else {name: kept_value})
        events: list[Event] = [SnsSubscriptionAttributesSet(arn=subscription.arn, changes={name: kept_value})]
        if name == "ReplayPolicy":
            # "Starting a replay supersedes an existing one": and without a policy there is none.
            events.append(SnsReplayProgressed(arn=subscription.arn, replay=SnsReplay(0, PENDING) if kept_value is not None else None))
        self._commit(events)
        self._go_on_replaying(subscription)

    def confirm(self, topic_arn: str | None, token: str | None, authenticates_unsubscribe: bool, is_authenticated: bool) -> Subscription:
        """Again is as good as once. Raises InvalidParameterValue."""
        if token is None or not _TOKEN.fullmatch(token):
            raise InvalidParameterValue("Invalid token")
        subscription = self._by_token.get(token)
        if subscription is None or subscription.token_expires_ms <= self._home.clock.now_ms():
            raise InvalidParameterValue("Invalid parameter: Token")
        if subscription.topic_arn != topic_name(topic_arn).arn:
            raise InvalidParameterValue("Invalid parameter: Topic")
        if not subscription.is_confirmed or subscription.is_deactivated:
            self._commit(
                [
                    SnsSubscriptionConfirmed(
                        arn=subscription.arn, was_authenticated=is_authenticated, authenticates_unsubscribe=authenticates_unsubscribe
                    )
                ]
            )
            self._go_on_replaying(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._commit([SnsUnsubscribed(arn=subscription.arn)])

    def deactivate(self, subscription: Subscription, base_url: str) -> None:
        """For who has given no signature: the endpoint is told, with a token that undoes it."""
        topic = self._topics[subscription.topic_arn]
        expires_ms = self._home.clock.now_ms() + TOKEN_VALID_MS
        token = secrets.token_hex(TOKEN_BYTES)
        self._commit([SnsSubscriptionDeactivated(arn=subscription.arn, token=token, token_expires_ms=expires_ms)])
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this operation and restore the subscription, "
            "visit the SubscribeURL included in this message."
        )
        self.fan_out.confirm(topic, subscription, self._confirmation("UnsubscribeConfirmation", topic, token, text, base_url))

    def _ask_for_confirmation(self, topic: Topic, subscription: Subscription, base_url: str) -> None:
        text = (
            f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the SubscribeURL included in this "
            "message."
        )
        confirmation = self._confirmation("SubscriptionConfirmation", topic, subscription.token or "", text, base_url)
        self.fan_out.confirm(topic, subscription, confirmation)

    def _confirmation(self, kind: str, topic: Topic, token: str, text: str, base_url: str) -> Confirmation:
        return Confirmation(
            kind=kind,
            topic_arn=topic.arn,
            message_id=str(uuid4()),
            timestamp_ms=self._home.clock.now_ms(),
            token=token,
            text=text,
            signature_version=topic.attribute("SignatureVersion"),
            base_url=base_url,
        )

    def _go_on_replaying(self, subscription: Subscription) -> None:
        replay = subscription.replay
        if replay is not None and replay.status not in REPLAY_OVER and subscription.is_confirmed and self._is_served:
            self._home.call_soon(lambda: self._replay(subscription))

    def _replay(self, subscription: Subscription) -> None:
        topic = self._topics.get(subscription.topic_arn)
        if topic is None or self.by_arn.get(subscription.arn) is not subscription:
            return
        if self._replays.run(topic, subscription, self._archive_of(topic)):
            self._home.call_soon(lambda: self._replay(subscription))

    # What has happened

    def _apply_subscribed(self, event: SnsSubscribed) -> None:
        self._made += 1
        subscription = Subscription(event, self._made)
        self.by_arn[event.arn] = subscription
        self._topics[event.topic_arn].subscriptions[event.arn] = subscription
        if event.token is not None:
            self._set_token(subscription, event.token, event.token_expires_ms)

    def _apply_token_renewed(self, event: SnsTokenRenewed) -> None:
        self._set_token(self.by_arn[event.arn], event.token, event.token_expires_ms)

    def _set_token(self, subscription: Subscription, token: str, expires_ms: int) -> None:
        if subscription.token is not None:
            self._by_token.pop(subscription.token, None)
        subscription.token = token
        subscription.token_expires_ms = expires_ms
        self._by_token[token] = subscription
        if subscription.expiry is not None:
            subscription.expiry.cancel()
        if not subscription.is_confirmed or subscription.is_deactivated:
            subscription.expiry = self._home.timers.at(expires_ms, lambda: self.unsubscribe(subscription))

    def _apply_confirmed(self, event: SnsSubscriptionConfirmed) -> None:
        subscription = self.by_arn[event.arn]
        subscription.is_confirmed = True
        subscription.is_deactivated = False
        subscription.was_authenticated = event.was_authenticated
        subscription.authenticates_unsubscribe = event.authenticates_unsubscribe
        if subscription.expiry is not None:
            subscription.expiry.cancel()

    def _apply_deactivated(self, event: SnsSubscriptionDeactivated) -> None:
        subscription = self.by_arn[event.arn]
        subscription.is_deactivated = True
        self._set_token(subscription, event.token, event.token_expires_ms)

    def _apply_replay_progressed(self, event: SnsReplayProgressed) -> None:
        self.by_arn[event.arn].replay = event.replay

    def _apply_unsubscribed(self, event: SnsUnsubscribed) -> None:
        subscription = self.by_arn[event.arn]
        topic = self._topics[subscription.topic_arn]
        del topic.subscriptions[event.arn]
        topic.deleted_subscriptions += 1
        self.forget(subscription)

    def forget(self, subscription: Subscription) -> None:
        """It has left its topic, or the topic is gone."""
        del self.by_arn[subscription.arn]
        if subscription.token is not None:
            self._by_token.pop(subscription.token, None)
        if subscription.expiry is not None:
            subscription.expiry.cancel()

    def state_events(self) -> Iterator[Event]:
        for subscription in self.by_arn.values():
            yield subscription.state()


def _without(attributes: Mapping[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in attributes.items() if each != name}
