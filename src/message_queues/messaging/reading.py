"""Reading by iteration: one program thread takes messages one after the other.

The fast path hands out what the client fetched, a batch at a time, and keeps no account of single messages: when the program asks for the
next one, the one before is finished, so at the end of a batch the client's own positions are what may be committed.

The program's thread polls the broker only between batches. While a slow loop body keeps it, the `keeper` thread does: it commits what is
finished, and once the body has lasted `QUIET_S` it pauses the partitions and polls, so that rebalances are answered and the member stays
in its group (KIP-62: max.poll.interval.ms). Both hold `_lock` while they use the client.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import length_hint

from message_queues.clients.ports import Consumer, TopicPartition
from message_queues.errors import MessageQueuesError
from message_queues.message import Message, Record
from message_queues.messaging.commits import Commits, pause_briefly
from message_queues.messaging.progress import AnyOrder, offset_of

logger = logging.getLogger("message_queues.consumer")

FETCH_S = 0.1
"""How long one fetch waits; so long may a stop take to be noticed."""
KEEPER_TICK_S = 0.2
QUIET_S = 1.0
"""A loop body that lasts longer is slow: the keeper pauses the partitions, which gives up what the client had fetched ahead."""


class Reading:
    """The messages of one consumer as one sequence, and the account of what is finished."""

    def __init__(self, client: Consumer, topics: Sequence[str], commits: Commits, *, batch: int, automatic: bool, drain_s: float) -> None:
        self._client = client
        self._topics = topics
        self._commits = commits
        self._batch_size = batch
        self._automatic = automatic
        self._drain_s = drain_s
        self._lock = threading.RLock()
        # The program's thread waits for the lock or uses it: no message is in its hands unless `_batch_done` is false.
        self._aside = threading.Event()
        self._batch: Sequence[Record] = ()
        self._records: Iterator[Record] = iter(())
        self._batch_done = True
        self._acknowledged: Record | None = None
        self._ahead: list[Record] = []
        self._progress: dict[TopicPartition, AnyOrder] = {}
        self._run: tuple[int | None, str | None, AnyOrder] = (None, None, AnyOrder())
        self._gone: set[TopicPartition] = set()
        self._interrupted = False
        self._stopping = False
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None
        self._is_paused = False
        self._fetched_at = time.monotonic()
        self._failure: MessageQueuesError | None = None

    def messages(self, idle_timeout_s: float | None) -> Iterator[Message]:
        """Messages until `stop`, or until none came for `idle_timeout_s`."""
        if self._keeper is None:
            self._join_group()
        automatic = self._automatic
        while not self._stopping:
            for record in self._records:
                if self._interrupted and not self._may_hand_out(record):
                    if self._is_stopping():
                        return
                    continue
                yield Message(record, self if automatic else self._begin(record))
            if not self._refill(idle_timeout_s):
                return

    def _is_stopping(self) -> bool:
        return self._stopping

    def _join_group(self) -> None:
        with self._lock:
            self._client.subscribe(self._topics, self)
            self._fetched_at = time.monotonic()
            self._keeper = threading.Thread(target=self._keep, name=f"keeper-{','.join(self._topics)}", daemon=True)
            self._keeper.start()

    def _refill(self, idle_timeout_s: float | None) -> bool:
        deadline = None if idle_timeout_s is None else time.monotonic() + idle_timeout_s
        self._batch_done = True
        while not self._stopping:
            self._aside.set()
            with self._lock:
                self._aside.clear()
                if self._failure is not None:
                    raise self._failure
                if self._take_batch(self._wait_s(deadline)):
                    return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return False

    @staticmethod
    def _wait_s(deadline: float | None) -> float:
        return FETCH_S if deadline is None else max(0.0, min(FETCH_S, deadline - time.monotonic()))

    def _take_batch(self, timeout_s: float) -> bool:
        now = self._fetched_at = time.monotonic()
        if self._commits.are_due(now):
            self._commits.send(self._finished(), now)
        batch, self._ahead = self._ahead, []
        if not batch:
            if self._is_paused:
                self._client.resume(self._client.assignment())
                self._is_paused = False
            batch = list(self._client.fetch(self._batch_size, timeout_s))
            self._fetched_at = time.monotonic()
        if not batch:
            return False
        self._gone.clear()
        self._interrupted = False
        if self._stopping:  # A signal handler may have said so just before.
            self._interrupted = True
        self._batch, self._records = batch, iter(batch)
        self._batch_done = False
        return True

    def _may_hand_out(self, record: Record) -> bool:
        """Off the fast path: a rebalance waits for us, has taken partitions of this batch away, or the program wants to stop."""
        self._aside.set()
        with self._lock:
            self._aside.clear()
            return not self._stopping and _partition_of(record) not in self._gone

    def _begin(self, record: Record) -> AnyOrder:
        # Messages come in runs of one partition: the account of the last one is most often the one.
        number, topic = record.partition(), record.topic()
        if number != self._run[0] or topic != self._run[1]:
            partition = _partition_of(record)
            self._progress.setdefault(partition, AnyOrder())
            self._run = (number, topic, self._progress[partition])
        progress = self._run[2]
        progress.read(offset_of(record))
        return progress

    def acknowledge(self, record: Record) -> None:
        """With automatic commits, `Message.ack` says that the message in hand is finished before the next one is asked for."""
        self._acknowledged = record

    def _finished(self) -> dict[TopicPartition, int]:
        """What may be committed of the partitions that are assigned."""
        if not self._automatic:
            found = {partition: progress.committable() for partition, progress in self._progress.items()}
            return {partition: offset for partition, offset in found.items() if offset is not None}
        offsets = self._client.positions()
        for record in self._unfinished():
            partition = _partition_of(record)
            if partition in offsets and partition not in self._gone:
                offsets[partition] = min(offsets[partition], offset_of(record))
        return offsets

    def _unfinished(self) -> Iterable[Record]:
        """Fetched, and not known to be finished: from the message in hand to the end of the batch, and what was fetched ahead."""
        if self._batch_done:
            return self._ahead
        taken = len(self._batch) - length_hint(self._records)
        first = max(0, taken - 1)
        if taken and self._batch[first] is self._acknowledged:
            first += 1
        return [*self._batch[first:], *self._ahead]

    # The keeper.

    def _keep(self) -> None:
        while not self._closed.wait(KEEPER_TICK_S):
            if not self._lock.acquire(blocking=False):
                continue
            try:
                self._tick(time.monotonic())
            except MessageQueuesError as error:
                self._failure = error
                return
            finally:
                self._lock.release()

    def _tick(self, now: float) -> None:
        if self._closed.is_set():
            return
        if self._commits.are_due(now):
            self._commits.send(self._finished(), now)
        if now - self._fetched_at < QUIET_S:
            return
        self._stay(0)

    def _stay(self, timeout_s: float = FETCH_S) -> None:
        """Take part in rebalances without handing out more; what arrives nevertheless is kept for later."""
        # Partitions that a rebalance brings are not paused yet, so each time all are paused again.
        assignment = self._client.assignment()
        if assignment:
            self._client.pause(assignment)
            self._is_paused = True
        self._ahead.extend(self._client.fetch(1, timeout_s))

    # The group listener: called by `fetch` and `close`, so with the lock held, in the program's thread or in the keeper's.

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        logger.debug("assigned %s", ", ".join(map(str, partitions)))

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Commit what is finished of these, and hand out no more of them."""
        if threading.current_thread() is self._keeper:
            # The message in hand may be finished in a moment; then it need not be seen twice.
            self._interrupted = True
            if not self._aside.wait(self._drain_s):
                logger.warning(
                    "a message took longer than %g s: its partition went to another consumer, which gets it again", self._drain_s
                )

        def finished() -> dict[TopicPartition, int]:
            return {partition: offset for partition, offset in self._finished().items() if partition in partitions}

        self._commits.send_last(finished, pause_briefly)
        self._give_up(partitions)

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """Another consumer has these already: nothing of them may be committed."""
        logger.warning("lost %s: the group gave them to another consumer", ", ".join(map(str, partitions)))
        self._give_up(partitions)

    def not_committed(self, partitions: Collection[TopicPartition], error: MessageQueuesError) -> None:
        self._commits.failed(partitions, error)

    def _give_up(self, partitions: Collection[TopicPartition]) -> None:
        self._run = (None, None, AnyOrder())
        for partition in partitions:
            progress = self._progress.pop(partition, None)
            if progress is not None:
                progress.take_away()
        self._commits.forget(partitions)
        self._ahead = [record for record in self._ahead if _partition_of(record) not in partitions]
        if not self._batch_done:
            self._gone.update(partitions)
            self._interrupted = True

    # What the consumer asks for.

    def commit(self) -> None:
        """Commit what is finished and wait for the broker's answer."""
        self._aside.set()
        with self._lock:
            self._aside.clear()
            self._commits.send_and_wait(self._finished())

    def stop(self) -> None:
        """No more messages are handed out; may be called from a signal handler."""
        self._stopping = True
        self._interrupted = True

    def close(self) -> None:
        """Commit what is finished and leave the group."""
        self.stop()
        self._aside.set()
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._keeper is not None:
                self._commits.send_last(self._finished, self._stay)
            self._client.close()
        if self._keeper is not None and threading.current_thread() is not self._keeper:
            self._keeper.join()


def _partition_of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic() or "", record.partition() or 0)
