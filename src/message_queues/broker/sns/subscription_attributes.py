"""The attributes of subscriptions that can be set, and what each may be.

https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from message_queues.broker.sns.delivery_policy import DeliveryPolicy, subscription_delivery_policy
from message_queues.broker.sns.filter_policy import MESSAGE_ATTRIBUTES, SCOPES, FilterPolicy, compile_filter_policy
from message_queues.broker.sns.policy_json import read_json
from message_queues.errors import InvalidParameterValue

NAMES: Final = (
    *("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy"),
    "SubscriptionRoleArn",
)


class ReplayPolicy(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """What a subscription to a FIFO topic with an archive gets once more, by the times at which messages were published."""

    point_type: str
    starting_point: str
    ending_point: str | None = None

    @property
    def starts_ms(self) -> int:
        return _time_ms(self.starting_point)

    @property
    def ends_ms(self) -> int | None:
        return None if self.ending_point is None else _time_ms(self.ending_point)


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """What the attributes mean."""

    is_raw: bool = False
    filter_policy: FilterPolicy | None = None
    dead_letter_arn: str | None = None
    delivery: DeliveryPolicy | None = None
    replay: ReplayPolicy | None = None


def settings_of(attributes: Mapping[str, str]) -> SubscriptionSettings:
    """Raises InvalidParameterValue with AWS's text without what stands before the attribute's name."""
    unknown = next((name for name in attributes if name not in NAMES), None)
    if unknown is not None:
        raise InvalidParameterValue("AttributeName")
    scope = attributes.get("FilterPolicyScope") or MESSAGE_ATTRIBUTES
    if scope not in SCOPES:
        raise InvalidParameterValue(f"FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes")
    policy, delivery, replay = (attributes.get(name) for name in ("FilterPolicy", "DeliveryPolicy", "ReplayPolicy"))
    return SubscriptionSettings(
        is_raw=_is_true("RawMessageDelivery", attributes.get("RawMessageDelivery", "false")),
        filter_policy=compile_filter_policy(policy, scope) if policy else None,
        dead_letter_arn=_dead_letter_arn(attributes.get("RedrivePolicy")),
        delivery=subscription_delivery_policy(delivery) if delivery else None,
        replay=_replay_policy(replay) if replay else None,
    )


def kept(name: str, value: str) -> str | None:
    """A value that `settings_of` has taken, as it is kept; None: the attribute is not set."""
    if name == "RawMessageDelivery":
        return value.lower()
    if not value or (name in ("FilterPolicy", "RedrivePolicy", "ReplayPolicy") and value.strip() == "{}"):
        return None
    return subscription_delivery_policy(value).document if name == "DeliveryPolicy" else value


def _is_true(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidParameterValue(f"{name}: Invalid value [{value}]. Must be true or false.")
    return value.lower() == "true"


def _dead_letter_arn(policy: str | None) -> str | None:
    if not policy or policy.strip() == "{}":
        return None
    try:
        read_json(policy)
    except InvalidParameterValue as refusal:
        raise InvalidParameterValue(f"RedrivePolicy: {refusal}") from refusal
    document = msgspec.json.decode(policy)
    arn = document.get("deadLetterTargetArn") if isinstance(document, dict) else None
    if not isinstance(arn, str) or len(arn.split(":")) != 6 or not arn.startswith("arn:") or arn.split(":")[2] != "sqs":
        raise InvalidParameterValue("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    return arn


def _replay_policy(policy: str) -> ReplayPolicy | None:
    if policy.strip() == "{}":
        return None
    try:
        found = msgspec.json.decode(policy, type=ReplayPolicy)
        starts_ms, ends_ms = found.starts_ms, found.ends_ms
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidParameterValue(f"ReplayPolicy: {error}") from error
    if found.point_type != "Timestamp":
        raise InvalidParameterValue(f"ReplayPolicy: PointType {found.point_type!r} must be Timestamp")
    if ends_ms is not None and ends_ms <= starts_ms:
        raise InvalidParameterValue("ReplayPolicy: EndingPoint must be later than StartingPoint")
    return found


def _time_ms(text: str) -> int:
    """Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)
