"""Our declarations against Kafka's own definitions, as kafka-python carries them: names, order, types, versions, nulls, defaults, tags.

Comparing bytes cannot see a wrong default or a wrong `ignorable`; this can. A range is compared within the versions that are served.
"""

import json
import re
from importlib import resources
from typing import Any

import pytest

from message_queues.protocols.kafka.api_keys import APIS
from message_queues.protocols.kafka.message import ANY_LATER, NEVER, Field, Message, Primitive, StructType, VersionRange, version_range
from message_queues.protocols.kafka.messages import consumer_protocol

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # kafka-python reads its definitions in a deprecated way

MESSAGES: list[type[Message]] = [
    *(api.request for api in APIS.values()),
    *(api.response for api in APIS.values()),
    consumer_protocol.ConsumerProtocolSubscription,
    consumer_protocol.ConsumerProtocolAssignment,
]
ZERO_DEFAULTS = {"bool": False, "string": "", "bytes": b"", "uuid": bytes(16), "records": None}


def definition(name: str) -> Any:
    text = resources.files("kafka.protocol.schemas.resources").joinpath(f"{name}.json").read_text()
    return json.loads("\n".join(line for line in text.splitlines() if not line.strip().startswith("//")))


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def clipped(text: str, valid: VersionRange) -> VersionRange:
    lowest, highest = version_range(text)
    if highest < valid.lowest or lowest > valid.highest:
        return NEVER
    return VersionRange(max(lowest, valid.lowest), ANY_LATER if highest >= valid.highest else highest)


def default_of(raw: Any, kind: str) -> object:
    text = str(raw.get("default", ""))
    if text == "null":
        return None
    if kind in ZERO_DEFAULTS and kind != "bool":
        return text or ZERO_DEFAULTS[kind]
    if kind == "bool":
        return text.lower() == "true"
    return int(text, 0) if text else 0


def assert_field_is(declared: Field, raw: Any, valid: VersionRange) -> None:
    assert declared.name == snake_case(raw["name"])
    kind = raw["type"].removeprefix("[]")
    assert declared.is_array == raw["type"].startswith("[]")
    versions = clipped(raw["versions"], valid)
    assert clipped(f"{declared.versions.lowest}-{declared.versions.highest}", valid) == versions, declared.name
    nullable = clipped(raw.get("nullableVersions", "none"), versions)
    assert clipped(f"{declared.nullable.lowest}-{declared.nullable.highest}", versions) == nullable, declared.name
    assert declared.tag == raw.get("tag"), declared.name
    # Where every version has the field, ignorable says nothing.
    if versions != VersionRange(valid.lowest, ANY_LATER):
        assert declared.ignorable == bool(raw.get("ignorable", False)), declared.name
    if isinstance(declared.type, StructType):
        if str(raw.get("default")) == "null":
            assert declared.default is None
    else:
        assert isinstance(declared.type, Primitive)
        assert declared.type.name == kind
        if not declared.is_array:
            assert declared.default == default_of(raw, kind), declared.name


def assert_struct_is(cls: StructType, raw_fields: list[Any], valid: VersionRange) -> None:
    served = [raw for raw in raw_fields if clipped(raw["versions"], valid) != NEVER]
    assert [declared.name for declared in cls.declared_fields] == [snake_case(raw["name"]) for raw in served]
    for declared, raw in zip(cls.declared_fields, served, strict=True):
        assert_field_is(declared, raw, valid)
        if isinstance(declared.type, StructType):
            lowest, highest = declared.versions
            assert_struct_is(declared.type, raw["fields"], VersionRange(max(lowest, valid.lowest), min(highest, valid.highest)))


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_a_message_is_declared_as_kafka_defines_it(cls: type[Message]) -> None:
    raw = definition(cls.__name__)
    valid = cls.valid_versions
    assert valid.lowest == version_range(raw["validVersions"]).lowest
    assert clipped(raw["flexibleVersions"], valid) == clipped(f"{cls.flexible_versions.lowest}-{cls.flexible_versions.highest}", valid)
    assert_struct_is(cls, raw["fields"], valid)
