"""Mutated AMQP streams against the frame reader, the method codec, field tables and properties.

    python -m fuzz.amqp_frames --streams 1000000 --seed 7

Whatever comes, and in whatever pieces, the events are the same, the errors are declared ones and nothing hangs. What was read is written
and read again: a method, a table and properties come back equal, and headers that nobody changed come back byte for byte.
Ends with a count of each outcome. A stream that breaks a rule is printed as hex with its seed, and the exit code is 1.
"""

import argparse
import random
import sys
import time
from collections import Counter
from typing import Any

from pamqp import base, commands

from message_queues.errors import ProtocolError, SyntaxRefused
from message_queues.protocols.amqp.deliveries import HEARTBEAT, ack_frame, method_frame, nack_frame, publish_frames
from message_queues.protocols.amqp.events import Ack, Event, Method, Nack, ProtocolHeader, Publish, Violation
from message_queues.protocols.amqp.frames import PROTOCOL_HEADER, FrameReader
from message_queues.protocols.amqp.methods import read_method, write_method
from message_queues.records.field_table import FieldTable, Timestamp
from message_queues.records.properties import Properties, read_attributes, read_properties, with_headers, write_properties

FRAME_MAX = 4096
MAX_MESSAGE_BYTES = 20_000
SLOWEST_S = 1.0
HOSTILE_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xCE, 0xFE, 0xFF)
HOSTILE_RUNS = (
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\xce\xce",
    b"\x03\x00\x01\x00\x00\x00\x00\xce",
    b"\x00\x3c\x00\x28",
    b"\x00\x3c\x00\x50",
)

Shown = tuple[object, ...]


class BrokenRule(Exception):
    """A mutated stream did what none may do."""


# Streams that are right


