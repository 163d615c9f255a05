import json
from typing import Any

import pytest

from message_queues.broker.sns.delivery_policy import (
    RetryPolicy,
    TopicDeliveryPolicy,
    effective,
    effective_document,
    subscription_delivery_policy,
    topic_delivery_policy,
)
from message_queues.errors import InvalidParameterValue

DEFAULT_RETRIES = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}


def delays_s(**policy: Any) -> list[float]:
    return [delay / 1000 for delay in RetryPolicy(**policy).delays_ms()]


def test_three_retries_twenty_seconds_apart_are_the_default() -> None:
    assert RetryPolicy().delays_ms() == [20_000, 20_000, 20_000]


def test_the_four_phases_follow_each_other() -> None:
    # The example of https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html, smaller.
    assert delays_s(
        min_delay_target=1,
        max_delay_target=60,
        num_retries=9,
        num_no_delay_retries=3,
        num_min_delay_retries=2,
        num_max_delay_retries=2,
        backoff_function="exponential",
    ) == [0, 0, 0, 1, 1, 1, 60, 60, 60]


@pytest.mark.parametrize(
    ("function", "delays"),
    [
        ("linear", [1, 6, 11, 16]),
        ("arithmetic", [1, 3.5, 8.5, 16]),
        ("geometric", [1, 2.52, 6.35, 16]),
        ("exponential", [1, 3.143, 7.429, 16]),
    ],
)
def test_backoff_goes_from_the_least_delay_to_the_greatest(function: Any, delays: list[float]) -> None:
    found = delays_s(min_delay_target=1, max_delay_target=16, num_retries=4, backoff_function=function)
    assert found == pytest.approx(delays, abs=0.001)


def test_no_retries() -> None:
    assert delays_s(num_retries=0) == []
    assert delays_s(num_retries=1) == [20]


def test_a_topic_without_a_policy_has_an_effective_one() -> None:
    assert json.loads(effective_document(TopicDeliveryPolicy())) == {
        "http": {
            "defaultHealthyRetryPolicy": DEFAULT_RETRIES,
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }


def test_a_topic_shows_what_it_was_given_and_what_is_effective() -> None:
    given = {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}}}
    policy, document = topic_delivery_policy(json.dumps(given))
    assert json.loads(document) == {"http": {"disableSubscriptionOverrides": False, **given["http"]}}
    retries = json.loads(effective_document(policy))["http"]["defaultHealthyRetryPolicy"]
    assert retries == {**DEFAULT_RETRIES, "minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}
    assert json.loads(topic_delivery_policy('{"http":{"defaultHealthyRetryPolicy":null}}')[1]) == {
        "http": {"disableSubscriptionOverrides": False}
    }


def test_a_subscription_shows_all_parts() -> None:
    given = {
        "healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0},
        "throttlePolicy": {"maxReceivesPerSecond": 1000},
    }
    own = subscription_delivery_policy(json.dumps(given))
    retries = {**DEFAULT_RETRIES, "minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0}
    shown = {
        "sicklyRetryPolicy": None,
        "throttlePolicy": {"maxReceivesPerSecond": 1000},
        "guaranteed": False,
        "healthyRetryPolicy": retries,
    }
    assert json.loads(own.document) == {**shown, "requestPolicy": None}
    topic, _ = topic_delivery_policy('{"http":{"defaultRequestPolicy":{"headerContentType":"application/json"}}}')
    assert json.loads(effective(topic, own).document) == {**shown, "requestPolicy": {"headerContentType": "application/json"}}


def test_a_topic_may_forbid_what_subscriptions_say() -> None:
    own = subscription_delivery_policy('{"healthyRetryPolicy":{"numRetries":7}}')
    topic, _ = topic_delivery_policy('{"http":{"disableSubscriptionOverrides":true,"defaultHealthyRetryPolicy":{"numRetries":5}}}')
    assert effective(topic, own).healthy_retry_policy == RetryPolicy(num_retries=5)
    assert effective(TopicDeliveryPolicy(), own).healthy_retry_policy == RetryPolicy(num_retries=7)


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ("{", "failed to parse JSON"),
        ("[]", "Expected `object`"),
        ('{"http":{"x":1}}', "unknown field `x`"),
        ('{"http":{"defaultHealthyRetryPolicy":{"numRetries":"3"}}}', "Expected `int`, got `str`"),
        ('{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":0}}}', "minDelayTarget 0"),
        ('{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":30}}}', "the first must not exceed the second"),
        ('{"http":{"defaultHealthyRetryPolicy":{"maxDelayTarget":3601}}}', "1..3600 seconds"),
        ('{"http":{"defaultHealthyRetryPolicy":{"numRetries":101}}}', "0..100"),
        ('{"http":{"defaultHealthyRetryPolicy":{"numNoDelayRetries":2,"numMaxDelayRetries":2}}}', "must not exceed numRetries"),
        ('{"http":{"defaultHealthyRetryPolicy":{"numRetries":100,"maxDelayTarget":3000}}}', "must not take more than 3600"),
        ('{"http":{"defaultHealthyRetryPolicy":{"backoffFunction":"cubic"}}}', "Invalid enum value 'cubic'"),
        ('{"http":{"defaultThrottlePolicy":{"maxReceivesPerSecond":0}}}', "`int` >= 1"),
        ('{"http":{"defaultRequestPolicy":{"headerContentType":"a\\nb"}}}', "headerContentType"),
    ],
)
def test_a_policy_that_could_not_work_is_refused(policy: str, word: str) -> None:
    with pytest.raises(InvalidParameterValue) as refused:
        topic_delivery_policy(policy)
    assert str(refused.value).startswith("DeliveryPolicy: ")
    assert word in str(refused.value)
