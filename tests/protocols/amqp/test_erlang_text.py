"""Each text was seen in an answer of RabbitMQ 3.10.8, after "type 9, all octets = " (21 columns) or the like."""

import pytest

from message_queues.protocols.amqp.erlang_text import column_after, plain_binary, pretty_binary, pretty_tuple


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "<<>>"),
        (b"abc", '<<"abc">>'),
        (b'\b\t\n\v\f\r\x1b"\\', '<<"\\b\\t\\n\\v\\f\\r\\e\\"\\\\">>'),
        (b"h\xe9llo", '<<"h\xe9llo">>'),
        (b"\x07\x1b\x7f\x00", "<<7,27,127,0>>"),
        (bytes(16), "<<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>"),
        (b"\xc9" * 10 + b"\x0b" * 5 + b"\x01", "<<201,201,201,201,201,201,201,201,201,201,11,11,11,11,11,1>>"),
        (b"\xc9" * 11 + b"\x0b" * 4 + b"\x01", "<<201,201,201,201,201,201,201,201,201,201,201,11,11,11,11,\n" + " " * 23 + "1>>"),
        (b"\xc9" * 12 + b"\x0b" * 3 + b"\x01", "<<201,201,201,201,201,201,201,201,201,201,201,201,11,11,\n" + " " * 23 + "11,1>>"),
        (bytes(range(112, 128)), "<<112,113,114,115,116,117,118,119,120,121,122,123,124,125,\n" + " " * 23 + "126,127>>"),
    ],
)
def test_a_binary_is_a_string_if_it_can_be_and_breaks_its_lines(data: bytes, text: str) -> None:
    assert pretty_binary(data, 21) == text


@pytest.mark.parametrize(
    ("zeros", "marker", "breaks"), [(12, 0, False), (13, 0, True), (11, 90, False), (12, 90, True), (11, 200, False), (12, 200, True)]
)
def test_a_tuple_breaks_where_it_does_not_fit(zeros: int, marker: int, breaks: bool) -> None:
    before = f"type 3, all octets = {pretty_binary(bytes(zeros), 21)}: "
    text = pretty_tuple(("invalid_frame_end_marker", f"{marker}"), len(before))
    if breaks:
        assert text == "{invalid_frame_end_marker,\n" + " " * (len(before) + 1) + f"{marker}}}"
    else:
        assert text == f"{{invalid_frame_end_marker,{marker}}}"


def test_columns_count_from_the_last_line() -> None:
    assert column_after("abc") == 3
    assert column_after("abc\n  de") == 4


def test_plain_binaries_are_numbers_and_cut_where_no_text_reaches() -> None:
    assert plain_binary(b"ab") == "<<97,98>>"
    assert len(plain_binary(bytes(100_000))) < 1000
