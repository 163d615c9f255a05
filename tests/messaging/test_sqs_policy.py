import json

from message_queues.messaging.sqs_policy import with_permission

QUEUE = "arn:aws:sqs:us-east-1:1:orders"
TOPIC = "arn:aws:sns:us-east-1:1:events"


def test_a_queue_without_a_policy_gets_one() -> None:
    """Amazon SNS developer guide, "Subscribing an Amazon SQS queue": principal, action, resource and condition."""
    policy = with_permission("", QUEUE, TOPIC)
    assert policy is not None
    document = json.loads(policy)
    assert document["Version"] == "2012-10-17"
    (statement,) = document["Statement"]
    assert statement.pop("Sid").startswith("message-queues-")
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
    }


def test_what_a_policy_says_already_stays() -> None:
    own = {"Sid": "own", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE}
    policy = with_permission(json.dumps({"Version": "2008-10-17", "Id": "mine", "Statement": own}), QUEUE, TOPIC)
    assert policy is not None
    document = json.loads(policy)
    assert (document["Version"], document["Id"], document["Statement"][0]) == ("2008-10-17", "mine", own)
    assert len(document["Statement"]) == 2


def test_a_policy_that_says_so_is_left_alone() -> None:
    policy = with_permission("", QUEUE, TOPIC)
    assert policy is not None
    assert with_permission(policy, QUEUE, TOPIC) is None
    assert with_permission(policy, QUEUE, TOPIC + "2") is not None
