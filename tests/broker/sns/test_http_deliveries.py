import json

import pytest

from message_queues.broker.sns.http_deliveries import MOST_AT_ONCE
from message_queues.broker.sns.message import SnsMessage
from message_queues.broker.sns.ports import Outcome
from tests.broker.sns.sns_world import BASE_URL, URL, FailingStore, FakeQueue, SnsWorld

DOWN = (Outcome.FAILED, "HTTP status 503")


def redrive(queue: FakeQueue) -> str:
    return json.dumps({"deadLetterTargetArn": queue.arn})


def retries(**policy: object) -> str:
    return json.dumps({"healthyRetryPolicy": policy})


def bodies(world: SnsWorld) -> list[str]:
    return [delivery.body.decode() for delivery in world.deliveries]


def test_an_endpoint_gets_the_message_with_sns_s_headers() -> None:
    world = SnsWorld()
    topic = world.topic()
    subscription = world.subscribe_http(topic)
    message_id = world.publish(topic, "hello")
    (delivery,) = world.deliveries
    assert delivery.url == URL
    assert delivery.headers == (
        ("Content-Type", "text/plain; charset=UTF-8"),
        ("x-amz-sns-message-type", "Notification"),
        ("x-amz-sns-message-id", message_id),
        ("x-amz-sns-topic-arn", topic.arn),
        ("x-amz-sns-subscription-arn", subscription.arn),
    )
    assert json.loads(delivery.body)["Message"] == "hello"


def test_a_raw_message_says_so_and_may_have_a_content_type() -> None:
    world = SnsWorld()
    topic = world.topic(DeliveryPolicy='{"http":{"defaultRequestPolicy":{"headerContentType":"application/json"}}}')
    world.subscribe_http(topic, RawMessageDelivery="true")
    world.publish(topic, '{"a":1}')
    (delivery,) = world.deliveries
    assert delivery.body == b'{"a":1}'
    assert ("x-amz-sns-rawdelivery", "true") in delivery.headers
    assert ("Content-Type", "application/json") in delivery.headers


def test_nothing_is_sent_before_it_is_durable() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.files.space_left = 0
    world.publish(topic)
    world.pass_time(3600)
    assert world.deliveries == []


def test_what_the_publisher_is_told_has_failed_is_not_sent() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.topics.publish(topic, SnsMessage("x"), BASE_URL)
    world.group_commit.add(FailingStore())
    world.end_turn()
    world = world.restarted()
    world.pass_time(3600)
    assert world.deliveries == []


def test_a_failed_delivery_is_tried_as_the_policy_says_and_then_a_dead_letter() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    policy = retries(minDelayTarget=2, maxDelayTarget=10, numRetries=5, numNoDelayRetries=1, numMinDelayRetries=1, numMaxDelayRetries=1)
    world.subscribe_http(topic, DeliveryPolicy=policy, RedrivePolicy=redrive(dead), RawMessageDelivery="true")
    world.answer = DOWN
    world.publish(topic, "hello", {"a": "x"})
    assert len(world.deliveries) == 1
    counts = []
    for seconds in (0, 2, 2, 10, 10):
        world.pass_time(max(0, seconds - 0.001))
        before = len(world.deliveries)
        world.pass_time(0.001)
        counts.append((before, len(world.deliveries)))
    assert [after for _, after in counts] == [2, 3, 4, 5, 6]
    assert dead.bodies == ["hello"]
    assert dead.sent[0].attributes[0].name == "a"
    world.pass_time(3600)
    assert len(world.deliveries) == 6


def test_three_retries_twenty_seconds_apart_are_the_default() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.answer = DOWN
    world.publish(topic)
    for count in (2, 3, 4):
        world.pass_time(19.9)
        assert len(world.deliveries) == count - 1
        world.pass_time(0.1)
        assert len(world.deliveries) == count
    world.pass_time(3600)
    assert len(world.deliveries) == 4


