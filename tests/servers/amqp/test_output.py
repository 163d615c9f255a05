from typing import Any, cast

from pamqp import commands

from message_queues.protocols.amqp.deliveries import method_frame
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, Ack, FrameReader, Nack
from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.amqp.output import Confirmations, Turn


class Channel:
    number = 1

    def __init__(self) -> None:
        self.confirmed_tag = 0

    def confirmed(self, tag: int) -> None:
        self.confirmed_tag = tag


def confirmations(first_tag: int, last_tag: int, *refused: int) -> Confirmations:
    made = Confirmations(cast(AmqpChannel, Channel()), first_tag)
    made.last_tag = last_tag
    for tag in refused:
        made.refuse(tag)
    return made


def said(data: bytes) -> list[tuple[str, int, bool]]:
    reader = FrameReader(0)
    events = reader.receive_data(PROTOCOL_HEADER + method_frame(0, commands.Connection.Open("/")) + data)
    return [(type(event).__name__.lower(), event.delivery_tag, event.multiple) for event in events if isinstance(event, Ack | Nack)]


def test_messages_of_a_turn_are_confirmed_together() -> None:
    assert said(confirmations(5, 9).frames(False)) == [("ack", 9, True)]


def test_a_single_message_is_confirmed_alone() -> None:
    assert said(confirmations(5, 5).frames(False)) == [("ack", 5, False)]


def test_refused_messages_are_not_confirmed_with_the_others() -> None:
    assert said(confirmations(1, 6, 3, 4).frames(False)) == [("ack", 2, True), ("nack", 3, True), ("nack", 4, True), ("ack", 6, True)]
    assert said(confirmations(1, 2, 1, 2).frames(False)) == [("nack", 1, True), ("nack", 2, True)]
    assert said(confirmations(1, 2, 1).frames(False)) == [("nack", 1, True), ("ack", 2, False)]


def test_what_the_disk_did_not_take_is_refused() -> None:
    assert said(confirmations(5, 9, 7).frames(True)) == [("nack", 9, True)]


def test_confirms_leave_after_returns_and_before_the_channel_is_closed() -> None:
    sent: list[Any] = []
    turn = Turn(lambda turn, has_failed: sent.append((list(turn.pieces), has_failed)))
    turn.pieces += [b"returned", b"closed"]
    placed, open_still = confirmations(1, 2), confirmations(7, 7)
    placed.place = 1
    turn.confirmations += [open_still, placed]
    turn({})
    ((pieces, has_failed),) = sent
    assert (pieces[0], pieces[2], has_failed) == (b"returned", b"closed", False)
    assert said(pieces[1]) == [("ack", 2, True)]
    assert said(pieces[3]) == [("ack", 7, False)]


def test_a_turn_waits_for_the_disk_only_if_it_says_that_something_is_stored() -> None:
    plain, confirming, vital = (Turn(lambda turn, has_failed: None) for _ in range(3))
    confirming.confirmations.append(confirmations(1, 1))
    vital.is_vital = True
    assert [turn.waits for turn in (plain, confirming, vital)] == [False, True, True]
