"""`kill -9` under load on a standard and a FIFO queue of SQS, at a moment that the seed picks.

The server then starts on the same data and port while its clients wait for it. Two seeds run with the quick tests, fifty in all.
"""

import time
from pathlib import Path
from random import Random

import pytest

from tests.crash.load import PATIENCE_S
from tests.crash.server_process import ServerProcess
from tests.crash.sqs_load import VISIBILITY_S, Receiver, Sender, SqsConnection, order_violations

MESSAGES = 3_000
"""On each queue."""
QUEUES = ("ledger", "ledger.fifo")
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.real) for seed in range(2, 50))]


class Run:
    """One server, its load, and what was wrong with it."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.chance = Random(seed)
        self.server = ServerProcess(directory, protocol="sqs")
        self.violations: list[str] = []

    def address(self) -> str:
        return self.server.addresses[0].removeprefix("http://")

    def start_load(self) -> None:
        connection = SqsConnection(self.address())
        for queue in QUEUES:
            attributes = {"VisibilityTimeout": str(VISIBILITY_S)} | ({"FifoQueue": "true"} if queue.endswith(".fifo") else {})
            connection.ask("CreateQueue", QueueName=queue, Attributes=attributes)
        connection.close()
        self.senders = {queue: Sender(self.address, queue, MESSAGES) for queue in QUEUES}
        self.receivers = {queue: Receiver(self.address, queue) for queue in QUEUES}
        for worker in (*self.senders.values(), *self.receivers.values()):
            worker.start()

    def kill_under_load(self) -> None:
        self.senders[self.chance.choice(QUEUES)].progress.wait_for(self.chance.randrange(1, MESSAGES // 2))
        self.server.kill()
        self.server.start()

    def finish_load(self) -> None:
        for queue in QUEUES:
            sender, receiver = self.senders[queue], self.receivers[queue]
            sender.finish()
            receiver.progress.wait_for(len(sender.accepted))
            receiver.stop()
            receiver.finish()

    def check_at_rest(self) -> None:
        """What was in flight when the load ended comes again, and then nothing more."""
        connection = SqsConnection(self.address())
        deadline = time.monotonic() + PATIENCE_S
        quiet_since = time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - quiet_since < VISIBILITY_S + 1:
            came = [receiver.receive_once(connection, wait_s=1) for receiver in self.receivers.values()]
            if any(came):
                quiet_since = time.monotonic()
        connection.close()

    def all_violations(self) -> list[str]:
        found = list(self.violations)
        for queue in QUEUES:
            sender, receiver = self.senders[queue], self.receivers[queue]
            lost = sender.accepted.keys() - receiver.seen.keys()
            found += [f"{queue}: {sender.accepted[message_id]} ({message_id}) was accepted and never received" for message_id in lost]
            found += [f"{queue}: {violation}" for violation in receiver.violations]
        return found + order_violations(self.receivers["ledger.fifo"].seen)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_server_keeps_what_it_accepted_and_forgets_what_was_deleted(seed: int, tmp_path: Path) -> None:
    run = Run(seed, tmp_path)
    try:
        run.server.start()
        run.start_load()
        for _ in range(run.chance.choice([1, 1, 2])):
            run.kill_under_load()
        run.finish_load()
        # And once more at rest: nothing that was found may depend on what the last server still had in memory.
        run.server.kill()
        run.server.start()
        run.check_at_rest()
        assert run.all_violations() == []
        assert run.server.stop() == 0
    finally:
        run.server.end()
