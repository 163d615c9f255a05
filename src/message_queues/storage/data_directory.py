"""The directory a server lives in: one server at a time, one format, known places.

format          the version of what lies here, as a decimal number
lock            held with flock by the running server; holds its process id
journal.sqlite  metadata events
topics/         the logs: {topic id in hex}/{partition}/
queues/         the queues: {queue id in hex}/…, and {number}.log, the log that they share
sns/            what topics of SNS keep: {topic id in hex}/…, and deliveries on their way: http/
"""

import contextlib
import fcntl
import os
from pathlib import Path

from message_queues.errors import DamagedFile, DataDirectoryInUse, NewerFormat, StorageError

FORMAT = 1


class DataDirectory:
    """Open and locked from construction until `close`."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
        except OSError as error:
            raise StorageError(f"cannot use {self.path} as the data directory: {error.strerror or error}") from error
        try:
            self._check_format()
            self.topics.mkdir(exist_ok=True)
            self.queues.mkdir(exist_ok=True)
            self.sns.mkdir(exist_ok=True)
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, OSError):
                raise StorageError(f"cannot write to the data directory {self.path}: {error.strerror or error}") from error
            raise

    @property
    def journal(self) -> Path:
        return self.path / "journal.sqlite"

    @property
    def topics(self) -> Path:
        return self.path / "topics"

    @property
    def queues(self) -> Path:
        return self.path / "queues"

    @property
    def sns(self) -> Path:
        return self.path / "sns"

    def close(self) -> None:
        os.close(self._lock)

    def _locked(self) -> int:
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.closing(os.fdopen(lock)) as held:
                holder = held.read().strip()
            raise DataDirectoryInUse(
                f"the data directory {self.path} is in use by the server with process id {holder or 'unknown'}; "
                f"stop that server, or give this one another directory with --data"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock

    def _check_format(self) -> None:
        marker = self.path / "format"
        if not marker.exists():
            marker.write_text(f"{FORMAT}\n")
            return
        text = marker.read_text().strip()
        if not text.isdecimal():
            raise DamagedFile(str(marker), 0, f"the format version should be a number, not {text!r}")
        if int(text) > FORMAT:
            raise NewerFormat(
                f"the data directory {self.path} has format {text}; this version reads formats up to {FORMAT}: "
                f"upgrade message-queues, or give another directory with --data"
            )
