"""Which wire format a request is in, and what it asks for."""

import pytest

from message_queues.protocols.aws.content import Target, Wire, target_of

JSON = {b"content-type": b"application/x-amz-json-1.0"}
FORM = {b"content-type": b"application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("headers", "query", "body", "target"),
    [
        (JSON | {b"x-amz-target": b"AmazonSQS.SendMessage"}, b"", b"{}", Target(Wire.JSON, "sqs", "SendMessage")),
        ({b"x-amz-target": b"AmazonSQS.SendMessage"}, b"Action=ListQueues", b"", Target(Wire.JSON, "sqs", "SendMessage")),
        ({b"x-amz-target": b"DynamoDB_20120810.Query"}, b"", b"", Target(Wire.JSON, None, "Query")),
        ({b"x-amz-target": b"SendMessage"}, b"", b"", Target(Wire.JSON, None, "SendMessage")),
        ({b"x-amz-target": b"\xff."}, b"", b"", Target(Wire.JSON, None, None)),
        (JSON, b"", b"Action=ListQueues", Target(Wire.JSON, "sqs", None)),
        (FORM, b"", b"Action=ListQueues&Version=2012-11-05", Target(Wire.QUERY, "sqs", "ListQueues")),
        (FORM, b"", b"Version=2009-02-01&Action=ListQueues", Target(Wire.QUERY, "sqs", "ListQueues")),
        (FORM, b"", b"Action=Publish&Version=2010-03-31", Target(Wire.QUERY, "sns", "Publish")),
        (FORM, b"Action=Publish", b"Message=Action=a&MyAction=b", Target(Wire.QUERY, None, "Publish")),
        ({}, b"Action=Send%4Dessage&Version=2012%2D11%2D05", b"", Target(Wire.QUERY, "sqs", "SendMessage")),
        ({}, b"Action=&Version=", b"", Target(Wire.QUERY, None, None)),
        ({}, b"", b"", Target(Wire.QUERY, None, None)),
        ({}, b"Action=%FF%", b"\xff", Target(Wire.QUERY, None, "\ufffd%")),
    ],
)
def test_what_a_request_asks_for(headers: dict[bytes, bytes], query: bytes, body: bytes, target: Target) -> None:
    assert target_of(headers, query, body) == target
