"""The load of the SQS rows, in a process of its own. Prints one line of JSON.

    python -m benchmarks.sqs_load one-by-one --address http://127.0.0.1:9324 --queue bench --count 500

one-by-one and tens are boto3's: send, receive and delete, single and ten at a time. The others are raw HTTP: send (SendMessage), send-tens,
take (ReceiveMessage of ten, DeleteMessageBatch), spread (SendMessage to many queues in turn), long-polls (from a SendMessage to the
answer of a long poll that waited).

Raw HTTP is built beforehand and sent on connections that are kept; each has one request on its way, as AWS's SDKs have.
"""

import argparse
import json
import select
import socket
import sys
from collections.abc import Callable, Sequence
from time import perf_counter, perf_counter_ns
from urllib.parse import urlparse

import boto3

from benchmarks.sqs_null import BATCH, BODY

RECEIVE_BYTES = 1 << 20
TIMEOUT_S = 120
NANOSECONDS_A_MS = 1_000_000
QUEUES_AHEAD = 64


class RefusedResponse(Exception):
    """The server answered something else than success."""


def client(address: str) -> "boto3.client":
    return boto3.client("sqs", endpoint_url=address, region_name="us-east-1", aws_access_key_id="bench", aws_secret_access_key="bench")


def queue_url(address: str, name: str) -> str:
    url: str = client(address).create_queue(QueueName=name)["QueueUrl"]
    return url


# boto3


def one_by_one(address: str, queue: str, count: int) -> dict[str, float]:
    sqs, url = client(address), queue_url(address, queue)
    started = perf_counter()
    for _ in range(count):
        sqs.send_message(QueueUrl=url, MessageBody=BODY)
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return {"per_second": count / (perf_counter() - started)}


def tens(address: str, queue: str, count: int) -> dict[str, float]:
    sqs, url = client(address), queue_url(address, queue)
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(BATCH)]
    started = perf_counter()
    for _ in range(count // BATCH):
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
        left = BATCH
        while left:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH)["Messages"]
            handles = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)]
            if len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) != len(messages):
                raise RefusedResponse("a message was not deleted")
            left -= len(messages)
    return {"per_second": count / (perf_counter() - started)}


# Raw HTTP


