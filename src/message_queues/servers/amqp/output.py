"""What a connection sends at the end of a turn: one write, after the group commit of that turn.

So whatever a client hears is as durable as promised, and the deliveries, replies and confirms of one turn leave together. Publisher
confirms of a turn become one basic.ack per channel; what a full queue refused, or the disk did not take, becomes a basic.nack.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from message_queues.protocols.amqp.deliveries import ack_frame, nack_frame
from message_queues.storage.group_commit import Failures

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel


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
