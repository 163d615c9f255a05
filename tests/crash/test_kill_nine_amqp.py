"""`kill -9` under confirmed AMQP load on a classic, a quorum and a stream queue, at a moment that the seed picks.

The server then starts on the same data and port while its clients wait for it. Two seeds run with the quick tests, fifty in all.
"""

from pathlib import Path
from random import Random

import pytest
from pamqp import commands

from tests.contract.rabbitmq.raw_client import Content, RawClient
from tests.crash.amqp_load import Consumer, Publisher, host_and_port, number_of
from tests.crash.server_process import ServerProcess

MESSAGES = 4_000
"""On each queue."""
KINDS = ("classic", "quorum", "stream")
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.real) for seed in range(2, 50))]


class Run:
    """One server, its load, and what was wrong with it."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.chance = Random(seed)
        self.server = ServerProcess(directory, protocol="amqp")
        self.violations: list[str] = []

    @property
    def address(self) -> str:
        return self.server.addresses[0]

    def client(self) -> RawClient:
        client = RawClient.connect(*host_and_port(self.address))
        client.open_channel()
        return client

    def start_load(self) -> None:
        client = self.client()
        for kind in KINDS:
            client.send(1, commands.Queue.Declare(queue=kind, durable=True, arguments={"x-queue-type": kind}))
            client.expect(1, commands.Queue.DeclareOk)
        client.close()
        self.publishers = {kind: Publisher(lambda: self.address, kind, MESSAGES) for kind in KINDS}
        self.consumers = {kind: Consumer(lambda: self.address, kind) for kind in ("classic", "quorum")}
        for worker in (*self.publishers.values(), *self.consumers.values()):
            worker.start()

    def kill_under_load(self) -> None:
        self.publishers[self.chance.choice(KINDS)].progress.wait_for(self.chance.randrange(1, MESSAGES // 2))
        self.server.kill()
        self.server.start()

    def finish_load(self) -> None:
        for publisher in self.publishers.values():
            publisher.finish()
        for kind, consumer in self.consumers.items():
            confirmed = self.publishers[kind].confirmed
            consumer.progress.wait_for(len(confirmed))
            consumer.stop()
            consumer.finish()
            self.violations += [f"{kind}: {number} was confirmed and never delivered" for number in sorted(confirmed - consumer.seen)]
            self.violations += consumer.violations

    def check_stream(self) -> None:
        """Every confirmed message, each publisher's order, and nothing torn."""
        client = self.client()
        client.send(1, commands.Basic.Qos(prefetch_count=1000))
        client.expect(1, commands.Basic.QosOk)
        client.send(1, commands.Basic.Consume(queue="stream", consumer_tag="reader", arguments={"x-stream-offset": "first"}))
        client.expect(1, commands.Basic.ConsumeOk)
        bodies: list[int] = []
        while batch := [each for each in client.everything(1) if isinstance(each, Content)]:
            bodies += [number_of(each.body) for each in batch]
            client.send(1, commands.Basic.Ack(delivery_tag=batch[-1].method.delivery_tag, multiple=True))
        client.close()
        missing = self.publishers["stream"].confirmed - set(bodies)
        self.violations += [f"{number} was confirmed and is not in the stream" for number in sorted(missing)]

    def check_queues(self) -> None:
        """What was acknowledged for good is not there any more."""
        client = self.client()
        for kind, consumer in self.consumers.items():
            while True:
                client.send(1, commands.Basic.Get(queue=kind, no_ack=True))
                answer = client.take(1, lambda each: isinstance(each, Content | commands.Basic.GetEmpty))
                if not isinstance(answer, Content):
                    break
                if answer.body in consumer.settled:
                    self.violations.append(f"{kind}: {answer.body!r} came back after its acknowledgement")
        client.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_server_keeps_what_it_confirmed_and_forgets_what_was_acknowledged(seed: int, tmp_path: Path) -> None:
    run = Run(seed, tmp_path)
    try:
        run.server.start()
        run.start_load()
        for _ in range(run.chance.choice([1, 1, 2])):
            run.kill_under_load()
        run.finish_load()
        run.check_stream()
        # And once more at rest: nothing that was found may depend on what the last server still had in memory.
        run.server.kill()
        run.server.start()
        run.check_stream()
        run.check_queues()
        assert run.violations == []
        assert run.server.stop() == 0
    finally:
        run.server.end()
