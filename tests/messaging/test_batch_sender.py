import threading
from collections.abc import Sequence

import pytest

from message_queues.clients.aws_ports import OutgoingMessage, Refused, Sent
from message_queues.errors import (
    AccessDenied,
    Closed,
    InvalidArgument,
    MessageQueuesError,
    RequestThrottled,
    TimedOut,
    Unreachable,
)
from message_queues.messaging.batch_sender import BatchSender, Failed, SendingOptions
from tests.messaging.memory_aws import MemorySender, Outcome, failing, sent

SECONDS = 20


def options(
    linger_ms: float = 0, batch: int = 10, size: int = 1000, room: int = 1000, timeout_ms: int = 20_000, in_order: bool = False
) -> SendingOptions:
    return SendingOptions(linger_ms, batch, size, room, 10_000, timeout_ms, in_order)


class Answers:
    """What became of each message, in the order in which it was told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Outcome]] = []

    def of(self, body: str) -> Outcome:
        return next(outcome for each, outcome in self.all if each == body)


def send(sender: BatchSender[OutgoingMessage], body: str, answers: Answers, group: str | None = None) -> None:
    sender.send(OutgoingMessage(body, len(body), group_id=group), lambda outcome: answers.all.append((body, outcome)))


def made(client: MemorySender, chosen: SendingOptions) -> BatchSender[OutgoingMessage]:
    return BatchSender(client, chosen, "orders")


def test_messages_are_collected_until_a_batch_is_full_or_somebody_waits() -> None:
    client, answers = MemorySender(), Answers()
    sender = made(client, options(linger_ms=900_000))
    for number in range(23):
        send(sender, f"{number:02}", answers)
    assert sender.flush(SECONDS) == 0
    assert sorted(map(len, client.bodies)) == [3, 10, 10]
    assert sorted(body for batch in client.bodies for body in batch) == [f"{number:02}" for number in range(23)]
    assert answers.of("22") == Sent("id-22", None)
    sender.close()


def test_a_message_that_nobody_waits_for_goes_after_the_linger_time() -> None:
    client, answers = MemorySender(), Answers()
    sender = made(client, options(linger_ms=1))
    send(sender, "a", answers)
    assert client.arrived.acquire(timeout=SECONDS)
    assert client.bodies == [["a"]]


def test_a_batch_keeps_to_its_bytes() -> None:
    client, answers = MemorySender(), Answers()
    sender = made(client, options(linger_ms=900_000, size=10))
    for body in ("aaaaaa", "bbbbbb", "cccccc"):
        send(sender, body, answers)
    assert sender.flush(SECONDS) == 0
    assert sorted(client.bodies) == [["aaaaaa"], ["bbbbbb"], ["cccccc"]]


def test_several_batches_are_on_their_way_at_once() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options(batch=1))
    for body in "abcd":
        send(sender, body, answers)
    for _ in "abcd":
        assert client.arrived.acquire(timeout=SECONDS)
    client.gate.set()
    assert sender.flush(SECONDS) == 0


def test_of_a_group_one_batch_is_on_its_way_at_a_time() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options(batch=1, in_order=True))
    for body in ("a1", "a2", "b1", "a3"):
        send(sender, body, answers, body[0])
    for _ in range(2):
        assert client.arrived.acquire(timeout=SECONDS)
    assert not client.arrived.acquire(timeout=0.05)
    assert sorted(client.bodies) == [["a1"], ["b1"]]
    client.gate.set()
    assert sender.flush(SECONDS) == 0
    assert [body for (body,) in client.bodies if body[0] == "a"] == ["a1", "a2", "a3"]


def test_groups_stay_in_order_with_many_batches_on_their_way() -> None:
    taken: dict[str | None, list[str]] = {}
    inside: set[str | None] = set()
    lock = threading.Lock()

    class Slow(MemorySender):
        def send(self, batch: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
            groups = {each.group_id for each in batch}
            with lock:
                assert not groups & inside
                inside.update(groups)
                for each in batch:
                    taken.setdefault(each.group_id, []).append(each.body)
            threading.Event().wait(0.001 * (len(batch) % 3))
            with lock:
                inside.difference_update(groups)
            return sent(batch)

    answers = Answers()
    sender = made(Slow(), options(batch=3, in_order=True))
    for number in range(600):
        send(sender, str(number), answers, f"g{number % 20}")
    assert sender.flush(SECONDS) == 0
    assert all(isinstance(outcome, Sent) for _, outcome in answers.all)
    assert taken == {f"g{group}": [str(number) for number in range(group, 600, 20)] for group in range(20)}


def test_what_was_refused_for_now_is_sent_again_and_the_rest_is_not() -> None:
    client, answers = MemorySender(), Answers()

    def partly(batch: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        throttled, denied = Refused(RequestThrottled("slow down"), False), Refused(AccessDenied("no"), True)
        return [throttled, denied, Sent("id-c", None)]

    client.answers.append(partly)
    sender = made(client, options(linger_ms=900_000))
    for body in "abc":
        send(sender, body, answers)
    assert sender.flush(SECONDS) == 0
    assert client.bodies == [["a", "b", "c"], ["a"]]
    assert answers.of("a") == Sent("id-a", None)
    denied = answers.of("b")
    assert isinstance(denied, Refused)
    assert isinstance(denied.error, AccessDenied)


def test_a_batch_without_an_answer_is_sent_again() -> None:
    client, answers = MemorySender(), Answers()
    client.answers += [failing(Unreachable("away")), failing(TimedOut("late"))]
    sender = made(client, options(in_order=True))
    send(sender, "a", answers, "g")
    assert sender.flush(SECONDS) == 0
    assert client.bodies == [["a"], ["a"], ["a"]]
    assert answers.all == [("a", Sent("id-a", None))]


def test_a_batch_that_aws_will_never_take_fails_at_once() -> None:
    client, answers = MemorySender(), Answers()
    client.answers.append(failing(AccessDenied("no")))
    sender = made(client, options(linger_ms=900_000))
    for body in "ab":
        send(sender, body, answers)
    assert sender.flush(SECONDS) == 0
    assert client.bodies == [["a", "b"]]
    assert [type(outcome.error) for _, outcome in answers.all if isinstance(outcome, Refused)] == [AccessDenied, AccessDenied]


def test_a_message_fails_with_the_last_reason_when_its_time_is_up() -> None:
    client, answers = MemorySender(), Answers()
    client.answers += [failing(Unreachable("away"))] * 1000
    sender = made(client, options(timeout_ms=1))
    send(sender, "a", answers)
    assert sender.flush(SECONDS) == 0
    failed = answers.of("a")
    assert isinstance(failed, Refused)
    assert isinstance(failed.error, Unreachable | TimedOut)


def test_a_full_buffer_takes_no_more_until_there_is_room() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options(room=2))
    send(sender, "a", answers)
    send(sender, "b", answers)
    with pytest.raises(BufferError):
        send(sender, "c", answers)
    client.gate.set()
    assert sender.flush(SECONDS) == 0
    send(sender, "c", answers)
    assert sender.flush(SECONDS) == 0


def test_the_buffer_has_a_limit_of_bytes_too_but_takes_one_message_of_any_size() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options())
    send(sender, "x" * 20_000, answers)
    with pytest.raises(BufferError):
        send(sender, "y", answers)
    client.gate.set()
    assert sender.flush(SECONDS) == 0


def test_giving_up_fails_what_is_unanswered_once() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options(batch=1))
    for body in "ab":
        send(sender, body, answers)
        assert client.arrived.acquire(timeout=SECONDS)
    for body in "cdefghijk":
        send(sender, body, answers)
    sender.purge()
    assert sender.pending() == 0
    assert sorted(body for body, _ in answers.all) == list("abcdefghijk")
    assert all(isinstance(outcome, Refused) for _, outcome in answers.all)
    client.gate.set()
    assert sender.flush(SECONDS) == 0
    assert len(answers.all) == 11


def test_flushing_says_how_many_are_unanswered() -> None:
    client, answers = MemorySender(), Answers()
    client.gate.clear()
    sender = made(client, options())
    send(sender, "a", answers)
    assert sender.flush(0.001) == 1
    client.gate.set()
    assert sender.flush(SECONDS) == 0


def test_closed_it_takes_no_more_and_closes_its_client() -> None:
    client, answers = MemorySender(), Answers()
    sender = made(client, options())
    send(sender, "a", answers)
    assert sender.flush(SECONDS) == 0
    sender.close()
    for thread in threading.enumerate():
        if thread.name == "sender-orders":
            thread.join(SECONDS)
    assert client.is_closed
    with pytest.raises(Closed):
        send(sender, "b", answers)


def test_an_answer_that_raises_stops_nothing() -> None:
    client, answers = MemorySender(), Answers()
    sender = made(client, options(in_order=True))

    def broken(outcome: Outcome) -> None:
        raise ZeroDivisionError

    sender.send(OutgoingMessage("a", 1, group_id="g"), broken)
    assert client.arrived.acquire(timeout=SECONDS)
    send(sender, "b", answers, "g")
    assert client.arrived.acquire(timeout=SECONDS)
    assert sender.flush(SECONDS) == 0
    assert answers.of("b") == Sent("id-b", None)


def test_a_failure_is_the_error_that_it_holds() -> None:
    sender = made(MemorySender(), options())
    error = AccessDenied("no")
    failure = Failed(error)
    assert sender.error(failure) is error
    assert (failure.code(), failure.name(), failure.str()) == (0, "AccessDenied", "no")
    other: MessageQueuesError = sender.error(ValueError("x"))
    assert isinstance(other, InvalidArgument)
    assert sent([OutgoingMessage("a", 1)]) == [Sent("id-a", None)]
