"""Load for an AMQP broker over plain sockets: publishes as fast as they are taken, and deliveries as fast as they come.

What the generator spends is spent on the broker's cores too: publishes are built beforehand and sent by the hundred, and deliveries, which
are all of one length, are counted by their bytes. That nothing is missing is checked all the same: the last delivery tag of each piece of
data, the messages that wait in a queue at the end, each confirm. Prints one line of JSON; `consume` prints "ready" before.

    python -m benchmarks.amqp_load confirm --address 127.0.0.1:5672 --queues bench-0 --messages 100000 --persistent
"""

import argparse
import gc
import json
import select
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from time import monotonic_ns
from types import SimpleNamespace

from pamqp import commands

from benchmarks.amqp_connection import CHANNEL, RECEIVE_BYTES, TIMEOUT_S, Connection, Refused
from message_queues.protocols.amqp.deliveries import publish_frames
from message_queues.records.properties import Properties, write_properties

NANOSECONDS = 1_000_000_000
PUBLISHES_AT_ONCE = 100
CONFIRM = struct.Struct(">BHIIQBB")
CONFIRM_BYTES = CONFIRM.size
ACK_INDEX = 0x003C0050
TAG = struct.Struct(">Q")
STAMP = struct.Struct(">q")

Outcome = dict[str, float]


