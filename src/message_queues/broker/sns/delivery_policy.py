"""How often, and when, a failed delivery to an HTTP endpoint is tried again.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: "immediate retry", "pre-backoff", "backoff" and
"post-backoff" follow each other; of a topic:

    {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, …},
              "disableSubscriptionOverrides": false, "defaultThrottlePolicy": {"maxReceivesPerSecond": 10},
              "defaultRequestPolicy": {"headerContentType": "application/json"}}}

and of a subscription `healthyRetryPolicy`, `throttlePolicy` and `requestPolicy`. AWS draws its backoff functions, and gives no formulas:
here they all go from the least delay to the greatest, by the retry i of n: linear in equal steps, arithmetic in steps that grow by an
equal amount, geometric by an equal factor, exponential in steps that double. AWS adds jitter; here delays are as they are asked for.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from message_queues.broker.sns.policy_json import read_json
from message_queues.errors import InvalidParameterValue

T = TypeVar("T")

MOST_RETRIES: Final = 100
LONGEST_DELAY_S: Final = 3600
LONGEST_IN_ALL_S: Final = 3600


def _linear(least: float, greatest: float, done: float, steps: int) -> float:
    return least + (greatest - least) * done / steps


def _arithmetic(least: float, greatest: float, done: float, steps: int) -> float:
    return least + (greatest - least) * (done * (done + 1)) / (steps * (steps + 1))


def _geometric(least: float, greatest: float, done: float, steps: int) -> float:
    return float(least * (greatest / least) ** (done / steps))


def _exponential(least: float, greatest: float, done: float, steps: int) -> float:
    return float(least + (greatest - least) * (2**done - 1) / (2**steps - 1))


BACKOFF_FUNCTIONS: Final[Mapping[str, Callable[[float, float, float, int], float]]] = {
    "linear": _linear,
    "arithmetic": _arithmetic,
    "geometric": _geometric,
    "exponential": _exponential,
}


class RetryPolicy(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Delays in seconds. `numRetries` counts the retries of all phases."""

    min_delay_target: int = 20
    max_delay_target: int = 20
    num_retries: int = 3
    num_max_delay_retries: int = 0
    num_no_delay_retries: int = 0
    num_min_delay_retries: int = 0
    backoff_function: Literal["linear", "arithmetic", "geometric", "exponential"] = "linear"

    def delays_ms(self) -> list[int]:
        """Before each retry."""
        least, greatest = self.min_delay_target, self.max_delay_target
        count = self.num_retries - self.num_no_delay_retries - self.num_min_delay_retries - self.num_max_delay_retries
        backoff = BACKOFF_FUNCTIONS[self.backoff_function]
        phases = [
            *[0] * self.num_no_delay_retries,
            *[least] * self.num_min_delay_retries,
            *(backoff(least, greatest, done, count - 1) if count > 1 else least for done in range(count)),
            *[greatest] * self.num_max_delay_retries,
        ]
        return [round(delay_s * 1000) for delay_s in phases]