def test_an_endpoint_that_is_up_again_gets_it_once() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    world.subscribe_http(topic, RedrivePolicy=redrive(dead))
    world.answer = DOWN
    world.publish(topic)
    world.answer = (Outcome.DELIVERED, "")
    world.pass_time(3600)
    assert len(world.deliveries) == 2
    assert dead.sent == []


def test_what_an_endpoint_refuses_is_a_dead_letter_at_once() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    world.subscribe_http(topic, RedrivePolicy=redrive(dead))
    world.answer = (Outcome.REFUSED, "HTTP status 404")
    world.publish(topic)
    assert len(dead.sent) == 1
    world.pass_time(3600)
    assert len(world.deliveries) == 1


def test_a_kill_loses_neither_deliveries_nor_how_often_they_were_tried() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    world.subscribe_http(topic, RedrivePolicy=redrive(dead), RawMessageDelivery="true")
    world.answer = DOWN
    world.publish(topic, "waits")
    world.pass_time(20)
    world.answer = None
    world.publish(topic, "under way")
    world = world.restarted()
    world.answer = DOWN
    world.pass_time(0)
    assert bodies(world) == ["under way"]
    world.pass_time(20)
    assert sorted(bodies(world)) == ["under way", "under way", "waits"], "the third try of the first"
    world.pass_time(20)
    assert dead.bodies == ["waits"]
    world.pass_time(20)
    assert dead.bodies == ["waits", "under way"]
    world = world.restarted()
    world.pass_time(3600)
    assert world.deliveries == []


def test_what_was_delivered_is_not_delivered_again() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.publish(topic)
    for after_kill in (True, False):
        world = world.restarted(after_kill)
        world.pass_time(3600)
        assert world.deliveries == []


def test_a_dead_letter_that_cannot_be_stored_is_not_lost() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    world.subscribe_http(topic, RedrivePolicy=redrive(dead), DeliveryPolicy=retries(numRetries=0))
    world.answer = None
    world.publish(topic)
    (done,) = world.unanswered
    store = world.topics.subscriptions.fan_out.http
    world.files.space_left = 0
    # Something else of the same commit fails, as the dead letter queue's store would.
    world.topics.publish(topic, SnsMessage("x"), BASE_URL)
    done(*DOWN)
    world.end_turn()
    assert len(store) == 1
    world.files.space_left = None
    world.answer = DOWN
    world.pass_time(2)
    assert len(store) == 0
    assert len(dead.sent) >= 1


def test_an_endpoint_gets_no_more_at_once_than_it_should() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.answer = None
    for _ in range(MOST_AT_ONCE + 5):
        world.publish(topic)
    assert len(world.deliveries) == MOST_AT_ONCE
    for done in world.unanswered[:5]:
        done(Outcome.DELIVERED, "")
    world.end_turn()
    assert len(world.deliveries) == MOST_AT_ONCE + 5


def test_a_slow_endpoint_keeps_no_other_waiting() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.answer = None
    for _ in range(MOST_AT_ONCE + 1):
        world.publish(topic)
    world.subscribe_http(topic, "http://other.test/")
    world.publish(topic)
    assert [delivery.url for delivery in world.deliveries] == ["http://other.test/"]


def test_a_throttle_policy_spaces_deliveries() -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic, DeliveryPolicy='{"throttlePolicy":{"maxReceivesPerSecond":2}}')
    world.pass_time(1)
    for _ in range(4):
        world.publish(topic)
    counts = [len(world.deliveries)]
    for _ in range(4):
        world.pass_time(0.5)
        counts.append(len(world.deliveries))
    assert counts == [1, 2, 3, 4, 4]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_answer_that_comes_after_the_end_changes_nothing(outcome: Outcome) -> None:
    world = SnsWorld()
    topic = world.topic()
    world.subscribe_http(topic)
    world.answer = None
    world.publish(topic)
    after = world.restarted(after_kill=False)
    world.unanswered[0](outcome, "late")
    world.end_turn()
    after.pass_time(0)
    assert len(after.deliveries) == 1
