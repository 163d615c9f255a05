import json
from collections.abc import Callable

import pytest

from message_queues.errors import InvalidArgument, InvalidAttributeName, InvalidAttributeValue, MessageQueuesError
from message_queues.messaging.sqs_attributes import (
    QUEUE_ATTRIBUTES,
    checked_queue_attributes,
    checked_queue_name,
    checked_region,
    checked_sns_topic_name,
    checked_tags,
    checked_topic_attributes,
    could_be_queue_name,
    differences,
)

DEAD = "arn:aws:sqs:us-east-1:1:dead"


def queue(**config: object) -> dict[str, str]:
    return checked_queue_attributes(config, "orders")


def fifo(**config: object) -> dict[str, str]:
    return checked_queue_attributes(config, "orders.fifo")


def test_values_become_the_texts_that_aws_takes() -> None:
    assert queue(VisibilityTimeout=30, DelaySeconds="5", SqsManagedSseEnabled=True) == {
        "VisibilityTimeout": "30",
        "DelaySeconds": "5",
        "SqsManagedSseEnabled": "true",
    }
    policy = {"deadLetterTargetArn": DEAD, "maxReceiveCount": 5}
    assert json.loads(queue(RedrivePolicy=policy)["RedrivePolicy"]) == policy
    assert queue(RedrivePolicy=json.dumps(policy)) == queue(RedrivePolicy=policy)
    assert queue(Policy="") == {"Policy": ""}
    assert checked_queue_attributes(None, "orders") == {}


def test_a_fifo_name_makes_a_fifo_queue() -> None:
    assert checked_queue_attributes(None, "orders.fifo") == {"FifoQueue": "true"}
    assert fifo(ContentBasedDeduplication=True, FifoQueue="true") == {"ContentBasedDeduplication": "true", "FifoQueue": "true"}
    assert queue(FifoQueue=False) == {}


WRONG: list[tuple[Callable[[], object], type[MessageQueuesError], str]] = [
    (lambda: queue(VisibilityTimeout=50000), InvalidAttributeValue, r"^VisibilityTimeout=50000 must be in 0\.\.43200 seconds$"),
    (lambda: queue(MaximumMessageSize=1_048_577), InvalidAttributeValue, r"must be in 1024\.\.1048576 bytes"),
    (lambda: queue(MessageRetentionPeriod=59), InvalidAttributeValue, r"MessageRetentionPeriod=59 must be in 60\.\.1209600 seconds"),
    (lambda: queue(DelaySeconds=True), InvalidAttributeValue, r"DelaySeconds=True must be in 0\.\.900 seconds"),
    (lambda: queue(DelaySeconds="1.5"), InvalidAttributeValue, r"DelaySeconds='1.5' must be in 0\.\.900 seconds"),
    (
        lambda: queue(VisibilityTimout=30),
        InvalidAttributeName,
        r"VisibilityTimout is not a queue attribute: did you mean VisibilityTimeout\?",
    ),
    (lambda: queue(QueueArn="x"), InvalidAttributeName, "QueueArn is what AWS says"),
    (lambda: queue(SqsManagedSseEnabled=1), InvalidAttributeValue, "SqsManagedSseEnabled=1 must be True or False"),
    (lambda: queue(KmsMasterKeyId=1), InvalidAttributeValue, "KmsMasterKeyId=1 is int: it must be a str"),
    (lambda: queue(Policy="{"), InvalidAttributeValue, "Policy is not JSON"),
    (lambda: queue(Policy=[1]), InvalidAttributeValue, r"Policy=\[1\] must be a dict"),
    (lambda: queue(Policy={"a": {1}}), InvalidAttributeValue, "Policy cannot be written as JSON"),
    (lambda: queue(FifoQueue=True), InvalidAttributeValue, r"FifoQueue=True needs a name that ends in \.fifo: 'orders\.fifo'"),
    (lambda: fifo(FifoQueue=False), InvalidAttributeValue, r"FifoQueue=False, but the name 'orders\.fifo' ends in \.fifo"),
    (lambda: queue(ContentBasedDeduplication=True), InvalidAttributeName, "ContentBasedDeduplication: only for FIFO"),
    (lambda: fifo(DeduplicationScope="group"), InvalidAttributeValue, "DeduplicationScope='group' must be messageGroup or queue"),
    (
        lambda: fifo(DeduplicationScope="queue", FifoThroughputLimit="perMessageGroupId"),
        InvalidAttributeValue,
        "needs DeduplicationScope=messageGroup",
    ),
    (lambda: queue(RedrivePolicy={"maxReceiveCount": 5}), InvalidAttributeValue, "must have deadLetterTargetArn and maxReceiveCount"),
    (
        lambda: queue(RedrivePolicy={"maxReceiveCount": 1001, "deadLetterTargetArn": DEAD}),
        InvalidAttributeValue,
        r"maxReceiveCount=1001 must be in 1\.\.1000",
    ),
    (lambda: queue(RedrivePolicy={"maxReceiveCount": 5, "deadLetterTargetArn": "dead"}), InvalidAttributeValue, r"SqsQueue\.arn"),
    (
        lambda: fifo(RedrivePolicy={"maxReceiveCount": 5, "deadLetterTargetArn": DEAD}),
        InvalidAttributeValue,
        "is a FIFO queue and .* is a standard one",
    ),
    (lambda: queue(RedriveAllowPolicy={"redrivePermission": "byQueue"}), InvalidAttributeValue, r"needs 1\.\.10 sourceQueueArns"),
    (
        lambda: queue(RedriveAllowPolicy={"redrivePermission": "denyAll", "sourceQueueArns": [DEAD]}),
        InvalidAttributeValue,
        "only for byQueue",
    ),
    (lambda: queue(RedriveAllowPolicy={"redrivePermission": "denyall"}), InvalidAttributeValue, r"did you mean denyAll\?"),
    (lambda: checked_queue_attributes([], "orders"), InvalidArgument, "config is list"),
    (lambda: checked_queue_attributes({1: 2}, "orders"), InvalidAttributeName, "the name 1 is int"),
    (lambda: checked_topic_attributes({"FifoTopic": True}, "orders"), InvalidAttributeValue, "FifoTopic=True needs a name"),
    (lambda: checked_topic_attributes({"TracingConfig": "Actve"}, "orders"), InvalidAttributeValue, r"did you mean Active\?"),
    (lambda: checked_queue_name("name", "a b"), InvalidArgument, "name='a b' holds ' '"),
    (lambda: checked_queue_name("name", "a.b"), InvalidArgument, r"holds '\.'"),
    (lambda: checked_queue_name("name", "x" * 81), InvalidArgument, "has 81 characters: the name of a queue has at most 80"),
    (lambda: checked_queue_name("name", ".fifo"), InvalidArgument, "name"),
    (lambda: checked_sns_topic_name("name", "x" * 257), InvalidArgument, "the name of a topic has at most 256"),
    (lambda: checked_region("region", "Frankfurt"), InvalidArgument, "such as 'us-east-1'"),
    (lambda: checked_tags({"aws:x": "y"}), InvalidArgument, "AWS's own"),
    (lambda: checked_tags({"x": 1}), InvalidArgument, "both must be str"),
    (lambda: checked_tags({"": "y"}), InvalidArgument, r"has 1\.\.128 characters"),
    (lambda: checked_tags({str(number): "" for number in range(51)}), InvalidArgument, "51 are too many"),
    (lambda: checked_tags("x"), InvalidArgument, "tags is str"),
]


