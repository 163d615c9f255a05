"""Small Produce requests as fast as a broker answers them: the load generator of the "small requests" rows.

One record of 100 B in each request, acks=all, some connections with some requests in flight each. What the generator spends
is spent on the broker's cores too, so requests are built beforehand and a response is checked against bytes built beforehand;
a single connection blocks in recv, several share one epoll. Every response's error code is checked, and at the end that the
offsets given in a partition follow one another. Prints one line of JSON.

    python -m benchmarks.raw_socket --address 127.0.0.1:9092 --topic small --partitions 12 --connections 16 --seconds 5
"""

from __future__ import annotations  # array[int] is for the type checker only

import argparse
import gc
import json
import select
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter_ns

from benchmarks.kafka_requests import ProduceExchange, RefusedResponse, produce_exchange

NANOSECONDS = 1_000_000_000
RECEIVE_BYTES = 65_536
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and for how long."""

    address: str
    topic: str
    partitions: int
    connections: int
    in_flight: int
    seconds: float
    warm_seconds: float
    value_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the broker answered after the warming."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    all_requests: int
    """Warming included: what the topic must have grown by."""


class Lane:
    """One connection: its request, the answer it must get, and when the requests in flight were sent."""

    __slots__ = ("connection", "exchange", "offsets", "pending", "receive", "send", "sent_at")

    def __init__(self, connection: socket.socket, exchange: ProduceExchange) -> None:
        self.connection = connection
        self.exchange = exchange
        self.receive: Callable[[int], bytes] = connection.recv
        self.send: Callable[[bytes], None] = connection.sendall
        self.sent_at: list[int] = []
        self.offsets = array("q")
        self.pending = b""

    def fill(self, in_flight: int) -> None:
        for _ in range(in_flight):
            self.sent_at.append(perf_counter_ns())
            self.send(self.exchange.request)

    def take(self, data: bytes) -> int:
        """Count the whole responses in what was received; keep what is left. An error's response is not shorter than success."""
        if not data:
            raise ConnectionResetError("the broker closed the connection")
        exchange = self.exchange
        if self.pending:
            data = self.pending + data
        size = exchange.response_bytes
        count = 0
        while len(data) >= size:
            self.offsets.append(exchange.base_offset(data[:size]))
            data = data[size:]
            count += 1
        self.pending = data
        return count


def connect(load: Load) -> list[Lane]:
    host, _, port = load.address.rpartition(":")
    lanes = []
    for number in range(load.connections):
        connection = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's time-out: Python's own would cost a poll() before every recv().
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", TIMEOUT_S, 0))
        exchange = produce_exchange(load.topic, number % load.partitions, b"v" * load.value_bytes, number + 1)
        lanes.append(Lane(connection, exchange))
    return lanes


def drive_one(lane: Lane, until: int, latencies: array[int]) -> None:
    """A single connection with one request in flight: two system calls per request."""
    receive, send, request = lane.receive, lane.send, lane.exchange.request
    size, base_offset, offsets = lane.exchange.response_bytes, lane.exchange.base_offset, lane.offsets
    clock, record = perf_counter_ns, latencies.append
    sent = clock()
    send(request)
    while True:
        data = receive(RECEIVE_BYTES)
        while data and len(data) < size:
            more = receive(RECEIVE_BYTES)
            data = data + more if more else b""
        now = clock()
        offsets.append(base_offset(data))
        record(now - sent)
        if now >= until:
            return
        sent = clock()
        send(request)


def drive_many(lanes: list[Lane], in_flight: int, until: int, latencies: array[int]) -> None:
    """Several connections, or several requests in flight, over one epoll."""
    poller = select.epoll(len(lanes))
    by_descriptor = {}
    for lane in lanes:
        poller.register(lane.connection.fileno(), select.EPOLLIN)
        by_descriptor[lane.connection.fileno()] = lane
        lane.fill(in_flight)
    outstanding = len(lanes) * in_flight
    clock, record = perf_counter_ns, latencies.append
    running = True
    while outstanding:
        ready = poller.poll(TIMEOUT_S)
        if not ready:
            raise TimeoutError(f"no response within {TIMEOUT_S} s")
        for descriptor, _ in ready:
            lane = by_descriptor[descriptor]
            count = lane.take(lane.receive(RECEIVE_BYTES))
            now = clock()
            for sent in lane.sent_at[:count]:
                record(now - sent)
            del lane.sent_at[:count]
            if running:
                lane.sent_at.extend([now] * count)
                lane.send(lane.exchange.request if count == 1 else lane.exchange.request * count)
            else:
                outstanding -= count
        if running and clock() >= until:
            running = False
    poller.close()


def drive(lanes: list[Lane], load: Load, seconds: float) -> tuple[array[int], float]:
    """The load for so long: the latency of each request, and how long it took."""
    latencies = array("q")
    started = perf_counter_ns()
    until = started + int(seconds * NANOSECONDS)
    if len(lanes) == 1 and load.in_flight == 1:
        drive_one(lanes[0], until, latencies)
    else:
        drive_many(lanes, load.in_flight, until, latencies)
    return latencies, (perf_counter_ns() - started) / NANOSECONDS


def check_offsets(lanes: list[Lane], partitions: int) -> None:
    """Nobody else writes to the topic: the offsets of a partition follow one another, or a record was not stored as it was acknowledged."""
    for partition in range(min(partitions, len(lanes))):
        offsets = sorted(offset for lane in lanes[partition::partitions] for offset in lane.offsets)
        if offsets != list(range(offsets[0], offsets[0] + len(offsets))):
            raise RefusedResponse(
                f"partition {partition}: the {len(offsets)} offsets from {offsets[0]} to {offsets[-1]} do not follow one another"
            )


def run(load: Load) -> Outcome:
    lanes = connect(load)
    gc.disable()
    warm = drive(lanes, load, load.warm_seconds)[0] if load.warm_seconds else array("q")
    latencies, elapsed_s = drive(lanes, load, load.seconds)
    check_offsets(lanes, load.partitions)
    for lane in lanes:
        lane.connection.close()
    ordered = sorted(latencies)
    return Outcome(
        requests=len(ordered),
        requests_per_second=len(ordered) / elapsed_s,
        p50_ms=percentile_ms(ordered, 50),
        p99_ms=percentile_ms(ordered, 99),
        all_requests=len(ordered) + len(warm),
    )


def percentile_ms(ordered_ns: list[int], percent: float) -> float:
    """The nearest-rank percentile of sorted nanoseconds, in milliseconds."""
    return ordered_ns[min(len(ordered_ns) - 1, int(len(ordered_ns) * percent / 100))] / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description="Small Produce requests over plain sockets.")
    parser.add_argument("--address", required=True)
    parser.add_argument("--topic", required=True, help="must exist")
    parser.add_argument("--partitions", type=int, default=1, help="connections are spread over these")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm-seconds", type=float, default=0.0)
    parser.add_argument("--value-bytes", type=int, default=100)
    arguments = parser.parse_args()
    try:
        outcome = run(Load(**vars(arguments)))
    except (RefusedResponse, OSError) as error:
        print(f"raw_socket: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
