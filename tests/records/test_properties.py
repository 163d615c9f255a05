import pytest

from message_queues.errors import SyntaxRefused
from message_queues.records.field_table import BadTable, FieldTable, FieldValue, Timestamp, fields_of, read_table, write_table
from message_queues.records.properties import (
    EMPTY_PROPERTIES,
    BadProperties,
    Properties,
    read_attributes,
    read_properties,
    with_headers,
    write_properties,
)

EVERYTHING = Properties(
    content_type="text/plain",
    content_encoding="gzip",
    headers={"a": 1, "b": ["x"]},
    delivery_mode=2,
    priority=7,
    correlation_id="c-1",
    reply_to="answers",
    expiration="60000",
    message_id="m-1",
    timestamp=Timestamp(1_700_000_000),
    type="order",
    user_id="guest",
    app_id="shop",
    cluster_id="z",
)
NAMES = list(Properties.__slots__)


def test_all_properties_read_back_as_they_were_written() -> None:
    written = write_properties(EVERYTHING)
    assert read_properties(written) == EVERYTHING
    assert write_properties(read_properties(written)) == written


@pytest.mark.parametrize("name", NAMES)
def test_each_property_alone_reads_back(name: str) -> None:
    alone = Properties(**{name: getattr(EVERYTHING, name)})
    written = write_properties(alone)
    assert written[:2] == (0x8000 >> NAMES.index(name)).to_bytes(2, "big")
    assert read_properties(written) == alone


@pytest.mark.parametrize("name", NAMES)
def test_all_properties_but_one_read_back(name: str) -> None:
    others = Properties(**{each: getattr(EVERYTHING, each) for each in NAMES if each != name})
    assert read_properties(write_properties(others)) == others


def test_attributes_are_what_a_broker_must_know() -> None:
    attributes = read_attributes(write_properties(EVERYTHING))
    assert attributes.is_persistent
    assert (attributes.has_priority, attributes.priority) == (True, 7)
    assert (attributes.expiration, attributes.user_id, attributes.reply_to) == ("60000", "guest", "answers")
    assert attributes.has_headers
    assert attributes.headers == {"a": 1, "b": ["x"]}


def test_attributes_of_no_properties() -> None:
    attributes = read_attributes(EMPTY_PROPERTIES)
    assert not attributes.is_persistent
    assert (attributes.has_priority, attributes.priority) == (False, 0)
    assert (attributes.expiration, attributes.user_id, attributes.reply_to) == (None, None, None)
    assert (attributes.delay_ms, attributes.bad_copies) == (None, None)
    assert (attributes.has_headers, attributes.headers) == (False, {})


def test_only_delivery_mode_2_is_persistent() -> None:
    modes = [mode for mode in range(256) if read_attributes(write_properties(Properties(delivery_mode=mode))).is_persistent]
    assert modes == [2]


def test_properties_seen_before_are_not_read_again() -> None:
    written = write_properties(Properties(delivery_mode=2, message_id="the same"))
    assert read_attributes(written) is read_attributes(bytes(bytearray(written)))


def test_copies_and_delay_come_from_the_headers() -> None:
    headers: FieldTable = {"CC": ["a", "b", 3], "BCC": ["c"], "x-delay": 500}
    attributes = read_attributes(write_properties(Properties(headers=headers)))
    assert (attributes.carbon_copies, attributes.blind_copies, attributes.delay_ms) == (("a", "b"), ("c",), 500)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"CC": "queue"}, '{unacceptable_type_in_header,"CC",longstr}'),
        ({"BCC": 1}, '{unacceptable_type_in_header,"BCC",signedint}'),
        ({"CC": {"a": 1}, "BCC": True}, '{unacceptable_type_in_header,"CC",table}'),
        ({"CC": None}, '{unacceptable_type_in_header,"CC",void}'),
    ],
)
def test_copies_that_are_no_array_are_told_as_rabbitmq_tells_them(header: FieldTable, said: str) -> None:
    assert read_attributes(write_properties(Properties(headers=header))).bad_copies == said