class Streams:
    """Connections as clients make them: a handshake, then whatever comes to mind."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def stream(self) -> bytes:
        choose = self._random
        parts = [PROTOCOL_HEADER, *(method_frame(0, method) for method in self._handshake())]
        parts += [method_frame(channel, commands.Channel.Open()) for channel in (1, 2)]
        for _ in range(choose.randrange(1, 7)):
            parts.append(self._frames(choose.choice((1, 1, 2))))
        return b"".join(parts)

    def _handshake(self) -> tuple[base.Frame, ...]:
        properties: Any = {"product": "fuzz", "capabilities": {"basic.nack": True}}
        return (
            commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US"),
            commands.Connection.TuneOk(2047, FRAME_MAX, 60),
            commands.Connection.Open("/"),
        )

    def _frames(self, channel: int) -> bytes:
        choose = self._random
        match choose.randrange(9):
            case 0:
                return ack_frame(channel, choose.randrange(1 << 64), choose.random() < 0.5)
            case 1:
                return nack_frame(channel, choose.randrange(100), True)
            case 2:
                return method_frame(channel, commands.Basic.Reject(7, choose.random() < 0.5))
            case 3:
                return method_frame(channel, commands.Basic.Get(0, "queue", choose.random() < 0.5))
            case 4:
                arguments: Any = self._table()
                return method_frame(channel, commands.Queue.Declare(queue="queue", durable=True, arguments=arguments))
            case 5:
                return HEARTBEAT
            case 6:
                return method_frame(
                    channel, choose.choice((commands.Confirm.Select(), commands.Tx.Commit(), commands.Channel.Close(0, "bye", 0, 0)))
                )
        return self._publish(channel)

    def _publish(self, channel: int) -> bytes:
        """One, or some that differ in their bodies alone."""
        choose = self._random
        size = choose.choice((0, 1, 100, 100, 100, 5_000, 21_000))
        exchange, key = choose.choice(("", "events")), choose.choice(("queue", "a.b.c", "ü"))
        properties = self._properties()
        bodies = [choose.randbytes(size) for _ in range(choose.choice((1, 1, 3)) if size <= 100 else 1)]
        return b"".join([publish_frames(channel, exchange, key, properties, body, frame_max=FRAME_MAX) for body in bodies])

    def _properties(self) -> bytes:
        choose = self._random
        if choose.random() < 0.4:
            return write_properties(Properties(delivery_mode=2))
        given = Properties(content_type="text/plain", headers=self._table(), priority=choose.randrange(256), expiration="1000")
        given.timestamp, given.message_id, given.user_id = Timestamp(1_700_000_000), "m" * choose.randrange(256), "guest"
        return write_properties(given)

    def _table(self) -> FieldTable:
        known: FieldTable = {"n": 1, "big": 1 << 40, "t": True, "s": "text", "x": b"\xff", "nothing": None, "f": 0.5, "CC": ["a", "b"]}
        known |= {"x-death": [{"count": 3, "time": Timestamp(5), "routing-keys": ["k"]}], "nested": {"a": {"b": [1, [2, {"c": None}]]}}}
        names = self._random.sample(sorted(known), self._random.randrange(5))
        return {name: known[name] for name in names}


class Mutations:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def mutated(self, stream: bytes) -> bytes:
        """One to three changes, mostly behind the handshake; half of the results have their frames measured again."""
        damaged = bytearray(stream)
        beginning = 0 if self._random.random() < 0.1 else len(PROTOCOL_HEADER)
        for _ in range(self._random.choice((1, 1, 2, 3))):
            self._change(damaged, min(beginning, len(damaged)))
        return remeasured(bytes(damaged)) if self._random.random() < 0.5 else bytes(damaged)

    def _change(self, stream: bytearray, beginning: int) -> None:
        choose = self._random
        position = choose.randrange(beginning, len(stream) + 1)
        match choose.randrange(7):
            case 0 if position < len(stream):
                stream[position] ^= 1 << choose.randrange(8)
            case 1 if position < len(stream):
                stream[position] = choose.choice(HOSTILE_BYTES)
            case 2:
                run = choose.choice(HOSTILE_RUNS)
                stream[position : position + len(run)] = run
            case 3:
                del stream[position:]
            case 4:
                del stream[position : position + choose.randrange(1, 9)]
            case 5:
                stream[position:position] = choose.randbytes(choose.randrange(1, 9))
            case _:
                start = choose.randrange(len(stream) + 1)
                stream[position:position] = stream[start : start + choose.randrange(1, 33)]

    def chunks(self, data: bytes) -> list[bytes]:
        """Byte by byte if it is short, else in a few pieces."""
        if len(data) < 600 and self._random.random() < 0.3:
            return [data[i : i + 1] for i in range(len(data))]
        cuts = sorted(self._random.randrange(len(data) + 1) for _ in range(self._random.randrange(1, 5)))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def remeasured(stream: bytes) -> bytes:
    """The frames cut at their end octets, and their sizes made right, so that the damage gets behind the frames."""
    parts = [stream[:8]]
    for piece in stream[8:].split(b"\xce"):
        if len(piece) >= 7:
            parts += [piece[:3], (len(piece) - 7).to_bytes(4, "big"), piece[7:], b"\xce"]
        elif piece:
            parts.append(piece)
    return b"".join(parts)


# Judging


def events_of(chunks: list[bytes]) -> list[Event]:
    reader = FrameReader(FRAME_MAX, MAX_MESSAGE_BYTES)
    return [event for chunk in chunks for event in reader.receive_data(chunk)]


def shown(event: Event) -> Shown:
    """What can be compared."""
    match event:
        case Publish():
            return "publish", event.channel, event.method, event.properties, event.body, event.size
        case Ack():
            return "ack", event.channel, event.delivery_tag, event.multiple
        case Nack():
            return "nack", event.kind, event.channel, event.delivery_tag, event.multiple, event.requeue
        case Method():
            return "method", event.channel, event.method.index, write_method(event.method)
        case ProtocolHeader():
            return "protocol header", event.is_supported
        case Violation():
            return "violation", event.channel, type(event.error).__name__, str(event.error), event.class_id, event.method_id
    return ("heartbeat",)


def outcome(whole: bytes, chunks: list[bytes]) -> str:
    events = events_of([whole])
    told = list(map(shown, events))
    if told != list(map(shown, events_of(chunks))):
        raise BrokenRule(f"other events in {len(chunks)} pieces: {told}")
    for event in events:
        if isinstance(event, Publish):
            _check_properties(event.properties)
        elif isinstance(event, Method):
            written = write_method(event.method)
            if write_method(read_method(written)) != written:
                raise BrokenRule(f"{event.method.name} does not come back as it was")
    violations = [event for event in events if isinstance(event, Violation)]
    if violations:
        return f"refused: {type(violations[0].error).__name__}"
    if not events:
        return "incomplete"
    return "accepted" if isinstance(events[0], ProtocolHeader) and events[0].is_supported else "another protocol"


def _check_properties(raw: bytes) -> None:
    try:
        attributes = read_attributes(raw)
    except ProtocolError:
        _must_be_refused(raw)
        return
    read = read_properties(raw)
    if (read.headers or {}) != attributes.headers and "nan" not in repr(read.headers):
        raise BrokenRule(f"two readings of {raw.hex()}")
    if with_headers(raw, {}, ("not there",)) != raw:
        raise BrokenRule(f"{raw.hex()} changes by itself")
    with_headers(raw, {"x-death": [{"count": 1}]}, ("CC",), drop_expiration=True)
    try:
        again = write_properties(read)
    except SyntaxRefused:
        return
    if "nan" not in repr(read) and read_properties(again) != read:
        raise BrokenRule(f"{raw.hex()} does not come back as it was")


def _must_be_refused(raw: bytes) -> None:
    try:
        read_properties(raw)
    except ProtocolError:
        return
    raise BrokenRule(f"{raw.hex()} are properties, and are none")


def run(streams: int, seed: int, kinds: int = 2_000) -> Counter[str]:
    source = Streams(seed)
    known = [source.stream() for _ in range(min(kinds, streams))]
    if any(outcome(stream, [stream[:20], stream[20:]]) != "accepted" for stream in known):
        raise BrokenRule("a stream that is right was refused")
    mutations, choose = Mutations(seed), random.Random(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(streams):
        stream = mutations.mutated(choose.choice(known))
        outcomes[_judged(stream, mutations.chunks(stream))] += 1
    return outcomes


def _judged(stream: bytes, chunks: list[bytes]) -> str:
    began = time.perf_counter()
    try:
        result = outcome(stream, chunks) if stream else "nothing"
    except Exception as error:
        raise BrokenRule(f"{error!r} for {stream.hex()} in pieces of {[len(chunk) for chunk in chunks]}") from error
    if time.perf_counter() - began > SLOWEST_S:
        raise BrokenRule(f"more than {SLOWEST_S} s for {stream.hex()}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        outcomes = run(options.streams, options.seed)
    except BrokenRule as broken:
        print(f"seed {options.seed}: {broken}")
        return 1
    for name, count in outcomes.most_common():
        print(f"{count:>10} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
