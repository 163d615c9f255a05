"""x-max-length and x-max-length-bytes of a classic or quorum queue: whether it takes one more message, and which ones it drops."""

from collections.abc import Iterator
from typing import Final

from message_queues.broker.queues.dead_lettering import DeadLettering
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.queue_settings import DROP_HEAD, REJECT_PUBLISH_DLX, QueueSettings
from message_queues.broker.queues.ready_messages import ReadyMessages

_UNLIMITED: Final = 1 << 62
_SOFT_LIMIT: Final = 0.8
"""A quorum queue that refuses messages accepts them again below this part of its limits."""


class LengthLimits:
    __slots__ = ("_dead_lettering", "_is_refusing", "_max_bytes", "_max_length", "_overflow", "_ready")

    def __init__(self, settings: QueueSettings, ready: ReadyMessages, dead_lettering: DeadLettering) -> None:
        self._max_length = _UNLIMITED if settings.max_length is None else settings.max_length
        self._max_bytes = _UNLIMITED if settings.max_length_bytes is None else settings.max_length_bytes
        self._overflow = settings.overflow
        self._ready = ready
        self._dead_lettering = dead_lettering
        self._is_refusing = False

    def admit(self, message: QueueMessage) -> bool:
        """False: the queue refuses it. What is dropped instead is had by `overflow`."""
        if self._overflow == DROP_HEAD:
            return True
        if self._ready.is_quorum:
            return self._quorum_admits()
        if self._hold(self._ready.ready_count + 1, self._ready.ready_bytes + len(message.body)):
            return True
        if self._overflow == REJECT_PUBLISH_DLX:
            self._dead_lettering.bury_refused(message)
        return False

    def _quorum_admits(self) -> bool:
        """It refuses once it is beyond a limit, and until it is well below."""
        count, size = self._counted()
        if self._is_refusing:
            self._is_refusing = count > int(self._max_length * _SOFT_LIMIT) or size > int(self._max_bytes * _SOFT_LIMIT)
        else:
            self._is_refusing = not self._hold(count, size)
        return not self._is_refusing

    def overflow(self) -> Iterator[Entry]:
        """Takes what is too much from the head, one by one."""
        while self._overflow == DROP_HEAD and not self._hold(*self._counted()):
            entry = self._ready.pop()
            if entry is None:
                return
            yield entry

    def _counted(self) -> tuple[int, int]:
        """Messages and bytes."""
        ready, lettering = self._ready, self._dead_lettering
        return ready.ready_count + ready.delayed_count + lettering.retained_count, ready.ready_bytes + lettering.retained_bytes

    def _hold(self, count: int, size: int) -> bool:
        return count <= self._max_length and size <= self._max_bytes


def length_limits(settings: QueueSettings, ready: ReadyMessages, dead_lettering: DeadLettering) -> LengthLimits | None:
    """None: there are none."""
    if settings.max_length is None and settings.max_length_bytes is None:
        return None
    return LengthLimits(settings, ready, dead_lettering)
