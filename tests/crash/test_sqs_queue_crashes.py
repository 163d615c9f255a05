"""Queues of SQS on a machine that crashes at every operation that changes a file: what was answered holds, and FIFO queues have nothing
twice, though every send that was not answered is sent again."""

from dataclasses import dataclass, field

import pytest

from message_queues.storage.filesystem import CrashedError, MemoryFileSystem
from tests.broker.sqs.sqs_world import SqsWorld
from tests.storage.messages import SMALL, memory

STANDARD, FIFO = "q", "q.fifo"
NAMES = (STANDARD, FIFO)


@dataclass
class Client:
    """Knows what it was answered."""

    world: SqsWorld
    accepted: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in NAMES})
    unanswered: list[tuple[str, str]] = field(default_factory=list)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    being_deleted: set[tuple[str, str]] = field(default_factory=set)
    received: dict[tuple[str, str], int] = field(default_factory=dict)
    """How often, of those that were answered."""
    sent: int = 0

    def answered(self) -> None:
        self.world.turn()
        for name, body in self.unanswered:
            self.accepted[name].append(body)
        self.unanswered = []
        self.deleted |= self.being_deleted

    def send(self, count: int) -> None:
        for name in NAMES:
            for _ in range(count):
                self.sent += 1
                body = str(self.sent)
                self.unanswered.append((name, body))
                self.world.send(body, name, group=f"g{self.sent % 2}" if name == FIFO else None, key=body if name == FIFO else None)
        self.answered()

    def work(self, count: int, deletes: int) -> None:
        """Receives some, and deletes some of these."""
        for name in NAMES:
            received = self.world.receive(count, name)
            for each in received:
                self.received[name, each.message.body.decode()] = each.receive_count
            for each in received[:deletes]:
                self.being_deleted.add((name, each.message.body.decode()))
                self.world.queue(name).delete(each.receipt_handle)
        self.answered()


def script(client: Client) -> None:
    """A life with everything in it: rolls, deletions in any order, segments that are removed or written anew."""
    client.send(3)
    client.work(2, 1)
    client.send(9)
    client.work(8, 7)
    client.world.advance(31)
    client.work(3, 2)
    client.send(4)
    client.work(10, 10)
    client.world.advance(31)
    client.work(3, 0)
    client.send(2)


def check(client: Client, file_system: MemoryFileSystem) -> None:
    world = client.world
    world.restart()
    for name in NAMES:
        for seen in world.queue(name).peek(100):
            assert seen.receive_count >= client.received.get((name, seen.message.body.decode()), 0)
    # Who was not answered sends again.
    for name, body in client.unanswered:
        world.send(body, name, group=f"g{int(body) % 2}" if name == FIFO else None, key=body if name == FIFO else None)
    world.turn()
    world.advance(31)
    for name in NAMES:
        found = drained(world, name)
        expected = {body for body in client.accepted[name] if (name, body) not in client.being_deleted}
        expected |= {body for each, body in client.unanswered if each == name}
        assert expected <= set(found), name
        assert not {body for each, body in client.deleted if each == name} & set(found), name
        if name == FIFO:
            assert len(found) == len(set(found))
            for group in (0, 1):
                bodies = [int(body) for body in found if int(body) % 2 == group]
                assert bodies == sorted(bodies)


def drained(world: SqsWorld, name: str) -> list[str]:
    found: list[str] = []
    while received := world.receive(10, name):
        for each in received:
            found.append(each.message.body.decode())
            world.queue(name).delete(each.receipt_handle)
    world.turn()
    return found


def new_world(file_system: MemoryFileSystem, syncs: bool) -> SqsWorld:
    world = SqsWorld(file_system, syncs=syncs, store_settings=SMALL)
    for name in NAMES:
        world.create(name)
    return world


@pytest.mark.parametrize("loss", ["kill", "power cut", "power cut in part"])
def test_what_was_answered_outlives_a_crash_at_any_operation(loss: str) -> None:
    has_ended = False
    operation = 0
    while not has_ended:
        operation += 1
        file_system = memory(operation)
        client = Client(new_world(file_system, syncs=loss != "kill"))
        file_system.crash_at = file_system.operations + operation
        has_ended = True
        try:
            script(client)
        except CrashedError:
            has_ended = False
        if loss != "kill":
            file_system.crash(operation if loss == "power cut in part" else None)
        check(client, file_system)
    assert operation > 50
