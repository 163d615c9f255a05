from typing import Any, cast

import pytest
from pamqp import commands

from message_queues.protocols.amqp.deliveries import method_frame
from message_queues.protocols.amqp.events import Ack, Nack
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, FrameReader
from message_queues.servers.amqp.channel import AmqpChannel
from message_queues.servers.amqp.output import Confirmations, Output, Turn
from message_queues.storage.group_commit import GroupCommit
from tests.storage.hand_driven_loop import File, HandDrivenLoop


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


class Said:
    """An output over a group commit that is driven by hand, and what was written of it."""

    def __init__(self, *, syncs: bool = False, is_ending: bool = False) -> None:
        self.commits = HandDrivenLoop()
        self.soon = HandDrivenLoop()
        self.written: list[bytes] = []
        self.refusals = 0
        self._is_ending = is_ending
        self.group_commit = GroupCommit(self.commits.call_soon, self.commits.run_in_background if syncs else None)
        self.output = Output(self.group_commit, self.soon.call_soon, self.written.append, self._was_not_stored)

    def _was_not_stored(self) -> bool:
        self.refusals += 1
        return not self._is_ending


def test_what_is_said_in_a_turn_leaves_in_one_write_at_its_end() -> None:
    said = Said()
    said.output.say(b"a")
    said.output.say(b"b")
    said.output.turn_bytes += 2
    assert said.written == []
    said.commits.turn()
    assert (said.written, said.output.turn_bytes, said.soon.soon) == ([b"ab"], 0, [])
    said.output.say(b"c")
    said.commits.turn()
    assert said.written == [b"ab", b"c"]


def test_bytes_of_the_turn_that_has_begun_since_stay_counted() -> None:
    disk, said = File(), Said(syncs=True)
    said.output.vital_turn()
    said.group_commit.add(disk)
    said.output.say(b"abc")
    said.output.turn_bytes += 3
    said.commits.turn()
    said.output.say(b"de")
    said.output.turn_bytes += 2
    said.commits.finish_background()
    assert (said.written, said.output.turn_bytes) == ([b"abc"], 2)


@pytest.mark.parametrize(("is_ending", "written"), [(False, []), (True, [b"close-ok"])])
def test_what_says_that_something_is_stored_is_not_said_if_it_is_not_unless_all_ends_anyway(is_ending: bool, written: list[bytes]) -> None:
    said = Said(is_ending=is_ending)
    said.group_commit.add(File(full=True))
    said.output.vital_turn()
    said.output.say(b"close-ok")
    said.commits.turn()
    assert (said.written, said.refusals) == (written, 1)


def test_a_turn_that_says_nothing_of_storage_does_not_care_for_its_failure() -> None:
    said = Said()
    said.group_commit.add(File(full=True))
    said.output.say(b"delivery")
    said.commits.turn()
    assert (said.written, said.refusals) == ([b"delivery"], 0)


@pytest.mark.parametrize("syncs", [False, True])
def test_nobody_is_told_anything_once_it_was_stopped(syncs: bool) -> None:
    said = Said(syncs=syncs)
    said.output.say(b"a")
    said.output.stop()
    said.soon.turn()
    said.commits.turn()
    assert said.written == []
