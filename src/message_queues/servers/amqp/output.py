"""What a connection sends at the end of a turn: one write, after the group commit of that turn.

So whatever a client hears is as durable as promised, and the deliveries, replies and confirms of one turn leave together. Publisher
confirms of a turn become one basic.ack per channel; what a full queue refused, or the disk did not take, becomes a basic.nack.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from message_queues.protocols.amqp.deliveries import ack_frame, nack_frame
from message_queues.storage.group_commit import Failures, GroupCommit

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel

CallSoon: TypeAlias = Callable[[Callable[[], None]], object]
"""Has the event loop call it once what is at hand is done."""


class Confirmations:
    """Messages that a channel has published in one turn and wants confirmed."""

    __slots__ = ("channel", "first_tag", "last_tag", "place", "refused")

    def __init__(self, channel: "AmqpChannel", first_tag: int) -> None:
        self.channel = channel
        self.first_tag = first_tag
        self.last_tag = first_tag - 1
        self.refused: list[int] | None = None
        """In ascending order."""
        self.place: int | None = None
        """Before which piece of the turn they leave; None: at its end."""

    def refuse(self, tag: int) -> None:
        if self.refused is None:
            self.refused = []
        self.refused.append(tag)

    def frames(self, has_failed: bool) -> bytes:
        number, first, last = self.channel.number, self.first_tag, self.last_tag
        self.channel.confirmed(last)
        if has_failed:
            return nack_frame(number, last, last > first)
        if self.refused is None:
            return ack_frame(number, last, last > first)
        frames = b""
        for tag in self.refused:
            if first < tag:
                frames += ack_frame(number, tag - 1, tag - 1 > first)
            # As RabbitMQ: all before it are settled, so that it may say so.
            frames += nack_frame(number, tag, True)
            first = tag + 1
        if first <= last:
            frames += ack_frame(number, last, last > first)
        return frames


class Turn:
    """Gathers what one connection sends; called by the group commit."""

    __slots__ = ("_send", "confirmations", "is_vital", "pieces")

    def __init__(self, send: "Callable[[Turn, bool], None]") -> None:
        self.pieces: list[bytes] = []
        self.confirmations: list[Confirmations] = []
        self.is_vital = False
        """It says that something is stored and could not be taken back by a basic.nack: a transaction, a declaration."""
        self._send = send

    @property
    def waits(self) -> bool:
        """It says that something is stored."""
        return self.is_vital or bool(self.confirmations)

    def __call__(self, failures: Failures) -> None:
        has_failed = bool(failures)
        # From the end, so that the places before stay true.
        for confirmations in sorted(self.confirmations, key=placed, reverse=True):
            frames = confirmations.frames(has_failed)
            if confirmations.place is None:
                self.pieces.append(frames)
            else:
                self.pieces.insert(confirmations.place, frames)
        self._send(self, has_failed)


def placed(confirmations: Confirmations) -> int:
    return -1 if confirmations.place is None else confirmations.place


class Output:
    """What one connection says, in the order in which it says it."""

    __slots__ = (
        "_call_soon",
        "_group_commit",
        "_is_over",
        "_put_out",
        "_sends_early",
        "_turn",
        "_turn_round",
        "_turns",
        "_was_not_stored",
        "pieces",
        "round",
        "turn_bytes",
    )

    def __init__(
        self, group_commit: GroupCommit, call_soon: CallSoon, put_out: Callable[[bytes], None], was_not_stored: Callable[[], bool]
    ) -> None:
        """`put_out` writes. `was_not_stored`: what a vital turn says is stored is not; True if something else is said instead."""
        self._group_commit = group_commit
        self._call_soon = call_soon
        self._put_out = put_out
        self._was_not_stored = was_not_stored
        self.round = -1
        """The round of the group commit that `pieces` belong to."""
        self.pieces: list[bytes] = []
        """What is to be said at the end of this turn."""
        self.turn_bytes = 0
        """Deliveries among them."""
        self._turn: Turn
        self._turn_round = -1
        self._turns: deque[Turn] = deque()
        """Those that the group commit has not called yet."""
        self._sends_early = False
        self._is_over = False

    def say(self, piece: bytes) -> None:
        if self.round != self._group_commit.round:
            self.current_turn()
        self.pieces.append(piece)

    def current_turn(self) -> Turn:
        """What gathers the output of this turn; `pieces` is its list."""
        commit = self._group_commit
        if self._turn_round != commit.round:
            self._turn_round = commit.round
            self._turn = Turn(self._send_turn)
            self._turns.append(self._turn)
            commit.when_durable(self._turn)
        self.round = commit.round
        self.pieces = self._turn.pieces
        if commit.syncs and not self._sends_early:
            self._sends_early = True
            self._call_soon(self._send_early)
        return self._turn

    def vital_turn(self) -> None:
        """This turn says that something is stored: if it could not be, the connection fails."""
        self.current_turn().is_vital = True

    def stop(self) -> None:
        """Nobody hears it any more."""
        self._is_over = True

    def _send_early(self) -> None:
        """Where commits are synced, what says nothing of storage does not wait for the disk, unless something that does is before it."""
        self._sends_early = False
        if self._is_over or any(turn.waits for turn in self._turns):
            return
        # All of them in their order: a commit may have begun since the first piece.
        data = b"".join([piece for turn in self._turns for piece in turn.pieces])
        if not data:
            return
        for turn in self._turns:
            turn.pieces.clear()
        # Who has more to say comes by `current_turn` again.
        self.round = -1
        self.turn_bytes = 0
        self._put_out(data)

    def _send_turn(self, turn: Turn, has_failed: bool) -> None:
        self._turns.popleft()
        if self._is_over:
            return
        pieces = turn.pieces
        if has_failed and turn.is_vital and self._was_not_stored():
            pieces.clear()
            return
        if not pieces:
            return
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.pieces is pieces:
            self.turn_bytes = 0
        else:
            self.turn_bytes = max(0, self.turn_bytes - len(data))
        pieces.clear()
        self._put_out(data)
