"""What a consumer tells SQS of messages that it has received: deleted, or visible again after so long."""

from collections.abc import Sequence
from dataclasses import dataclass

from message_queues.clients.aws_ports import Receiver, Refused, Sent
from message_queues.messaging.batch_sender import BatchSender, SendingOptions

LINGER_MS = 5.0
UNLIMITED = 2**31
DONE = Sent("", None)


@dataclass(frozen=True, slots=True)
class Deletion:
    receipt_handle: str

    @property
    def size(self) -> int:
        return 0

    @property
    def group_id(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class VisibilityChange:
    receipt_handle: str
    seconds: int
    """From now on."""

    @property
    def size(self) -> int:
        return 0

    @property
    def group_id(self) -> str | None:
        """Changes of one message are told in order: giving it back must not be overtaken by a heartbeat."""
        return self.receipt_handle


class _Deletions:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def send(self, batch: Sequence[Deletion]) -> Sequence[Sent | Refused]:
        return [refused or DONE for refused in self._receiver.delete([each.receipt_handle for each in batch])]

    def close(self) -> None:
        """The receiver belongs to the consumer."""


class _VisibilityChanges:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def send(self, batch: Sequence[VisibilityChange]) -> Sequence[Sent | Refused]:
        return [refused or DONE for refused in self._receiver.change_visibility([(each.receipt_handle, each.seconds) for each in batch])]

    def close(self) -> None:
        """The receiver belongs to the consumer."""


def deletions(receiver: Receiver, queue: str, patience_s: float) -> BatchSender[Deletion]:
    """In tens; tried again for `patience_s`, after which the queue delivers the message again anyway."""
    return BatchSender(_Deletions(receiver), _options(patience_s, in_order=False), f"{queue} (deleting)")


def visibility_changes(receiver: Receiver, queue: str, patience_s: float) -> BatchSender[VisibilityChange]:
    """As `deletions`; those of one message in order."""
    return BatchSender(_VisibilityChanges(receiver), _options(patience_s, in_order=True), f"{queue} (visibility)")


def _options(patience_s: float, *, in_order: bool) -> SendingOptions:
    return SendingOptions(LINGER_MS, 10, UNLIMITED, UNLIMITED, UNLIMITED, max(1000, int(patience_s * 1000)), in_order)
