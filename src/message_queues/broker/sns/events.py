"""The durable facts of SNS."""

from typing import TypeAlias

import msgspec

from message_queues.broker.event import Event


class SnsTopicCreated(Event, frozen=True, tag="SnsTopicCreated"):
    arn: str
    topic_id: bytes
    """Names the directory of its archive and of what it remembers for deduplication."""
    created_ms: int
    attributes: dict[str, str]
    tags: dict[str, str]
    data_protection_policy: str | None = None
    deleted_subscriptions: int = 0


class SnsTopicDeleted(Event, frozen=True, tag="SnsTopicDeleted"):
    arn: str


class SnsTopicAttributesSet(Event, frozen=True, tag="SnsTopicAttributesSet"):
    arn: str
    changes: dict[str, str | None]
    """None takes the attribute away."""


class SnsDataProtectionPolicySet(Event, frozen=True, tag="SnsDataProtectionPolicySet"):
    arn: str
    policy: str | None


class SnsTopicTagged(Event, frozen=True, tag="SnsTopicTagged"):
    arn: str
    tags: dict[str, str]


class SnsTopicUntagged(Event, frozen=True, tag="SnsTopicUntagged"):
    arn: str
    keys: list[str]


class SnsReplay(msgspec.Struct, frozen=True):
    """How far a replay has come."""

    position: int
    """In the archive: what is there is not replayed yet."""
    status: str


class SnsSubscribed(Event, frozen=True, tag="SnsSubscribed"):
    arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    owner: str
    attributes: dict[str, str]
    created_ms: int
    is_confirmed: bool
    was_authenticated: bool = False
    """The confirmation."""
    authenticates_unsubscribe: bool = False
    token: str | None = None
    token_expires_ms: int = 0
    is_deactivated: bool = False
    replay: SnsReplay | None = None


class SnsTokenRenewed(Event, frozen=True, tag="SnsTokenRenewed"):
    """A subscription that waits for its confirmation was asked for again."""

    arn: str
    token: str
    token_expires_ms: int


class SnsSubscriptionConfirmed(Event, frozen=True, tag="SnsSubscriptionConfirmed"):
    arn: str
    was_authenticated: bool
    authenticates_unsubscribe: bool


class SnsSubscriptionDeactivated(Event, frozen=True, tag="SnsSubscriptionDeactivated"):
    """Somebody who gave no signature has unsubscribed it; the token brings it back."""

    arn: str
    token: str
    token_expires_ms: int


class SnsSubscriptionAttributesSet(Event, frozen=True, tag="SnsSubscriptionAttributesSet"):
    arn: str
    changes: dict[str, str | None]


class SnsReplayProgressed(Event, frozen=True, tag="SnsReplayProgressed"):
    arn: str
    replay: SnsReplay | None


class SnsUnsubscribed(Event, frozen=True, tag="SnsUnsubscribed"):
    arn: str


class SnsKeyPairMade(Event, frozen=True, tag="SnsKeyPairMade"):
    """What messages are signed with: they are verified for as long as they lie in queues, so that it is made once."""

    certificate: bytes
    private_key: bytes


SnsEvent: TypeAlias = (
    SnsTopicCreated
    | SnsTopicDeleted
    | SnsTopicAttributesSet
    | SnsDataProtectionPolicySet
    | SnsTopicTagged
    | SnsTopicUntagged
    | SnsSubscribed
    | SnsTokenRenewed
    | SnsSubscriptionConfirmed
    | SnsSubscriptionDeactivated
    | SnsSubscriptionAttributesSet
    | SnsReplayProgressed
    | SnsUnsubscribed
    | SnsKeyPairMade
)
