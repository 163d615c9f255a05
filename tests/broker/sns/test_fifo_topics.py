import json
from datetime import UTC, datetime

from message_queues.broker.sns.archive import DAY_MS
from message_queues.broker.sns.message import Published, SnsMessage
from message_queues.broker.sns.subscription import Subscription
from message_queues.broker.sns.topic import Topic
from tests.broker.sns.sns_world import ACCOUNT, BASE_URL, FailingStore, SnsWorld

ARCHIVED = {"ArchivePolicy": '{"MessageRetentionPeriod":"2"}'}


def tell(world: SnsWorld, topic: Topic, body: str = "x", group: str = "g", deduplication_id: str | None = None) -> Published:
    published = world.topics.publish(topic, SnsMessage(body, group_id=group, deduplication_id=deduplication_id), BASE_URL)
    world.end_turn()
    return published


def policy(starts_ms: int, ends_ms: int | None = None) -> str:
    points = {"StartingPoint": starts_ms, "EndingPoint": ends_ms}
    times = {name: datetime.fromtimestamp(ms / 1000, UTC).isoformat() for name, ms in points.items() if ms is not None}
    return json.dumps({"PointType": "Timestamp", **times})


def status(subscription: Subscription) -> str:
    return subscription.described()["ReplayStatus"]


def test_sequence_numbers_have_twenty_digits_and_ascend_over_restarts() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo")
    numbers = [tell(world, topic, deduplication_id=str(number)).sequence_number or "" for number in range(3)]
    world.pass_time(0.001)
    world = world.restarted()
    numbers.append(tell(world, world.topics.named(topic.arn), deduplication_id="3").sequence_number or "")
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}


def test_the_same_deduplication_id_within_five_minutes_is_delivered_once() -> None:
    world = SnsWorld()
    topic, queue = world.topic("t.fifo"), world.queue()
    world.subscribe(topic, queue)
    first = tell(world, topic, "a", deduplication_id="d")
    world.pass_time(299)
    assert tell(world, topic, "b", deduplication_id="d") == first
    world = world.restarted()
    topic = world.topics.named(topic.arn)
    assert tell(world, topic, "c", deduplication_id="d") == first
    assert len(queue.sent) == 1
    world.pass_time(1)
    assert tell(world, topic, "d", deduplication_id="d") != first
    assert len(queue.sent) == 2
    world = world.restarted()
    world.pass_time(301)
    tell(world, world.topics.named(topic.arn), "e", deduplication_id="d")
    assert len(queue.sent) == 3


def test_what_a_kill_may_have_kept_from_the_queues_is_no_duplicate() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo")
    first = world.topics.publish(topic, SnsMessage("x", group_id="g", deduplication_id="d"), BASE_URL)
    # The commit has written some of its files, as a kill in between leaves it.
    world.group_commit._flush()
    world = world.restarted()
    assert tell(world, world.topics.named(topic.arn), "x", deduplication_id="d") != first


def test_equal_bodies_are_one_message_where_the_content_counts() -> None:
    world = SnsWorld()
    topic, queue = world.topic("t.fifo", ContentBasedDeduplication="true"), world.queue()
    world.subscribe(topic, queue)
    for body, group in (("a", "g"), ("a", "h"), ("b", "g")):
        tell(world, topic, body, group)
    assert len(queue.sent) == 2


def test_ids_may_count_in_each_group() -> None:
    world = SnsWorld()
    topic, queue = world.topic("t.fifo", FifoThroughputScope="MessageGroup"), world.queue()
    world.subscribe(topic, queue)
    for group in ("g", "h", "g"):
        tell(world, topic, group=group, deduplication_id="d")
    assert len(queue.sent) == 2


def test_a_message_that_a_queue_could_not_store_may_come_again() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "before", deduplication_id="before")
    message = SnsMessage("x", group_id="g", deduplication_id="d")
    first = world.topics.publish(topic, message, BASE_URL)
    world.group_commit.add(FailingStore())
    world.end_turn()
    second = tell(world, topic, "x", deduplication_id="d")
    assert second != first
    assert tell(world, topic, "x", deduplication_id="d") == second
    queue = world.queue()
    world.subscribe(topic, queue, RawMessageDelivery="true", ReplayPolicy=policy(0))
    assert queue.bodies == ["before", "x"]


