"""`kill -9` under load with acks=all, once or twice in a run, at a moment that the seed picks by how much was acknowledged.

The server then starts on the same data and ports while its clients wait for it. Five seeds run with the quick tests, fifty in all.
"""

from pathlib import Path
from random import Random

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from tests.crash.load import Administrator, Member, Publisher
from tests.crash.server_process import ServerProcess
from tests.crash.stored import (
    commit_violations,
    committed_offsets,
    idempotence_violations,
    read_all,
    record_violations,
    topic_violations,
)

TOPIC, GROUP = "ledger", "auditors"
PARTITIONS = 6
RECORDS = 6_000
"""Of each publisher."""
SETTINGS = (
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
    "log.segment.bytes=1048576",
)
SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.real) for seed in range(5, 50))]


class Run:
    """One server, its load, and what was wrong with it."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.chance = Random(seed)
        self.server = ServerProcess(directory, arguments=[word for setting in SETTINGS for word in ("--config", setting)])
        self.violations: list[str] = []

    def start_load(self) -> None:
        servers = self.server.bootstrap_servers
        admin = AdminClient({"bootstrap.servers": servers})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, len(self.server.addresses))])[TOPIC].result()
        compression = self.chance.choice(["none", "gzip", "snappy", "lz4", "zstd"])
        self.once = Publisher("once", servers, TOPIC, PARTITIONS, RECORDS, {"enable.idempotence": True, "compression.type": compression})
        self.at_least_once = Publisher("at-least-once", servers, TOPIC, PARTITIONS, RECORDS, {"compression.type": compression})
        self.publishers = [self.once, self.at_least_once]
        self.member = Member(servers, GROUP, TOPIC, commit_every=self.chance.randrange(20, 400))
        self.administrator = Administrator(servers, most=60)
        for worker in (*self.publishers, self.member, self.administrator):
            worker.start()

    def kill_under_load(self) -> None:
        """Wait until so much is acknowledged, kill, start again, and look at once at what must be there already."""
        self.chance.choice(self.publishers).progress.wait_for(self.chance.randrange(1, RECORDS // 2))
        self.member.progress.wait_for(self.chance.randrange(1, 4))
        self.server.kill()
        committed_before = dict(self.member.commits.acknowledged)
        self.server.start()
        committed = committed_offsets(self.server.bootstrap_servers, GROUP, TOPIC, PARTITIONS)
        self.violations += commit_violations(committed, committed_before, self.member.commits)

    def finish_load(self) -> None:
        """The clients go on by themselves: publishers to their last record, the group to the end of the topic."""
        for publisher in self.publishers:
            publisher.finish()
        self.administrator.stop()
        self.administrator.finish()
        records = read_all(self.server.bootstrap_servers, TOPIC, PARTITIONS)
        self.member.stop_at({partition: len(held) for partition, held in records.items()})
        self.member.finish()
        self.member.close()
        self.violations += self.member.violations

    def check_all(self) -> None:
        servers = self.server.bootstrap_servers
        records = read_all(servers, TOPIC, PARTITIONS)
        self.violations += record_violations(records, self.publishers)
        self.violations += idempotence_violations(records, self.once)
        committed = committed_offsets(servers, GROUP, TOPIC, PARTITIONS)
        self.violations += commit_violations(committed, self.member.commits.acknowledged, self.member.commits)
        self.violations += topic_violations(servers, self.administrator)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_server_keeps_what_it_acknowledged_and_serves_nothing_torn(seed: int, tmp_path: Path) -> None:
    run = Run(seed, tmp_path)
    try:
        run.server.start()
        run.start_load()
        for _ in range(run.chance.choice([1, 1, 2])):
            run.kill_under_load()
        run.finish_load()
        run.check_all()
        # And once more at rest: nothing that was found may depend on what the last server still had in memory.
        run.server.kill()
        run.server.start()
        run.check_all()
        assert run.violations == []
        assert run.server.stop() == 0
    finally:
        run.server.end()
