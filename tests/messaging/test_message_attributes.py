from collections.abc import Callable
from dataclasses import dataclass

import pytest

from message_queues.clients.aws_ports import Attribute
from message_queues.errors import InvalidArgument, InvalidMessageContents, MessageQueuesError
from message_queues.messaging.message_attributes import checked_attributes, checked_body, checked_id, size_of


@dataclass
class Order:
    order_id: str


def test_a_body_is_text() -> None:
    assert checked_body("grün\t\r\n") == "grün\t\r\n"
    assert checked_body("grün".encode()) == "grün"
    assert checked_body(bytearray(b"x")) == "x"
    assert checked_body({"a": 1}) == '{"a":1}'
    assert checked_body(Order("o-1")) == '{"order_id":"o-1"}'
    assert checked_body("\ud7ff\ue000\ufffd\U00010000\U0010ffff") == "\ud7ff\ue000\ufffd\U00010000\U0010ffff"


def test_headers_are_attributes_by_their_types() -> None:
    assert checked_attributes({"a": "x", "n": 5, "f": -1.5, "b": b"\0"}) == {
        "a": Attribute("String", "x"),
        "n": Attribute("Number", "5"),
        "f": Attribute("Number", "-1.5"),
        "b": Attribute("Binary", b"\0"),
    }
    assert checked_attributes([("a.b-c_d", "x")]) == {"a.b-c_d": Attribute("String", "x")}


def test_the_size_counts_names_types_and_values_as_utf8() -> None:
    assert size_of("grün", {}) == 5
    assert size_of("x", checked_attributes({"ab": "ü", "c": b"\0\0"})) == 1 + (2 + 6 + 2) + (1 + 6 + 2)


WRONG: list[tuple[Callable[[], object], type[MessageQueuesError], str]] = [
    (lambda: checked_body(None), InvalidArgument, "a tombstone is Kafka's"),
    (lambda: checked_body(""), InvalidMessageContents, "value is empty"),
    (lambda: checked_body(b""), InvalidMessageContents, "value is empty"),
    (lambda: checked_body(b"\xff"), InvalidMessageContents, "send it as base64"),
    (lambda: checked_body("ab\0"), InvalidMessageContents, r"value holds U\+0000 at character 2"),
    (lambda: checked_body("\ufffe"), InvalidMessageContents, r"U\+FFFE"),
    (lambda: checked_body("\ud800"), InvalidMessageContents, r"U\+D800"),
    (lambda: checked_body(5), InvalidArgument, "value is int"),
    (lambda: checked_attributes({str(number): "x" for number in range(11)}), InvalidArgument, "11 are too many"),
    (lambda: checked_attributes([("a", "x"), ("a", "y")]), InvalidArgument, "'a' is there twice"),
    (lambda: checked_attributes("x"), InvalidArgument, "headers is str"),  # type: ignore[arg-type]
    (lambda: checked_attributes({"a": ""}), InvalidArgument, "a is empty"),
    (lambda: checked_attributes({"a": b""}), InvalidArgument, "a is empty"),
    (lambda: checked_attributes({"a": "\1"}), InvalidMessageContents, r"headers: a holds U\+0001"),
    (lambda: checked_attributes({"a": None}), InvalidArgument, "a=None is NoneType: it must be a str, bytes, an int or a float"),
    (lambda: checked_attributes({"a": True}), InvalidArgument, "a=True is bool"),
    (lambda: checked_attributes({"a": float("nan")}), InvalidArgument, "must be a number in"),
    (lambda: checked_attributes({"a": 10**127}), InvalidArgument, "must be a number in"),
    (lambda: checked_attributes({"a..b": "x"}), InvalidArgument, "nor two in a row"),
    (lambda: checked_attributes({".a": "x"}), InvalidArgument, "with no '.' at its ends"),
    (lambda: checked_attributes({"Aws.x": "x"}), InvalidArgument, "AWS's own"),
    (lambda: checked_attributes({"x" * 257: "x"}), InvalidArgument, "has 257 characters"),
    (lambda: checked_attributes({1: "x"}), InvalidArgument, "the name 1 is int"),  # type: ignore[dict-item]
    (lambda: checked_id("group_id", "a b"), InvalidArgument, "group_id='a b' must be"),
    (lambda: checked_id("group_id", "x" * 129), InvalidArgument, r"must be 1\.\.128"),
    (lambda: checked_id("group_id", ""), InvalidArgument, "must be"),
    (lambda: checked_id("key", "ü".encode()), InvalidArgument, "must be"),
    (lambda: checked_id("group_id", 5), InvalidArgument, "group_id is int"),
]


@pytest.mark.parametrize(("check", "error", "says"), WRONG)
def test_what_aws_would_refuse_is_refused_before(check: Callable[[], object], error: type[MessageQueuesError], says: str) -> None:
    with pytest.raises(error, match=says):
        check()


def test_ids_have_letters_digits_and_marks() -> None:
    """SQS API reference, SendMessage: alphanumeric characters and punctuation."""
    marks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    assert checked_id("group_id", marks) == marks
    assert checked_id("key", b"customer-1") == "customer-1"
