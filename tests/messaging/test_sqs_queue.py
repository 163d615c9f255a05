import json

import pytest

from message_queues.errors import Conflict, InvalidAttributeName, InvalidAttributeValue, QueueDoesNotExist
from message_queues.messaging.aws_place import AwsPlace
from message_queues.messaging.sqs_queue import SqsCounts, SqsQueue, create, find
from tests.messaging.memory_aws import MemoryAws

EAST = "us-east-1"


@pytest.fixture
def aws() -> MemoryAws:
    return MemoryAws(EAST)


def made(aws: MemoryAws, name: str = "orders", config: dict[str, str] | None = None, tags: dict[str, str] | None = None) -> SqsQueue:
    return create(AwsPlace(EAST, EAST, aws), name, config or {}, tags or {}, lambda: None)


def test_it_describes_what_aws_has(aws: MemoryAws) -> None:
    queue = made(aws, config={"DelaySeconds": "5"}, tags={"stage": "test"})
    described = queue.describe()
    assert described.arn == queue.arn == "arn:aws:sqs:us-east-1:1:orders"
    assert (described.name, described.cluster, described.region, described.is_fifo) == ("orders", EAST, EAST, False)
    assert described.attributes == {"VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "DelaySeconds": "5"}
    assert described.tags == {"stage": "test"}
    assert described.counts == SqsCounts(3, 0, 0)
    assert queue.message_count() == 3
    assert repr(queue) == "SqsQueue('orders', cluster='us-east-1')"


def test_created_again_it_is_the_same_unless_it_differs(aws: MemoryAws) -> None:
    first = made(aws, config={"DelaySeconds": "5"}, tags={"stage": "test"})
    assert made(aws).url == first.url
    assert made(aws, config={"DelaySeconds": "5"}).url == first.url
    with pytest.raises(Conflict) as raised:
        made(aws, config={"DelaySeconds": "6", "VisibilityTimeout": "31"}, tags={"stage": "live"})
    assert raised.value.differences == (
        "DelaySeconds is '5', not '6'",
        "VisibilityTimeout is '30', not '31'",
        "tag stage is 'test', not 'live'",
    )
    assert str(raised.value).startswith("SQS queue 'orders' in us-east-1 exists with other settings: DelaySeconds is '5'")


def test_tags_that_differ_are_a_conflict_too(aws: MemoryAws) -> None:
    made(aws, tags={"stage": "test", "team": "a"})
    made(aws, tags={"stage": "test"})
    with pytest.raises(Conflict, match="tag cost is None, not 'b'"):
        made(aws, tags={"cost": "b"})


def test_a_new_queue_may_be_seen_a_little_later(aws: MemoryAws) -> None:
    aws.sqs.unseen = 2
    assert made(aws, config={"DelaySeconds": "5"}).describe().attributes["DelaySeconds"] == "5"


def test_it_is_altered_purged_and_deleted(aws: MemoryAws) -> None:
    forgotten: list[bool] = []
    queue = create(AwsPlace(EAST, EAST, aws), "orders.fifo", {"FifoQueue": "true"}, {}, lambda: forgotten.append(True))
    queue.alter({"VisibilityTimeout": 60, "ContentBasedDeduplication": True})
    found = queue.describe().attributes
    assert (found["VisibilityTimeout"], found["ContentBasedDeduplication"]) == ("60", "true")
    with pytest.raises(InvalidAttributeName, match="made as FIFO or not"):
        queue.alter({"FifoQueue": True})
    with pytest.raises(InvalidAttributeValue, match=r"in 0\.\.43200 seconds"):
        queue.alter({"VisibilityTimeout": 43_201})
    queue.purge()
    assert aws.sqs.queues["orders.fifo"].purged == 1
    queue.delete()
    assert forgotten == [True]
    with pytest.raises(QueueDoesNotExist):
        queue.describe()


def test_one_that_is_there_is_found(aws: MemoryAws) -> None:
    place = AwsPlace(EAST, EAST, aws)
    assert find(place, "orders", lambda: None) is None
    made(aws)
    found = find(place, "orders", lambda: None)
    assert found is not None
    assert found.name == "orders"


def test_a_topic_is_let_in_once(aws: MemoryAws) -> None:
    queue = made(aws)
    queue.allow("arn:aws:sns:us-east-1:1:events")
    queue.allow("arn:aws:sns:us-east-1:1:events")
    queue.allow("arn:aws:sns:us-east-1:1:others")
    statements = json.loads(queue.attributes()["Policy"])["Statement"]
    assert [each["Condition"] for each in statements] == [
        {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:events"}},
        {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:others"}},
    ]
