from collections.abc import Sequence

import pytest

from message_queues.broker.sqs.message import MessageAttribute, NewMessage, Received
from message_queues.errors import (
    InvalidParameterValue,
    OverLimit,
    PurgeQueueInProgress,
    ReceiptHandleIsInvalid,
)
from message_queues.protocols.sqs.checksums import md5_of_attributes
from tests.broker.sqs.sqs_world import SqsWorld
from tests.storage.messages import memory


@pytest.fixture
def world() -> SqsWorld:
    world = SqsWorld()
    world.create()
    return world


# Sending and receiving


def test_a_message_is_received_as_it_was_sent(world: SqsWorld) -> None:
    attributes = (MessageAttribute("n", "Number", b"1"),)
    sent = world.queue().send(NewMessage("größer".encode(), attributes, "0" * 32, "group", trace_header="Root=1", sender_id="sender"))
    world.turn()
    (received,) = world.receive()
    message = received.message
    assert (message.message_id, message.body.decode(), message.attributes) == (sent.message_id, "größer", attributes)
    assert (message.md5_of_body, message.md5_of_attributes) == (sent.md5_of_body, "0" * 32)
    assert (message.group_id, message.trace_header, message.sender_id) == ("group", "Root=1", "sender")
    assert (message.sequence_number, message.deduplication_id, message.source_arn) == (None, None, None)
    assert message.sent_ms == received.first_received_ms == world.clock.now_ms()
    assert received.receive_count == 1
    assert sent.md5_of_body == "3b1f5bccdd98086ae8f1852fd2aabe54"
    # As botocore and the SDK for Java compute it of one attribute AWSTraceHeader of type String.
    assert sent.md5_of_system_attributes == md5_of_attributes([("AWSTraceHeader", "String", b"Root=1")])


def test_nobody_sees_a_message_before_it_is_durable(world: SqsWorld) -> None:
    world.send("m")
    given: list[Sequence[Received]] = []
    world.queue().receive(1, None, 0, None, given.append)
    assert given == [()]
    world.turn()
    assert world.bodies() == ["m"]


def test_messages_come_in_the_order_in_which_they_were_sent(world: SqsWorld) -> None:
    world.send_all(*"abcde")
    assert (world.bodies(2), world.bodies(), world.bodies()) == (["a", "b"], ["c", "d", "e"], [])


def test_a_message_whose_invisibility_is_over_is_visible_in_its_place(world: SqsWorld) -> None:
    world.send_all("a", "b", "c")
    assert world.bodies(1, visibility_s=10) == ["a"]
    assert world.bodies(1, visibility_s=5) == ["b"]
    world.advance(5)
    assert world.bodies(1) == ["b"]
    world.advance(5)
    received = world.receive()
    assert [(each.message.body, each.receive_count) for each in received] == [(b"a", 2), (b"c", 1)]
    assert received[0].first_received_ms == world.clock.now_ms() - 10_000


def test_a_visibility_timeout_of_zero_hides_nothing(world: SqsWorld) -> None:
    world.send_all("a")
    assert [world.receive(visibility_s=0)[0].receive_count for _ in range(3)] == [1, 2, 3]
    assert world.counts() == (1, 0, 0)


# Deleting


