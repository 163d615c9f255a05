"""Mutated Kafka requests against a live server, over sockets.

    python -m fuzz.kafka_server --requests 1000000 --seed 7

Valid requests of every API and version, about topics and groups that exist, are damaged, cut, glued together and sent in pieces. Whatever
comes, each is answered with a well-formed response, or the connection is closed with one line in the log: no traceback, no silence. A
witness asks on a connection of its own all the while. Now and then the server is replaced, and the old one has to have nothing left: no
waiter, no timer of a long poll, no task. Memory is watched.

Ends with a count of each outcome. What breaks a rule is printed as hex with its seed, and the exit code is 1.
"""

import argparse
import asyncio
import contextlib
import logging
import random
import re
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from fuzz.kafka_codec import Mutations
from message_queues.errors import MessageQueuesError
from message_queues.protocols.kafka.api_keys import APIS, ApiKey
from message_queues.protocols.kafka.codec import decode_prefix
from message_queues.protocols.kafka.frame import FrameSplitter, request_frame
from message_queues.protocols.kafka.header import parse_request_header, parse_response_header
from message_queues.protocols.kafka.hot import produce
from message_queues.protocols.kafka.messages.api_versions import ApiVersionsRequest
from message_queues.protocols.kafka.messages.metadata import MetadataRequest
from message_queues.servers.server import Server
from message_queues.settings import ServerSettings
from tests.servers.kafka.valid_requests import Known, every_version, valid_request
from tests.wire.random_messages import RandomMessages

MAX_REQUEST_BYTES = 1 << 20
MAX_RESPONSE_BYTES = 1 << 28
PARKED_AFTER_S = 0.25
"""A JoinGroup or a long poll may wait much longer than that: then the client goes away."""
LATEST_ANSWER_S = 10.0
REQUESTS_PER_SERVER = 20_000
MOST_TOPICS, MOST_PARTITIONS, MOST_GROUPS = 300, 5_000, 2_000
"""A server that was made to have more is replaced: it is to be fuzzed, not filled."""
GROWTH_BYTES = 512 << 20
CONNECTIONS = 24
PROBE_EVERY = 50
PROBE_ID = 0x5EC0ED
CLOSED = "connection closed"
UNSPEAKABLE = re.compile(r"(is not in|cannot be null in) version \d+$")
"""A response that its version cannot carry closes the connection too, but it should not have been made."""
NO_LINGER = struct.pack("ii", 1, 0)
CONFIG = {"group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1", "log.retention.check.interval.ms": "100"}


class BrokenRule(Exception):
    """A server did what it may not do."""


