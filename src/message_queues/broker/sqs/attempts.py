"""Receives of a FIFO queue that may be tried again: the same ReceiveRequestAttemptId within five minutes gets the same messages.

Source: API reference, ReceiveMessage, ReceiveRequestAttemptId: "it is possible to retry the same action with an identical
ReceiveRequestAttemptId to retrieve the same set of messages, even if their visibility timeout has not yet expired"; "If a retry occurs
within the deduplication interval, it resets the visibility timeout". If one of the messages was deleted, or its visibility was changed, the
attempt is a new one. Kept in memory: after a restart an attempt is a new one, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from message_queues.broker.sqs.entry import Entry
from message_queues.broker.sqs.leases import Leases

INTERVAL_MS: Final = 5 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Attempt:
    made_ms: int
    until_ms: int
    entries: Sequence[Entry]
    receive_counts: Sequence[int]

    def still_holds(self, leases: Leases) -> bool:
        return all(
            leases.get(entry.position) is entry and entry.receive_count == count and entry.until_ms == self.until_ms
            for entry, count in zip(self.entries, self.receive_counts, strict=True)
        )


class Attempts:
    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[str, Attempt] = {}

    def find(self, attempt_id: str, leases: Leases, now_ms: int) -> Sequence[Entry] | None:
        """What the attempt got, if that is as it was."""
        attempt = self._made.get(attempt_id)
        if attempt is None or attempt.made_ms + INTERVAL_MS <= now_ms or not attempt.still_holds(leases):
            return None
        return attempt.entries

    def note(self, attempt_id: str, entries: Sequence[Entry], until_ms: int, now_ms: int) -> None:
        """Nothing is noted of an attempt that got nothing."""
        made = self._made
        for old in list(made):
            if made[old].made_ms + INTERVAL_MS > now_ms:
                break
            del made[old]
        if entries:
            earlier = made.pop(attempt_id, None)
            made_ms = earlier.made_ms if earlier is not None and earlier.made_ms + INTERVAL_MS > now_ms else now_ms
            made[attempt_id] = Attempt(made_ms, until_ms, list(entries), [entry.receive_count for entry in entries])

    def clear(self) -> None:
        self._made.clear()