class ThrottlePolicy(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    max_receives_per_second: Annotated[int, Meta(ge=1)] | None = None


class RequestPolicy(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    header_content_type: Annotated[str, Meta(pattern=r"^[!-~][ -~]*$")] | None = None


class DeliveryPolicy(Struct, frozen=True, rename="camel"):
    """Of a subscription. What is not in it the topic's says, or AWS's default."""

    healthy_retry_policy: RetryPolicy | None = None
    sickly_retry_policy: RetryPolicy | None = None
    """AWS takes it and does nothing with it."""
    throttle_policy: ThrottlePolicy | None = None
    request_policy: RequestPolicy | None = None
    guaranteed: bool = False

    @property
    def document(self) -> str:
        return msgspec.json.encode(self).decode()


class HttpPolicy(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Of a topic, for its HTTP subscriptions."""

    default_healthy_retry_policy: RetryPolicy | None = None
    disable_subscription_overrides: bool = False
    default_throttle_policy: ThrottlePolicy | None = None
    default_request_policy: RequestPolicy | None = None


class TopicDeliveryPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    http: HttpPolicy = HttpPolicy()


DEFAULT: Final = DeliveryPolicy(RetryPolicy(), None, None, RequestPolicy("text/plain; charset=UTF-8"))


def effective(topic: TopicDeliveryPolicy, subscription: DeliveryPolicy | None = None) -> DeliveryPolicy:
    """Part by part: the subscription's, unless the topic forbids that; the topic's; AWS's default."""
    http = topic.http
    own = DeliveryPolicy() if subscription is None or http.disable_subscription_overrides else subscription
    return DeliveryPolicy(
        own.healthy_retry_policy or http.default_healthy_retry_policy or DEFAULT.healthy_retry_policy,
        None,
        own.throttle_policy or http.default_throttle_policy,
        own.request_policy or http.default_request_policy or DEFAULT.request_policy,
    )


def effective_document(topic: TopicDeliveryPolicy) -> str:
    """The EffectiveDeliveryPolicy of a topic."""
    policy = effective(topic)
    http = {
        "defaultHealthyRetryPolicy": policy.healthy_retry_policy,
        "disableSubscriptionOverrides": topic.http.disable_subscription_overrides,
        "defaultThrottlePolicy": policy.throttle_policy,
        "defaultRequestPolicy": policy.request_policy,
    }
    return msgspec.json.encode({"http": {name: part for name, part in http.items() if part is not None}}).decode()


def topic_delivery_policy(text: str) -> tuple[TopicDeliveryPolicy, str]:
    """With the document as GetTopicAttributes shows it. Raises InvalidParameterValue from "DeliveryPolicy: " on."""
    policy = _read(text, TopicDeliveryPolicy)
    _check("http.defaultHealthyRetryPolicy", policy.http.default_healthy_retry_policy)
    given: dict[str, dict[str, object]] = msgspec.json.decode(text)
    http = {"disableSubscriptionOverrides": False, **given.get("http", {})}
    return policy, msgspec.json.encode({"http": {name: part for name, part in http.items() if part is not None}}).decode()


def subscription_delivery_policy(text: str) -> DeliveryPolicy:
    """Raises InvalidParameterValue from "DeliveryPolicy: " on."""
    policy = _read(text, DeliveryPolicy)
    _check("healthyRetryPolicy", policy.healthy_retry_policy)
    return policy


def _read(text: str, kind: type[T]) -> T:
    try:
        read_json(text)
        return msgspec.json.decode(text, type=kind)
    except (InvalidParameterValue, msgspec.DecodeError, RecursionError) as refusal:
        raise InvalidParameterValue(f"DeliveryPolicy: {refusal}") from refusal


def _check(name: str, policy: RetryPolicy | None) -> None:
    if policy is None:
        return
    parts = (policy.num_no_delay_retries, policy.num_min_delay_retries, policy.num_max_delay_retries)
    if not 1 <= policy.min_delay_target <= policy.max_delay_target <= LONGEST_DELAY_S:
        raise _refused(
            f"{name}.minDelayTarget {policy.min_delay_target} and maxDelayTarget {policy.max_delay_target} must be in "
            f"1..{LONGEST_DELAY_S} seconds, and the first must not exceed the second"
        )
    if not 0 <= policy.num_retries <= MOST_RETRIES:
        raise _refused(f"{name}.numRetries {policy.num_retries} must be in 0..{MOST_RETRIES}")
    if min(parts) < 0 or sum(parts) > policy.num_retries:
        raise _refused(f"{name}: numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries {parts} must not exceed numRetries in all")
    total_s = sum(policy.delays_ms()) // 1000
    if total_s > LONGEST_IN_ALL_S:
        # "The total policy retry time for an HTTP/S endpoint cannot be greater than 3,600 seconds."
        raise _refused(f"{name}: all retries take {total_s} seconds, and must not take more than {LONGEST_IN_ALL_S}")


def _refused(what: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"DeliveryPolicy: {what}")
