"""New topics under names of their own: the tests share their server, and run beside each other."""

import itertools
import os
from collections.abc import Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.patience import PATIENCE_S, eventually

NUMBERS = itertools.count()


def unique_name(stem: str) -> str:
    """A name that no other test, process or earlier run has used."""
    return f"{stem}-{os.getpid()}-{os.urandom(3).hex()}-{next(NUMBERS)}"


class Topics:
    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def new(self, partitions: int = 1, config: Mapping[str, str] | None = None, replication: int = 1) -> str:
        return self.create(NewTopic(unique_name("topic"), partitions, replication, config=dict(config or {})))

    def create(self, topic: NewTopic) -> str:
        """Create it and wait until its partitions have leaders that answer for them."""
        for future in self._admin.create_topics([topic]).values():
            future.result(PATIENCE_S)
        eventually(lambda: self.leaders_answer(topic.topic))
        return str(topic.topic)

    def leaders_answer(self, topic: str) -> bool:
        """A node of a real cluster is named as the leader a moment before it knows so; a client that produces meanwhile may do so twice."""
        partitions = [TopicPartition(topic, number) for number in range(self.partition_count(topic))]
        found = self._admin.list_offsets({each: OffsetSpec.latest() for each in partitions}) if partitions else {}
        return bool(found) and all(future.exception(PATIENCE_S) is None for future in found.values())

    def partition_count(self, topic: str) -> int:
        """How many partitions can be used; 0 while one of them has no leader."""
        # Asking for all topics creates none of them.
        described = self._admin.list_topics(timeout=PATIENCE_S).topics.get(topic)
        if described is None or described.error is not None:
            return 0
        partitions = described.partitions.values()
        return len(partitions) if all(partition.leader >= 0 for partition in partitions) else 0