@dataclass
class Watch:
    """What the server logged, and what its event loop complained of."""

    closed: int = 0
    last_reason: str = ""
    complaints: list[str] = field(default_factory=list)

    def take(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno > logging.WARNING:
            self.complaints.append(logging.Formatter("%(levelname)s %(message)s").format(record) + f" {vars(record)}")
        elif record.getMessage() == CLOSED:
            self.closed += 1
            self.last_reason = str(vars(record).get("reason"))
            if UNSPEAKABLE.search(self.last_reason):
                self.complaints.append(self.last_reason)

    def complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")


class WatchingHandler(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.take(record)


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    watch = Watch()
    handler = WatchingHandler(watch)
    ours, loop = logging.getLogger("message_queues"), asyncio.get_running_loop()
    propagated, ours.propagate = ours.propagate, False
    ours.addHandler(handler)
    loop.set_exception_handler(watch.complain)
    try:
        yield watch
    finally:
        loop.set_exception_handler(None)
        ours.removeHandler(handler)
        ours.propagate = propagated


class Peer(asyncio.Protocol):
    """A client's end of a connection: responses in, as frames."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.is_closed = False
        self._splitter = FrameSplitter(MAX_RESPONSE_BYTES)
        self._wanted = 0
        self._arrived: asyncio.Future[None] | None = None

    @classmethod
    async def connected(cls, address: str) -> "Peer":
        host, port = address.rsplit(":", 1)
        _, peer = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        return peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self.transport = cast(asyncio.Transport, transport)
        # A million connections must not leave a million ports waiting.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    def data_received(self, data: bytes) -> None:
        self.frames += self._splitter.receive_data(data)
        if len(self.frames) >= self._wanted:
            self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._tell()

    def _tell(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def receive(self, wanted: int, timeout_s: float) -> list[bytes]:
        """So many frames, or those that came before the connection was closed or the time over."""
        if len(self.frames) < wanted and not self.is_closed:
            loop = asyncio.get_running_loop()
            self._wanted, self._arrived = wanted, loop.create_future()
            timer = loop.call_later(timeout_s, self._tell)
            await self._arrived
            timer.cancel()
        frames, self.frames = self.frames, []
        return frames


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent at once, and what the server will see of it."""

    data: bytes
    frames: tuple[bytes, ...]
    is_refused: bool
    """A frame's size is beyond the limit."""
    is_whole: bool
    """No further byte is awaited."""
    is_valid: bool

    @classmethod
    def of(cls, data: bytes, is_valid: bool) -> "Attack":
        frames: list[bytes] = []
        position = 0
        while len(data) - position >= 4:
            size = int.from_bytes(data[position : position + 4], "big", signed=True)
            if not 0 <= size <= MAX_REQUEST_BYTES:
                return cls(data, tuple(frames), True, True, is_valid)
            if position + 4 + size > len(data):
                break
            frames.append(data[position + 4 : position + 4 + size])
            position += 4 + size
        return cls(data, tuple(frames), False, position == len(data), is_valid)

    @property
    def answers(self) -> int:
        return sum(not is_silent(frame) for frame in self.frames)


def is_silent(frame: bytes) -> bool:
    """A Produce that wants no answer."""
    try:
        header = parse_request_header(frame)
        if header.api_key == ApiKey.PRODUCE and APIS[ApiKey.PRODUCE].supports(header.api_version):
            return produce.parse(header.api_version, frame, header.body_position).acks == 0
    except MessageQueuesError:
        pass
    return False


def check_response(request: bytes, response: bytes) -> str:
    """The API that answered; BrokenRule when it is no answer to the request."""
    header = parse_request_header(request)
    api = APIS[header.api_key]
    version = header.api_version
    if not api.supports(version):
        if api.key != ApiKey.API_VERSIONS:
            raise BrokenRule(f"{api.name} is answered in version {version}")
        version = 0
    correlation_id, position = parse_response_header(api.key, version, response)
    if correlation_id != header.correlation_id:
        raise BrokenRule(f"an answer to {correlation_id}, not to {header.correlation_id}")
    _, end = decode_prefix(api.response, version, response, position)
    if end != len(response):
        raise BrokenRule(f"{api.name} v{version}: {len(response) - end} bytes after the response")
    return api.name


class Attacks:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._mutations = Mutations(seed)
        self._versions = list(every_version())
        self._strangers = self._random_frames(seed)
        self._familiar: list[bytes] = []

    def _random_frames(self, seed: int) -> list[bytes]:
        frames = []
        for key, version in self._versions:
            messages = RandomMessages(f"{seed} {key} {version}")
            frames += [request_frame(key, version, index, "client", messages.message(APIS[key].request, version)) for index in range(3)]
        return frames

    def aim_at(self, known: Known) -> None:
        self._familiar = [
            request_frame(key, version, index, "client", valid_request(key, version, known))
            for index, (key, version) in enumerate(self._versions)
        ]

    def next(self) -> Attack:
        chance = self.random
        if chance.random() < 0.05:
            return Attack.of(chance.choice(self._familiar), True)
        data = b""
        for _ in range(chance.choice((1, 1, 1, 1, 2, 3))):
            frame = chance.choice(self._familiar if chance.random() < 0.8 else self._strangers)
            data += frame if chance.random() < 0.1 else self._damaged(frame)
        return Attack.of(data, False)

    def _damaged(self, frame: bytes) -> bytes:
        if self.random.random() < 0.1:
            # Another API, or another version, than the body is of.
            at, value = self.random.choice(((4, self.random.randrange(-1, 80)), (6, self.random.randrange(-1, 20))))
            return frame[:at] + struct.pack(">h", value) + frame[at + 2 :]
        return self._mutations.mutated(frame)

    def pieces(self, data: bytes) -> Sequence[bytes]:
        if self.random.random() < 0.8 or len(data) < 2:
            return (data,)
        cut = self.random.randrange(1, len(data))
        return data[:cut], data[cut:]


class Battle:
    """One server, the attackers, and the witness."""

    def __init__(self, server: Server, attacks: Attacks, watch: Watch, outcomes: Counter[str], requests: int) -> None:
        self.server = server
        self.attacks = attacks
        self.watch = watch
        self.outcomes = outcomes
        self.left = requests
        self.closed = 0
        """Connections that the server has closed."""
        self.abandoned = 0
        """Connections that a client has left while it waited: whether the server closed them too, nobody saw."""
        self.slowest_s = 0.0
        self.most_bytes = 0

    async def fight(self) -> None:
        self._restore()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._attack())
        await self._settle()

    def _restore(self) -> None:
        self.attacks.aim_at(Known.prepared(self.server.broker))

    def _is_full(self) -> bool:
        topics = self.server.broker.topics
        if len(topics) > MOST_TOPICS or sum(1 for _ in self.server.broker.groups) > MOST_GROUPS:
            return True
        return sum(len(topic.partitions) for topic in topics) > MOST_PARTITIONS

    async def _attack(self) -> None:
        peer = await self._connected()
        while self.left > 0:
            attack = self.attacks.next()
            self.left -= len(attack.frames) or 1
            number = self.left
            try:
                outcome = await self._judged(peer, attack)
            except Exception as error:
                raise BrokenRule(f"{error!r} for {attack.data.hex()}") from error
            self.outcomes[outcome] += 1
            if self.watch.complaints:
                raise BrokenRule(f"{self.watch.complaints[0]} for {attack.data.hex()}")
            if outcome != "answered":
                self._leave(peer, outcome)
                peer = await self._connected()
            if number % PROBE_EVERY == 0:
                await self._probe()
                self._restore()
                if self._is_full():
                    self.left = min(self.left, 0)
        peer.transport.abort()

    async def _connected(self) -> Peer:
        return await Peer.connected(self.server.addresses["kafka"][0])

    def _leave(self, peer: Peer, outcome: str) -> None:
        if peer.is_closed:
            self.closed += 1
        else:
            self.abandoned += 1
            peer.transport.abort()

    async def _judged(self, peer: Peer, attack: Attack) -> str:
        for piece in self.attacks.pieces(attack.data):
            peer.transport.write(piece)
            await asyncio.sleep(0)
        probe = request_frame(ApiKey.API_VERSIONS, 0, PROBE_ID, None, ApiVersionsRequest())
        if attack.is_whole and not attack.is_refused:
            peer.transport.write(probe)
            responses = await peer.receive(attack.answers + 1, PARKED_AFTER_S)
            wanted = [frame for frame in attack.frames if not is_silent(frame)] + [probe[4:]]
        else:
            responses = await peer.receive(attack.answers + attack.is_refused, PARKED_AFTER_S)
            wanted = [frame for frame in attack.frames if not is_silent(frame)]
        if attack.is_refused and len(responses) == len(wanted):
            await peer.receive(1, LATEST_ANSWER_S)
        if len(responses) > len(wanted):
            raise BrokenRule(f"{len(responses)} answers to {len(wanted)} requests")
        for request, response in zip(wanted, responses, strict=False):
            check_response(request, response)
        return self._outcome(peer, attack, len(wanted) - len(responses))

    def _outcome(self, peer: Peer, attack: Attack, missing: int) -> str:
        if peer.is_closed:
            if attack.is_valid:
                raise BrokenRule(f"a valid request closed the connection: {self.watch.last_reason}")
            return "closed"
        if attack.is_refused and not missing:
            raise BrokenRule("a frame that is too large did not close the connection")
        if missing:
            return "parked"
        if not attack.is_whole:
            return "incomplete"
        # What had no answer may close the connection a moment later.
        return "answered" if attack.answers == len(attack.frames) else "silent"

    async def _probe(self) -> None:
        """The server goes on for others; memory is looked at."""
        began = time.perf_counter()
        peer = await self._connected()
        frame = request_frame(ApiKey.METADATA, 12, 1, None, MetadataRequest(topics=None))
        peer.transport.write(frame)
        responses = await peer.receive(1, LATEST_ANSWER_S)
        if not responses:
            raise BrokenRule(f"the witness got no answer within {LATEST_ANSWER_S} s")
        check_response(frame[4:], responses[0])
        peer.transport.abort()
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
        self.most_bytes = max(self.most_bytes, resident_bytes())

    async def _settle(self) -> None:
        """All clients have gone: so has everything that was kept for them."""
        broker = self.server.broker
        await until(lambda: not any(node.connections for node in self.server.nodes), "connections are left")
        await until(lambda: len(asyncio.all_tasks()) <= 1, "tasks are left")
        await until(lambda: not any(partition.waiters for partition in broker.topics.partitions()), "waiters are left")
        await until(lambda: broker.patience.next_deadline() is None, "timers of long polls are left")
        if not self.closed <= self.watch.closed <= self.closed + self.abandoned:
            raise BrokenRule(f"{self.closed} connections were closed with {self.watch.closed} lines in the log")


async def until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + LATEST_ANSWER_S
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenRule(otherwise)
        await asyncio.sleep(0.002)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


@dataclass
class Result:
    outcomes: Counter[str]
    servers: int = 0
    slowest_s: float = 0.0
    first_bytes: int = 0
    most_bytes: int = 0


async def fuzz(requests: int, seed: int) -> Result:
    result = Result(Counter())
    attacks = Attacks(seed)
    left = requests
    while left > 0:
        with watching() as watch:
            chance = attacks.random
            server = Server(
                ServerSettings(
                    only=("kafka",),
                    kafka_port=(0,),
                    brokers=chance.choice((1, 1, 3)),
                    fsync=chance.random() < 0.2,
                    max_request_bytes=MAX_REQUEST_BYTES,
                    config=CONFIG,
                )
            )
            await server.start()
            count = min(left, REQUESTS_PER_SERVER)
            battle = Battle(server, attacks, watch, result.outcomes, count)
            result.first_bytes = result.first_bytes or resident_bytes()
            try:
                await battle.fight()
            finally:
                await server.stop()
            if watch.complaints:
                raise BrokenRule(watch.complaints[0])
        left -= count
        result.servers += 1
        result.slowest_s = max(result.slowest_s, battle.slowest_s)
        result.most_bytes = max(result.most_bytes, battle.most_bytes)
        if result.most_bytes - result.first_bytes > GROWTH_BYTES:
            raise BrokenRule(f"memory grew from {result.first_bytes >> 20} to {result.most_bytes >> 20} MiB")
    return result


def run(requests: int, seed: int) -> Result:
    """On uvloop with odd seeds, as `mq serve` runs, and on asyncio with even ones. Raises BrokenRule."""
    try:
        return (uvloop.run if seed % 2 else asyncio.run)(fuzz(requests, seed))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    try:
        result = run(options.requests, options.seed)
    except BrokenRule as broken:
        print(f"seed {options.seed}: {broken}")
        return 1
    for name, count in result.outcomes.most_common():
        print(f"{count:>10} {name}")
    print(f"{result.servers} servers, {time.monotonic() - began:.0f} s, the witness waited {result.slowest_s:.3f} s at most")
    print(f"resident: {result.first_bytes >> 20} MiB at first, {result.most_bytes >> 20} MiB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