def test_a_deleted_message_is_gone_and_its_handle_may_be_shown_again(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    for _ in range(2):
        world.queue().delete(received.receipt_handle)
    world.advance(100)
    assert world.counts() == (0, 0, 0)


def test_a_handle_deletes_after_its_time_while_nobody_else_has_the_message(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    world.advance(100)
    world.queue().delete(received.receipt_handle)
    assert world.counts() == (0, 0, 0)
    assert world.receive() == []


def test_a_handle_of_an_earlier_receive_deletes(world: SqsWorld) -> None:
    world.send_all("a")
    (early,) = world.receive()
    world.advance(100)
    (late,) = world.receive()
    world.queue().delete(early.receipt_handle)
    assert world.counts() == (0, 0, 0)
    world.queue().delete(late.receipt_handle)
    world.advance(100)
    assert world.receive() == []


def test_a_handle_of_another_queue_is_refused(world: SqsWorld) -> None:
    world.create("other")
    world.send_all("a", name="other")
    (received,) = world.receive(name="other")
    with pytest.raises(ReceiptHandleIsInvalid, match="is not a valid receipt handle"):
        world.queue().delete(received.receipt_handle)
    with pytest.raises(ReceiptHandleIsInvalid):
        world.queue().change_visibility("nonsense", 1)


# Visibility


def test_the_visibility_of_a_message_can_be_changed(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    world.advance(20)
    world.queue().change_visibility(received.receipt_handle, 30)
    world.advance(29)
    assert world.counts() == (0, 1, 0)
    world.advance(1)
    assert world.counts() == (1, 0, 0)


def test_a_message_is_given_back_at_once_to_who_waits(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    answers: list[list[str]] = []
    world.wait(answers)
    world.queue().change_visibility(received.receipt_handle, 0)
    assert answers == [["a"]]


def test_a_message_whose_time_is_over_is_in_flight_again(world: SqsWorld) -> None:
    world.send_all("a", "b")
    (received,) = world.receive(1, visibility_s=1)
    world.advance(1)
    assert world.counts() == (2, 0, 0)
    world.queue().change_visibility(received.receipt_handle, 10)
    assert world.counts() == (1, 1, 0)
    assert world.bodies() == ["b"]
    world.advance(9)
    assert world.bodies() == []
    world.advance(1)
    assert world.bodies() == ["a"]
    world.queue().delete(received.receipt_handle)
    assert world.counts() == (0, 1, 0)


def test_what_is_visible_can_be_told_to_be_visible(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive(visibility_s=0)
    world.queue().change_visibility(received.receipt_handle, 0)
    assert (world.counts(), world.bodies()) == ((1, 0, 0), ["a"])


def test_a_message_that_is_in_flight_again_is_so_after_a_restart(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive(visibility_s=1)
    world.advance(1)
    world.queue().change_visibility(received.receipt_handle, 10)
    world.turn()
    world.restart()
    assert world.counts() == (0, 1, 0)
    world.advance(10)
    assert [each.receive_count for each in world.receive()] == [2]


def test_a_handle_of_an_earlier_receive_changes_the_visibility(world: SqsWorld) -> None:
    world.send_all("a")
    (early,) = world.receive(visibility_s=1)
    world.advance(1)
    world.receive(visibility_s=1)
    world.queue().change_visibility(early.receipt_handle, 10)
    world.advance(9)
    assert world.counts() == (0, 1, 0)
    world.advance(1)
    assert world.counts() == (1, 0, 0)


def test_the_visibility_of_what_is_deleted_cannot_be_changed(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    world.queue().delete(received.receipt_handle)
    with pytest.raises(InvalidParameterValue, match="Message does not exist or is not available for visibility timeout change"):
        world.queue().change_visibility(received.receipt_handle, 10)


def test_a_message_is_invisible_for_twelve_hours_at_most(world: SqsWorld) -> None:
    world.send_all("a")
    (received,) = world.receive()
    world.queue().change_visibility(received.receipt_handle, 43_200)
    world.advance(1)
    with pytest.raises(InvalidParameterValue, match="Total VisibilityTimeout for the message is beyond the limit"):
        world.queue().change_visibility(received.receipt_handle, 43_200)
    world.queue().change_visibility(received.receipt_handle, 43_199)


# Delay


def test_a_delayed_message_is_visible_when_its_delay_is_over(world: SqsWorld) -> None:
    world.send("late", delay_s=10)
    world.send("now")
    world.turn()
    assert world.counts() == (1, 0, 1)
    assert world.bodies() == ["now"]
    world.advance(9.999)
    assert world.bodies() == []
    world.advance(0.001)
    assert world.bodies() == ["late"]


def test_a_new_delay_of_the_queue_is_not_retroactive(world: SqsWorld) -> None:
    """Developer Guide: "For standard queues, the per-queue delay setting is not retroactive"."""
    queue = world.create("delaying", DelaySeconds=100)
    world.send_all("before", name="delaying")
    world.queues.set_attributes(queue, {"DelaySeconds": "0"})
    world.send_all("after", name="delaying")
    world.send("own", name="delaying", delay_s=5)
    world.turn()
    assert world.counts("delaying") == (1, 0, 2)
    world.advance(100)
    assert world.bodies(name="delaying") == ["before", "after", "own"]


# Limits


def test_a_short_poll_is_refused_when_too_many_are_in_flight() -> None:
    world = SqsWorld(most_in_flight=3)
    world.create()
    world.send_all(*"abcde")
    assert world.bodies() == ["a", "b", "c"]
    with pytest.raises(OverLimit):
        world.receive()


def test_a_long_poll_waits_while_too_many_are_in_flight() -> None:
    """Developer Guide, "Amazon SQS visibility timeout", of long polling: no error, and no new messages until fewer are in flight."""
    world = SqsWorld(most_in_flight=2)
    world.create()
    world.send_all(*"abc")
    received = world.receive()
    answers: list[list[str]] = []
    world.wait(answers)
    assert answers == []
    world.queue().delete(received[0].receipt_handle)
    assert answers == [["c"]]


# Purging


def test_a_purge_takes_everything_also_what_is_in_flight_or_delayed_or_not_durable_yet(world: SqsWorld) -> None:
    world.send_all("in flight", "visible")
    (received,) = world.receive(1)
    world.send("delayed", delay_s=10)
    world.turn()
    world.send("on its way")
    world.queue().purge()
    world.turn()
    assert world.counts() == (0, 0, 0)
    world.queue().delete(received.receipt_handle)
    world.advance(100)
    assert world.bodies() == []
    world.restart()
    assert world.counts() == (0, 0, 0)
    assert world.residence.used_bytes == 0


def test_a_queue_is_purged_once_in_sixty_seconds(world: SqsWorld) -> None:
    world.queue().purge()
    world.advance(59.999)
    with pytest.raises(PurgeQueueInProgress, match="Only one PurgeQueue operation on q is allowed every 60 seconds"):
        world.queue().purge()
    world.advance(0.001)
    world.queue().purge()


# Retention


def test_a_message_is_kept_for_its_retention_whatever_its_state() -> None:
    world = SqsWorld()
    queue = world.create(MessageRetentionPeriod=60, VisibilityTimeout=600)
    world.send_all("in flight", "visible")
    world.receive(1)
    world.send("delayed", delay_s=900)
    world.turn()
    world.advance(59)
    assert world.counts() == (1, 1, 1)
    assert queue.oldest_age_s() == 59
    world.send_all("young")
    world.advance(2)
    assert world.counts() == (1, 0, 0)
    assert world.bodies() == ["young"]


def test_a_shorter_retention_takes_what_is_over_it_at_once(world: SqsWorld) -> None:
    world.send_all("a", "b")
    world.advance(100)
    world.queues.set_attributes(world.queue(), {"MessageRetentionPeriod": "60"})
    world.advance(0)
    assert world.counts() == (0, 0, 0)


def test_many_messages_that_are_over_go_in_several_turns() -> None:
    world = SqsWorld(residence_bytes=20_000)
    world.create(MessageRetentionPeriod=60)
    for number in range(3500):
        world.send(str(number))
    world.turn()
    world.advance(30)
    world.send_all("young")
    world.advance(31)
    assert world.counts() == (1, 0, 0)
    assert world.bodies() == ["young"]


# The disk


@pytest.mark.parametrize("syncs", [False, True])
def test_what_cannot_be_stored_is_not_there(syncs: bool) -> None:
    file_system = memory()
    world = SqsWorld(file_system, syncs=syncs)
    queue = world.create()
    world.send_all("before")
    told: list[bool] = []
    file_system.space_left = 0
    world.send("lost")
    world.group_commit.when_durable(lambda failures: told.append(queue.is_failing(failures)))
    world.turn()
    file_system.space_left = None
    assert told == [True]
    assert world.counts() == (1, 0, 0)
    world.send_all("after")
    assert world.bodies() == ["before", "after"]
    world.restart()
    assert world.counts() == (0, 2, 0)


def test_what_cannot_be_synced_is_not_there() -> None:
    file_system = memory()
    world = SqsWorld(file_system, syncs=True)
    queue = world.create()
    told: list[bool] = []
    file_system.syncing_fails = True
    world.send("lost")
    world.group_commit.when_durable(lambda failures: told.append(queue.is_failing(failures)))
    world.turn()
    assert (told, world.counts(), queue.oldest_age_s()) == ([True], (0, 0, 0), 0)


# Looking


def test_looking_at_messages_changes_nothing(world: SqsWorld) -> None:
    world.send_all("in flight", "visible")
    world.receive(1)
    world.send("delayed", delay_s=10)
    world.turn()
    seen = world.queue().peek(10)
    assert [(each.message.body, each.receive_count, each.is_visible, each.is_delayed) for each in seen] == [
        (b"in flight", 1, False, False),
        (b"visible", 0, True, False),
        (b"delayed", 0, False, True),
    ]
    assert [each.first_received_ms for each in seen] == [world.clock.now_ms(), None, None]
    assert len(world.queue().peek(2)) == 2
    assert world.queue().peek(0) == []
    assert world.counts() == (1, 1, 1)


def test_a_queue_explains_why_it_gives_nothing(world: SqsWorld) -> None:
    assert world.queue().explain() == ["the queue is empty"]
    world.send_all("a")
    world.send("b", delay_s=7)
    world.turn()
    world.receive()
    now_ms = world.clock.now_ms()
    assert world.queue().explain() == [
        f"1 messages are delayed, the first until {now_ms + 7000} ms",
        f"1 messages are in flight, the first until {now_ms + 30_000} ms",
    ]
    world.send("c")
    assert world.queue().explain()[-1] == "1 messages are not durable yet"


def test_the_age_is_that_of_the_oldest_message(world: SqsWorld) -> None:
    assert world.queue().oldest_age_s() == 0
    world.send_all("a")
    world.advance(10)
    world.send_all("b")
    assert world.queue().oldest_age_s() == 10
    world.queue().delete(world.receive(1)[0].receipt_handle)
    assert world.queue().oldest_age_s() == 0
