"""A subscription: an endpoint that gets what a topic is told.

PENDING      its endpoint was sent a token => confirm, or it goes when the token's two days are over
CONFIRMED    gets messages => unsubscribe
DEACTIVATED  unsubscribed without a signature; nobody sees it, and the token that its endpoint was sent brings it back for two days
"""

from collections.abc import Mapping
from typing import Final

from message_queues.broker.clock import Timer
from message_queues.broker.sns.events import SnsReplay, SnsSubscribed
from message_queues.broker.sns.filter_policy import MESSAGE_ATTRIBUTES
from message_queues.broker.sns.subscription_attributes import SubscriptionSettings, settings_of

TOKEN_VALID_MS: Final = 2 * 24 * 3600 * 1000
"""Confirmation tokens are valid for two days."""
REPLAY_OVER: Final = ("Completed", "Failed")
PENDING_ARN: Final = "PendingConfirmation"

HTTP: Final = ("http", "https")
CONFIRMED_BY_ENDPOINT: Final = (*HTTP, "email", "email-json")
SERVED: Final = ("sqs", *HTTP)
PROTOCOLS: Final = (*SERVED, "email", "email-json", "sms", "application", "lambda", "firehose")


class Subscription:
    __slots__ = (
        "arn",
        "attributes",
        "authenticates_unsubscribe",
        "created_ms",
        "endpoint",
        "expiry",
        "is_confirmed",
        "is_deactivated",
        "number",
        "owner",
        "protocol",
        "replay",
        "settings",
        "token",
        "token_expires_ms",
        "topic_arn",
        "was_authenticated",
    )

    def __init__(self, event: SnsSubscribed, number: int) -> None:
        self.number = number
        """In the order of their creation, for lists that are read page by page."""
        self.arn = event.arn
        self.topic_arn = event.topic_arn
        self.protocol = event.protocol
        self.endpoint = event.endpoint
        self.owner = event.owner
        self.created_ms = event.created_ms
        self.is_confirmed = event.is_confirmed
        self.is_deactivated = event.is_deactivated
        self.was_authenticated = event.was_authenticated
        self.authenticates_unsubscribe = event.authenticates_unsubscribe
        self.token = event.token
        self.token_expires_ms = event.token_expires_ms
        self.replay: SnsReplay | None = event.replay
        self.expiry: Timer | None = None
        """Until it is confirmed."""
        self.attributes: dict[str, str] = dict(event.attributes)
        self.settings: SubscriptionSettings = settings_of(self.attributes)

    def change(self, changes: Mapping[str, str | None]) -> None:
        self.attributes.update({name: value for name, value in changes.items() if value is not None})
        for name, value in changes.items():
            if value is None:
                self.attributes.pop(name, None)
        self.settings = settings_of(self.attributes)

    @property
    def shown_arn(self) -> str:
        """In lists."""
        return self.arn if self.is_confirmed else PENDING_ARN

    @property
    def is_live(self) -> bool:
        """It gets what is published now."""
        if not self.is_confirmed or self.is_deactivated:
            return False
        replays = self.settings.replay
        return self.replay is None or (self.replay.status in REPLAY_OVER and (replays is None or replays.ending_point is None))

    def described(self) -> dict[str, str]:
        """Its attributes, without the effective delivery policy."""
        found = {
            "ConfirmationWasAuthenticated": _text(self.was_authenticated),
            "Endpoint": self.endpoint,
            "Owner": self.owner,
            "PendingConfirmation": _text(not self.is_confirmed),
            "Protocol": self.protocol,
            "RawMessageDelivery": "false",
            "SubscriptionArn": self.arn,
            "SubscriptionPrincipal": f"arn:{self.arn.split(':')[1]}:iam::{self.owner}:root",
            "TopicArn": self.topic_arn,
            **self.attributes,
        }
        if "FilterPolicy" in self.attributes:
            found.setdefault("FilterPolicyScope", MESSAGE_ATTRIBUTES)
        else:
            # AWS shows the scope only beside a policy.
            found.pop("FilterPolicyScope", None)
        if self.replay is not None:
            found["ReplayStatus"] = self.replay.status
        return found

    def state(self) -> SnsSubscribed:
        """The event that makes it again."""
        return SnsSubscribed(
            arn=self.arn,
            topic_arn=self.topic_arn,
            protocol=self.protocol,
            endpoint=self.endpoint,
            owner=self.owner,
            attributes=dict(self.attributes),
            created_ms=self.created_ms,
            is_confirmed=self.is_confirmed,
            was_authenticated=self.was_authenticated,
            authenticates_unsubscribe=self.authenticates_unsubscribe,
            token=self.token,
            token_expires_ms=self.token_expires_ms,
            is_deactivated=self.is_deactivated,
            replay=self.replay,
        )


def _text(is_true: bool) -> str:
    return "true" if is_true else "false"