class Publishes:
    """Prebuilt publishes, one hundred (or one round of all targets) in a piece."""

    def __init__(self, targets: Sequence[tuple[str, str]], *, is_persistent: bool, body_bytes: int) -> None:
        properties = write_properties(Properties(delivery_mode=2 if is_persistent else 1))
        body = b"b" * body_bytes
        each = [publish_frames(CHANNEL, exchange, key, properties, body) for exchange, key in targets]
        self.count = len(each) * max(1, PUBLISHES_AT_ONCE // len(each))
        self.piece = b"".join(each * (self.count // len(each)))


class Confirms:
    """Which of the published messages are confirmed."""

    def __init__(self) -> None:
        self.confirmed = 0
        """All up to this delivery tag."""
        self._beyond: set[int] = set()
        self._rest = b""

    def take(self, data: bytes) -> None:
        if not data:
            raise Refused("the broker closed the connection")
        if self._rest:
            data = self._rest + data
        whole = len(data) - len(data) % CONFIRM_BYTES
        self._rest = data[whole:]
        confirmed, beyond = self.confirmed, self._beyond
        for _, _, _, index, tag, multiple, _ in CONFIRM.iter_unpack(data[:whole]):
            if index != ACK_INDEX:
                raise Refused(f"a publish was not acknowledged but answered with {data[:64]!r}")
            if multiple:
                confirmed = max(confirmed, tag)
            elif tag == confirmed + 1:
                confirmed = tag
            else:
                beyond.add(tag)
            while beyond and confirmed + 1 in beyond:
                confirmed += 1
                beyond.discard(confirmed)
        self.confirmed = confirmed


class Deliveries:
    """Deliveries of one length on one channel, counted by their bytes."""

    def __init__(self) -> None:
        self.count = 0
        self._size = 0
        self._tag_at = 0
        self._rest = b""

    def take(self, data: bytes) -> bytes:
        """Counts the whole deliveries in the data and returns them."""
        if not data:
            raise Refused("the broker closed the connection")
        if self._rest:
            data = self._rest + data
        if not self._size and not self._measure(data):
            self._rest = data
            return b""
        count, left = divmod(len(data), self._size)
        self._rest = data[len(data) - left :] if left else b""
        self.count += count
        if count and TAG.unpack_from(data, (count - 1) * self._size + self._tag_at)[0] != self.count:
            raise Refused(f"delivery {self.count} is not where it should be")
        return data[: count * self._size]

    def _measure(self, data: bytes) -> bool:
        """The first delivery is taken apart: three frames, the consumer tag before the delivery tag."""
        position = 0
        for _ in range(3):
            if len(data) < position + 7:
                return False
            position += 8 + struct.unpack_from(">I", data, position + 3)[0]
        if len(data) < position:
            return False
        if data[7:11] != b"\x00\x3c\x00\x3c":
            raise Refused(f"a delivery was expected: {data[:64]!r}")
        self._size, self._tag_at = position, 12 + data[11]
        return True

    @property
    def size(self) -> int:
        return self._size


# The loads


def publish(options: SimpleNamespace) -> Outcome:
    """Without confirms; ends when the queues tell that they have all of it."""
    connection = Connection(options.address)
    publishes = publishes_of(options)
    pieces = -(-options.messages // publishes.count)
    before = sum(map(connection.count, options.queues))
    send, piece = connection.socket.sendall, publishes.piece
    started = monotonic_ns()
    for _ in range(pieces):
        send(piece)
    expected = before + pieces * publishes.count * options.copies
    # RabbitMQ answers for its queues before they have all of it.
    while (waiting := sum(map(connection.count, options.queues))) != expected:
        if monotonic_ns() - started > TIMEOUT_S * NANOSECONDS:
            raise Refused(f"{waiting} of {expected} messages are in the queues")
    elapsed = monotonic_ns() - started
    connection.close()
    return rate(pieces * publishes.count, started, elapsed)


def confirm(options: SimpleNamespace) -> Outcome:
    """With confirms, so many in flight."""
    connection = Connection(options.address)
    connection.ask(commands.Confirm.Select(), commands.Confirm.SelectOk)
    publishes = publishes_of(options)
    total = -(-options.messages // publishes.count) * publishes.count
    confirms = Confirms()
    send, receive, piece, step = connection.socket.sendall, connection.socket.recv, publishes.piece, publishes.count
    room = max(options.in_flight, step)
    sent = 0
    started = monotonic_ns()
    while confirms.confirmed < total:
        while sent < total and sent + step - confirms.confirmed <= room:
            send(piece)
            sent += step
        confirms.take(receive(RECEIVE_BYTES))
    elapsed = monotonic_ns() - started
    connection.close()
    return rate(total, started, elapsed)


def consume(options: SimpleNamespace) -> Outcome:
    """All queues on one channel until so many messages have come; each is acknowledged by itself, or none."""
    connection = Connection(options.address)
    if options.prefetch:
        connection.ask(commands.Basic.Qos(0, options.prefetch, False), commands.Basic.QosOk)
    deliveries = Deliveries()
    send, receive = connection.socket.sendall, connection.socket.recv
    started = monotonic_ns()
    for number, queue in enumerate(options.queues):
        connection.send(commands.Basic.Consume(queue=queue, consumer_tag=f"{number:04}", no_ack=not options.prefetch, nowait=True))
    print("ready", flush=True)
    pack = CONFIRM.pack
    acknowledged = 0
    while deliveries.count < options.messages:
        deliveries.take(receive(RECEIVE_BYTES))
        if options.prefetch and deliveries.count > acknowledged:
            send(b"".join([pack(1, CHANNEL, 13, ACK_INDEX, tag, 0, 0xCE) for tag in range(acknowledged + 1, deliveries.count + 1)]))
            acknowledged = deliveries.count
    elapsed = monotonic_ns() - started
    connection.close()
    return rate(deliveries.count, started, elapsed)


def pace(options: SimpleNamespace) -> Outcome:
    """Publishes at a rate and consumes with acknowledgements; the time from each publish to its delivery, the first fifth not counted."""
    publisher, consumer = Connection(options.address), Connection(options.address)
    publisher.ask(commands.Confirm.Select(), commands.Confirm.SelectOk)
    consumer.ask(commands.Basic.Qos(0, 2000, False), commands.Basic.QosOk)
    consumer.ask(commands.Basic.Consume(queue=options.queues[0], consumer_tag="pace"), commands.Basic.ConsumeOk)
    properties = write_properties(Properties(delivery_mode=2 if options.persistent else 1))
    body = bytes(options.body_bytes)
    frames = publish_frames(CHANNEL, "", options.queues[0], properties, body)
    head, tail = frames[: -1 - len(body)], body[8:] + b"\xce"
    latencies = array("q")
    deliveries, confirms = Deliveries(), Confirms()
    poller = select.epoll()
    poller.register(publisher.socket.fileno(), select.EPOLLIN)
    poller.register(consumer.socket.fileno(), select.EPOLLIN)
    total, interval = options.messages, NANOSECONDS / options.rate
    sent = 0
    started = monotonic_ns()
    while deliveries.count < total or confirms.confirmed < total:
        now = monotonic_ns()
        due = min(total, int((now - started) / interval))
        if due > sent:
            publisher.socket.sendall(b"".join([head + STAMP.pack(now) + tail] * (due - sent)))
            sent = due
        wait_s = max(0.0, (started + (sent + 1) * interval - monotonic_ns()) / NANOSECONDS) if sent < total else TIMEOUT_S
        for descriptor, _ in poller.poll(wait_s):
            if descriptor == consumer.socket.fileno():
                _take_stamped(consumer, deliveries, latencies, len(body))
            else:
                confirms.take(publisher.socket.recv(RECEIVE_BYTES))
    elapsed = monotonic_ns() - started
    publisher.close()
    consumer.close()
    return {**rate(total, started, elapsed), **percentiles(latencies[total // 5 :])}


def _take_stamped(consumer: Connection, deliveries: Deliveries, latencies: "array[int]", body_bytes: int) -> None:
    first = deliveries.count + 1
    data = deliveries.take(consumer.socket.recv(RECEIVE_BYTES))
    now = monotonic_ns()
    size = deliveries.size
    for end in range(size, len(data) + 1, size or 1):
        latencies.append(now - STAMP.unpack_from(data, end - 1 - body_bytes)[0])
    if data:
        pack = CONFIRM.pack
        consumer.socket.sendall(b"".join([pack(1, CHANNEL, 13, ACK_INDEX, tag, 0, 0xCE) for tag in range(first, deliveries.count + 1)]))


def connections(options: SimpleNamespace) -> Outcome:
    """Many connections, each with one confirmed publish in flight."""
    started = monotonic_ns()
    many = [Connection(options.address) for _ in range(options.connections)]
    connected_s = (monotonic_ns() - started) / NANOSECONDS
    poller = select.epoll(len(many))
    send_and_receive: dict[int, tuple[Callable[[bytes], None], Callable[[int], bytes]]] = {}
    for connection in many:
        connection.ask(commands.Confirm.Select(), commands.Confirm.SelectOk)
        poller.register(connection.socket.fileno(), select.EPOLLIN)
        send_and_receive[connection.socket.fileno()] = connection.socket.sendall, connection.socket.recv
    properties = write_properties(Properties(delivery_mode=2 if options.persistent else 1))
    targets = [publish_frames(CHANNEL, "", queue, properties, b"b" * options.body_bytes) for queue in options.queues]
    sent_at: dict[int, int] = {}
    latencies = array("q")
    started = monotonic_ns()
    for number, (descriptor, (send, _)) in enumerate(send_and_receive.items()):
        sent_at[descriptor] = monotonic_ns()
        send(targets[number % len(targets)])
    left = options.messages - len(many)
    while sent_at:
        ready = poller.poll(TIMEOUT_S)
        if not ready:
            raise Refused(f"no confirm within {TIMEOUT_S} s")
        for descriptor, _ in ready:
            send, receive = send_and_receive[descriptor]
            data = receive(RECEIVE_BYTES)
            if len(data) != CONFIRM_BYTES or data[7:11] != b"\x00\x3c\x00\x50":
                raise Refused(f"a publish was not acknowledged but answered with {data[:64]!r}")
            now = monotonic_ns()
            latencies.append(now - sent_at.pop(descriptor))
            if left > 0:
                left -= 1
                sent_at[descriptor] = now
                send(targets[left % len(targets)])
    elapsed = monotonic_ns() - started
    for connection in many:
        connection.close()
    return {**rate(len(latencies), started, elapsed), **percentiles(latencies), "connected_s": connected_s}


# What is common to them


def publishes_of(options: SimpleNamespace) -> Publishes:
    if options.exchange:
        targets = [(options.exchange, options.keys % number) for number in range(options.key_count)]
    else:
        targets = [("", queue) for queue in options.queues]
    return Publishes(targets, is_persistent=options.persistent, body_bytes=options.body_bytes)


def rate(messages: int, started: int, elapsed: int) -> Outcome:
    return {"messages": messages, "per_second": messages * NANOSECONDS / elapsed, "started_ns": started, "ended_ns": started + elapsed}


def percentiles(latencies: "array[int]") -> Outcome:
    ordered = sorted(latencies)
    return {f"p{percent}_ms": ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] / 1e6 for percent in (50, 99)}


LOADS: dict[str, Callable[[SimpleNamespace], Outcome]] = {
    "publish": publish,
    "confirm": confirm,
    "consume": consume,
    "pace": pace,
    "connections": connections,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Load for an AMQP broker over plain sockets.")
    parser.add_argument("load", choices=LOADS)
    parser.add_argument("--address", required=True)
    parser.add_argument("--queues", required=True, type=lambda text: text.split(","), help="must exist")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--body-bytes", type=int, default=100)
    parser.add_argument("--persistent", action="store_true")
    parser.add_argument("--in-flight", type=int, default=1000, help="unconfirmed publishes")
    parser.add_argument("--prefetch", type=int, default=0, help="with acknowledgements; 0: without")
    parser.add_argument("--rate", type=float, default=1000.0, help="publishes per second")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--exchange", default="", help="instead of the queues by their names")
    parser.add_argument("--keys", default="%d", help="routing keys, with a number in them")
    parser.add_argument("--key-count", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1, help="how many of the queues each message goes to")
    options = SimpleNamespace(**vars(parser.parse_args()))
    gc.disable()
    try:
        outcome = LOADS[options.load](options)
    except (Refused, OSError) as error:
        print(f"amqp_load: {error}", file=sys.stderr)
        return 1
    print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