def request(address: str, action: str, content: object) -> bytes:
    """As boto3 would send it, signature included: of the right form, with nothing behind it."""
    body = json.dumps(content).encode()
    host = urlparse(address).netloc
    signature = "Credential=bench/20260101/us-east-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
    lines = (
        "POST / HTTP/1.1",
        f"Host: {host}",
        "Accept-Encoding: identity",
        f"X-Amz-Target: AmazonSQS.{action}",
        "Content-Type: application/x-amz-json-1.0",
        "User-Agent: Boto3/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11.7 md/pyimpl#CPython",
        "X-Amz-Date: 20260101T000000Z",
        f"Authorization: AWS4-HMAC-SHA256 {signature}{'0' * 64}",
        "amz-sdk-invocation-id: 00000000-0000-0000-0000-000000000000",
        "amz-sdk-request: attempt=1",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """One connection that is kept, with one request on its way at most."""

    def __init__(self, address: str) -> None:
        place = urlparse(address)
        self.socket = socket.create_connection((place.hostname, place.port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0
        self._buffer = b""

    def send(self, content: bytes) -> None:
        self.sent_at = perf_counter_ns()
        self.socket.sendall(content)

    def take(self) -> bytes | None:
        """The body of the answer once it is whole."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        at = self._buffer.lower().find(b"content-length:", 0, end)
        size = end + 4 + int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < size:
            return None
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            raise RefusedResponse(self._buffer[:500].decode(errors="replace"))
        body, self._buffer = self._buffer[end + 4 : size], self._buffer[size:]
        return body

    def ask(self, content: bytes) -> bytes:
        self.send(content)
        while (body := self.take()) is None:
            pass
        return body


def in_parallel(address: str, connections: int, count: int, next_request: Callable[[int], bytes]) -> dict[str, float]:
    """So many requests in all, each connection sending the next as soon as it has its answer."""
    lanes = {lane.socket.fileno(): lane for lane in (Connection(address) for _ in range(connections))}
    poll = select.epoll()
    for number in lanes:
        poll.register(number, select.EPOLLIN)
    times: list[int] = []
    started = perf_counter()
    sent = 0
    for lane in lanes.values():
        lane.send(next_request(sent))
        sent += 1
    while len(times) < count:
        for number, _ in poll.poll(TIMEOUT_S):
            lane = lanes[number]
            if lane.take() is None:
                continue
            times.append(perf_counter_ns() - lane.sent_at)
            if sent < count:
                lane.send(next_request(sent))
                sent += 1
    return {"per_second": count / (perf_counter() - started), **percentiles(times)}


def percentiles(times: Sequence[int]) -> dict[str, float]:
    ordered = sorted(times)
    return {f"p{share}_ms": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] / NANOSECONDS_A_MS for share in (50, 99)}


def send(address: str, queue: str, count: int, connections: int) -> dict[str, float]:
    content = request(address, "SendMessage", {"QueueUrl": queue_url(address, queue), "MessageBody": BODY})
    return in_parallel(address, connections, count, lambda _: content)


def send_tens(address: str, queue: str, count: int, connections: int) -> dict[str, float]:
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(BATCH)]
    content = request(address, "SendMessageBatch", {"QueueUrl": queue_url(address, queue), "Entries": entries})
    outcome = in_parallel(address, connections, count // BATCH, lambda _: content)
    return {**outcome, "per_second": outcome["per_second"] * BATCH}


def take(address: str, queue: str, count: int) -> dict[str, float]:
    url = queue_url(address, queue)
    receive = request(address, "ReceiveMessage", {"QueueUrl": url, "MaxNumberOfMessages": BATCH})
    connection = Connection(address)
    left = count
    started = perf_counter()
    while left > 0:
        messages = json.loads(connection.ask(receive)).get("Messages", ())
        entries = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)]
        deleted = json.loads(connection.ask(request(address, "DeleteMessageBatch", {"QueueUrl": url, "Entries": entries})))
        if not messages or len(deleted["Successful"]) != len(messages):
            raise RefusedResponse(f"{len(messages)} messages came, and {deleted}")
        left -= len(messages)
    return {"per_second": count / (perf_counter() - started)}


def spread(address: str, queue: str, count: int, queues: int) -> dict[str, float]:
    """To `queues` queues in turn, which are made first."""
    create = [request(address, "CreateQueue", {"QueueName": f"{queue}-{number}"}) for number in range(queues)]
    created = in_parallel(address, 16, queues, lambda number: create[number])
    first = queue_url(address, f"{queue}-0").removesuffix("0")
    requests = [request(address, "SendMessage", {"QueueUrl": f"{first}{number}", "MessageBody": BODY}) for number in range(queues)]
    outcome = in_parallel(address, 16, count, lambda number: requests[number % queues])
    return {**outcome, "created_per_second": created["per_second"]}


def long_polls(address: str, queue: str, count: int, waiting: int) -> dict[str, float]:
    """`waiting` long polls on as many queues; messages go to them one by one, `count` in all."""
    urls = [queue_url(address, f"{queue}-{number}") for number in range(waiting)]
    polls = [request(address, "ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20, "VisibilityTimeout": 600}) for url in urls]
    sends = [request(address, "SendMessage", {"QueueUrl": url, "MessageBody": BODY}) for url in urls]
    receivers = [Connection(address) for _ in urls]
    sender = Connection(address)
    for receiver, poll in zip(receivers, polls, strict=True):
        receiver.send(poll)
    times: list[int] = []
    for number in range(count):
        at = number % waiting
        started = perf_counter_ns()
        sender.send(sends[at])
        while (body := receivers[at].take()) is None:
            pass
        if b'"Messages"' in body:
            times.append(perf_counter_ns() - started)
        while sender.take() is None:
            pass
        receivers[at].send(polls[at])
    return {**percentiles(times), "received": float(len(times))}


LOADS: dict[str, Callable[..., dict[str, float]]] = {
    "one-by-one": one_by_one,
    "tens": tens,
    "send": send,
    "send-tens": send_tens,
    "take": take,
    "spread": spread,
    "long-polls": long_polls,
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("load", choices=LOADS)
    parser.add_argument("--address", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--queues", type=int)
    parser.add_argument("--waiting", type=int)
    arguments = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    print(json.dumps(LOADS[arguments.pop("load")](**arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
