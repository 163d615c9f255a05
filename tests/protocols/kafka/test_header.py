"""Request headers 1 and 2, response headers 0 and 1: vectors by hand, and kio and kafka-python as oracles."""

import io

import kio.schema.request_header.v1.header
import kio.schema.request_header.v2.header
import pytest
from kafka.protocol.api_header import RequestHeader as KafkaPythonRequestHeader
from kio.serial import entity_writer
from kio.static.primitive import i16, i32

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.api_keys import ApiKey
from message_queues.protocols.kafka.header import parse_request_header, parse_response_header, request_header, response_header

VECTORS = [
    (ApiKey.METADATA, 5, 7, "c1", "0003 0005 00000007 0002 6331"),
    (ApiKey.METADATA, 9, 7, "c1", "0003 0009 00000007 0002 6331 00"),
    (ApiKey.METADATA, 9, 7, None, "0003 0009 00000007 ffff 00"),
    (ApiKey.METADATA, 0, -1, "", "0003 0000 ffffffff 0000"),
    (ApiKey.OFFSET_DELETE, 0, 1, "ä", "002f 0000 00000001 0002 c3a4"),
    (ApiKey.API_VERSIONS, 3, 1, "c", "0012 0003 00000001 0001 63 00"),
]


@pytest.mark.parametrize(("key", "version", "correlation_id", "client_id", "encoded"), VECTORS)
def test_a_request_header_is_written_and_read(key: int, version: int, correlation_id: int, client_id: str | None, encoded: str) -> None:
    header = bytes.fromhex(encoded)
    assert request_header(key, version, correlation_id, client_id) == header
    assert parse_request_header(header + b"body") == (key, version, correlation_id, client_id, len(header))


@pytest.mark.parametrize("client_id", [None, "", "client-1", "x" * 300])
def test_a_request_header_is_that_of_kio_and_of_kafka_python(client_id: str | None) -> None:
    for version, entity in ((5, kio.schema.request_header.v1.header.RequestHeader), (9, kio.schema.request_header.v2.header.RequestHeader)):
        ours = request_header(ApiKey.METADATA, version, 77, client_id)
        buffer = io.BytesIO()
        theirs = entity(request_api_key=i16(3), request_api_version=i16(version), correlation_id=i32(77), client_id=client_id)
        entity_writer(entity)(buffer, theirs)
        assert ours == buffer.getvalue()
        header = KafkaPythonRequestHeader(request_api_key=3, request_api_version=version, correlation_id=77, client_id=client_id)
        assert ours == header.encode(flexible=version == 9)


def test_tagged_fields_of_a_request_header_are_skipped() -> None:
    header = bytes.fromhex("0003 0009 00000007 0002 6331 01 05 02 aabb")
    assert parse_request_header(header + b"body").body_position == len(header)


def test_the_header_of_an_api_versions_request_that_is_too_new_is_read() -> None:
    header = parse_request_header(bytes.fromhex("0012 0063 00000001 0001 63 00"))
    assert (header.api_version, header.client_id, header.body_position) == (99, "c", 12)


def test_an_unknown_api_is_read_without_tags() -> None:
    assert parse_request_header(bytes.fromhex("7fff 0003 00000001 0001 63 00")).body_position == 11


def test_a_client_id_that_is_not_utf_8_is_read_with_replacement_characters() -> None:
    assert parse_request_header(bytes.fromhex("0003 0000 00000001 0001 ff")).client_id == "�"


@pytest.mark.parametrize(
    "encoded", ["", "0003 0009 00000007", "0003 0000 00000007 0005 63", "0003 0009 00000007 0001 63", "0003 0009 00000007 0000 01"]
)
def test_a_request_header_that_ends_early_is_malformed(encoded: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_request_header(bytes.fromhex(encoded))


def test_a_response_header_has_tags_from_the_first_flexible_version() -> None:
    assert response_header(ApiKey.METADATA, 8, 7).hex() == "00000007"
    assert response_header(ApiKey.METADATA, 9, 7).hex() == "0000000700"


def test_api_versions_is_always_answered_with_response_header_0() -> None:
    assert response_header(ApiKey.API_VERSIONS, 4, 7).hex() == "00000007"


def test_a_response_header_is_read() -> None:
    assert parse_response_header(ApiKey.METADATA, 8, bytes.fromhex("ffffffff 00")) == (-1, 4)
    assert parse_response_header(ApiKey.METADATA, 9, bytes.fromhex("00000007 01 00 01 aa")) == (7, 8)
    with pytest.raises(MalformedMessage):
        parse_response_header(ApiKey.METADATA, 8, b"\0\0\0")
