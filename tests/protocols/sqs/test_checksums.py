"""MD5 sums as Amazon SQS gave them, and as moto reckons them."""

import random

import pytest
from moto.sqs.models import Message

from message_queues.protocols.sqs.checksums import md5_hex, md5_of_attributes

Attribute = tuple[str, str, bytes]


def test_a_body() -> None:
    assert md5_hex(b"test") == "098f6bcd4621d373cade4e832627b4f6"


@pytest.mark.parametrize(
    ("attributes", "answered"),
    [
        ([("timestamp", "Number", b"1493147359900")], "235c5c510d26fb653d073faed50ae77c"),
        (
            [("attr1", "Binary", b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01")],
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_attributes_as_amazon_sqs_answered_them(attributes: list[Attribute], answered: str) -> None:
    assert md5_of_attributes(attributes) == answered


def of_moto(attributes: list[Attribute]) -> str:
    values = {}
    for name, data_type, value in attributes:
        part = {"BinaryValue": value} if data_type.startswith("Binary") else {"StringValue": value.decode()}
        values[name] = {"DataType": data_type, **part}
    message = Message("id", "body", {})
    message.message_attributes = values
    md5: str = message.attribute_md5
    return md5


@pytest.mark.parametrize("seed", range(20))
def test_attributes_as_moto_reckons_them(seed: int) -> None:
    choose = random.Random(seed)
    attributes: list[Attribute] = [
        (
            f"name.{choose.randrange(1000)}",
            choose.choice(("String", "Number.int", "String.ü")),
            choose.choice(("ü", "5", "x" * 300)).encode(),
        )
        for _ in range(choose.randrange(1, 10))
    ]
    attributes = list({name: (name, data_type, value) for name, data_type, value in attributes}.values())
    assert md5_of_attributes(attributes) == of_moto(attributes)
