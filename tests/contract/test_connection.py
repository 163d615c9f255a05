"""What comes before any API: versions, unknown keys, requests that are too new, bytes that are no request."""

import struct
from typing import Any

import pytest

from message_queues.protocols.kafka.api_keys import APIS
from message_queues.protocols.kafka.codec import decode
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from message_queues.protocols.kafka.messages.metadata import MetadataRequest
from tests.contract.raw_client import ConnectionClosed, RawClient
from tests.contract.recorded_answers import RecordedAnswers
from tests.contract.scene import CLOSED, Scene


def known(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with only those APIs that the embedded server has, and without features: it has none to negotiate."""
    keys = [each for each in answer["api_keys"] if each.get("api_key", 0) in APIS]
    kept = {name: value for name, value in answer.items() if "feature" not in name}
    return {**kept, "api_keys": sorted(keys, key=lambda each: int(each.get("api_key", 0)))}


@pytest.mark.parametrize("version", range(5))
def test_the_versions_of_each_api(scene: Scene, kafka_says: RecordedAnswers, version: int) -> None:
    request = ApiVersionsRequest(client_software_name="contract", client_software_version="1.0")
    kafka_says(known(scene.ask(request, version)))


@pytest.mark.parametrize(
    ("name", "software"), [("", "1.0"), ("contract", ""), ("-contract", "1.0"), ("con tract", "1.0"), ("a.b-c1", "1.0-rc.1")]
)
def test_names_of_client_software(scene: Scene, kafka_says: RecordedAnswers, name: str, software: str) -> None:
    answer = scene.ask(ApiVersionsRequest(client_software_name=name, client_software_version=software), 3)
    kafka_says([answer.get("error_code"), bool(answer.get("api_keys"))])


@pytest.mark.parametrize("version", [5, 99, 32767])
def test_a_request_for_versions_that_is_too_new_is_answered_in_version_0(scene: Scene, kafka_says: RecordedAnswers, version: int) -> None:
    client = scene.client
    client.send_bytes(struct.pack(">hhih", 18, version, 77, -1) + b"\0\x09whatever")
    frame = client.receive_frame()
    assert frame[:4] == struct.pack(">i", 77)
    kafka_says(scene.plain(decode(ApiVersionsResponse, 0, frame, 4)))
    kafka_says(known(scene.ask(ApiVersionsRequest(), 0)))


def answer_to(client: RawClient, payload: bytes) -> str:
    client.send_bytes(payload)
    try:
        return f"{len(client.receive_frame())} bytes"
    except ConnectionClosed:
        return CLOSED


ODD_REQUESTS: dict[str, bytes] = {
    "unknown-api": struct.pack(">hhih", 999, 0, 1, -1),
    "negative-api": struct.pack(">hhih", -1, 0, 1, -1),
    "metadata-too-new": struct.pack(">hhih", 3, 14, 1, -1) + bytes(20),
    "metadata-negative-version": struct.pack(">hhih", 3, -1, 1, -1) + bytes(20),
    "produce-0": struct.pack(">hhih", 0, 0, 1, -1) + bytes(20),
    "produce-2": struct.pack(">hhih", 0, 2, 1, -1) + bytes(20),
    "fetch-3": struct.pack(">hhih", 1, 3, 1, -1) + bytes(40),
    "offset-commit-1": struct.pack(">hhih", 8, 1, 1, -1) + bytes(40),
    "controlled-shutdown": struct.pack(">hhih", 7, 0, 1, -1) + bytes(8),
    "leader-and-isr": struct.pack(">hhih", 4, 1, 1, -1) + bytes(8),
    "vote": struct.pack(">hhih", 52, 0, 1, -1) + bytes(8),
    "empty-frame": b"",
    "short-header": b"\0\x03\0",
    "metadata-cut-short": struct.pack(">hhih", 3, 1, 1, -1) + b"\0\0",
    "metadata-array-too-long": struct.pack(">hhihi", 3, 1, 1, -1, 1_000_000),
    "metadata-array-negative": struct.pack(">hhihi", 3, 1, 1, -1, -2),
    "client-id-too-long": struct.pack(">hhih", 3, 1, 1, 30_000) + b"x",
    "client-id-not-utf8": struct.pack(">hhih", 3, 1, 1, 2) + b"\xff\xfe" + struct.pack(">i", 0),
    "trailing-bytes": struct.pack(">hhihi", 3, 1, 1, -1, 0) + b"trailing",
    "topic-name-too-long": struct.pack(">hhihih", 3, 1, 1, -1, 1, 30_000) + b"x",
    "topic-name-null": struct.pack(">hhihih", 3, 1, 1, -1, 1, -1),
}


@pytest.mark.parametrize("case", ODD_REQUESTS)
def test_odd_requests(scene: Scene, kafka_says: RecordedAnswers, case: str) -> None:
    answer = answer_to(scene.client, ODD_REQUESTS[case])
    kafka_says(CLOSED if answer == CLOSED else "an answer")


@pytest.mark.parametrize("size", [-1, -(2**31), 2**31 - 1, 200_000_000])
def test_sizes_that_cannot_be(scene: Scene, kafka_says: RecordedAnswers, size: int) -> None:
    scene.client.send_unframed(struct.pack(">i", size) + b"some bytes")
    with pytest.raises(ConnectionClosed):
        scene.client.receive_frame()
    kafka_says(CLOSED)


def test_another_protocol_on_this_port_is_hung_up_on(scene: Scene) -> None:
    scene.client.send_unframed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(ConnectionClosed):
        scene.client.receive_frame()


def test_answers_come_in_the_order_of_the_requests(scene: Scene) -> None:
    client = scene.another_client()
    sent = [client.send(MetadataRequest(topics=[]), version) for version in (1, 9, 12)]
    for api, version in zip(sent, (1, 9, 12), strict=True):
        client.receive(api, version)
    client.close()


def test_a_request_that_comes_byte_by_byte_is_answered(scene: Scene) -> None:
    frame = struct.pack(">ihhihi", 14, 3, 1, 42, -1, 0)
    for position in range(len(frame)):
        scene.client.send_unframed(frame[position : position + 1])
    assert scene.client.receive_frame()[:4] == struct.pack(">i", 42)
