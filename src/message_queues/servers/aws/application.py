"""Amazon SQS and SNS as one ASGI application: from the bytes of a request to those of its answer.

A request is JSON or Query, for SQS or SNS; both names and both formats come at one address, so what a request says decides. Whatever
changes something is answered once it is durable. What a queue holds can be looked at without receiving it, under `/_aws/sqs/`.
"""

import asyncio
import logging
from collections.abc import Mapping
from random import getrandbits
from typing import Any, NamedTuple

from message_queues.errors import MessageQueuesError, StorageError
from message_queues.protocols.aws.content import SNS, SQS, Target, Wire, target_of
from message_queues.protocols.aws.faults import AwsFault, invalid_action, missing_action
from message_queues.protocols.aws.sigv4 import Credential, SignedRequest, credential_of, verify
from message_queues.protocols.sns import codec as sns_codec
from message_queues.protocols.sqs import codec as sqs_codec
from message_queues.servers.aws.context import AwsContext, AwsHome
from message_queues.servers.aws.error_map import sns_fault, sqs_fault
from message_queues.servers.aws.identity import STS, identity
from message_queues.servers.aws.polls import ClientGone
from message_queues.servers.http_listener import Receive, Scope, Send
from message_queues.servers.sqs import inspector
from message_queues.servers.sqs.actions import HANDLERS
from message_queues.servers.sqs.queue_urls import ACCOUNT, region_in_host

logger = logging.getLogger(__name__)

LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
"""A batch of 1 MiB takes six times as much at most, with every character escaped."""
UNSIGNED = frozenset(("ConfirmSubscription", "Unsubscribe"))
"""Actions of SNS that the URLs in its messages lead to: whoever has one needs no signature."""
HEALTH = b'{"services": {"sqs": "running", "sns": "running"}}\n'


class Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class AwsApplication:
    def __init__(self, home: AwsHome) -> None:
        self.home = home
        self._largest_bytes = min(home.max_request_bytes, LARGEST_REQUEST_BYTES)
        self._running = 0
        self._idle = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self._running += 1
        try:
            answer = await self._answer(scope, receive)
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
        except ClientGone:
            pass
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def idle(self) -> None:
        """Returns once every request has been answered."""
        while self._running:
            self._idle.clear()
            await self._idle.wait()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = dict(scope["headers"])
        method = scope["method"]
        query = scope["query_string"]
        if method != "POST" and (found := self._page(scope, headers)) is not None:
            return found
        target = Target(Wire.JSON if b"x-amz-target" in headers else Wire.QUERY, None, None)
        request_id = new_request_id()
        try:
            body = await self._body(headers, receive) if method == "POST" else b""
            target = target_of(headers, query, body)
            credential = credential_of(headers, query)
            if target.service is None:
                target = target._replace(service=service_of(target, credential.service if credential else "", query, body))
            return await self._act(target, credential, scope, headers, body, receive, request_id)
        except ClientGone:
            raise
        except Exception as error:
            return self._refusal(error, target, request_id, scope)

    async def _act(
        self,
        target: Target,
        credential: Credential | None,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        body: bytes,
        receive: Receive,
        request_id: str,
    ) -> Answer:
        wire, service, action = target
        if action is None or service is None:
            raise missing_action()
        home, query = self.home, scope["query_string"]
        if home.credentials and not (credential is None and service == SNS and action in UNSIGNED):
            signed = SignedRequest(scope["method"], scope["raw_path"], query, scope["headers"], body)
            # What clients sign with is the time of the world, however the clock of the server is set.
            credential = verify(signed, service, home.credentials, home.broker.patience.clock.now_ms())
        region = credential.region if credential else region_in_host(headers.get(b"host", b"").decode("latin-1"))
        access_key = credential.access_key if credential else ""
        account = access_key if ACCOUNT.fullmatch(access_key) else home.account
        context = AwsContext(home, wire, account, region or home.region, access_key, headers, scope, receive)
        if service == SNS:
            return await self._act_sns(action, context, body, query, request_id)
        if service == STS:
            return ok(wire, request_id, identity(action, context, request_id))
        request = sqs_codec.decode_request(action, wire, body, query)
        response = await HANDLERS[action](context, request)
        return ok(wire, request_id, sqs_codec.encode_response(action, response, wire, request_id))

    async def _act_sns(self, action: str, context: AwsContext, body: bytes, query: bytes, request_id: str) -> Answer:
        from message_queues.servers.sns import actions

        request: Any = sns_codec.decode_request(action, context.wire, body, query)
        response = await actions.handle(action, request, context)
        return ok(context.wire, request_id, sns_codec.encode_response(action, response, context.wire, request_id))

    def _refusal(self, error: Exception, target: Target, request_id: str, scope: Scope) -> Answer:
        is_sns = target.service == SNS
        fault = sns_fault(error) if is_sns else sqs_fault(error, target.wire)
        if isinstance(error, StorageError):
            logger.warning("a request could not be stored", extra={"action": target.action, "error": str(error)})
        elif not isinstance(error, MessageQueuesError):
            logger.exception("a request failed", exc_info=error, extra={"action": target.action, "path": scope["path"]})
        headers, body = (sns_codec if is_sns else sqs_codec).encode_fault(fault, target.wire, request_id)
        if fault.status == 413:
            # What is left of the body is not read.
            headers = [*headers, (b"connection", b"close")]
        return Answer(fault.status, [*headers, (b"content-length", b"%d" % len(body))], body)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        length = headers.get(b"content-length", b"0")
        if len(length) > 12 or int(length) > self._largest_bytes:
            raise self._too_large()
        event = await receive()
        piece = piece_of(event)
        if not event.get("more_body"):
            return piece
        pieces, size = [piece], len(piece)
        while event.get("more_body"):
            if size > self._largest_bytes:
                raise self._too_large()
            event = await receive()
            pieces.append(piece_of(event))
            size += len(pieces[-1])
        return b"".join(pieces)

    def _too_large(self) -> AwsFault:
        return AwsFault("RequestEntityTooLarge", f"The body of the request is larger than {self._largest_bytes} bytes.", 413)

    def _page(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Answer | None:
        """What is no action: None for those."""
        path, method, query = scope["path"], scope["method"], scope["query_string"]
        if method not in ("GET", "HEAD"):
            return plain(405, b"", (b"allow", b"GET, HEAD, POST"))
        if path.startswith("/_aws/sqs/"):
            status, content_type, body = inspector.answer(self.home, path, query, headers)
            return plain(status, body, (b"content-type", content_type))
        if path == "/" and target_of(headers, query, b"").action is None:
            return plain(200, HEALTH, (b"content-type", b"application/json"))
        certificate = self.home.letters.certificate(path)
        if certificate is not None:
            return plain(200, certificate, (b"content-type", b"application/x-pem-file"))
        return None


def piece_of(event: Scope) -> bytes:
    if event["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = event.get("body", b"")
    return body


def service_of(target: Target, signed_for: str, query: bytes, body: bytes) -> str:
    """Of a request that does not say it: the one that it was signed for, or that has such an action."""
    if target.wire is Wire.JSON:
        raise invalid_action(target.action or "")
    if signed_for in (SQS, SNS, STS):
        return signed_for
    if target.action in sqs_codec.ACTIONS and target.action in sns_codec.ACTIONS:
        return SNS if b"TopicArn=" in body or b"TopicArn=" in query else SQS
    return SNS if target.action in sns_codec.ACTIONS else SQS


def ok(wire: Wire, request_id: str, body: bytes) -> Answer:
    return Answer(
        200,
        [
            (b"x-amzn-requestid", request_id.encode()),
            (b"content-type", sqs_codec.content_type(wire)),
            (b"content-length", b"%d" % len(body)),
        ],
        body,
    )


def plain(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, [(b"x-amzn-requestid", new_request_id().encode()), *headers, (b"content-length", b"%d" % len(body))], body)


def new_request_id() -> str:
    digits = f"{getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
