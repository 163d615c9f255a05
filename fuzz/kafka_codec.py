"""Mutated Kafka requests against the frame splitter, the request header and the codec.

    python -m fuzz.kafka_codec --requests 1000000 --seed 7 [--memory]

Whatever comes, the answer is a message or one of the declared errors; nothing hangs. With --memory, each request is traced as well: what it
makes us hold stays within a fixed multiple of the bytes that it brought (an empty struct of two bytes is still a Python object).
Ends with a count of each outcome. A request that breaks a rule is printed as hex with its seed, and the exit code is 1.
"""

import argparse
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable

from message_queues.errors import FrameTooLarge, MalformedMessage
from message_queues.protocols.kafka.api_keys import APIS
from message_queues.protocols.kafka.codec import decode
from message_queues.protocols.kafka.frame import FrameSplitter, request_frame
from message_queues.protocols.kafka.header import parse_request_header
from tests.wire.random_messages import RandomMessages

MAX_FRAME_BYTES = 1 << 20
SLOWEST_S = 1.0
HELD_PER_BYTE = 64
HELD_BESIDE_BYTES = 16_384
HOSTILE_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
HOSTILE_RUNS = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x7f", b"\x7f\xff")


class BrokenRule(Exception):
    """A mutated request did what none may do."""


def well_formed_requests(seed: int, messages_per_version: int) -> list[bytes]:
    frames = []
    for api in APIS.values():
        for version in range(api.min_version, api.max_version + 1):
            messages = RandomMessages(f"{seed} {api.name} {version}")
            for index in range(messages_per_version):
                client_id = (None, "", "client-1", "x" * 200)[index % 4]
                frames.append(request_frame(api.key, version, index, client_id, messages.message(api.request, version)))
    return frames


class Mutations:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def mutated(self, frame: bytes) -> bytes:
        """One to four changes anywhere in the frame; half of the results get a right size again, so that the damage reaches the codec."""
        damaged = bytearray(frame)
        for _ in range(self._random.choice((1, 1, 2, 4))):
            self._change(damaged)
        if self._random.random() < 0.5 and len(damaged) >= 4:
            damaged[:4] = (len(damaged) - 4).to_bytes(4, "big")
        return bytes(damaged)

    def _change(self, frame: bytearray) -> None:
        position = self._random.randrange(len(frame) + 1)
        match self._random.randrange(7):
            case 0 if position < len(frame):
                frame[position] ^= 1 << self._random.randrange(8)
            case 1 if position < len(frame):
                frame[position] = self._random.choice(HOSTILE_BYTES)
            case 2:
                run = self._random.choice(HOSTILE_RUNS)
                frame[position : position + len(run)] = run
            case 3:
                del frame[position:]
            case 4:
                del frame[position : position + self._random.randrange(1, 9)]
            case 5:
                frame[position:position] = self._random.randbytes(self._random.randrange(1, 9))
            case _:
                start = self._random.randrange(len(frame) + 1)
                frame[position:position] = frame[start : start + self._random.randrange(1, 33)]

    def chunks(self, data: bytes) -> list[bytes]:
        if self._random.random() < 0.8:
            return [data]
        cut = self._random.randrange(len(data) + 1)
        return [data[:cut], data[cut:]]


def outcome(chunks: list[bytes]) -> str:
    """What a connection would make of these bytes."""
    splitter = FrameSplitter(MAX_FRAME_BYTES)
    result = "incomplete"
    try:
        for chunk in chunks:
            for frame in splitter.receive_data(chunk):
                result = _request_outcome(frame)
    except FrameTooLarge:
        return "refused frame"
    except MalformedMessage:
        return "malformed"
    return result


def _request_outcome(frame: bytes) -> str:
    header = parse_request_header(frame)
    api = APIS.get(header.api_key)
    if api is None or not api.supports(header.api_version):
        return "unknown API or version"
    decode(api.request, header.api_version, frame, header.body_position)
    return "accepted"


def _within_memory(chunks: list[bytes]) -> str:
    received = sum(map(len, chunks))
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    result = outcome(chunks)
    _, peak = tracemalloc.get_traced_memory()
    if peak - before > received * HELD_PER_BYTE + HELD_BESIDE_BYTES:
        raise BrokenRule(f"{received} bytes made us hold {peak - before}")
    return result


def run(requests: int, seed: int, trace_memory: bool = False, messages_per_version: int = 8) -> Counter[str]:
    frames = well_formed_requests(seed, messages_per_version)
    # Readers are compiled on first use: that is no allocation of a request.
    outcomes = Counter(outcome([frame]) for frame in frames)
    if set(outcomes) != {"accepted"}:
        raise BrokenRule(f"well-formed requests were not all accepted: {outcomes}")
    mutations, choose = Mutations(seed), random.Random(seed)
    judge = _within_memory if trace_memory else outcome
    outcomes.clear()
    if trace_memory:
        tracemalloc.start()
    try:
        for _ in range(requests):
            outcomes[_judged(judge, mutations.chunks(mutations.mutated(choose.choice(frames))))] += 1
    finally:
        tracemalloc.stop()
    return outcomes


def _judged(judge: Callable[[list[bytes]], str], chunks: list[bytes]) -> str:
    began = time.perf_counter()
    try:
        result = judge(chunks)
    except Exception as error:
        raise BrokenRule(f"{error!r} for {[chunk.hex() for chunk in chunks]}") from error
    if time.perf_counter() - began > SLOWEST_S:
        raise BrokenRule(f"more than {SLOWEST_S} s for {[chunk.hex() for chunk in chunks]}")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="trace what each request makes us hold (slow)")
    options = parser.parse_args()
    try:
        outcomes = run(options.requests, options.seed, options.memory)
    except BrokenRule as broken:
        print(f"seed {options.seed}: {broken}")
        return 1
    for name, count in outcomes.most_common():
        print(f"{count:>10} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
