"""Members that join, heartbeat, commit, stall, crash, come back and leave by the throw of seeded dice, and a coordinator that restarts.

Whatever happens: no request is left without its one answer, generations only grow, members get what the leader of their generation gave
them, and an accepted commit is kept.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from message_queues.broker.coordination.classic_group import GroupState, Joined, Synced
from message_queues.broker.coordination.events import CoordinationEvent, GenerationStored
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.errors import MemberIdRequired, MessageQueuesError
from tests.broker.coordination.world import JoinAnswer, SyncAnswer, World, subscription

SETTINGS = GroupSettings(max_size=7, new_member_join_timeout_ms=40_000)
STEPS = 1_000
METADATA = [(("range", subscription("orders")),), (("range", subscription("payments")),), (("sticky", b"?"), ("range", b""))]


@dataclass
class Client:
    """One consumer, which does what the answers tell it, when the dice let it."""

    name: str
    instance_id: str | None
    member_id: str = ""
    generation: int = -1
    protocols: tuple[tuple[str, bytes], ...] = METADATA[0]
    join: JoinAnswer | None = None
    sync: SyncAnswer | None = None
    to_assign: Joined | None = None
    """It leads this generation and has not assigned yet."""
    must_join: bool = True
    must_sync: bool = False
    asleep: bool = False

    def forget(self) -> None:
        """The process died; a static member's name is all that remains."""
        self.member_id, self.generation = "", -1
        self.join = self.sync = self.to_assign = None
        self.must_join, self.must_sync, self.asleep = True, False, False


@dataclass
class Model:
    generation: int = 0
    given: dict[tuple[int, str], bytes] = field(default_factory=dict)
    """What the leader of a generation gave to the owner of a place: an instance id or a member id."""
    committed: dict[int, int] = field(default_factory=dict)


