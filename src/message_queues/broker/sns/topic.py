"""A topic, and who subscribes to it."""

from collections.abc import Mapping
from typing import Final

from message_queues.broker.sns.arns import topic_name
from message_queues.broker.sns.delivery_policy import TopicDeliveryPolicy, effective_document, topic_delivery_policy
from message_queues.broker.sns.events import SnsTopicCreated
from message_queues.broker.sns.subscription import Subscription
from message_queues.broker.sns.topic_attributes import DEFAULTS, archive_days
from message_queues.broker.sns.topic_policy import default_policy
from message_queues.broker.sqs.policy import read_policy

SEQUENCE_START: Final = 10**19
"""Sequence numbers have 20 digits."""
_NUMBERS_PER_MS: Final = 1 << 20


class Topic:
    __slots__ = (
        "_sequence",
        "archive_days",
        "arn",
        "attributes",
        "created_ms",
        "data_protection_policy",
        "deleted_subscriptions",
        "delivery_policy",
        "name",
        "number",
        "subscriptions",
        "tags",
        "topic_id",
    )

    def __init__(self, event: SnsTopicCreated, number: int) -> None:
        self.number = number
        """In the order of their creation, for lists that are read page by page."""
        self.name = topic_name(event.arn)
        self.arn = event.arn
        self.topic_id = event.topic_id
        self.created_ms = event.created_ms
        self.attributes: dict[str, str] = {}
        """Those that were set."""
        self.tags: dict[str, str] = dict(event.tags)
        self.data_protection_policy = event.data_protection_policy
        self.deleted_subscriptions = event.deleted_subscriptions
        self.subscriptions: dict[str, Subscription] = {}
        self.delivery_policy = TopicDeliveryPolicy()
        self.archive_days: int | None = None
        self._sequence = 0
        self.change(event.attributes)

    @property
    def is_fifo(self) -> bool:
        return self.name.is_fifo

    @property
    def takes_large_messages(self) -> bool:
        return int(self.attribute("MaximumMessageSize")) > int(DEFAULTS["MaximumMessageSize"])

    @property
    def policy(self) -> str:
        return self.attributes.get("Policy") or default_policy(self.name)

    def allows(self, account: str, action: str) -> bool:
        """Whether the policy lets another account do this."""
        return read_policy(self.policy).verdict(account, f"SNS:{action}") is True

    def attribute(self, name: str) -> str:
        """As it was set, or the default."""
        return self.attributes.get(name, DEFAULTS[name])

    def change(self, changes: Mapping[str, str | None]) -> None:
        self.attributes.update({name: value for name, value in changes.items() if value is not None})
        for name, value in changes.items():
            if value is None:
                self.attributes.pop(name, None)
        delivery = self.attributes.get("DeliveryPolicy")
        self.delivery_policy = topic_delivery_policy(delivery)[0] if delivery else TopicDeliveryPolicy()
        archive = self.attributes.get("ArchivePolicy")
        self.archive_days = archive_days(archive) if archive else None

    def next_sequence_number(self, now_ms: int) -> str:
        """Greater than all before, those before a restart included: they go with the time."""
        self._sequence = max(self._sequence + 1, now_ms * _NUMBERS_PER_MS)
        return str(SEQUENCE_START + self._sequence)

    def visible_subscriptions(self) -> list[Subscription]:
        return [subscription for subscription in self.subscriptions.values() if not subscription.is_deactivated]

    def described(self) -> dict[str, str]:
        """Its attributes as GetTopicAttributes gives them."""
        subscriptions = self.visible_subscriptions()
        confirmed = sum(subscription.is_confirmed for subscription in subscriptions)
        found = {
            "DisplayName": "",
            "EffectiveDeliveryPolicy": effective_document(self.delivery_policy),
            "Owner": self.name.account,
            "Policy": self.policy,
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsDeleted": str(self.deleted_subscriptions),
            "SubscriptionsPending": str(len(subscriptions) - confirmed),
            "TopicArn": self.arn,
        }
        if self.is_fifo:
            found |= {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
        return found | self.attributes

    def state(self) -> SnsTopicCreated:
        """The event that makes it again, without its subscriptions."""
        return SnsTopicCreated(
            arn=self.arn,
            topic_id=self.topic_id,
            created_ms=self.created_ms,
            attributes=dict(self.attributes),
            tags=dict(self.tags),
            data_protection_policy=self.data_protection_policy,
            deleted_subscriptions=self.deleted_subscriptions,
        )
