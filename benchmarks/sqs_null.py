"""Null servers of SQS: they answer at once what the benchmark's client must be told, and do nothing. What a client reaches against one is
what a client can reach.

    python -m benchmarks.sqs_null asgi 41234     a null application under uvicorn, as this project's server is one
    python -m benchmarks.sqs_null bare 41234     nothing but a socket: it finds the end of a request and sends bytes made beforehand

Every message is BODY; a batch has ten of them.
"""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import uvicorn
import uvloop

from message_queues.servers.http_listener import Application, Receive, Scope, Send

HOST = "127.0.0.1"
BODY = "x" * 100
BATCH = 10
QUEUE_PATH = "/000000000000/null"

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target: *AmazonSQS\.(\w+)", re.IGNORECASE)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def answers(port: int) -> dict[bytes, bytes]:
    """By action, whole."""
    md5 = hashlib.md5(BODY.encode(), usedforsecurity=False).hexdigest()
    sent = {"MessageId": "d10f7fbc-5c54-44f5-9d3a-4e1a1f0e3c11", "MD5OfMessageBody": md5}
    received = {"MessageId": sent["MessageId"], "ReceiptHandle": "h" * 80, "MD5OfBody": md5, "Body": BODY}
    contents: dict[str, Mapping[str, object]] = {
        "CreateQueue": {"QueueUrl": f"http://{HOST}:{port}{QUEUE_PATH}"},
        "SendMessage": sent,
        "ReceiveMessage": {"Messages": [received]},
        "DeleteMessage": {},
        "SendMessageBatch": {"Successful": [{"Id": str(number), **sent} for number in range(BATCH)]},
        "DeleteMessageBatch": {"Successful": [{"Id": str(number)} for number in range(BATCH)]},
        "PurgeQueue": {},
    }
    several = {"Messages": [received] * BATCH}
    return {name.encode(): answer(content) for name, content in contents.items()} | {b"ReceiveMessage of ten": answer(several)}


def answer(content: Mapping[str, object]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class NullConnection(asyncio.Protocol):
    def __init__(self, by_action: dict[bytes, bytes]) -> None:
        self._by_action = by_action
        self._write: Callable[[bytes], None]
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[: end + 4]
            length = _LENGTH.search(head)
            size = len(head) + (int(length[1]) if length else 0)
            if b"100-continue" in head and len(self._buffer) == len(head):
                self._write(_CONTINUE)
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[len(head) : size], self._buffer[size:]
            self._write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        target = _TARGET.search(head)
        action = action_of(target[1] if target else b"", body)
        return self._by_action.get(action, self._by_action[b"DeleteMessage"])


def action_of(target: bytes, body: bytes) -> bytes:
    return target + b" of ten" if target == b"ReceiveMessage" and b'"MaxNumberOfMessages": 10' in body else target


def null_application(by_action: Mapping[bytes, bytes]) -> Application:
    bodies = {action: answer.partition(b"\r\n\r\n")[2] for action, answer in by_action.items()}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (event := await receive()).get("more_body"):
            body += event["body"]
        body += event.get("body", b"")
        target = next((value for name, value in scope["headers"] if name == b"x-amz-target"), b"").rpartition(b".")[2]
        answer = bodies.get(action_of(target, body), bodies[b"DeleteMessage"])
        headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return application


async def serve_bare(port: int) -> None:
    by_action = answers(port)
    listener = await asyncio.get_running_loop().create_server(lambda: NullConnection(by_action), HOST, port)
    await listener.serve_forever()


def main(arguments: Sequence[str]) -> None:
    kind, port = arguments[0], int(arguments[1])
    if kind == "bare":
        uvloop.run(serve_bare(port))
    else:
        uvicorn.run(null_application(answers(port)), host=HOST, port=port, log_level="error", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(sys.argv[1:])
