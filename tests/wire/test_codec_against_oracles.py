"""Our codec against two others: random messages of every API in every version come out byte for byte the same, and read back equal.

Coverage: kio 0.6 and kafka-python 3.0 both know every API and version that is served, and each is asked for all of them. The documents of
the consumer protocol are asked of both too. What an oracle cannot express is brought into its range first: kio has no instants before 1970.
Request and response headers are compared in `tests/protocols/kafka/test_header.py`.
"""

import re
from typing import Literal

import pytest

from message_queues.protocols.kafka.api_keys import APIS, Api
from message_queues.protocols.kafka.codec import decode_prefix, encode
from message_queues.protocols.kafka.message import Message
from message_queues.protocols.kafka.messages import consumer_protocol
from tests.wire import kafka_python_oracle, kio_oracle
from tests.wire.random_messages import RandomMessages

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # kafka-python reads its definitions in a deprecated way

MESSAGES_PER_VERSION = 20

Kind = Literal["request", "response"]

every_api = pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
both_kinds = pytest.mark.parametrize("kind", ["request", "response"])


def message_of(api: Api, kind: Kind) -> type[Message]:
    return api.request if kind == "request" else api.response


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@every_api
@both_kinds
def test_random_messages_read_back_equal(api: Api, kind: Kind) -> None:
    cls = message_of(api, kind)
    for version in range(api.min_version, api.max_version + 1):
        messages = RandomMessages(f"{cls.__name__} {version}")
        for _ in range(MESSAGES_PER_VERSION):
            message = messages.message(cls, version)
            encoded = encode(message, version)
            assert decode_prefix(cls, version, encoded) == (message, len(encoded))


@every_api
@both_kinds
def test_random_messages_are_the_bytes_of_kio(api: Api, kind: Kind) -> None:
    cls = message_of(api, kind)
    for version in range(api.min_version, api.max_version + 1):
        entity = kio_oracle.entity_class(snake_case(api.name), version, kind, cls.__name__)
        messages = RandomMessages(f"kio {cls.__name__} {version}")
        for _ in range(MESSAGES_PER_VERSION):
            message = messages.message(cls, version)
            kio_oracle.representable(message, version, entity)
            assert encode(message, version) == kio_oracle.encode(message, version, entity), f"v{version} {message}"


@every_api
@both_kinds
def test_random_messages_are_the_bytes_of_kafka_python(api: Api, kind: Kind) -> None:
    cls = message_of(api, kind)
    theirs = kafka_python_oracle.message_class(cls.__name__)
    for version in range(api.min_version, api.max_version + 1):
        messages = RandomMessages(f"kafka-python {cls.__name__} {version}")
        for _ in range(MESSAGES_PER_VERSION):
            message = messages.message(cls, version)
            assert encode(message, version) == kafka_python_oracle.encode(message, version, theirs), f"v{version} {message}"


@pytest.mark.parametrize("cls", [consumer_protocol.ConsumerProtocolSubscription, consumer_protocol.ConsumerProtocolAssignment])
def test_documents_of_the_consumer_protocol_are_the_bytes_of_both(cls: type[Message]) -> None:
    theirs = kafka_python_oracle.message_class(cls.__name__)
    for version in range(4):
        entity = kio_oracle.entity_class(snake_case(cls.__name__), version, "data", cls.__name__)
        messages = RandomMessages(f"{cls.__name__} {version}")
        for _ in range(MESSAGES_PER_VERSION):
            message = messages.message(cls, version)
            encoded = encode(message, version)
            assert encoded == kio_oracle.encode(message, version, entity)
            assert encoded == kafka_python_oracle.encode_document(message, version, theirs)
            assert decode_prefix(cls, version, encoded) == (message, len(encoded))


@every_api
def test_the_version_range_is_that_of_kafka(api: Api) -> None:
    theirs = kafka_python_oracle.message_class(api.request.__name__)
    unstable = {"InitProducerId": 1}.get(api.name, 0)
    assert (api.min_version, api.max_version + unstable) == theirs.valid_versions
    assert api.key == theirs.API_KEY
    first_flexible = next((version for version in range(api.max_version + 1) if theirs.flexible_version_q(version)), None)
    assert first_flexible is None or max(first_flexible, api.min_version) == max(api.flexible_from, api.min_version)
    assert api.request.valid_versions == api.response.valid_versions
    assert api.request.flexible_versions == api.response.flexible_versions
