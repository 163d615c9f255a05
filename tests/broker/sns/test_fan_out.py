import json

import pytest

from message_queues.broker.sns.fan_out import SENDER_ID
from message_queues.broker.sns.message import SnsMessage
from message_queues.broker.sqs.message import MessageAttribute, NewMessage, Sent
from message_queues.broker.sqs.policy import read_policy
from message_queues.errors import RequestThrottled
from tests.broker.sns.sns_world import ACCOUNT, BASE_URL, REGION, FakeQueue, SnsWorld


def redrive(queue: FakeQueue) -> str:
    return json.dumps({"deadLetterTargetArn": queue.arn})


def test_every_queue_gets_the_message_in_its_envelope() -> None:
    world = SnsWorld()
    topic, queues = world.topic(), [world.queue("a"), world.queue("b")]
    subscriptions = [world.subscribe(topic, queue) for queue in queues]
    message_id = world.publish(topic, "hello")
    for queue, subscription in zip(queues, subscriptions, strict=True):
        (new,) = queue.sent
        body = json.loads(new.body)
        assert (body["MessageId"], body["Message"], body["SubscriptionArn"]) == (message_id, "hello", subscription.arn)
        assert new.sender_id == SENDER_ID
        assert new.attributes == ()


def test_a_raw_message_is_the_message_and_its_attributes() -> None:
    world = SnsWorld()
    topic, queue = world.topic(), world.queue()
    world.subscribe(topic, queue, RawMessageDelivery="true")
    world.publish(topic, "hello", {"a": "x"}, trace_header="Root=1")
    (new,) = queue.sent
    assert new.body == b"hello"
    assert new.attributes == (MessageAttribute("a", "String", b"x"),)
    assert new.md5_of_attributes is not None
    assert new.trace_header == "Root=1"


def test_filter_policies_choose_who_gets_it() -> None:
    world = SnsWorld()
    topic = world.topic()
    by_attribute, by_body = world.queue("a"), world.queue("b")
    world.subscribe(topic, by_attribute, FilterPolicy='{"kind":["x"]}', RawMessageDelivery="true")
    world.subscribe(
        topic, by_body, FilterPolicy='{"order":{"price":[{"numeric":[">",5]}]}}', FilterPolicyScope="MessageBody", RawMessageDelivery="true"
    )
    world.publish(topic, '{"order":{"price":6}}', {"kind": "y"})
    world.publish(topic, '{"order":{"price":5}}', {"kind": "x"})
    world.publish(topic, "text", {"kind": "x"})
    assert by_body.bodies == ['{"order":{"price":6}}']
    assert by_attribute.bodies == ['{"order":{"price":5}}', "text"]


def test_each_protocol_may_have_a_text_of_its_own() -> None:
    world = SnsWorld()
    topic, queue = world.topic(), world.queue()
    world.subscribe(topic, queue, RawMessageDelivery="true")
    world.subscribe_http(topic, RawMessageDelivery="true")
    world.publish(topic, "default", by_protocol={"sqs": "for queues"})
    assert queue.bodies == ["for queues"]
    assert [delivery.body for delivery in world.deliveries] == [b"default"]


def test_a_group_goes_to_standard_queues_of_standard_topics_and_to_fifo_queues() -> None:
    world = SnsWorld()
    standard, fifo = world.topic(), world.topic("t.fifo", ContentBasedDeduplication="true")
    fair, ordered, unordered = world.queue("fair"), world.queue("ordered.fifo"), world.queue("unordered")
    world.subscribe(standard, fair)
    world.subscribe(fifo, ordered)
    world.subscribe(fifo, unordered)
    world.publish(standard, group_id="g")
    world.publish(fifo, "hello", group_id="g")
    assert (fair.sent[0].group_id, fair.sent[0].deduplication_id) == ("g", None)
    assert (ordered.sent[0].group_id, ordered.sent[0].deduplication_id) == ("g", SnsMessage("hello").content_id)
    assert (unordered.sent[0].group_id, unordered.sent[0].deduplication_id) == (None, None)


