import json

import pytest

from message_queues.broker.sqs.events import SqsQueueCreated
from message_queues.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidParameterValue,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
)
from tests.broker.sqs.sqs_world import ACCOUNT, REGION, SqsWorld, name_of


@pytest.fixture
def world() -> SqsWorld:
    return SqsWorld()


def test_a_queue_has_an_arn_of_its_region(world: SqsWorld) -> None:
    assert world.create().arn == f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    assert name_of("q")._replace(region="cn-north-1").arn.startswith("arn:aws-cn:sqs:cn-north-1:")
    assert name_of("q")._replace(region="us-gov-west-1").arn.startswith("arn:aws-us-gov:")


def test_creating_a_queue_again_gives_the_same_one(world: SqsWorld) -> None:
    queue = world.create(VisibilityTimeout=10)
    assert world.create() is queue
    assert world.create(VisibilityTimeout=10) is queue
    # What is at its default may be asked for.
    assert world.create(DelaySeconds=0) is queue


def test_a_queue_with_other_attributes_is_another_one(world: SqsWorld) -> None:
    world.create(VisibilityTimeout=10)
    with pytest.raises(QueueNameExists, match="the same name and a different value for attribute VisibilityTimeout"):
        world.create(VisibilityTimeout=11)
    with pytest.raises(QueueNameExists, match="DelaySeconds"):
        world.create(DelaySeconds=1)


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 81, "q.fifo", "a.b", "q\n"])
def test_names_have_letters_digits_hyphens_and_underscores(world: SqsWorld, name: str) -> None:
    with pytest.raises(InvalidParameterValue, match="Can only include alphanumeric characters, hyphens, or underscores"):
        world.queues.create(name_of(name), {}, {})


@pytest.mark.parametrize("name", ["q", ".fifo", "a b.fifo", "a" * 76 + ".fifo", "q.FIFO"])
def test_names_of_fifo_queues_end_with_fifo(world: SqsWorld, name: str) -> None:
    with pytest.raises(InvalidParameterValue, match=r"must end with \.fifo suffix"):
        world.queues.create(name_of(name), {"FifoQueue": "true"}, {})


def test_the_longest_names_are_taken(world: SqsWorld) -> None:
    world.create("a" * 80)
    world.create("a" * 75 + ".fifo")


def test_a_deleted_queue_is_gone_with_its_messages_and_comes_back_empty_after_sixty_seconds(world: SqsWorld) -> None:
    world.create()
    world.send_all("m")
    world.queues.delete(name_of("q"))
    with pytest.raises(QueueDoesNotExist, match="The specified queue does not exist"):
        world.queue()
    with pytest.raises(QueueDeletedRecently, match="You must wait 60 seconds after deleting a queue"):
        world.create()
    world.restart()
    world.advance(59)
    with pytest.raises(QueueDeletedRecently):
        world.create()
    world.advance(1)
    world.create()
    assert world.counts() == (0, 0, 0)
    with pytest.raises(QueueDoesNotExist):
        world.queues.delete(name_of("other"))


def test_queues_are_listed_by_region_account_and_prefix(world: SqsWorld) -> None:
    for name in ("b2", "b1", "a"):
        world.create(name)
    world.queues.create(name_of("b3")._replace(region="us-east-1"), {}, {})
    world.queues.create(name_of("b4")._replace(account="111111111111"), {}, {})
    assert [queue.name.name for queue in world.queues.list(REGION, ACCOUNT, "b")] == ["b1", "b2"]
    assert [queue.name.name for queue in world.queues.list(REGION, ACCOUNT)] == ["a", "b1", "b2"]
    assert len(world.queues.all()) == 5


# Attributes


def test_attributes_can_be_changed_and_taken_away(world: SqsWorld) -> None:
    queue = world.create(VisibilityTimeout=10)
    world.advance(5)
    world.queues.set_attributes(queue, {"VisibilityTimeout": "20", "Policy": json.dumps({"Statement": []})})
    assert (queue.settings.visibility_timeout_s, queue.modified_ms - queue.created_ms) == (20, 5000)
    world.queues.set_attributes(queue, {"Policy": ""})
    assert queue.attributes == {"VisibilityTimeout": "20"}


def test_the_kind_of_a_queue_cannot_be_changed(world: SqsWorld) -> None:
    queue = world.create()
    with pytest.raises(InvalidAttributeName, match="Unknown Attribute FifoQueue"):
        world.queues.set_attributes(queue, {"FifoQueue": "true"})
    fifo = world.create("q.fifo")
    with pytest.raises(InvalidAttributeValue, match="Modifying queue type is not supported"):
        world.queues.set_attributes(fifo, {"FifoQueue": "false"})
    world.queues.set_attributes(fifo, {"FifoQueue": "true"})


def test_refused_attributes_change_nothing(world: SqsWorld) -> None:
    queue = world.create()
    with pytest.raises(InvalidAttributeName):
        world.queues.set_attributes(queue, {"VisibilityTimeout": "1", "Nonsense": "1"})
    assert queue.settings.visibility_timeout_s == 30


# Dead letter queues


def redrive(arn: str) -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})}


