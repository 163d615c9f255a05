"""Amazon SQS's requests and answers in both wire formats: AWS JSON 1.0 and Query with XML.

JSON is query-compatible: `x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender` tells clients the code that they knew from
Query. Names of modelled errors are `com.amazonaws.sqs#…`, all others `com.amazon.coral.service#…`, as AWS answers.

Differs on purpose: AWS tells no more than SerializationException of JSON that cannot be read; here the message says what is wrong where.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from message_queues.protocols.aws.content import JSON_TYPE, XML_TYPE, Wire
from message_queues.protocols.aws.faults import AwsFault, invalid_action, malformed_input
from message_queues.protocols.aws.query import RequestReader, parse_form
from message_queues.protocols.aws.xml import ResponseWriter, fault_document
from message_queues.protocols.sqs.requests import ERRORS, NAMESPACE, REQUESTS, RESPONSES

ACTIONS: Final = frozenset(REQUESTS)

_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {action: msgspec.json.Decoder(request) for action, request in REQUESTS.items()}
_READERS: Final = {action: RequestReader(request) for action, request in REQUESTS.items()}
_WRITERS: Final = {action: ResponseWriter(action, response, NAMESPACE) for action, response in RESPONSES.items()}
_encode: Final = msgspec.json.Encoder().encode

# What msgspec says, and what AWS calls it.
_WRONG_TYPE: Final = re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`(?: - at `\$\.?(.*)`)?")
_TOKENS: Final = {"str": "STRING_VALUE", "int": "NUMBER_VALUE", "float": "NUMBER_VALUE", "bool": "BOOLEAN_VALUE", "null": "NULL_VALUE"}
_STARTS: Final = {"array": "list", "object": "structure or map"}
_TYPES: Final = {"str": "a String", "bytes": "a Blob", "int": "an Integer", "bool": "a Boolean", "array": "a List", "object": "a Map"}


def decode_request(action: str, wire: Wire, body: bytes, query: bytes = b"") -> Any:
    """The request of an action, a struct of `requests.REQUESTS`. In Query, parameters of the body count before those of the URL.

    Raises:
        AwsFault: and nothing else, whatever the bytes are. InvalidAction, SerializationException (MalformedInput),
            MalformedQueryString, MissingParameter.
    """
    if wire is Wire.JSON:
        decoder = _DECODERS.get(action)
        if decoder is None:
            raise invalid_action(action)
        try:
            return decoder.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed_input(_reason(error)) from None
    reader = _READERS.get(action)
    if reader is None:
        raise invalid_action(action)
    return reader.read(parse_form(body, query))


def encode_response(action: str, response: Struct | None, wire: Wire, request_id: str) -> bytes:
    """The body of an answer of status 200; `content_type` names its type. `response` is None where the action answers nothing.

    Fields that are None are left out. `request_id` stands in XML alone: for JSON it is the server's to send `x-amzn-RequestId`.
    """
    if wire is Wire.JSON:
        return b"{}" if response is None else _encode(response)
    return _WRITERS[action].write(response, request_id)


def encode_fault(fault: AwsFault, wire: Wire, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an answer of status `fault.status`."""
    headers = [(b"x-amzn-requestid", request_id.encode()), (b"content-type", content_type(wire))]
    if wire is Wire.QUERY:
        return headers, fault_document(fault, NAMESPACE, request_id)
    sender = "Sender" if fault.is_sender else "Receiver"
    headers.append((b"x-amzn-query-error", f"{fault.query_code};{sender}".encode("latin-1", "replace")))
    namespace = "com.amazonaws.sqs" if fault.code in ERRORS else "com.amazon.coral.service"
    return headers, _encode({"__type": f"{namespace}#{fault.code}", "message": fault.message})


def content_type(wire: Wire) -> bytes:
    return JSON_TYPE if wire is Wire.JSON else XML_TYPE


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"The JSON is not UTF-8: {error.reason}"
    wrong = _WRONG_TYPE.fullmatch(str(error))
    if wrong is None:
        return str(error)
    expected, got, path = wrong.groups()
    where = f": {path}" if path else ""
    if got in _STARTS:
        return f"Start of {_STARTS[got]} found where not expected{where}"
    return f"{_TOKENS.get(got, got)} can not be converted to {_TYPES.get(expected, expected)}{where}"
