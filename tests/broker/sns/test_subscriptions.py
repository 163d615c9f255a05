import json

import pytest

from message_queues.broker.sns.subscription import TOKEN_VALID_MS, Subscription
from message_queues.broker.sns.subscriptions import MOST_FILTER_POLICIES
from message_queues.broker.sqs.policy import read_policy
from message_queues.errors import AwsError, InvalidParameterValue, ResourceNotFound
from tests.broker.sns.sns_world import ACCOUNT, BASE_URL, REGION, URL, SnsWorld


def refusal(world: SnsWorld, subscription: Subscription, name: str, value: str) -> str:
    with pytest.raises(InvalidParameterValue) as refused:
        world.topics.subscriptions.set_attribute(subscription, name, value)
    return str(refused.value)


def test_a_queue_of_the_own_account_is_confirmed_at_once() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe(topic, world.queue(), RawMessageDelivery="True")
    assert world.topics.subscriptions.described(subscription) == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        "Owner": ACCOUNT,
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "true",
        "SubscriptionArn": subscription.arn,
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
        "TopicArn": topic.arn,
    }
    assert subscription.arn.startswith(f"{topic.arn}:")


def test_a_queue_of_another_account_is_asked() -> None:
    world = SnsWorld()
    topic = world.topic()
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}}
    queue = world.queue(account="999999999999", policy=read_policy(json.dumps(policy)))
    subscription = world.subscribe(topic, queue)
    assert not subscription.is_confirmed
    asked = json.loads(queue.bodies[0])
    assert asked["Type"] == "SubscriptionConfirmation"
    world.topics.subscriptions.confirm(topic.arn, asked["Token"], False, True)
    world.publish(topic)
    assert len(queue.sent) == 2


def test_subscribing_again_gives_the_same_subscription() -> None:
    world = SnsWorld()
    topic, queue = world.topic(), world.queue()
    subscription = world.subscribe(topic, queue, RawMessageDelivery="True")
    for attributes in ({}, {"RawMessageDelivery": "true"}, {"FilterPolicyScope": "MessageAttributes"}):
        assert world.subscribe(topic, queue, **attributes) is subscription
    with pytest.raises(InvalidParameterValue, match="Attributes Reason: Subscription already exists with different attributes"):
        world.subscribe(topic, queue, RawMessageDelivery="false")
    assert len(topic.subscriptions) == 1


