"""Seeded random uses of classic and quorum queues, through kills and power cuts, against a small model.

Every answer and every delivery is compared at once, and after a crash between two turns everything that is left. When the crash comes in
the middle of a write either side of it may be found, nothing else: what was written and not settled is there, what was settled and
written is not. `SIMULATION_SEEDS=10000` runs more seeds than usual.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.message import Entry
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_settings import DROP_HEAD, REJECT_PUBLISH, RETRY_ALL, QueueSettings
from message_queues.storage.filesystem import CrashedError
from message_queues.storage.shared_log import SharedLogSettings
from tests.broker.queues.queue_world import CLASSIC, QUORUM, Client, QueueWorld, message, text
from tests.simulation.queue_model import NEVER, ModelConsumer, ModelMessage, ModelQueue
from tests.storage.messages import memory

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300"))
SEEDS_AT_A_TIME = 50
STEPS = 80
PAIRS = 2


@dataclass(eq=False)
class Pair:
    """A real consumer and its model."""

    queue: str
    real: Client
    model: ModelConsumer


class Simulation:
    """Queues and their models side by side; each queue has one for its dead letters."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.file_system = memory(seed)
        self.syncs = self.chance.random() < 0.3
        log = SharedLogSettings(
            log_bytes=self.chance.choice((1, 1500, 6000)),
            most_bytes=self.chance.choice((0, 200, 4096)),
            parts_per_commit=1,
            most_synced_singly=1,
        )
        self.world = QueueWorld("4.3", self.file_system, self.chance.choice((1 << 20, 5000)), syncs=self.syncs, log=log)
        self.models: dict[str, ModelQueue] = {}
        self.got: list[tuple[str, Entry, ModelMessage]] = []
        self.pairs: list[Pair] = []
        self.published = 0
        for number in range(PAIRS):
            self._declare(f"q{number}", self._settings(number), f"dead{number}")

    def _declare(self, name: str, settings: QueueSettings, dead: str) -> None:
        is_durable = self.chance.random() < 0.8
        kind = self.chance.choice((CLASSIC, QUORUM)) if is_durable else CLASSIC
        for each, each_kind, each_settings, target in (
            (dead, self.chance.choice((CLASSIC, QUORUM)), QueueSettings(), None),
            (name, kind, settings, dead),
        ):
            durable = is_durable or each == dead
            self.world.declare(each, each_kind, each_settings, is_durable=durable)
            has_dead = target is not None and settings.dead_letter_exchange is not None
            self.models[each] = ModelQueue(
                each_kind == QUORUM, durable, each_settings, self.models[target] if has_dead and target else None
            )

    def _settings(self, number: int) -> QueueSettings:
        chance = self.chance

        def perhaps(*values: int) -> int | None:
            return chance.choice(values) if chance.random() < 0.4 else None

        delays = perhaps(5, 17)
        return QueueSettings(
            message_ttl_ms=perhaps(0, 13, 40),
            max_length=perhaps(0, 1, 3, 6),
            overflow=chance.choice((DROP_HEAD, REJECT_PUBLISH)),
            max_priority=perhaps(1, 5),
            delivery_limit=perhaps(-1, 0, 2),
            delayed_retry_type=RETRY_ALL if delays else "disabled",
            delayed_retry_min_ms=delays,
            delayed_retry_max_ms=30 if delays else None,
            dead_letter_exchange="" if chance.random() < 0.7 else None,
            dead_letter_routing_key=f"dead{number}",
        )

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def run(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (30, self.publish), (14, self.get), (8, self.settle_got), (12, self.settle_consumed), (4, self.consume), (3, self.cancel),
            (2, self.purge), (12, self.advance), (12, self.turn), (2, self.crash_between_turns), (2, self.crash_in_a_write),
        ]  # fmt: skip
        weights = [weight for weight, _ in steps]
        for _ in range(STEPS):
            self.chance.choices(steps, weights)[0][1]()
            self.compare()
        self.crash_between_turns()
        self.drain()

    def _any_queue(self) -> tuple[str, Queue, ModelQueue]:
        name = self.chance.choice(sorted(self.models))
        return name, self.world.queues[name], self.models[name]

    # Steps

    def publish(self) -> None:
        name, queue, model = self._any_queue()
        chance = self.chance
        for _ in range(chance.choice((1, 1, 1, 4))):
            self.published += 1
            body = str(self.published).rjust(chance.choice((1, 1, 60)), "0")
            priority = chance.choice((None, 0, 1, 4, 9, 40))
            expiration = chance.choice((None, None, None, 0, 7, 25))
            is_persistent = chance.random() < 0.8
            took = queue.publish(
                message(
                    body,
                    name,
                    priority=priority,
                    expiration=None if expiration is None else str(expiration),
                    is_persistent=is_persistent,
                )
            )
            assert took == model.publish(body, priority, expiration, is_persistent, self.now_ms)

    def get(self) -> None:
        name, queue, model = self._any_queue()
        no_ack = self.chance.random() < 0.2
        entry, expected = queue.get(no_ack), model.get(self.now_ms)
        assert (entry is None) == (expected is None)
        if entry is None or expected is None:
            return
        told = (text(entry), entry.redelivered)
        assert told == (expected.body, expected.redelivered)
        if model.is_quorum:
            assert (entry.delivery_count, entry.acquired_count) == (expected.failures, expected.returns)
        if no_ack:
            model.acknowledge(expected)
        else:
            self.got.append((name, entry, expected))

    def settle_got(self) -> None:
        if not self.got:
            return
        name, entry, expected = self.got.pop(self.chance.randrange(len(self.got)))
        queue, model = self.world.queues[name], self.models[name]
        verdict = self.chance.randrange(3)
        if verdict == 0:
            queue.acknowledge(entry)
            model.acknowledge(expected)
        elif verdict == 1:
            queue.reject(entry)
            model.reject(expected, self.now_ms)
        else:
            why = self.chance.choice((ReturnReason.NACK, ReturnReason.REJECT, ReturnReason.CHANNEL_CLOSED))
            queue.requeue([entry], why)
            model.requeue([expected], why, self.now_ms)

    def consume(self) -> None:
        if len(self.pairs) < 4:
            name, queue, model = self._any_queue()
            prefetch = self.chance.choice((1, 3))
            pair = Pair(name, Client(prefetch), ModelConsumer(prefetch))
            self.pairs.append(pair)
            queue.add_consumer(pair.real)
            model.add_consumer(pair.model, self.now_ms)

    def settle_consumed(self) -> None:
        pairs = [pair for pair in self.pairs if pair.real.held]
        if not pairs:
            return
        pair = self.chance.choice(pairs)
        queue, model = self.world.queues[pair.queue], self.models[pair.queue]
        count = self.chance.randint(1, len(pair.real.held))
        messages = pair.model.held[:count]
        verdict = self.chance.randrange(3)
        if verdict == 2:
            pair.real.give_back(queue, ReturnReason.NACK, count)
            del pair.model.held[:count]
            model.requeue(messages, ReturnReason.NACK, self.now_ms)
            model.ready_again(pair.model, self.now_ms)
            return
        (pair.real.acknowledge, pair.real.reject)[verdict](queue, count)
        for each in messages:
            if verdict == 0:
                model.acknowledge(each)
            else:
                model.reject(each, self.now_ms)
            pair.model.held.remove(each)
            model.ready_again(pair.model, self.now_ms)

    def cancel(self) -> None:
        """The channel of a consumer is closed."""
        if not self.pairs:
            return
        pair = self.pairs.pop(self.chance.randrange(len(self.pairs)))
        queue, model = self.world.queues[pair.queue], self.models[pair.queue]
        queue.remove_consumer(pair.real)
        model.remove_consumer(pair.model)
        pair.real.give_back(queue, ReturnReason.CHANNEL_CLOSED)
        model.requeue(list(pair.model.held), ReturnReason.CHANNEL_CLOSED, self.now_ms)

    def purge(self) -> None:
        _, queue, model = self._any_queue()
        assert queue.purge() == model.purge()
        # Files go at once, acknowledgements with the turn: who purges is answered after both.
        self.turn()

    def advance(self) -> None:
        until_ms = self.now_ms + self.chance.choice((1, 3, 10, 30))
        moments = {until_ms}
        while (moment_ms := min(model.next_event_ms() for model in self.models.values())) <= until_ms:
            moments.add(moment_ms)
            for model in self.models.values():
                if model.next_event_ms() <= moment_ms:
                    model.time_has_come(moment_ms)
        self.world.advance(until_ms - self.now_ms)
        self._flush_models()

    def turn(self) -> None:
        self.world.turn()
        self._flush_models()

    def _flush_models(self) -> None:
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
        self._let_time_catch_up()

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
            self._flush_models()

    def _restart(self) -> None:
        self.got = []
        self.pairs = []
        transient = [name for name, (identity, _) in self.world.identities.items() if not identity.is_durable]
        lost = {name: self.world.identities[name] for name in transient}
        self.world.restart()
        for name, known in lost.items():
            # Its clients declare it again.
            self.world.declare(name, known[0].kind, known[1], is_durable=False)

    def _adopt(self) -> None:
        """What is found lies between what was there before the write and what should be there after it."""
        for name, model in self.models.items():
            queue = self.world.queues[name]
            before = Counter(each.body for each in model.stored) if model.is_durable else Counter()
            durable = [each for each in model.all_messages() if model.is_durable and (each.is_persistent or model.is_quorum)]
            after = Counter(each.body for each in durable)
            found = self._look(queue)
            bodies = Counter(each.body for each in found)
            assert before & after <= bodies <= (before | after) + Counter(model.dying), (name, before, after, bodies)
            model.stored = found
            model.positions = max([model.positions, *(each.position for each in found)])
            model.restart()
        self._restart()
        self._let_time_catch_up()

    def _look(self, queue: Queue) -> list[ModelMessage]:
        """Every message that a queue has; they are taken out of a process that is killed before it writes anything."""
        found = []
        for level in queue._levels.ready_levels():
            while (entry := level.pop()) is not None:
                attributes = entry.message.attributes
                priority = attributes.priority if attributes.has_priority else None
                place = (entry.level, entry.position, entry.expires_at_ms or NEVER, attributes.is_persistent)
                found.append(ModelMessage(text(entry), priority, *place, noted=(entry.delivery_count, entry.acquired_count)))
        return found

    def _let_time_catch_up(self) -> None:
        """What expired while the server was down goes with its first timers."""
        self.world.advance(0)
        for model in self.models.values():
            model.time_has_come(self.now_ms)
        self._flush_models()

    # Comparing

    def compare(self) -> None:
        for name, model in self.models.items():
            queue = self.world.queues[name]
            found = (queue.message_count, queue.unacknowledged_count, queue.delayed_count)
            assert found == (model.count, len(model.held), len(model.delayed)), name
            assert queue.ready_bytes == sum(len(each.body) for each in model.all_messages() if each not in model.held), name
        for pair in self.pairs:
            assert pair.real.given == pair.model.given

    def drain(self) -> None:
        # The queues of dead letters last.
        for name, model in sorted(self.models.items(), reverse=True):
            expected = []
            while (each := model.get(self.now_ms)) is not None:
                expected.append(each.body)
            assert self.world.drained(name) == expected, name
        self.world.turn()
        assert self.world.residence.used_bytes == 0


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_A_TIME))
def test_queues_do_what_the_model_does(first: int) -> None:
    for seed in range(first, min(first + SEEDS_AT_A_TIME, SEEDS)):
        try:
            Simulation(seed).run()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
