"""Fetch sessions (KIP-227): a consumer tells once which partitions it reads, then only what changes; it is answered only what changed.

The cache has `max.incremental.fetch.session.cache.slots`; when all are taken, the session that was used least recently gives way once it
has been idle for two minutes (Kafka's min.incremental.fetch.session.eviction.ms), else the newcomer goes without.
"""

import random
from collections.abc import Iterable

from message_queues.broker.clock import Clock
from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.hot.fetch import FIRST_WITH_TOPIC_IDS, FetchRequestView, PartitionAnswer, PartitionFetch

EVICTION_MS = 120_000
INITIAL_EPOCH = 0
FINAL_EPOCH = -1
MAX_EPOCH = 0x7FFFFFFF

PartitionKey = tuple[bytes, int]


class FetchSessionError(Exception):
    """The client has to begin a session anew."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


class FetchSession:
    __slots__ = ("_told", "by_topic_id", "epoch", "last_used_ms", "partitions", "session_id")

    def __init__(self, session_id: int, by_topic_id: bool) -> None:
        self.session_id = session_id
        self.by_topic_id = by_topic_id
        self.epoch = 1
        """What the next request has to carry."""
        self.last_used_ms = 0
        self.partitions: dict[PartitionKey, PartitionFetch] = {}
        self._told: dict[PartitionKey, tuple[int, int]] = {}
        """The (high watermark, log start offset) that the client knows."""

    def update(self, partitions: Iterable[PartitionFetch], forgotten: Iterable[PartitionKey]) -> None:
        for partition in partitions:
            self.partitions[partition.topic, partition.index] = partition
        for key in forgotten:
            self.partitions.pop(key, None)
            self._told.pop(key, None)

    def news(self, answers: list[PartitionAnswer], *, full: bool) -> list[PartitionAnswer]:
        """Those answers that tell the client anything new. Partitions that gave records go to the end, so that all get their turn."""
        news: list[PartitionAnswer] = []
        for answer in answers:
            key = (answer.topic, answer.index)
            offsets = (answer.high_watermark, answer.log_start_offset)
            if answer.records:
                asked = self.partitions.pop(key, None)
                if asked is not None:
                    self.partitions[key] = asked
            elif not full and not answer.error and self._told.get(key) == offsets:
                continue
            if answer.error:
                # An error is told again until it is gone.
                self._told.pop(key, None)
            else:
                self._told[key] = offsets
            news.append(answer)
        return news


class FetchSessions:
    def __init__(self, clock: Clock, slots: int) -> None:
        self._clock = clock
        self._slots = slots
        self._by_id: dict[int, FetchSession] = {}
        """The least recently used first."""

    def __len__(self) -> int:
        return len(self._by_id)

    def resolve(self, request: FetchRequestView, version: int) -> tuple[FetchSession | None, bool]:
        """The session of a request, and whether it is answered in full. Raises FetchSessionError."""
        by_topic_id = version >= FIRST_WITH_TOPIC_IDS
        if request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._by_id.pop(request.session_id, None)
            if request.session_epoch == FINAL_EPOCH:
                return None, True
            session = self._new(by_topic_id)
            if session is not None:
                session.update(request.partitions, ())
            return session, True
        session = self._by_id.get(request.session_id)
        if session is None:
            raise FetchSessionError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
        if session.by_topic_id != by_topic_id:
            raise FetchSessionError(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
        if session.epoch != request.session_epoch:
            raise FetchSessionError(ErrorCode.INVALID_FETCH_SESSION_EPOCH)
        session.epoch = 1 if session.epoch == MAX_EPOCH else session.epoch + 1
        session.update(request.partitions, request.forgotten)
        self._touch(session)
        return session, False

    def _new(self, by_topic_id: bool) -> FetchSession | None:
        if len(self._by_id) >= self._slots and not self._evict():
            return None
        session_id = random.randint(1, 0x7FFFFFFF)
        while session_id in self._by_id:
            session_id = random.randint(1, 0x7FFFFFFF)
        session = FetchSession(session_id, by_topic_id)
        self._touch(session)
        return session

    def _evict(self) -> bool:
        oldest = next(iter(self._by_id.values()), None)
        if oldest is None or self._clock.now_ms() - oldest.last_used_ms <= EVICTION_MS:
            return False
        del self._by_id[oldest.session_id]
        return True

    def _touch(self, session: FetchSession) -> None:
        session.last_used_ms = self._clock.now_ms()
        self._by_id.pop(session.session_id, None)
        self._by_id[session.session_id] = session
