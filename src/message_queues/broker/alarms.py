"""Alarms: the server takes nothing more from publishers while memory or disk run out.

As RabbitMQ's: the memory alarm goes off when the process uses more than the high watermark, the disk alarm when less than the limit is
free. Both are looked at once a second, and go when there is enough again. Who publishes meanwhile is told (`connection.blocked`) and read
no further; consumers go on, so that there is room again.
"""

import os
from collections.abc import Callable

from message_queues.broker.clock import Timer, Timers

MEMORY = "memory"
DISK = "disk"

CHECK_EVERY_MS = 1000
MEMORY_SHARE = 0.6
"""Of the machine's memory, where no watermark is given: RabbitMQ's default since 4.0."""
DISK_FREE_LIMIT_BYTES = 50_000_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def process_memory_bytes() -> int:
    """What this process has in memory."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def machine_memory_bytes() -> int:
    """What the machine has, or what the control group allows."""
    total = os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, "rb") as limit:
                allowed = limit.read().strip()
        except OSError:
            continue
        if allowed.isdigit():
            total = min(total, int(allowed))
    return total


class Alarms:
    def __init__(
        self,
        timers: Timers,
        directory: str,
        memory_high_watermark_bytes: int | None = None,
        disk_free_limit_bytes: int = DISK_FREE_LIMIT_BYTES,
    ) -> None:
        """`timers` are those of real time: memory and disk care for no clock that is set by hand."""
        self.memory_high_watermark_bytes = memory_high_watermark_bytes or int(machine_memory_bytes() * MEMORY_SHARE)
        self.disk_free_limit_bytes = disk_free_limit_bytes
        self.memory_used_bytes = 0
        """As of the last look."""
        self.disk_free_bytes = 0
        self.active: frozenset[str] = frozenset()
        """MEMORY, DISK: which alarms are on."""
        self.on_change: list[Callable[[], None]] = []
        self.measure_memory: Callable[[], int] = process_memory_bytes
        self._timers = timers
        self._directory = directory
        self._timer: Timer | None = None

    @property
    def reason(self) -> str:
        """What connection.blocked says."""
        return "low on " + " & ".join(sorted(self.active, reverse=True))

    def start(self) -> None:
        self._check_and_come_back()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def check(self) -> None:
        """Looks now, and tells of what has changed."""
        self.memory_used_bytes = self.measure_memory()
        self.disk_free_bytes = self._free_bytes()
        active = set()
        if self.memory_used_bytes > self.memory_high_watermark_bytes:
            active.add(MEMORY)
        if self.disk_free_bytes < self.disk_free_limit_bytes:
            active.add(DISK)
        if active != self.active:
            self.active = frozenset(active)
            for changed in tuple(self.on_change):
                changed()

    def _check_and_come_back(self) -> None:
        self.check()
        self._timer = self._timers.after(CHECK_EVERY_MS, self._check_and_come_back)

    def _free_bytes(self) -> int:
        try:
            found = os.statvfs(self._directory)
        except OSError:
            return self.disk_free_limit_bytes
        return found.f_bavail * found.f_frsize
