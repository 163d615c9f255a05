"""What is in a queue, without receiving it: nothing becomes invisible, nothing is counted.

    GET /_aws/sqs/messages?QueueUrl=…&ShowInvisible=true&ShowDelayed=true     as ReceiveMessage would answer, in XML, or JSON by `Accept`
    GET /_aws/sqs/messages/{region}/{account}/{name}                          likewise
    GET /_aws/sqs/explain?QueueUrl=…                                          why a receive would return nothing now: JSON

The first two are LocalStack's, so that what was written for those works here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from message_queues.broker.sqs.message import Received, Seen
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.errors import MessageQueuesError, QueueDoesNotExist
from message_queues.protocols.aws.content import Wire
from message_queues.protocols.aws.faults import AwsFault
from message_queues.protocols.aws.sigv4 import credential_of
from message_queues.protocols.sqs import codec
from message_queues.protocols.sqs.requests import Message, ReceiveMessageResponse
from message_queues.servers.aws.error_map import sqs_fault
from message_queues.servers.sqs.messages import EVERYTHING, SYSTEM_ATTRIBUTES, answered
from message_queues.servers.sqs.queue_urls import parse_queue_url

if TYPE_CHECKING:
    from message_queues.servers.aws.context import AwsHome

MOST_SHOWN = 1000
RECEIPT_HANDLE = "SQS/BACKDOOR/ACCESS"
REQUEST_ID = "00000000-0000-0000-0000-000000000000"

Page = tuple[int, bytes, bytes]
"""Status, content type, body."""


def answer(home: "AwsHome", path: str, query: bytes, headers: Mapping[bytes, bytes]) -> Page:
    wire = Wire.JSON if b"json" in headers.get(b"accept", b"") else Wire.QUERY
    parameters = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
    try:
        match path.removeprefix("/_aws/sqs/").strip("/").split("/"):
            case ["messages"]:
                return messages(named_queue(home, parameters, headers, query), parameters, wire)
            case ["messages", region, account, name]:
                return messages(home.broker.sqs.get(QueueName(region, account, name)), parameters, wire)
            case ["explain"]:
                return explanation(named_queue(home, parameters, headers, query))
        raise AwsFault("UnknownOperationException", f"Nothing is at {path}.", 404)
    except MessageQueuesError as error:
        fault = sqs_fault(error, wire)
        return fault.status, codec.content_type(wire), codec.encode_fault(fault, wire, REQUEST_ID)[1]


def named_queue(home: "AwsHome", parameters: Mapping[str, str], headers: Mapping[bytes, bytes], query: bytes) -> SqsQueue:
    if not parameters.get("QueueUrl"):
        raise QueueDoesNotExist("The specified queue does not exist.")
    address = parse_queue_url(parameters["QueueUrl"])
    if address is None:
        raise QueueDoesNotExist("The specified queue does not exist.")
    region, account, name = address
    credential = credential_of(headers, query)
    region = region or (credential.region if credential else home.region)
    return home.broker.sqs.get(QueueName(region, account or home.account, name))


def messages(queue: SqsQueue, parameters: Mapping[str, str], wire: Wire) -> Page:
    with_invisible, with_delayed = is_wanted("ShowInvisible", parameters), is_wanted("ShowDelayed", parameters)
    shown = [
        shown_message(seen, with_invisible, with_delayed)
        for seen in queue.peek(MOST_SHOWN)
        if seen.is_visible or (with_delayed if seen.is_delayed else with_invisible)
    ]
    response = ReceiveMessageResponse(messages=shown or None)
    return 200, codec.content_type(wire), codec.encode_response("ReceiveMessage", response, wire, REQUEST_ID)


def shown_message(seen: Seen, with_invisible: bool, with_delayed: bool) -> Message:
    received = Received(seen.message, RECEIPT_HANDLE, seen.receive_count, seen.first_received_ms or 0)
    message = answered(received, SYSTEM_ATTRIBUTES, EVERYTHING)
    assert message.attributes is not None
    if seen.first_received_ms is None:
        del message.attributes["ApproximateFirstReceiveTimestamp"]
    if with_invisible:
        message.attributes["IsVisible"] = str(seen.is_visible).lower()
    if with_delayed:
        message.attributes["IsDelayed"] = str(seen.is_delayed).lower()
    return message


def is_wanted(parameter: str, parameters: Mapping[str, str]) -> bool:
    return parameters.get(parameter, "").lower() in ("true", "1")


def explanation(queue: SqsQueue) -> Page:
    counts = queue.counts()
    told = {
        "queue": queue.arn,
        "visible": counts.visible,
        "not_visible": counts.not_visible,
        "delayed": counts.delayed,
        "reasons": list(queue.explain()),
    }
    return 200, b"application/json", msgspec.json.encode(told)
