from dataclasses import dataclass
from datetime import datetime

import pytest

from message_queues.errors import InvalidArgument
from message_queues.messaging.content import encoded


@dataclass
class Line:
    article: str
    count: int


@dataclass
class Order:
    number: int
    lines: list[Line]


def test_bytes_text_and_tombstones_stay_as_they_are() -> None:
    assert encoded(b"\x00\xff") == b"\x00\xff"
    assert encoded("Grüße") == "Grüße"
    assert encoded(None) is None
    assert encoded(bytearray(b"ab")) == b"ab"
    assert encoded(memoryview(b"abc")[1:]) == b"bc"


def test_dicts_lists_and_dataclasses_become_compact_json() -> None:
    assert encoded({"a": 1, "b": "ü"}) == '{"a":1,"b":"ü"}'.encode()
    assert encoded([1, None]) == b"[1,null]"
    assert encoded(Order(7, [Line("pen", 2)])) == b'{"number":7,"lines":[{"article":"pen","count":2}]}'


@pytest.mark.parametrize("value", [5, 1.5, True, {1, 2}, Order])
def test_what_has_no_byte_form_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"value is {type(value).__name__}: a message is bytes, str, dict"):
        encoded(value)


@pytest.mark.parametrize("value", [{"at": datetime(2026, 1, 1)}, {"ratio": float("nan")}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(InvalidArgument, match="value cannot be written as JSON"):
        encoded(value)