def test_a_subscription_gets_once_more_what_the_archive_has() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "too early", deduplication_id="0")
    world.pass_time(10)
    starts_ms = world.clock.now_ms()
    published = [tell(world, topic, f"message {number}", deduplication_id=f"d{number}") for number in range(250)]
    queue = world.queue()
    subscription = world.subscribe(topic, queue, ReplayPolicy=policy(starts_ms))
    assert status(subscription) == "Completed"
    bodies = [json.loads(new.body) for new in queue.sent]
    assert [body["Message"] for body in bodies] == [f"message {number}" for number in range(250)]
    assert [(body["MessageId"], body["SequenceNumber"]) for body in bodies] == published
    tell(world, topic, "new", deduplication_id="new")
    assert json.loads(queue.sent[-1].body)["Message"] == "new"
    assert len(queue.sent) == 251


def test_replayed_messages_say_so_and_may_be_filtered() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "old", deduplication_id="0")
    queue = world.queue()
    world.subscribe(topic, queue, ReplayPolicy=policy(0), FilterPolicy='{"Replayed":["true"]}', RawMessageDelivery="true")
    tell(world, topic, "new", deduplication_id="1")
    assert queue.bodies == ["old"]
    assert [(name, value) for name, _, value in queue.sent[0].attributes] == [("Replayed", b"true")]


def test_with_an_end_nothing_comes_behind_it() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "a", deduplication_id="0")
    world.pass_time(10)
    ends_ms = world.clock.now_ms()
    tell(world, topic, "b", deduplication_id="1")
    queue = world.queue()
    subscription = world.subscribe(topic, queue, RawMessageDelivery="true", ReplayPolicy=policy(0, ends_ms))
    assert status(subscription) == "Completed"
    tell(world, topic, "c", deduplication_id="2")
    assert queue.bodies == ["a"]
    world.topics.subscriptions.set_attribute(subscription, "ReplayPolicy", "")
    tell(world, topic, "d", deduplication_id="3")
    assert queue.bodies == ["a", "d"]
    assert "ReplayStatus" not in subscription.described()


def test_a_replay_goes_on_where_it_was_and_nothing_overtakes_it() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    for number in range(250):
        tell(world, topic, str(number), deduplication_id=str(number))
    queue = world.queue()
    attributes = {"RawMessageDelivery": "true", "ReplayPolicy": policy(0)}
    subscription = world.topics.subscriptions.subscribe(topic, "sqs", queue.arn, attributes, ACCOUNT, BASE_URL)
    assert status(subscription) == "Pending"
    world.turn.pop(0)()
    assert status(subscription) == "In progress"
    world.topics.publish(topic, SnsMessage("250", group_id="g", deduplication_id="250"), BASE_URL)
    world.group_commit.commit_now()
    world = world.restarted()
    world.end_turn()
    assert queue.bodies == [str(number) for number in range(251)]
    assert status(world.topics.subscriptions.named(subscription.arn)) == "Completed"


def test_without_an_archive_a_replay_fails() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "a", deduplication_id="0")
    queue = world.queue()
    subscription = world.topics.subscriptions.subscribe(
        topic, "sqs", queue.arn, {"ReplayPolicy": policy(0)}, queue.arn.split(":")[4], BASE_URL
    )
    world.topics.set_attribute(topic, "ArchivePolicy", "{}")
    world.end_turn()
    assert status(subscription) == "Failed"
    assert queue.sent == []


def test_the_archive_forgets_after_its_days() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "old", deduplication_id="0")
    world.pass_time(DAY_MS / 1000)
    tell(world, topic, "younger", deduplication_id="1")
    began = world.topics.described(topic)["BeginningArchiveTime"]
    world.pass_time(DAY_MS / 1000 + 3601)
    assert world.topics.described(topic)["BeginningArchiveTime"] > began
    world = world.restarted()
    queue = world.queue()
    world.subscribe(world.topics.named(topic.arn), queue, RawMessageDelivery="true", ReplayPolicy=policy(0))
    assert queue.bodies == ["younger"]


def test_an_archive_outlives_a_restart() -> None:
    world = SnsWorld()
    topic = world.topic("t.fifo", **ARCHIVED)
    tell(world, topic, "a", deduplication_id="0")
    for after_kill in (True, False):
        world = world.restarted(after_kill)
        topic = world.topics.named(topic.arn)
        tell(world, topic, "b" if after_kill else "c", deduplication_id=str(after_kill))
    queue = world.queue()
    world.subscribe(topic, queue, RawMessageDelivery="true", ReplayPolicy=policy(0))
    assert queue.bodies == ["a", "b", "c"]
