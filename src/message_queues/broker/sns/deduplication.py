"""What a FIFO topic was told in the last five minutes: the same deduplication id again is answered as before, and delivered to nobody.

It outlives restarts. A message is kept here only after it is durable in the queues that it went to: a crash between the two may deliver it
again, to standard queues, and never makes a duplicate of what was not delivered. A record of the store is a `_Told` in MessagePack; it is
acknowledged when its time is over.
"""

from typing import Final

import msgspec

from message_queues.broker.sns.message import Published
from message_queues.errors import DamagedFile
from message_queues.storage.message_store import PERSISTENT, MessageStore, StoreHome

INTERVAL_MS: Final = 5 * 60 * 1000
_CHUNK_MESSAGES: Final = 1000
_CHUNK_BYTES: Final = 512 * 1024


class _Told(msgspec.Struct, frozen=True, array_like=True):
    told_ms: int
    group_id: str
    """Empty where ids count in the whole topic."""
    deduplication_id: str
    message_id: str
    sequence_number: str


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Told).decode


class Deduplication:
    def __init__(self, stores: StoreHome, directory: str) -> None:
        """With what `directory` holds, which need not exist. Raises StorageError and DamagedFile."""
        self._directory = directory
        self._told: dict[tuple[str, str], tuple[int | None, _Told]] = {}
        """With the position, if it is kept, by group and id, the oldest first."""
        self._store = MessageStore(stores, directory, lambda data, start, end: 0)
        self._next_position = self._store.next_position
        self._load()

    def earlier(self, group_id: str, deduplication_id: str, now_ms: int) -> Published | None:
        """What was answered to the first with this id."""
        self._expire(now_ms)
        found = self._told.get((group_id, deduplication_id))
        return None if found is None else Published(found[1].message_id, found[1].sequence_number)

    def note(self, group_id: str, deduplication_id: str, published: Published, now_ms: int) -> None:
        """For as long as this server runs."""
        told = _Told(now_ms, group_id, deduplication_id, published.message_id, published.sequence_number or "")
        self._told[group_id, deduplication_id] = None, told

    def keep(self, group_id: str, deduplication_id: str) -> None:
        """What was noted is durable where it went to: it outlives the server."""
        noted = self._told.get((group_id, deduplication_id))
        if noted is not None and noted[0] is None:
            self._store.append(self._next_position, (_encode(noted[1]), b"", b""), 0, True)
            self._told[group_id, deduplication_id] = self._next_position, noted[1]
            self._next_position += 1

    def forget(self, group_id: str, deduplication_id: str) -> None:
        """The publisher hears that it failed, and may try again."""
        self._told.pop((group_id, deduplication_id), None)

    def close(self) -> None:
        self._store.close()

    def _load(self) -> None:
        position = 0
        while found := self._store.read(position, _CHUNK_MESSAGES, _CHUNK_BYTES):
            for at, data, start, end, *_ in found:
                try:
                    told = _decode(memoryview(data)[start:end])
                except msgspec.MsgspecError as error:
                    raise DamagedFile(self._directory, at, str(error)) from error
                self._told[told.group_id, told.deduplication_id] = at, told
            position = found[-1][0] + 1

    def _expire(self, now_ms: int) -> None:
        over = []
        for key, (_, told) in self._told.items():
            if told.told_ms + INTERVAL_MS > now_ms:
                break
            over.append(key)
        for key in over:
            position, _ = self._told.pop(key)
            if position is not None:
                self._store.acknowledge(position, 0, PERSISTENT)
