"""Producer ids for idempotent producers (InitProducerId): unique over restarts, reserved in blocks so that few events are journaled."""

from collections.abc import Callable, Sequence

from message_queues.broker.event import Event
from message_queues.broker.events import ProducerIdsReserved

BLOCK = 1000
"""As Kafka's ProducerIdsBlock."""


class ProducerIds:
    def __init__(self, commit: Callable[[Sequence[Event]], None]) -> None:
        self._commit = commit
        self._next = 0
        self._reserved = 0

    def allocate(self) -> int:
        if self._next == self._reserved:
            self._commit([ProducerIdsReserved(next_producer_id=self._reserved + BLOCK)])
        allocated = self._next
        self._next += 1
        return allocated

    def apply_reserved(self, event: ProducerIdsReserved) -> None:
        # After a restart the rest of the last block is lost, not handed out twice.
        self._next = self._reserved if self._next <= self._reserved else self._next
        self._reserved = event.next_producer_id

    def replayed(self) -> None:
        self._next = self._reserved

    def state_events(self) -> Sequence[ProducerIdsReserved]:
        return [ProducerIdsReserved(next_producer_id=self._reserved)] if self._reserved else []
