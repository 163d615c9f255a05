"""What every broker under measurement is: a process that costs something and is stopped in the end."""

import os
import signal
import subprocess
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STOP_TIMEOUT_S = 180


class PeerFailed(Exception):
    """A broker did not start, or ended by itself."""


def cpu_seconds(pid: int) -> float:
    """User and system time of the process since it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def stop(process: "subprocess.Popen[bytes] | None") -> None:
    """SIGTERM, then SIGKILL when that takes too long."""
    if process is None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
