from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.servers.amqp.heartbeats import Heartbeats


class Line:
    """A connection with a heartbeat of 10 s."""

    def __init__(self, interval_s: int = 10) -> None:
        self.clock = ManualClock()
        self.timers = Timers(self.clock)
        self.received_bytes = 0
        self.sent_bytes = 0
        self.sent = 0
        self.is_gone = False
        self.heartbeats = Heartbeats(self.timers, interval_s, self, self._send, self._missed)

    def _send(self) -> None:
        self.sent += 1
        self.sent_bytes += 8

    def _missed(self) -> None:
        self.is_gone = True

    def pass_time(self, seconds: int) -> None:
        advance(self.clock, self.timers, self.clock.now_ms() + seconds * 1000)


def test_a_client_that_says_nothing_for_two_intervals_is_gone() -> None:
    line = Line()
    line.pass_time(24)
    assert (line.is_gone, line.timers.next_deadline() is None) == (False, False)
    line.pass_time(1)
    assert (line.is_gone, line.timers.next_deadline() is None) == (True, True)


def test_any_octet_keeps_a_client() -> None:
    line = Line()
    for _ in range(20):
        line.received_bytes += 1
        line.pass_time(15)
    assert not line.is_gone


def test_a_heartbeat_is_sent_when_nothing_else_was() -> None:
    line = Line()
    line.pass_time(5)
    line.received_bytes += 1
    line.pass_time(5)
    assert line.sent == 1
    for _ in range(4):
        line.sent_bytes += 1
        line.received_bytes += 1
        line.pass_time(5)
    assert line.sent == 1


def test_a_client_that_is_not_read_is_not_missed() -> None:
    line = Line()
    line.heartbeats.is_paused = True
    line.pass_time(100)
    assert not line.is_gone
    line.heartbeats.is_paused = False
    line.pass_time(100)
    assert line.is_gone


def test_without_an_interval_nothing_beats() -> None:
    line = Line(0)
    assert line.timers.next_deadline() is None
    line.heartbeats.stop()