class Simulation:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = World(SETTINGS)
        self.model = Model()
        self.clients = [Client(f"c{i}", f"s{i}" if i % 3 == 0 else None) for i in range(6)]
        self.open: list[JoinAnswer | SyncAnswer] = []
        self.synced = 0
        self.offset = 0

    # What the world does.

    def step(self) -> None:
        client = self.dice.choice(self.clients)
        happening = self.dice.choices(
            [self.act, self.time_passes, self.crash, self.stall, self.leave, self.change, self.retry, self.restart],
            [120, 25, 2, 2, 2, 1, 2, 1],
        )[0]
        happening(client)
        for one in self.clients:
            self.read_answers(one)
        self.check()

    def time_passes(self, client: Client) -> None:
        self.world.after(self.dice.choice([1, 500, 1_000, 3_000, 9_000]))

    def crash(self, client: Client) -> None:
        client.forget()

    def stall(self, client: Client) -> None:
        client.asleep = not client.asleep

    def leave(self, client: Client) -> None:
        if client.member_id:
            self.world.leave(client.member_id)
            client.forget()

    def change(self, client: Client) -> None:
        client.protocols = self.dice.choice(METADATA)
        client.must_join = True

    def retry(self, client: Client) -> None:
        """The connection broke: what was parked is asked again, and the first answer is read by nobody."""
        if client.join is not None:
            self.send_join(client)
        elif client.sync is not None:
            self.send_sync(client)

    def restart(self, client: Client) -> None:
        self.world.groups.stop()
        assert all(answer.is_answered for answer in self.open)
        self.check_snapshot()
        self.world = self.world.restarted()
        stored = [event for event in self.world.journal if isinstance(event, GenerationStored)]
        self.model.generation = stored[-1].generation if stored else 0
        for one in self.clients:
            # What was not stored is void; its number may be given again.
            if one.generation > self.model.generation:
                one.generation, one.to_assign, one.must_sync, one.must_join = -1, None, False, True
        self.model.given = {place: bytes_ for place, bytes_ in self.model.given.items() if place[0] <= self.model.generation}

    # What a client does.

    def act(self, client: Client) -> None:
        if client.asleep or client.join is not None or client.sync is not None:
            return
        if client.must_join:
            self.send_join(client)
        elif client.must_sync:
            self.send_sync(client)
        elif self.dice.random() < 0.3:
            self.send_commit(client)
        else:
            self.send_heartbeat(client)

    def send_join(self, client: Client) -> None:
        client.join = self.world.join(
            client.member_id,
            client.instance_id,
            client.protocols,
            client_id=client.name,
            rebalance_timeout_ms=20_000,
            needs_member_id=self.dice.random() < 0.8,
        )
        client.must_join = client.must_sync = False
        client.to_assign = None
        self.open.append(client.join)

    def send_sync(self, client: Client) -> None:
        assignments: dict[str, bytes] = {}
        if client.to_assign is not None:
            for member in client.to_assign.members:
                if self.dice.random() < 0.9:
                    assignments[member.member_id] = f"{client.generation}:{member.member_id}:{self.dice.random()}".encode()
        before = self.world.group.state
        answer = self.world.sync(client.member_id, client.generation, assignments, client.instance_id, protocol_name=None)
        if before is GroupState.COMPLETING_REBALANCE and self.world.group.state is GroupState.STABLE:
            assert client.to_assign is not None, "only the leader ends a rebalance"
            for member in client.to_assign.members:
                place = client.generation, member.instance_id or member.member_id
                self.model.given[place] = assignments.get(member.member_id, b"")
        client.sync = answer
        client.must_sync = False
        self.open.append(answer)

    def send_heartbeat(self, client: Client) -> None:
        try:
            self.world.heartbeat(client.member_id, client.generation, client.instance_id)
        except MessageQueuesError as error:
            self.heed(client, error)

    def send_commit(self, client: Client) -> None:
        self.offset += 1
        partition = self.dice.randrange(3)
        answer = self.world.commit_offset(
            "orders", partition, self.offset, member_id=client.member_id, instance_id=client.instance_id, generation=client.generation
        )
        if answer is None:
            assert client.generation == self.world.group.generation
            self.model.committed[partition] = self.offset
        else:
            self.heed(client, answer)

    def heed(self, client: Client, error: MessageQueuesError) -> None:
        if isinstance(error, MemberIdRequired):
            client.member_id = error.member_id
            client.must_join = True
        elif type(error).__name__ in ("UnknownMemberId", "FencedInstanceId", "GroupMaxSizeReached", "InconsistentGroupProtocol"):
            client.forget()
        else:
            client.must_join = True

    def read_answers(self, client: Client) -> None:
        if client.join is not None and client.join.answer is not None:
            answer, client.join = client.join.answer, None
            if isinstance(answer, Joined):
                self.read_joined(client, answer)
            else:
                self.heed(client, answer)
        if client.sync is not None and client.sync.answer is not None:
            given, client.sync = client.sync.answer, None
            if isinstance(given, Synced):
                self.synced += 1
                place = client.generation, client.instance_id or client.member_id
                assert given.assignment == self.model.given.get(place, b""), "not what the leader gave"
            else:
                self.heed(client, given)

    def read_joined(self, client: Client, joined: Joined) -> None:
        assert joined.generation <= self.world.group.generation
        client.member_id, client.generation = joined.member_id, joined.generation
        leads = joined.leader_id == joined.member_id
        assert bool(joined.members) == leads
        client.to_assign = joined if leads and not joined.skip_assignment else None
        client.must_sync = True

    # What holds at all times.

    def check(self) -> None:
        self.open = [answer for answer in self.open if not answer.is_answered]
        group = self.world.groups.find("g")
        if group is None:
            assert not self.open
            return
        assert group.generation >= self.model.generation, "generations only grow"
        self.model.generation = group.generation
        parked_joins = [member for member in group.members.values() if member.join_reply is not None]
        parked_syncs = [member for member in group.members.values() if member.sync_reply is not None]
        assert len(parked_joins) == group.awaiting_join
        assert len(parked_joins) + len(parked_syncs) == len(self.open), "a request got lost"
        assert not parked_joins or group.state is GroupState.PREPARING_REBALANCE
        assert not parked_syncs or group.state is GroupState.COMPLETING_REBALANCE
        assert (group.leader_id is None) == (not group.members)
        assert not group.members or group.leader_id in group.members
        assert group.pending_syncs <= group.members.keys()
        if group.state is GroupState.EMPTY:
            assert not group.members
        if group.state is GroupState.STABLE:
            assert group.members
            for member in group.members.values():
                assert member.assignment == self.model.given.get((group.generation, member.instance_id or member.member_id))
        for partition, offset in self.model.committed.items():
            assert self.world.committed("orders", partition) == offset

    def check_snapshot(self) -> None:
        snapshot: Sequence[CoordinationEvent] = tuple(self.world.groups.state_events())
        assert tuple(World(SETTINGS, snapshot).groups.state_events()) == snapshot
        replayed = {event.group_id: event for event in self.world.journal if isinstance(event, GenerationStored)}
        assert [event for event in snapshot if isinstance(event, GenerationStored)] == list(replayed.values())


@pytest.mark.parametrize("seed", range(40))
def test_no_answer_is_lost_and_everyone_gets_what_the_leader_gave(seed: int) -> None:
    simulation = Simulation(seed)
    for _ in range(STEPS):
        simulation.step()
    # All clients die: whoever waits is answered, and the group ends up empty, with nothing left on the clock but the retention.
    simulation.world.after(200_000)
    simulation.check()
    assert simulation.open == []
    assert simulation.world.group.state is GroupState.EMPTY
    assert sum(entry[2].is_pending for entry in simulation.world.timers._heap) == 1


def test_the_simulation_reaches_what_it_is_for() -> None:
    simulations = [Simulation(seed) for seed in range(100, 105)]
    for simulation in simulations:
        for _ in range(STEPS):
            simulation.step()
    assert sum(simulation.synced for simulation in simulations) > 100
    assert sum(simulation.model.generation for simulation in simulations) > 50
    assert all(simulation.model.committed for simulation in simulations)
