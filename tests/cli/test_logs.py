import json
import logging

import pytest

from message_queues.cli.logs import JsonLines, KeyValueLines


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("message_queues.x").makeRecord("message_queues.x", logging.WARNING, "", 0, message, (), None, extra=extra)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ('a="b"', '"a=\\"b\\""'),
        ("line\nline", '"line\\nline"'),
        ("", '""'),
        (5, "5"),
        (None, "None"),
    ],
)
def test_a_line_ends_with_what_is_known_as_keys_and_values(value: object, written: str) -> None:
    line = KeyValueLines().format(record("partition is offline", topic=value, partition=3))
    _, rest = line.split(" ", 1)
    assert rest == f"warning message_queues.x partition is offline topic={written} partition=3"


def test_a_json_line_is_one_object() -> None:
    line = JsonLines().format(record("partition is offline", topic="a b", error=ValueError("bad")))
    told = json.loads(line)
    assert "\n" not in line
    assert told.pop("time").endswith("Z")
    assert told == {"level": "warning", "logger": "message_queues.x", "message": "partition is offline", "topic": "a b", "error": "bad"}
