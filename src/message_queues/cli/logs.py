"""Log lines of the server: `time level logger message key=value …`, or the same as JSON, one object a line, on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
"""What every record has; the rest was given as `extra`."""


def configure_logs(level: str, log_format: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else KeyValueLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def extras(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in STANDARD}


class KeyValueLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        pairs = [f"{key}={quoted(str(value))}" for key, value in extras(record).items()]
        line = " ".join([time_of(record), record.levelname.lower(), record.name, record.getMessage(), *pairs])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def quoted(value: str) -> str:
    """A value with spaces, quotes, equal signs or line ends is written as a JSON string."""
    plain = value and not any(character in ' "=' or not character.isprintable() for character in value)
    return value if plain else json.dumps(value)


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **extras(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