def test_an_http_endpoint_is_asked_and_gets_nothing_before_it_has_confirmed() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe(topic, URL)
    (asked,) = world.deliveries
    assert asked.url == URL
    assert ("x-amz-sns-message-type", "SubscriptionConfirmation") in asked.headers
    assert not [name for name, _ in asked.headers if name == "x-amz-sns-subscription-arn"]
    body = json.loads(asked.body)
    assert body["Message"] == (
        f"You have chosen to subscribe to the topic {topic.arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    assert (subscription.shown_arn, topic.described()["SubscriptionsPending"]) == ("PendingConfirmation", "1")
    world.publish(topic)
    assert len(world.deliveries) == 1
    confirmed = world.topics.subscriptions.confirm(topic.arn, body["Token"], False, False)
    assert confirmed is subscription
    assert (confirmed.shown_arn, topic.described()["SubscriptionsConfirmed"]) == (subscription.arn, "1")
    world.publish(topic)
    assert len(world.deliveries) == 2
    assert world.topics.subscriptions.confirm(topic.arn, body["Token"], False, False) is subscription, "again is as good as once"


def test_tokens() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe(topic, URL)
    subscriptions = world.topics.subscriptions
    for token, arn, text in (
        ("randomtoken", topic.arn, "Invalid token"),
        (None, topic.arn, "Invalid token"),
        ("0" * 288, topic.arn, "Invalid parameter: Token"),
        (subscription.token, topic.arn + "x", "Invalid parameter: Topic"),
    ):
        with pytest.raises(InvalidParameterValue) as refused:
            subscriptions.confirm(arn, token, False, False)
        assert str(refused.value) == text


def test_subscribing_again_sends_another_token() -> None:
    world = SnsWorld()
    topic = world.topic()
    first = world.subscribe(topic, URL).token
    again = world.subscribe(topic, URL)
    assert again.token != first
    assert len(world.deliveries) == 2
    with pytest.raises(InvalidParameterValue, match="Token"):
        world.topics.subscriptions.confirm(topic.arn, first, False, False)


def test_what_is_not_confirmed_in_two_days_goes() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe(topic, URL)
    confirmed = world.subscribe_http(topic, "http://endpoint.test/confirmed")
    world.pass_time(TOKEN_VALID_MS / 1000 - 1)
    world = world.restarted()
    assert subscription.arn in world.topics.subscriptions.by_arn
    world.pass_time(2)
    assert list(world.topics.subscriptions.by_arn) == [confirmed.arn]


def test_who_unsubscribes_by_the_url_in_a_message_can_undo_it() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe_http(topic)
    world.topics.subscriptions.deactivate(subscription, BASE_URL)
    world.end_turn()
    body = json.loads(world.deliveries[0].body)
    assert body["Type"] == "UnsubscribeConfirmation"
    assert body["Message"].startswith(f"You have chosen to deactivate subscription {subscription.arn}.\n")
    with pytest.raises(ResourceNotFound):
        world.topics.subscriptions.named(subscription.arn)
    world.publish(topic)
    assert len(world.deliveries) == 1
    world.topics.subscriptions.confirm(topic.arn, body["Token"], False, False)
    world.publish(topic)
    assert len(world.deliveries) == 2


def test_a_deactivated_subscription_goes_after_two_days() -> None:
    world = SnsWorld()
    subscription = world.subscribe_http(world.topic())
    world.topics.subscriptions.deactivate(subscription, BASE_URL)
    world.pass_time(TOKEN_VALID_MS / 1000 + 1)
    assert world.topics.subscriptions.by_arn == {}


@pytest.mark.parametrize(
    ("protocol", "endpoint", "text"),
    [
        ("test-protocol", "x", "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"),
        ("sqs", "http://localhost/q", "Invalid parameter: SQS endpoint ARN"),
        ("sqs", "invalid", "Invalid parameter: SQS endpoint ARN"),
        (
            "sqs",
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:q.fifo",
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        ),
        ("http", "https://endpoint.test/", "Invalid parameter: Endpoint must match the specified protocol"),
        ("https", "http://endpoint.test/", "Invalid parameter: Endpoint must match the specified protocol"),
        ("http", "http://", "Invalid parameter: Unreachable Endpoint"),
        ("http", "http://[::1/", "Invalid parameter: Unreachable Endpoint"),
        ("http", "http://endpoint.test:99999/", "Invalid parameter: Unreachable Endpoint"),
        ("http", "http://endpoint.test/a b", "Invalid parameter: Unreachable Endpoint"),
        ("sms", "invalid-number", "Invalid SMS endpoint: invalid-number"),
        ("sms", "+15--551234567", "Invalid SMS endpoint: +15--551234567"),
        ("sms", "NAA+15551234567", "Invalid SMS endpoint: NAA+15551234567"),
        ("sms", "+15551234567.", "Invalid SMS endpoint: +15551234567."),
        ("email", "nobody", "Invalid parameter: Email address"),
        ("lambda", "arn:aws:sqs:us-east-1:000000000000:f", "Invalid parameter: Lambda endpoint ARN"),
        ("lambda", "arn:aws:lambda:us-east-1:000000000000:layer:f", "Invalid parameter: Lambda endpoint ARN"),
        ("firehose", "f", "Invalid parameter: Firehose endpoint ARN"),
    ],
)
def test_endpoints_that_could_not_work_are_refused(protocol: str, endpoint: str, text: str) -> None:
    world = SnsWorld()
    with pytest.raises(InvalidParameterValue) as refused:
        world.topics.subscriptions.subscribe(world.topic(), protocol, endpoint, {}, ACCOUNT, BASE_URL)
    assert str(refused.value) == text


def test_numbers_may_be_written_with_dots_and_dashes_and_queues_need_not_exist() -> None:
    world = SnsWorld()
    topic = world.topic()
    for protocol, endpoint in (("sms", "+15/55-123.4567"), ("sqs", f"arn:aws:sqs:{REGION}:{ACCOUNT}:none")):
        assert world.topics.subscriptions.subscribe(topic, protocol, endpoint, {}, ACCOUNT, BASE_URL).is_confirmed
    assert not world.topics.subscriptions.subscribe(topic, "email", "a@b.test", {}, ACCOUNT, BASE_URL).is_confirmed


def test_nothing_but_queues_subscribes_to_a_fifo_topic() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo")
    world.subscribe(topic, world.queue("q.fifo"))
    world.subscribe(topic, world.queue("standard"))
    with pytest.raises(InvalidParameterValue, match="Please use FIFO SQS queue"):
        world.subscribe(topic, URL)


def test_attributes_are_refused_in_aws_s_words() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe(topic, world.queue())
    redacted = "at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"
    no_json = f"failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n {redacted}"
    for name, value, text in (
        ("Fake", "x", "AttributeName"),
        ("RawMessageDelivery", "test-ValUe", "RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false."),
        ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
        ("RedrivePolicy", '{"deadLetterTargetArn":"fake-arn"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        ("RedrivePolicy", "{invalid}", f"RedrivePolicy: {no_json}"),
        ("FilterPolicy", "{invalid}", f"FilterPolicy: {no_json}"),
        (
            "FilterPolicyScope",
            "RandomValue",
            "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes",
        ),
        ("FilterPolicy", '{"a":{"b":["x"]}}', "Filter policy scope MessageAttributes does not support nested filter policy"),
        (
            "ReplayPolicy",
            '{"PointType":"Timestamp","StartingPoint":"2020-01-01T00:00:00Z"}',
            "ReplayPolicy Reason: the topic has no archive",
        ),
    ):
        assert refusal(world, subscription, name, value) == f"Invalid parameter: {text}"
    with pytest.raises(InvalidParameterValue, match=r"^Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value"):
        world.subscribe(topic, world.queue("other"), RawMessageDelivery="wrongvalue")


def test_the_scope_is_shown_beside_a_filter_policy_alone() -> None:
    world = SnsWorld()
    subscription = world.subscribe(world.topic(), world.queue())
    subscriptions = world.topics.subscriptions
    subscriptions.set_attribute(subscription, "FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in subscription.described()
    subscriptions.set_attribute(subscription, "FilterPolicy", '{"a":{"b":["x"]}}')
    assert subscription.described()["FilterPolicyScope"] == "MessageBody"
    subscriptions.set_attribute(subscription, "FilterPolicy", "")
    assert "FilterPolicy" not in subscription.described()


def test_a_dead_letter_queue_is_of_the_subscription_s_kind_account_and_region() -> None:
    world = SnsWorld()
    fifo, standard = world.topic("t.fifo"), world.topic()
    of_fifo, of_standard = world.subscribe(fifo, world.queue("q.fifo")), world.subscribe(standard, world.queue())

    def policy(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
        return json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{region}:{account}:{name}"})

    must = "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
    assert refusal(world, of_fifo, "RedrivePolicy", policy("dead")) == must
    assert "must use a standard queue" in refusal(world, of_standard, "RedrivePolicy", policy("dead.fifo"))
    assert "account and region" in refusal(world, of_standard, "RedrivePolicy", policy("dead", account="999999999999"))
    assert "account and region" in refusal(world, of_standard, "RedrivePolicy", policy("dead", region="eu-west-1"))
    world.topics.subscriptions.set_attribute(world.subscribe(fifo, world.queue("s")), "RedrivePolicy", policy("dead"))


def test_a_topic_has_200_filter_policies_at_most() -> None:
    world = SnsWorld()
    topic = world.topic()
    for number in range(MOST_FILTER_POLICIES):
        world.subscribe(topic, world.queue(f"q{number}"), FilterPolicy='{"a":["x"]}')
    plain = world.subscribe(topic, world.queue("one-more"))
    with pytest.raises(AwsError) as refused:
        world.topics.subscriptions.set_attribute(plain, "FilterPolicy", '{"a":["x"]}')
    assert refused.value.code == "FilterPolicyLimitExceeded"
    world.topics.subscriptions.set_attribute(next(iter(topic.subscriptions.values())), "FilterPolicy", '{"a":["y"]}')


def test_http_subscriptions_show_the_policy_that_is_in_force() -> None:
    world = SnsWorld()
    subscription = world.subscribe_http(world.topic(), DeliveryPolicy='{"healthyRetryPolicy":{"numRetries":7}}')
    described = world.topics.subscriptions.described(subscription)
    assert json.loads(described["DeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 7
    effective = json.loads(described["EffectiveDeliveryPolicy"])
    assert effective["healthyRetryPolicy"]["numRetries"] == 7
    assert effective["requestPolicy"] == {"headerContentType": "text/plain; charset=UTF-8"}