@pytest.mark.parametrize(
    ("header", "delay_ms"),
    [
        (5, 5),
        (-5, -5),
        ("5", 5),
        ("-5", -5),
        (5.9, 5),
        ("5s", None),
        ("", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        ("9" * 30, None),
    ],
)
def test_a_delay_is_a_number_or_digits(header: FieldValue, delay_ms: int | None) -> None:
    assert read_attributes(write_properties(Properties(headers={"x-delay": header}))).delay_ms == delay_ms


BROKEN = [
    b"",
    b"\x00",
    b"\x80\x00",
    b"\x80\x00\x05abc",
    b"\x10\x00",
    b"\x00\x40\x00\x00",
    b"\x00\x00x",
    b"\x20\x00\x00\x00\x00\x03\x01a",
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.hex() or "nothing")
def test_what_does_not_end_where_its_properties_end_is_refused(broken: bytes) -> None:
    with pytest.raises((BadProperties, BadTable)):
        read_attributes(broken)
    with pytest.raises((BadProperties, BadTable)):
        read_properties(broken)


def test_a_broken_header_is_refused_before_anyone_asks_for_it() -> None:
    with pytest.raises(BadTable):
        read_attributes(b"\x20\x00\x00\x00\x00\x03\x01aZ")


def test_the_lowest_flags_mean_nothing() -> None:
    assert read_properties(b"\x00\x03") == Properties()
    assert not read_attributes(b"\x00\x03").is_persistent


@pytest.mark.parametrize("wrong", [Properties(message_id="x" * 256), Properties(priority=256), Properties(timestamp=-1)])
def test_what_no_property_can_hold_is_refused(wrong: Properties) -> None:
    with pytest.raises(SyntaxRefused):
        write_properties(wrong)


# Types that are read and not written by us: unchanged, they must come out as they came in.
ODD_FIELDS = b"\x01aB\x07" + b"\x01bu\x00\x05" + b"\x01cL\x00\x00\x00\x00\x00\x00\x00\x09" + b"\x01dS\x00\x00\x00\x01\xff"
ODD = b"\xb9\x40" + b"\x01t" + len(ODD_FIELDS).to_bytes(4, "big") + ODD_FIELDS + b"\x02\x05" + b"\x0260" + b"\x00" * 8


def headers_of(properties: bytes) -> bytes:
    return properties[8 : 8 + int.from_bytes(properties[4:8], "big")]


def test_headers_that_are_not_changed_keep_their_bytes() -> None:
    changed = with_headers(ODD, {"new": 1}, ("b",))
    table = headers_of(changed)
    kept = {name: table[start:end] for name, start, end in fields_of(table, 0, len(table))}
    assert list(kept) == ["new", "a", "c", "d"]
    assert (kept["a"], kept["c"], kept["d"]) == (b"B\x07", b"L" + b"\x00" * 7 + b"\x09", b"S\x00\x00\x00\x01\xff")
    assert changed[-13:] == ODD[-13:]
    assert with_headers(ODD, {}) == ODD


def test_a_header_is_changed_in_its_place() -> None:
    table = headers_of(with_headers(ODD, {"c": "now"}))
    assert [name for name, _, _ in fields_of(table, 0, len(table))] == ["a", "b", "c", "d"]
    assert read_table(len(table).to_bytes(4, "big") + table)[0]["c"] == "now"


def test_headers_are_made_where_there_were_none() -> None:
    written = write_properties(Properties(content_type="t", delivery_mode=2))
    assert read_properties(with_headers(written, {"x": 1})) == Properties(content_type="t", headers={"x": 1}, delivery_mode=2)
    assert with_headers(written, {}, ("BCC",)) == written
    assert with_headers(EMPTY_PROPERTIES, {"x": 1}) == b"\x20\x00" + write_table({"x": 1})


def test_headers_may_become_an_empty_table() -> None:
    assert read_properties(with_headers(write_properties(Properties(headers={"a": 1})), {}, ("a",))) == Properties(headers={})


@pytest.mark.parametrize("name", NAMES)
def test_the_expiration_is_dropped_and_all_else_stays(name: str) -> None:
    some = Properties(**{each: getattr(EVERYTHING, each) for each in NAMES if each != name})
    expected = Properties(**{each: getattr(some, each) for each in NAMES if each != "expiration"})
    assert read_properties(with_headers(write_properties(some), {}, drop_expiration=True)) == expected
