"""The management API as an ASGI application: from the bytes of a request to those of its answer.

The order of checks is that of RabbitMQ's HTTP server, so that a call with two mistakes hears of the same one: path, method, credentials and
tags, acceptable type, existence, type of the body, the body itself. Whatever changes something is answered once it is durable.
"""

import gzip
import logging
from typing import TYPE_CHECKING

from message_queues.errors import MessageQueuesError, StorageError
from message_queues.servers.http_listener import Receive, Scope, Send
from message_queues.servers.management import authorization, home
from message_queues.servers.management.answers import (
    CONTENT_SECURITY_POLICY,
    Answer,
    Refused,
    bad_request,
    empty,
    not_found,
    object_not_found,
)
from message_queues.servers.management.call import Call
from message_queues.servers.management.resource import Resource, Routes
from message_queues.servers.management.resources import RESOURCES

if TYPE_CHECKING:
    from message_queues.servers.management.node import Node

logger = logging.getLogger(__name__)

LARGEST_BODY_BYTES = 20_000_000
SMALLEST_COMPRESSED_BYTES = 300
TYPES_OFFERED = ("*/*", "application/*", "application/json")


class ManagementApplication:
    def __init__(self, node: "Node") -> None:
        self._node = node
        self._routes = Routes(RESOURCES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._node.sampler.start()
        headers = {name.decode("latin-1"): value.decode("utf-8", "surrogateescape") for name, value in scope["headers"]}
        peer = scope.get("client")
        call = Call(self._node, scope["method"], scope["raw_path"], scope["query_string"], headers, peer[0] if peer else "")
        answer = await self._answered(call, receive)
        await respond(answer, call, send)

    async def _answered(self, call: Call, receive: Receive) -> Answer:
        try:
            return await self._answer(call, receive)
        except Refused as refused:
            return refused.answer()
        except StorageError as error:
            return Refused(500, "internal_server_error", str(error)).answer()
        except MessageQueuesError as error:
            return bad_request(str(error)).answer()
        except Exception:
            logger.exception("a call to the management API failed", extra={"method": call.method, "path": call.path})
            return Answer(500, b"", [CONTENT_SECURITY_POLICY])

    async def _answer(self, call: Call, receive: Receive) -> Answer:
        found = self._routes.find(call.parts[1:]) if call.parts[0] == "api" else None
        if found is None:
            return home.answer(call)
        resource, call.names = found
        if call.method == "OPTIONS":
            return Answer(200, b"", [CONTENT_SECURITY_POLICY, ("vary", "origin"), ("allow", ", ".join(resource.methods))])
        if call.method not in resource.methods:
            raise Refused(405, headers=[("allow", ", ".join(resource.methods))])
        if call.method in ("PUT", "POST", "DELETE"):
            # The body of whoever may not call is not taken in.
            self._admit(resource, call)
            call.body = await read_body(receive, resource.largest_body_bytes or LARGEST_BODY_BYTES)
            # Whatever was true before waiting for the body may not be now.
        existed = self._admit(resource, call)
        answer = self._handled(resource, call, existed)
        if call.method not in ("GET", "HEAD"):
            await self._node.broker.synced()
        return answer

    def _admit(self, resource: Resource, call: Call) -> bool:
        """Returns whether what the path names exists."""
        if not resource.is_public:
            call.user = authorization.authenticated(call)
            resource.allow(call)
        is_read = call.method in ("GET", "HEAD")
        if is_read and not accepts_json(call.headers.get("accept")):
            raise Refused(406)
        exists = resource.exists is None or resource.exists(call)
        if not exists and (is_read or call.method == "DELETE"):
            raise object_not_found()
        if not exists and call.method == "POST" and not resource.can_post_to_missing and call.node.version.is_4:
            raise missing(resource, call)
        if call.method in ("PUT", "POST") and not is_accepted(call.headers.get("content-type"), resource.accepts):
            raise Refused(415)
        return exists

    def _handled(self, resource: Resource, call: Call, existed: bool) -> Answer:
        handle = {"GET": resource.get, "HEAD": resource.get, "PUT": resource.put, "POST": resource.post}.get(call.method, resource.delete)
        assert handle is not None
        answer = handle(call)
        if answer is not None:
            return answer
        return empty(201 if call.method == "PUT" and not existed else 204)


def missing(resource: Resource, call: Call) -> Refused:
    """What RabbitMQ 4 says to a POST to what does not exist."""
    if not resource.missing_reason:
        return object_not_found()
    return not_found(resource.missing_reason if call.virtual_host_name in call.broker.virtual_hosts else "vhost_not_found")


def accepts_json(accept: str | None) -> bool:
    if not accept:
        return True
    return any(part.split(";")[0].strip().lower() in TYPES_OFFERED for part in accept.split(","))


def is_accepted(content_type: str | None, accepted: tuple[str, ...]) -> bool:
    if not accepted:
        return True
    return (content_type or "").split(";")[0].strip().lower() in accepted


async def read_body(receive: Receive, largest_bytes: int) -> bytes:
    pieces, length = [], 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refused(400)
        piece = event.get("body", b"")
        pieces.append(piece)
        length += len(piece)
        if length > largest_bytes:
            raise bad_request("Exceeded HTTP request body size limit")
        if not event.get("more_body", False):
            return b"".join(pieces)


async def respond(answer: Answer, call: Call, send: Send) -> None:
    body, headers = answer.body, answer.headers
    if len(body) > SMALLEST_COMPRESSED_BYTES and "gzip" in call.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 1)
        headers = [*headers, ("content-encoding", "gzip")]
    if answer.status != 204:
        headers = [*headers, ("content-length", str(len(body)))]
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else body})