def test_a_dead_letter_queue_exists_is_of_the_same_kind_and_place(world: SqsWorld) -> None:
    dead = world.create("dead")
    with pytest.raises(InvalidParameterValue, match="Dead letter target does not exist"):
        world.create("q", redrive(dead.arn + "2"))
    with pytest.raises(InvalidParameterValue, match="Dead-letter queue must be same type of queue as the source"):
        world.create("q.fifo", redrive(dead.arn))
    with pytest.raises(InvalidParameterValue, match="Dead letter target does not exist"):
        world.queues.create(name_of("q")._replace(region="us-east-1"), redrive(dead.arn), {})
    queue = world.create("q", redrive(dead.arn))
    assert world.queues.dead_letter_sources(dead) == [queue]
    assert world.queues.dead_letter_sources(queue) == []


def test_a_dead_letter_queue_may_refuse_sources(world: SqsWorld) -> None:
    dead = world.create("dead", {"RedriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"})})
    with pytest.raises(InvalidParameterValue, match="does not allow this queue"):
        world.create("q", redrive(dead.arn))
    allowed = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [name_of("q").arn]})
    world.queues.set_attributes(dead, {"RedriveAllowPolicy": allowed})
    world.create("q", redrive(dead.arn))
    with pytest.raises(InvalidParameterValue, match="does not allow this queue"):
        world.create("r", redrive(dead.arn))


# Tags and permissions


def test_tags_come_and_go(world: SqsWorld) -> None:
    queue = world.queues.create(name_of("q"), {}, {"a": "1"})
    world.queues.tag(queue, {"a": "2", "b": ""})
    world.queues.untag(queue, ["a", "c"])
    assert queue.tags == {"b": ""}


@pytest.mark.parametrize("tags", [{"": "x"}, {"k" * 129: ""}, {"k": "v" * 257}, {"aws:k": ""}, {"k!": ""}, {str(n): "" for n in range(51)}])
def test_tags_have_their_limits(world: SqsWorld, tags: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterValue):
        world.queues.tag(world.create(), tags)


def test_permissions_are_statements_of_the_policy(world: SqsWorld) -> None:
    queue = world.create()
    assert not world.queues.is_allowed(queue, "111111111111", "SendMessage")
    world.queues.add_permission(queue, "label", ["111111111111"], ["SendMessage"])
    assert world.queues.is_allowed(queue, "111111111111", "SendMessageBatch")
    assert not world.queues.is_allowed(queue, "111111111111", "ReceiveMessage")
    assert world.queues.is_allowed(queue, ACCOUNT, "ReceiveMessage")
    world.queues.remove_permission(queue, "label")
    assert "Policy" not in queue.attributes
    with pytest.raises(InvalidParameterValue, match="can't find label"):
        world.queues.remove_permission(queue, "label")


def test_a_topic_of_the_same_account_may_send_unless_a_policy_leaves_it_out(world: SqsWorld) -> None:
    queue = world.create()
    topic, sns = f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "sns.amazonaws.com"
    assert world.queues.is_allowed(queue, ACCOUNT, "SendMessage", topic, sns)
    assert not world.queues.is_allowed(queue, "111111111111", "SendMessage", topic, sns)
    world.queues.add_permission(queue, "label", ["111111111111"], ["SendMessage"])
    assert not world.queues.is_allowed(queue, ACCOUNT, "SendMessage", topic, sns)
    statement = {"Effect": "Allow", "Principal": {"Service": sns}, "Action": "sqs:*", "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    world.queues.set_attributes(queue, {"Policy": json.dumps({"Statement": statement})})
    assert world.queues.is_allowed(queue, ACCOUNT, "SendMessage", topic, sns)
    assert not world.queues.is_allowed(queue, ACCOUNT, "SendMessage", topic + "2", sns)


# The journal


def test_queues_are_there_after_a_restart(world: SqsWorld) -> None:
    queue = world.queues.create(name_of("q"), {"VisibilityTimeout": "7"}, {"a": "1"})
    world.advance(1)
    world.queues.set_attributes(queue, {"DelaySeconds": "3"})
    world.queues.tag(queue, {"b": "2"})
    created_ms, modified_ms = queue.created_ms, queue.modified_ms
    world.restart()
    queue = world.queue()
    assert (queue.attributes, queue.tags) == ({"VisibilityTimeout": "7", "DelaySeconds": "3"}, {"a": "1", "b": "2"})
    assert (queue.created_ms, queue.modified_ms, queue.settings.delay_s) == (created_ms, modified_ms, 3)


def test_the_state_is_told_in_as_many_events_as_there_are_queues(world: SqsWorld) -> None:
    queue = world.create("q", VisibilityTimeout=7)
    world.advance(1)
    world.queues.set_attributes(queue, {"DelaySeconds": "3"})
    (event,) = world.queues.state_events()
    assert event == SqsQueueCreated(
        region=REGION,
        account=ACCOUNT,
        name="q",
        queue_id=queue.queue_id,
        created_ms=queue.created_ms,
        attributes={"VisibilityTimeout": "7", "DelaySeconds": "3"},
        tags={},
        modified_ms=queue.modified_ms,
    )