@pytest.mark.parametrize(
    ("statement", "is_let_in"),
    [
        (None, True),
        ({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}, True),
        ({"Effect": "Allow", "Principal": "*", "Action": "SQS:*"}, True),
        (
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "sqs:SendMessage",
                "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"}},
            },
            True,
        ),
        (
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "sqs:SendMessage",
                "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:others"}},
            },
            False,
        ),
        ({"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage"}, False),
        ({"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage"}, False),
    ],
)
def test_a_queue_s_policy_decides_who_sends_to_it(statement: dict[str, object] | None, is_let_in: bool) -> None:
    world = SnsWorld()
    topic = world.topic()
    policy = None if statement is None else read_policy(json.dumps({"Statement": [{"Resource": "*", **statement}]}))
    queue, dead = world.queue(policy=policy), world.queue("dead")
    world.subscribe(topic, queue, RedrivePolicy=redrive(dead))
    world.publish(topic)
    assert (len(queue.sent), len(dead.sent)) == ((1, 0) if is_let_in else (0, 1))


def test_a_queue_of_another_account_without_a_policy_takes_nothing() -> None:
    world = SnsWorld()
    topic = world.topic()
    queue = world.queue(account="999999999999")
    subscription = world.subscribe(topic, queue)
    assert queue.sent == [], "not even the question"
    world.topics.subscriptions.confirm(topic.arn, subscription.token, False, True)
    world.publish(topic)
    assert queue.sent == []


def test_what_a_queue_does_not_take_is_a_dead_letter() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    gone = FakeQueue(f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone", dead.settings)
    small = world.queue("small", maximum_message_size=1024)
    world.subscribe(topic, gone, RedrivePolicy=redrive(dead), RawMessageDelivery="true")
    world.subscribe(topic, small, RedrivePolicy=redrive(dead))
    world.publish(topic, "x" * 1100, {"a": "x"})
    raw, envelope = dead.sent
    assert (raw.body, raw.attributes) == (b"x" * 1100, (MessageAttribute("a", "String", b"x"),))
    assert json.loads(envelope.body)["Message"] == "x" * 1100
    assert envelope.attributes == ()


def test_a_raw_message_with_more_than_ten_attributes_is_a_dead_letter() -> None:
    world = SnsWorld()
    topic, queue, enveloped, dead = world.topic(), world.queue(), world.queue("enveloped"), world.queue("dead")
    world.subscribe(topic, queue, RawMessageDelivery="true", RedrivePolicy=redrive(dead))
    world.subscribe(topic, enveloped)
    world.publish(topic, "ten", {str(number): "x" for number in range(10)})
    world.publish(topic, "eleven", {str(number): "x" for number in range(11)})
    assert queue.bodies == ["ten"]
    assert dead.bodies == ["eleven"]
    assert len(enveloped.sent) == 2


def test_one_queue_s_trouble_is_not_that_of_the_others() -> None:
    class Throttled(FakeQueue):
        def send(self, new: NewMessage) -> Sent:
            raise RequestThrottled("slow down")

    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    throttled = world.queues[f"arn:aws:sqs:{REGION}:{ACCOUNT}:busy"] = Throttled(f"arn:aws:sqs:{REGION}:{ACCOUNT}:busy", dead.settings)
    world.subscribe(topic, throttled, RedrivePolicy=redrive(dead))
    other = world.queue("other")
    world.subscribe(topic, other)
    world.publish(topic)
    assert (len(dead.sent), len(other.sent)) == (1, 1)


def test_what_nothing_here_delivers_is_a_dead_letter() -> None:
    world = SnsWorld()
    topic, dead = world.topic(), world.queue("dead")
    world.topics.subscriptions.subscribe(topic, "sms", "+15551234567", {"RedrivePolicy": redrive(dead)}, ACCOUNT, BASE_URL)
    world.publish(topic)
    assert len(dead.sent) == 1


def test_dead_letters_of_fifo_subscriptions_keep_their_group() -> None:
    world = SnsWorld()
    topic, dead = world.topic("t.fifo"), world.queue("dead.fifo")
    gone = FakeQueue(f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone.fifo", dead.settings)
    world.subscribe(topic, gone, RedrivePolicy=redrive(dead))
    world.publish(topic, group_id="g", deduplication_id="d")
    assert (dead.sent[0].group_id, dead.sent[0].deduplication_id) == ("g", "d")
