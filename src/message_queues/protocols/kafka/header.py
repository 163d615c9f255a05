"""Request headers (versions 1 and 2) and response headers (0 and 1): what stands before each body.

Request: INT16 API key, INT16 version, INT32 correlation id, NULLABLE_STRING client id, and in version 2 a tag section. The client id keeps
its old form in version 2, so that a broker can read the header of an ApiVersions request that is newer than itself.
Response: INT32 correlation id, and in version 1 a tag section; ApiVersions is always answered with version 0 (KIP-511).
Which of them stands before a body depends on the API and its version: `Api.flexible_from`, `Api.answered_flexibly_from`.
Version 0 of the request header went with ControlledShutdown v0; it is not read.
"""

import struct
from typing import NamedTuple

from message_queues.errors import MalformedMessage
from message_queues.protocols.kafka.api_keys import APIS, NOT_FLEXIBLE
from message_queues.protocols.kafka.wire import overrun, skip_tagged_fields

FIXED_BYTES = 10
NO_TAGS = b"\0"

_unpack_fixed = struct.Struct(">hhih").unpack_from
_pack_fixed = struct.Struct(">hhih").pack
_pack_correlation_id = struct.Struct(">i").pack
_pack_flexible_correlation_id = struct.Struct(">ix").pack
_flexible_from = {key: api.flexible_from for key, api in APIS.items()}
_answered_flexibly_from = {key: api.answered_flexibly_from for key, api in APIS.items()}


class RequestHeader(NamedTuple):
    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    body_position: int
    """Where the body begins."""


def parse_request_header(frame: bytes) -> RequestHeader:
    """The header of a request whose length prefix is taken off. For an unknown API, header 1 is assumed: the caller closes anyway."""
    try:
        api_key, api_version, correlation_id, length = _unpack_fixed(frame)
    except struct.error:
        raise MalformedMessage("a request header ends early", len(frame)) from None
    if length <= 0:
        client_id, position = (None if length else ""), FIXED_BYTES
    else:
        position = FIXED_BYTES + length
        if position > len(frame):
            raise overrun(FIXED_BYTES, length, len(frame))
        client_id = frame[FIXED_BYTES:position].decode("utf-8", "replace")
    if api_version >= _flexible_from.get(api_key, NOT_FLEXIBLE):
        if frame[position : position + 1] == NO_TAGS:
            position += 1
        else:
            position = skip_tagged_fields(frame, position)
    return RequestHeader(api_key, api_version, correlation_id, client_id, position)


def request_header(api_key: int, api_version: int, correlation_id: int, client_id: str | None) -> bytes:
    text = b"" if client_id is None else client_id.encode()
    fixed = _pack_fixed(api_key, api_version, correlation_id, -1 if client_id is None else len(text))
    return fixed + text + (NO_TAGS if api_version >= _flexible_from[api_key] else b"")


def response_header(api_key: int, api_version: int, correlation_id: int) -> bytes:
    if api_version >= _answered_flexibly_from[api_key]:
        return _pack_flexible_correlation_id(correlation_id)
    return _pack_correlation_id(correlation_id)


def parse_response_header(api_key: int, api_version: int, frame: bytes) -> tuple[int, int]:
    """(correlation id, where the body begins)"""
    if len(frame) < 4:
        raise MalformedMessage("a response header ends early", len(frame))
    correlation_id = int.from_bytes(frame[:4], "big", signed=True)
    if api_version >= _answered_flexibly_from[api_key]:
        return correlation_id, skip_tagged_fields(frame, 4)
    return correlation_id, 4
