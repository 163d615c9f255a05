"""Amazon SNS's requests and answers: Query with XML, the only format that SNS speaks."""

from typing import Any, Final

from msgspec import Struct

from message_queues.protocols.aws.content import XML_TYPE, Wire
from message_queues.protocols.aws.faults import AwsFault, invalid_action
from message_queues.protocols.aws.query import RequestReader, parse_form
from message_queues.protocols.aws.xml import ResponseWriter, fault_document
from message_queues.protocols.sns.requests import NAMESPACE, NOT_SERVED, REQUESTS, RESPONSES

ACTIONS: Final = frozenset(REQUESTS)

_READERS: Final = {action: RequestReader(request) for action, request in REQUESTS.items()}
_WRITERS: Final = {action: ResponseWriter(action, response, NAMESPACE) for action, response in RESPONSES.items()}


def decode_request(action: str, wire: Wire, body: bytes, query: bytes = b"") -> Any:
    """The request of an action, a struct of `requests.REQUESTS`. Parameters of the body count before those of the URL.

    Raises:
        AwsFault: and nothing else, whatever the bytes are. InvalidAction (also for what is AWS's and not served here, SMS and mobile
            push), MalformedInput, MalformedQueryString, MissingParameter.
    """
    reader = _READERS.get(action)
    if reader is None or wire is not Wire.QUERY:
        raise _not_an_action(action, wire)
    return reader.read(parse_form(body, query))


def encode_response(action: str, response: Struct | None, wire: Wire, request_id: str) -> bytes:
    """The body of an answer of status 200. `response` is None where the action answers nothing; fields that are None are left out."""
    return _WRITERS[action].write(response, request_id)


def encode_fault(fault: AwsFault, wire: Wire, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an answer of status `fault.status`."""
    headers = [(b"x-amzn-requestid", request_id.encode()), (b"content-type", XML_TYPE)]
    return headers, fault_document(fault, NAMESPACE, request_id)


def _not_an_action(action: str, wire: Wire) -> AwsFault:
    if wire is not Wire.QUERY:
        return AwsFault("UnknownOperationException", "Amazon SNS speaks the Query protocol alone.", query_code="InvalidAction")
    if action in NOT_SERVED:
        return AwsFault("UnknownOperationException", f"The action {action} is not served here.", query_code="InvalidAction")
    return invalid_action(action)
