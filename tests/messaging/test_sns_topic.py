import json

import pytest

from message_queues.errors import Conflict, InvalidArgument, InvalidAttributeName, ResourceNotFound
from message_queues.messaging.aws_place import AwsPlace
from message_queues.messaging.sns_topic import SnsTopic, create, find, subscription_attributes
from message_queues.messaging.sqs_queue import SqsQueue
from message_queues.messaging.sqs_queue import create as create_queue
from tests.messaging.memory_aws import MemoryAws

EAST = "us-east-1"
RAW = subscription_attributes(True, None, "attributes", None)


@pytest.fixture
def aws() -> MemoryAws:
    return MemoryAws(EAST)


def topic(aws: MemoryAws, name: str = "events", config: dict[str, str] | None = None, tags: dict[str, str] | None = None) -> SnsTopic:
    return create(AwsPlace(EAST, EAST, aws), name, config or {}, tags or {}, lambda: None)


def queue(aws: MemoryAws, name: str = "orders") -> SqsQueue:
    return create_queue(AwsPlace(EAST, EAST, aws), name, {}, {}, lambda: None)


def test_it_describes_what_aws_has(aws: MemoryAws) -> None:
    made = topic(aws, config={"DisplayName": "Events"}, tags={"stage": "test"})
    subscription = made.subscribe(queue(aws), RAW)
    described = made.describe()
    assert (described.name, described.arn, described.region, described.is_fifo) == ("events", made.arn, EAST, False)
    assert described.attributes["DisplayName"] == "Events"
    assert described.tags == {"stage": "test"}
    assert [each.arn for each in described.subscriptions] == [subscription.arn]
    assert repr(made) == "SnsTopic('events', cluster='us-east-1')"
    assert repr(subscription) == "Subscription(topic='events', endpoint='arn:aws:sqs:us-east-1:1:orders')"


def test_created_again_it_is_the_same_unless_it_differs(aws: MemoryAws) -> None:
    first = topic(aws, config={"DisplayName": "Events"}, tags={"stage": "test"})
    assert topic(aws).arn == first.arn
    with pytest.raises(Conflict) as raised:
        topic(aws, config={"DisplayName": "Others"}, tags={"stage": "live"})
    assert raised.value.differences == ("DisplayName is 'Events', not 'Others'", "tag stage is 'test', not 'live'")


def test_subscribed_again_it_is_the_same_unless_it_differs(aws: MemoryAws) -> None:
    made, orders = topic(aws), queue(aws)
    policy = subscription_attributes(True, {"kind": ["created"]}, "body", "arn:aws:sqs:us-east-1:1:dead")
    first = made.subscribe(orders, policy)
    assert made.subscribe(orders, policy).arn == first.arn
    assert len(made.subscriptions()) == 1
    described = first.describe()
    assert described.endpoint == orders.arn
    assert json.loads(described.attributes["FilterPolicy"]) == {"kind": ["created"]}
    assert described.attributes["FilterPolicyScope"] == "MessageBody"
    with pytest.raises(Conflict) as raised:
        made.subscribe(orders, subscription_attributes(False, {"kind": ["other"]}, "body", None))
    assert raised.value.differences == (
        'FilterPolicy is \'{"kind": ["created"]}\', not \'{"kind": ["other"]}\'',
        "RawMessageDelivery is 'true', not 'false'",
    )


def test_subscribing_lets_the_topic_send(aws: MemoryAws) -> None:
    made, orders = topic(aws), queue(aws)
    made.subscribe(orders, RAW)
    assert made.arn in orders.attributes()["Policy"]


def test_a_fifo_queue_needs_a_fifo_topic(aws: MemoryAws) -> None:
    with pytest.raises(InvalidArgument, match="only a FIFO topic can feed it"):
        topic(aws).subscribe(queue(aws, "orders.fifo"), RAW)
    topic(aws, "events.fifo").subscribe(queue(aws, "orders.fifo"), RAW)
    topic(aws, "events.fifo").subscribe(queue(aws), RAW)


def test_it_is_altered_and_deleted(aws: MemoryAws) -> None:
    made = topic(aws)
    made.alter({"DisplayName": "Events"})
    assert made.attributes()["DisplayName"] == "Events"
    with pytest.raises(InvalidAttributeName, match="made as FIFO or not"):
        made.alter({"FifoTopic": False})
    made.delete()
    made.delete()
    with pytest.raises(ResourceNotFound):
        made.describe()


def test_unsubscribed_it_is_gone(aws: MemoryAws) -> None:
    made = topic(aws)
    subscription = made.subscribe(queue(aws), RAW)
    subscription.delete()
    subscription.delete()
    with pytest.raises(ResourceNotFound, match="there is no subscription"):
        subscription.describe()


def test_one_that_is_there_is_found_by_its_whole_name(aws: MemoryAws) -> None:
    place = AwsPlace(EAST, EAST, aws)
    topic(aws, "my-events")
    assert find(place, "events", lambda: None) is None
    made = topic(aws)
    found = find(place, "events", lambda: None)
    assert found is not None
    assert found.arn == made.arn


def test_what_is_said_of_a_subscription_is_checked() -> None:
    with pytest.raises(InvalidArgument, match="raw=1 must be True or False"):
        subscription_attributes(1, None, "attributes", None)
    with pytest.raises(InvalidArgument, match=r"filter_scope='bdy' is not one of .*did you mean body\?"):
        subscription_attributes(True, None, "bdy", None)
    with pytest.raises(InvalidArgument, match="filter_policy is str"):
        subscription_attributes(True, "x", "body", None)  # type: ignore[arg-type]
    assert subscription_attributes(False, None, "body", None) == {"RawMessageDelivery": "false"}
