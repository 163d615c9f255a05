"""Seeded random uses of standard and FIFO queues of SQS, through kills and power cuts, against a small model.

Every answer is compared at once, and after a crash between two turns everything that is left. When the crash comes in the middle of a write
either side of it may be found, nothing else: what was written and not deleted is there, what was deleted and written is not, a dead letter
is in one of its queues at least. `SIMULATION_SEEDS=10000` runs more seeds than usual.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from message_queues.broker.sqs.message import Received
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.waiting import Waiting
from message_queues.errors import InvalidParameterValue, MessageNotInflight, OverLimit, PurgeQueueInProgress
from message_queues.storage.filesystem import CrashedError
from message_queues.storage.message_store import MessageStoreSettings
from tests.broker.sqs.sqs_world import SqsWorld
from tests.simulation.sqs_model import ModelMessage, ModelQueue, ModelWaiter
from tests.storage.messages import SMALL, memory

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300"))
SEEDS_AT_A_TIME = 50
STEPS = 80
GROUPS = ("a", "b", "c")


@dataclass(eq=False)
class Waiter:
    """A real one and its model."""

    queue: str
    waiting: Waiting
    model: ModelWaiter
    given: list[Sequence[Received]] = field(default_factory=list)


@dataclass(eq=False)
class Handle:
    queue: str
    real: str
    model: tuple[int, int]


class Simulation:
    """Two queues and their models side by side, each with another one for its dead letters."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.file_system = memory(seed)
        self.syncs = chance.random() < 0.3
        self.most_in_flight = chance.choice((120_000, 120_000, 4))
        self.look_ahead = chance.choice((120_000, 6))
        self.world = SqsWorld(
            self.file_system,
            residence_bytes=chance.choice((1 << 20, 4000)),
            syncs=self.syncs,
            store_settings=chance.choice((SMALL, MessageStoreSettings())),
            most_in_flight=self.most_in_flight,
            look_ahead=self.look_ahead,
        )
        self.models: dict[str, ModelQueue] = {}
        self.handles: list[Handle] = []
        self.waiters: list[Waiter] = []
        self.sent = 0
        for number in range(2):
            self._create(number, chance.random() < 0.5)

    def _create(self, number: int, is_fifo: bool) -> None:
        chance = self.chance
        suffix = ".fifo" if is_fifo else ""
        dead, name = f"dead{number}{suffix}", f"q{number}{suffix}"
        retention_s = chance.choice((345_600, 61))
        self.world.create(dead, MessageRetentionPeriod=retention_s)
        self.models[dead] = ModelQueue(is_fifo, retention_s=retention_s, most_in_flight=self.most_in_flight, look_ahead=self.look_ahead)
        settings: dict[str, object] = {
            "VisibilityTimeout": chance.choice((0, 1, 5, 30)),
            "DelaySeconds": chance.choice((0, 0, 3, 70)),
            "MessageRetentionPeriod": chance.choice((345_600, 60)),
        }
        most_receives = chance.choice((0, 1, 2))
        if most_receives:
            target = self.world.queue(dead).arn
            settings["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": most_receives})
        self.world.create(name, {each: str(value) for each, value in settings.items()})
        self.models[name] = ModelQueue(
            is_fifo,
            int(str(settings["VisibilityTimeout"])),
            int(str(settings["DelaySeconds"])),
            int(str(settings["MessageRetentionPeriod"])),
            most_receives,
            self.models[dead],
            self.most_in_flight,
            self.look_ahead,
        )

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def run(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (26, self.send), (18, self.receive), (14, self.delete), (7, self.change_visibility), (4, self.wait), (2, self.hang_up),
            (1, self.purge), (2, self.set_delay), (12, self.advance), (12, self.turn), (2, self.crash_between_turns),
            (2, self.crash_in_a_write),
        ]  # fmt: skip
        weights = [weight for weight, _ in steps]
        for _ in range(STEPS):
            self.chance.choices(steps, weights)[0][1]()
            self.compare()
        self.crash_between_turns()
        self.drain()

    def _any_queue(self) -> tuple[str, SqsQueue, ModelQueue]:
        # Those that send their dead letters elsewhere do more.
        name = self.chance.choice([*self.models, *(each for each in self.models if each.startswith("q"))])
        return name, self.world.queue(name), self.models[name]

    # Steps

    def send(self) -> None:
        name, _, model = self._any_queue()
        chance = self.chance
        for _ in range(chance.choice((1, 1, 1, 4, 20))):
            self.sent += 1
            body = str(self.sent).rjust(chance.choice((1, 1, 60)), "0")
            group = chance.choice(GROUPS)
            if model.is_fifo:
                key = str(chance.randrange(60)) if chance.random() < 0.3 else body
                sent = self.world.send(body, name, group, key)
                is_new = model.send(body, group, key, None, self.now_ms)
                position = self.world.queue(name)._stock.shelf.next_position - 1
                assert (sent.sequence_number == str(18_849_496_460_467_696_128 + position)) or not is_new
            else:
                delay_s = chance.choice((None, None, None, 0, 2, 9))
                self.world.send(body, name, group, None, delay_s)
                model.send(body, group, "", delay_s, self.now_ms)

    def receive(self) -> None:
        name, queue, model = self._any_queue()
        count = self.chance.choice((1, 2, 10))
        visibility_s = self.chance.choice((None, None, 0, 2, 40))
        answers: list[Sequence[Received]] = []
        if not model.is_fifo and len(model.in_flight(self.now_ms)) >= self.most_in_flight:
            with pytest.raises(OverLimit):
                queue.receive(count, visibility_s, 0, None, answers.append)
            return
        queue.receive(count, visibility_s, 0, None, answers.append)
        expected = model.receive(count, visibility_s, self.now_ms)
        (received,) = answers
        assert told(received) == [(each.body, each.receives) for each in expected], name
        self.handles += [Handle(name, each.receipt_handle, model_one.handle) for each, model_one in zip(received, expected, strict=True)]

    def delete(self) -> None:
        for _ in range(min(len(self.handles), self.chance.choice((1, 1, 5)))):
            handle = self.handles.pop(self.chance.randrange(len(self.handles)))
            self._agree(handle, lambda queue, real: queue.delete(real), lambda model, one: model.delete(one, self.now_ms))
            if self.chance.random() < 0.1:
                self.handles.append(handle)

    def change_visibility(self) -> None:
        if self.handles:
            handle = self.chance.choice(self.handles)
            seconds = self.chance.choice((0, 1, 20, 43_200))
            self._agree(
                handle,
                lambda queue, real: queue.change_visibility(real, seconds),
                lambda model, one: model.change_visibility(one, seconds, self.now_ms),
            )

    def _agree(self, handle: Handle, act: Callable[[SqsQueue, str], None], expect: Callable[[ModelQueue, tuple[int, int]], str]) -> None:
        try:
            act(self.world.queue(handle.queue), handle.real)
            outcome = "ok"
        except InvalidParameterValue:
            outcome = "refused"
        except MessageNotInflight:
            outcome = "not in flight"
        assert outcome == expect(self.models[handle.queue], handle.model), handle.queue

    def wait(self) -> None:
        if len(self.waiters) < 4:
            name, queue, model = self._any_queue()
            count = self.chance.choice((1, 3))
            given: list[Sequence[Received]] = []
            waiter = Waiter(name, queue.receive(count, None, 1e6, None, given.append), ModelWaiter(count), given)
            model.waiters.append(waiter.model)
            model.serve(self.now_ms)
            self.waiters.append(waiter)

    def hang_up(self) -> None:
        if self.waiters:
            waiter = self.waiters.pop(self.chance.randrange(len(self.waiters)))
            waiter.waiting.cancel()
            model = self.models[waiter.queue]
            if waiter.model in model.waiters:
                model.waiters.remove(waiter.model)

    def purge(self) -> None:
        name, queue, model = self._any_queue()
        try:
            queue.purge()
        except PurgeQueueInProgress:
            return
        model.purge()
        # Files go at once, the traces of messages with the turn: who purges is answered after both.
        self.turn()
        assert self.world.counts(name) == (0, 0, 0)

    def set_delay(self) -> None:
        _, queue, model = self._any_queue()
        model.delay_s = self.chance.choice((0, 3, 70))
        self.world.queues.set_attributes(queue, {"DelaySeconds": str(model.delay_s)})
        model.serve(self.now_ms)

    def advance(self) -> None:
        until_ms = self.now_ms + self.chance.choice((1, 700, 1000, 3000, 20_000, 70_000))
        self.turn()
        while (
            moment_ms := min((each for model in self.models.values() for each in model.moments(self.now_ms)), default=until_ms)
        ) < until_ms:
            self._advance_to(moment_ms)
        self._advance_to(until_ms)

    def _advance_to(self, moment_ms: int) -> None:
        self.world.advance((moment_ms - self.now_ms) / 1000)
        for model in self.models.values():
            model.time_has_come(self.now_ms)
        self._show()

    def turn(self) -> None:
        self.world.turn()
        self._show()
        self.world.advance(0)
        self._settle()

    def _show(self) -> None:
        while any(model.unshown or model.moving for model in self.models.values()):
            for model in self.models.values():
                model.show(self.now_ms)
        self._settle()

    def _settle(self) -> None:
        for model in self.models.values():
            model.time_has_come(self.now_ms)
        if any(model.unshown or model.moving for model in self.models.values()):
            self._show()
        for model in self.models.values():
            model.flush()

    # Crashes

    def crash_between_turns(self) -> None:
        if self.syncs and self.chance.random() < 0.5:
            self.file_system.crash(self.chance.randrange(1 << 30))
        self._restart()
        for model in self.models.values():
            model.restart()
        self.compare()
        self.turn()

    def crash_in_a_write(self) -> None:
        self.file_system.crash_at = self.file_system.operations + self.chance.randint(1, 12)
        try:
            self.world.turn()
        except CrashedError:
            if self.syncs:
                # A kill would leave what is there but not synced, for a later power cut to take; nobody was promised that.
                self.file_system.crash(self.chance.randrange(1 << 30))
            self._restart()
            self._adopt()
        else:
            self.file_system.crash_at = None
            self.turn()

    def _restart(self) -> None:
        # Handles outlive their server.
        self.waiters = []
        self.world.restart()

    def _adopt(self) -> None:
        """What is found lies between what was there before the write and what should be there after it."""
        found = {name: self._look(name) for name in self.models}
        for name, model in self.models.items():
            before = Counter(each.body for each, *_ in model.stored)
            after = Counter(each.body for each in (*model.messages, *model.unshown) if not each.is_moving)
            dying = Counter(each.body for each in model.moving)
            bodies = Counter(each.body for each in found[name])
            assert before & after <= bodies <= (before | after) + dying, (name, before, after, bodies)
            if model.dead is not None:
                dead = next(each for each, other in self.models.items() if other is model.dead)
                # Stored there before it goes from here.
                assert dying <= bodies + Counter(each.body for each in found[dead]), (name, dying)
        for name, model in self.models.items():
            unsure = {each.moved_key or each.key for each in model.unshown}
            there = {each.moved_key or each.key for each in found[name]}
            model.adopt(found[name])
            model.stored_keys = {key: sent for key, sent in model.remembered.items() if key not in unsure or key in there}
            model.restart()
        self.handles = []
        self.compare()
        self.turn()

    def _look(self, name: str) -> list[ModelMessage]:
        """Every message that a queue has."""
        queue, model = self.world.queue(name), self.models[name]
        stock = queue._stock
        found = []
        for stored in stock.shelf.all_shown():
            message = stock.shelf.peeked(stored)
            entry = stock.shelf.known.get(stored[0])
            body = message.body.decode()
            is_dead = not stock.shelf.is_remembered(stored)
            one = ModelMessage(
                body,
                message.group_id or "",
                message.deduplication_id or "",
                stored[0],
                message.sent_ms,
                stock.shelf.times_of(stored).delayed_until_ms,
                earlier=message.earlier_receives,
                moved_key=(body, message.earlier_receives) if is_dead else None,
            )
            if entry is not None and entry.receive_count:
                one.receives, one.first_ms, one.until_ms = entry.receive_count, entry.first_received_ms, entry.until_ms
            model.positions = max(model.positions, one.position)
            found.append(one)
        return found

    # Comparing

    def compare(self) -> None:
        for name, model in self.models.items():
            assert self.world.counts(name) == model.counts(self.now_ms), name
        for waiter in self.waiters:
            assert [told(received) for received in waiter.given] == waiter.model.given, waiter.queue
        for waiter in [each for each in self.waiters if each.given]:
            handles = zip(waiter.given[0], waiter.model.handles, strict=True)
            self.handles += [Handle(waiter.queue, each.receipt_handle, one) for each, one in handles]
            self.waiters.remove(waiter)

    def drain(self) -> None:
        """Everything comes, in order, and then nothing is left in memory."""
        for _ in range(3):
            for name, model in self.models.items():
                while not self._is_full(name):
                    answers: list[Sequence[Received]] = []
                    self.world.queue(name).receive(10, 30, 0, None, answers.append)
                    expected = model.receive(10, 30, self.now_ms)
                    assert told(answers[0]) == [(each.body, each.receives) for each in expected], name
                    for each, one in zip(answers[0], expected, strict=True):
                        self.world.queue(name).delete(each.receipt_handle)
                        model.delete(one.handle, self.now_ms)
                    self.turn()
                    if not expected:
                        break
            self.world.advance(0)
            self.handles = []
            for _ in range(3):
                self.advance()
            self.waiters = []
        assert self.world.residence.used_bytes == sum(self.world.queue(name)._stock.shelf.resident_bytes for name in self.models)

    def _is_full(self, name: str) -> bool:
        model = self.models[name]
        return not model.is_fifo and len(model.in_flight(self.now_ms)) >= self.most_in_flight


def told(received: Sequence[Received]) -> list[tuple[str, int]]:
    return [(each.message.body.decode(), each.receive_count) for each in received]


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_A_TIME))
def test_queues_of_sqs_do_what_the_model_does(first: int) -> None:
    for seed in range(first, min(first + SEEDS_AT_A_TIME, SEEDS)):
        try:
            Simulation(seed).run()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
