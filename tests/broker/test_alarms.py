from pathlib import Path

from message_queues.broker.alarms import DISK, MEMORY, Alarms, machine_memory_bytes, process_memory_bytes
from message_queues.broker.clock import ManualClock, Timers, advance


class Room:
    """A machine whose memory is what a test says."""

    def __init__(self, directory: Path, disk_free_limit_bytes: int = 0) -> None:
        self.clock = ManualClock()
        self.timers = Timers(self.clock)
        self.alarms = Alarms(self.timers, str(directory), 1000, disk_free_limit_bytes)
        self.used = 0
        self.heard: list[frozenset[str]] = []
        self.alarms.measure_memory = lambda: self.used
        self.alarms.on_change.append(lambda: self.heard.append(self.alarms.active))

    def pass_time(self, time_ms: int) -> None:
        advance(self.clock, self.timers, self.clock.now_ms() + time_ms)


def test_the_memory_alarm_goes_off_above_the_high_watermark_and_ends_below_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.alarms.start()
    room.used = 1001
    room.pass_time(1000)
    assert room.heard == [{MEMORY}]
    assert room.alarms.reason == "low on memory"
    room.pass_time(10_000)
    room.used = 1000
    room.pass_time(1000)
    assert room.heard == [{MEMORY}, frozenset()]


def test_the_disk_alarm_goes_off_when_less_than_the_limit_is_free(tmp_path: Path) -> None:
    room = Room(tmp_path, disk_free_limit_bytes=1 << 60)
    room.alarms.start()
    assert room.heard == [{DISK}]
    room.alarms.disk_free_limit_bytes = 1
    room.pass_time(1000)
    assert room.heard == [{DISK}, frozenset()]
    assert room.alarms.disk_free_bytes > 1


def test_both_alarms_are_named_together(tmp_path: Path) -> None:
    room = Room(tmp_path, disk_free_limit_bytes=1 << 60)
    room.used = 2000
    room.alarms.check()
    assert room.alarms.reason == "low on memory & disk"


def test_a_directory_that_cannot_be_asked_raises_no_alarm(tmp_path: Path) -> None:
    room = Room(tmp_path / "missing", disk_free_limit_bytes=1 << 60)
    room.alarms.check()
    assert not room.alarms.active


def test_nothing_is_looked_at_after_the_end(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.alarms.start()
    room.alarms.stop()
    room.used = 5000
    room.pass_time(10_000)
    assert not room.heard


def test_the_watermark_is_a_share_of_the_machines_memory_unless_it_is_given(tmp_path: Path) -> None:
    alarms = Alarms(Timers(ManualClock()), str(tmp_path))
    assert 0 < process_memory_bytes() < alarms.memory_high_watermark_bytes < machine_memory_bytes()
