import pytest
from pamqp import commands

from message_queues.protocols.amqp.methods import Access, BadMethod, BadText, UnknownMethod, read_method, short_string, write_method
from message_queues.records.field_table import BadTable


def test_every_method_that_pamqp_declares_reads_back() -> None:
    for kind in commands.INDEX_MAPPING.values():
        written = write_method(kind())
        read = read_method(written)
        assert type(read) is kind
        assert write_method(read) == written


def test_bits_share_an_octet() -> None:
    written = write_method(commands.Queue.Declare(queue="q", passive=True, exclusive=True, nowait=True))
    assert written == b"\x00\x32\x00\x0a\x00\x00\x01q" + bytes([0b10101]) + b"\x00\x00\x00\x00"
    read = read_method(written)
    assert isinstance(read, commands.Queue.Declare)
    assert (read.passive, read.durable, read.exclusive, read.auto_delete, read.nowait) == (True, False, True, False, True)


def test_names_are_text_and_long_strings_bytes() -> None:
    read = read_method(write_method(commands.Connection.StartOk({}, "PLAIN", "\0user\0pässword", "en_US")))
    assert isinstance(read, commands.Connection.StartOk)
    assert (read.mechanism, read.locale) == ("PLAIN", "en_US")
    assert read.response == "\0user\0pässword".encode()  # type: ignore[comparison-overlap]


def test_names_that_pamqp_would_refuse_are_read_and_written() -> None:
    raw = b"\x00\x32\x00\x0b" + b"\x07a queue" + b"\x00\x00\x00\x01\x00\x00\x00\x02"
    read = read_method(raw)
    assert isinstance(read, commands.Queue.DeclareOk)
    assert (read.queue, read.message_count, read.consumer_count) == ("a queue", 1, 2)
    assert write_method(read) == raw


def test_only_methods_with_content_may_have_names_that_are_no_utf_8() -> None:
    publish = read_method(b"\x00\x3c\x00\x28\x00\x00\x00\x01\xff\x00")
    assert isinstance(publish, commands.Basic.Publish)
    assert publish.routing_key == "\udcff"
    with pytest.raises(BadText, match="Malformed UTF-8 in shortstr"):
        read_method(b"\x00\x3c\x00\x46\x00\x00\x01\xff\x00")


def test_access_tickets_of_old_clients() -> None:
    request = read_method(b"\x00\x1e\x00\x0a\x05/data\x1f")
    assert isinstance(request, Access.Request)
    assert (request.realm, request.exclusive, request.read) == ("/data", True, True)  # type: ignore[attr-defined]
    assert write_method(Access.RequestOk()) == b"\x00\x1e\x00\x0b\x00\x01"


@pytest.mark.parametrize("arguments", [b"", b"\0", b"\0\0\x05q", b"\0\0\x01q", b"\0\0\x01q\0\0\0\0\x05abc", b"\0\0\x01q\0\0\0\0\0x"])
def test_arguments_that_do_not_fit(arguments: bytes) -> None:
    with pytest.raises(BadMethod, match="cannot decode <<"):
        read_method(b"\x00\x32\x00\x0a" + arguments)


def test_arguments_must_fit_before_their_tables_are_read() -> None:
    table = b"\0\0\x01q\0\0\0\0\x03\x01aZ"
    with pytest.raises(BadTable):
        read_method(b"\x00\x32\x00\x0a" + table)
    with pytest.raises(BadMethod):
        read_method(b"\x00\x32\x00\x0a" + table + b"x")


def test_methods_that_nobody_knows() -> None:
    with pytest.raises(UnknownMethod, match="no method 99 of class 50"):
        read_method(b"\x00\x32\x00\x63")


def test_short_strings_are_cut_between_characters() -> None:
    assert short_string("abc") == b"\x03abc"
    assert short_string("ü" * 200) == b"\xfe" + "ü".encode() * 127
