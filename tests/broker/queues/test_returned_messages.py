from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.returned_messages import ReturnedMessages
from tests.broker.queues.queue_world import message


def entry(position: int, level: int = 0, size: int = 1, expires_at_ms: int = 0) -> Entry:
    made = Entry(message(), position, level, 0, expires_at_ms)
    made.size = size
    return made


def drained(returned: ReturnedMessages) -> list[int]:
    return [returned.pop().position for _ in range(returned.ready_count)]


def test_what_came_back_first_is_the_first_to_go() -> None:
    returned = ReturnedMessages()
    assert returned.peek() is None
    for position in (5, 3, 9):
        returned.add(entry(position))
    head = returned.peek()
    assert head is not None
    assert (head.position, returned.ready_count, returned.bytes) == (5, 3, 3)
    assert drained(returned) == [5, 3, 9]
    assert (returned.ready_count, returned.bytes) == (0, 0)


def test_what_waits_for_its_retry_is_ready_when_its_time_has_come_in_that_order() -> None:
    returned = ReturnedMessages()
    returned.delay(entry(1, size=4), 200)
    returned.delay(entry(2), 100)
    returned.delay(entry(7, level=0), 100)
    returned.add(entry(3))
    assert (returned.ready_count, returned.delayed_count, returned.bytes, returned.next_retry_ms) == (1, 3, 7, 100)
    assert not returned.end_delays(99)
    assert returned.ready_count == 1
    assert not returned.end_delays(100)
    assert (drained(returned), returned.delayed_count, returned.bytes, returned.next_retry_ms) == ([3, 2, 7], 1, 4, 200)


def test_the_end_of_a_delay_tells_whether_anything_expires() -> None:
    returned = ReturnedMessages()
    returned.delay(entry(1, expires_at_ms=500), 100)
    returned.delay(entry(2), 200)
    assert returned.end_delays(100)
    assert not returned.end_delays(200)


def test_all_that_is_given_up_is_told() -> None:
    returned = ReturnedMessages()
    returned.add(entry(1))
    returned.delay(entry(2), 100)
    assert [each.position for each in returned.clear()] == [1, 2]
    assert (returned.ready_count, returned.delayed_count, returned.bytes, returned.next_retry_ms) == (0, 0, 0, None)