@pytest.mark.parametrize(("check", "error", "says"), WRONG)
def test_what_is_wrong_is_named_with_what_would_be_right(check: Callable[[], object], error: type[MessageQueuesError], says: str) -> None:
    with pytest.raises(error, match=says):
        check()


def test_what_may_be_set_is_taken_at_its_limits() -> None:
    for name, rule in QUEUE_ATTRIBUTES.items():
        if rule.kind == "int":
            assert queue(**{name: rule.low}) == {name: str(rule.low)}
            assert queue(**{name: rule.high}) == {name: str(rule.high)}
    assert checked_queue_name("name", "x" * 75 + ".fifo")
    assert checked_region("region", "us-gov-west-1") == "us-gov-west-1"
    assert checked_tags({"stage": ""}) == {"stage": ""}
    assert checked_tags(None) == {}


def test_policies_are_compared_by_what_they_say() -> None:
    found = {"RedrivePolicy": '{"maxReceiveCount":"5","deadLetterTargetArn":"' + DEAD + '"}', "VisibilityTimeout": "30"}
    wanted = queue(RedrivePolicy={"deadLetterTargetArn": DEAD, "maxReceiveCount": 5})
    assert differences(found, wanted, QUEUE_ATTRIBUTES) == ()
    assert differences(found, {**wanted, "VisibilityTimeout": "31"}, QUEUE_ATTRIBUTES) == ("VisibilityTimeout is '30', not '31'",)
    assert differences({}, {"Policy": '{"Statement": [1]}'}, QUEUE_ATTRIBUTES) == ("Policy is None, not '{\"Statement\": [1]}'",)
    assert differences({}, {"Policy": ""}, QUEUE_ATTRIBUTES) == ()
    listed = {"Policy": '{"Statement": [{"Action": ["a"]}]}'}
    assert differences(listed, {"Policy": '{"Statement":[{"Action":["a"]}]}'}, QUEUE_ATTRIBUTES) == ()


def test_a_name_of_another_system_may_be_none_of_a_queue() -> None:
    assert could_be_queue_name("orders.fifo")
    assert not could_be_queue_name("orders.created")
    assert not could_be_queue_name("x" * 81)
