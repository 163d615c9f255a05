from message_queues.broker.queues.consumer import Consumer
from message_queues.broker.queues.delivery_timeouts import DeliveryTimeouts
from message_queues.broker.queues.message import Entry
from tests.broker.queues.queue_world import Client, message


def delivered(at_ms: int) -> Entry:
    entry = Entry(message(), at_ms, 0, 0, 0)
    entry.delivered_ms = at_ms
    return entry


def timeouts(queue_ms: int | None, *consumers: Consumer, heeds_consumers: bool = True) -> DeliveryTimeouts:
    made = DeliveryTimeouts(heeds_consumers)
    made.choose(queue_ms, consumers)
    return made


def test_without_a_timeout_nothing_is_watched() -> None:
    assert not timeouts(None, Client(arguments={"x-consumer-timeout": 5})).awaits_delivery


def test_the_first_delivery_is_watched_and_the_next_ones_with_it() -> None:
    made = timeouts(100)
    awaited = [made.awaits_delivery]
    assert made.watch(7) == 107
    awaited.append(made.awaits_delivery)
    assert made.late({}, 107) == ({}, None)
    awaited.append(made.awaits_delivery)
    assert awaited == [True, False, True]


def test_a_consumer_may_have_less_or_more_patience_than_its_queue() -> None:
    hasty, patient, plain = Client(arguments={"x-consumer-timeout": 10}), Client(arguments={"x-consumer-timeout": 1000}), Client()
    made = timeouts(100, hasty, patient, plain)
    assert [made.of(each) for each in (hasty, patient, plain, None)] == [10, 1000, 100, 100]
    assert made.watch(0) == 10
    heedless = timeouts(100, hasty, heeds_consumers=False)
    assert (heedless.of(hasty), heedless.watch(0)) == (100, 100)


def test_who_is_late_is_told_with_what_it_holds_and_when_to_look_again() -> None:
    hasty, plain = Client(arguments={"x-consumer-timeout": 10}), Client()
    made = timeouts(100, hasty, plain)
    made.watch(0)
    first, second, third = delivered(0), delivered(1), delivered(5)
    unacknowledged = {first: plain, second: hasty, third: hasty}
    assert made.late(unacknowledged, 11) == ({hasty: [second]}, 15)
    assert made.late({first: plain, third: hasty}, 100) == ({plain: [first], hasty: [third]}, 110)


def test_what_was_got_without_a_consumer_has_the_patience_of_the_queue() -> None:
    made = timeouts(100)
    made.watch(0)
    entry = delivered(0)
    assert made.late({entry: None}, 99) == ({}, 100)
    assert made.late({entry: None}, 100) == ({None: [entry]}, 200)


def test_a_shorter_timeout_brings_the_next_look_nearer_if_anything_is_watched() -> None:
    made = timeouts(100)
    assert made.next_look_ms(50) is None
    made.watch(0)
    made.choose(20, ())
    assert made.next_look_ms(50) == 70
    made.choose(None, ())
    assert made.next_look_ms(50) is None
