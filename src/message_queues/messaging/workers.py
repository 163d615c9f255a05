"""Reading by handler: one thread reads, `concurrency` workers call the program's handler.

A partition is worked on by one worker at a time, so its order is kept; different partitions run side by side. The reader holds at most
`prefetch` messages ahead of the workers. It never stops polling for longer than `QUIET_S`: when the workers are slow it pauses the
partitions and polls on, so a slow handler costs no membership (KIP-62: max.poll.interval.ms). When a few busy partitions fill the prefetch
while workers stand idle, those partitions are set aside so that others come through.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from message_queues.clients.ports import Consumer, TopicPartition
from message_queues.errors import HandlerFailed, MessageQueuesError
from message_queues.message import Message, Record
from message_queues.messaging.commits import Commits, pause_briefly
from message_queues.messaging.progress import AnyOrder, InOrder, offset_of

logger = logging.getLogger("message_queues.consumer")

CHUNK = 32
"""Messages of one partition that a worker takes at a time."""
FETCH_S = 0.1
QUIET_S = 1.0
SKEWED_S = 0.05
"""Idle workers beside a full prefetch for this long: the busy partitions are set aside. Pausing costs a fetch, so not at once."""


class PartitionWork:
    """One assigned partition: what was read of it and waits, and what is finished."""

    __slots__ = ("held", "is_aside", "is_busy", "is_revoked", "progress", "queue")

    def __init__(self, *, automatic: bool) -> None:
        self.queue: deque[Record] = deque()
        self.progress = InOrder() if automatic else AnyOrder()
        self.held = 0
        self.is_busy = False
        self.is_aside = False
        self.is_revoked = False

    def take(self, count: int) -> list[Record]:
        """The next of the queue, in order."""
        queue = self.queue
        if len(queue) <= count:
            chunk = list(queue)
            queue.clear()
            return chunk
        return [queue.popleft() for _ in range(count)]


class Workers:
    """The reader and its workers, from `run` to the end of it."""

    def __init__(
        self,
        client: Consumer,
        topics: Sequence[str],
        commits: Commits,
        handler: Callable[[Message], object],
        on_error: Callable[[Message, Exception], None],
        *,
        concurrency: int,
        prefetch: int,
        automatic: bool,
        drain_s: float,
    ) -> None:
        self._client = client
        self._topics = topics
        self._commits = commits
        self._handler = handler
        self._on_error = on_error
        self._concurrency = concurrency
        self._prefetch = prefetch
        self._automatic = automatic
        self._drain_s = drain_s
        # One lock for the three below; workers wait for work, the reader for room.
        lock = threading.Lock()
        self._work_ready = threading.Condition(lock)
        self._room_made = threading.Condition(lock)
        self._works: dict[TopicPartition, PartitionWork] = {}
        self._ready: deque[PartitionWork] = deque()
        self._idle = 0
        self._stopping = False
        self._failure: HandlerFailed | None = None
        self._polled_at = time.monotonic()
        self._full_since: float | None = None
        self._is_paused = False
        self.handled = 0
        self.is_running = False

    def run(self) -> None:
        """Read and hand over until `stop`, or until a handler fails. Raises HandlerFailed."""
        threads = [threading.Thread(target=self._work, name=f"worker-{number}", daemon=True) for number in range(self._concurrency)]
        self.is_running = True
        self._client.subscribe(self._topics, self)
        for thread in threads:
            thread.start()
        try:
            while not self._stopping:
                self._read()
        finally:
            self.stop()
            deadline = time.monotonic() + self._drain_s
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            self._commits.send_last(lambda: self._finished(list(self._works)), self._stay)
            self._warn_of_unacknowledged()
            self.is_running = False
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Let the workers finish the message in hand, then end; may be called from a signal handler."""
        self._stopping = True

    def commit(self) -> None:
        """Commit what is finished and wait for the broker's answer; from a handler, or any thread."""
        with self._work_ready:
            partitions = list(self._works)
        self._commits.send_and_wait(self._finished(partitions))

    # The reader.

    def _read(self) -> None:
        now = time.monotonic()
        if self._commits.are_due(now):
            self._commits.send(self._finished(list(self._works)), now)
        self._bring_back()
        room = self._room()
        if room > 0:
            self._full_since = None
            self._resume_all()
            self._polled_at = now
            self._hand_over(self._client.fetch(room, FETCH_S))
            return
        self._full_since = self._full_since or now
        if now - self._full_since >= SKEWED_S and self._is_skewed():
            self._set_aside()
        elif now - self._polled_at >= QUIET_S:
            self._pause_all()
            self._polled_at = now
            self._hand_over(self._client.fetch(1, 0))
        else:
            with self._room_made:
                self._room_made.wait(SKEWED_S)

    def _room(self) -> int:
        with self._room_made:
            return self._prefetch - sum(work.held for work in self._works.values() if not work.is_aside)

    def _is_skewed(self) -> bool:
        with self._room_made:
            return self._idle > 0 and not self._ready

    def _set_aside(self) -> None:
        """The partitions that fill the prefetch count no more and bring no more, until they are through with what they have."""
        busy = [partition for partition, work in self._works.items() if work.held and not work.is_aside]
        self._client.pause(busy)
        for partition in busy:
            self._works[partition].is_aside = True

    def _bring_back(self) -> None:
        done = [partition for partition, work in self._works.items() if work.is_aside and not work.held]
        if done:
            self._client.resume(done)
            for partition in done:
                self._works[partition].is_aside = False

    def _pause_all(self) -> None:
        # Again each time: a rebalance may have brought partitions that are not paused yet.
        assignment = self._client.assignment()
        if assignment:
            self._client.pause(assignment)
            self._is_paused = True

    def _stay(self) -> None:
        """Take part in a rebalance without taking more work; what arrives nevertheless is not begun, and so not committed."""
        self._pause_all()
        self._hand_over(self._client.fetch(1, FETCH_S))

    def _resume_all(self) -> None:
        if self._is_paused:
            self._client.resume([partition for partition, work in self._works.items() if not work.is_aside])
            self._is_paused = False

    def _hand_over(self, batch: Sequence[Record]) -> None:
        """Messages come in runs of one partition: each run goes to its queue at once."""
        if not batch:
            return
        one_topic = len(self._topics) == 1
        with self._work_ready:
            start, number, topic = 0, batch[0].partition(), batch[0].topic()
            for index, record in enumerate(batch):
                if record.partition() != number or not (one_topic or record.topic() == topic):
                    self._queue(TopicPartition(topic or "", number or 0), batch[start:index])
                    start, number, topic = index, record.partition(), record.topic()
            self._queue(TopicPartition(topic or "", number or 0), batch[start:])
            self._work_ready.notify(len(self._ready))

    def _queue(self, partition: TopicPartition, run: Sequence[Record]) -> None:
        work = self._works.get(partition)
        if work is None:
            work = self._works[partition] = PartitionWork(automatic=self._automatic)
        if isinstance(work.progress, AnyOrder):
            for record in run:
                work.progress.read(offset_of(record))
        if not work.queue and not work.is_busy:
            self._ready.append(work)
        work.queue.extend(run)
        work.held += len(run)

    # The workers.

    def _work(self) -> None:
        while True:
            with self._work_ready:
                self._idle += 1
                while not self._ready and not self._stopping:
                    self._work_ready.wait(FETCH_S)
                self._idle -= 1
                if self._stopping:
                    return
                work = self._ready.popleft()
                chunk = work.take(CHUNK)
                work.is_busy = True
            handled = self._handle(work, chunk)
            with self._work_ready:
                self.handled += handled
                work.is_busy = False
                work.held -= len(chunk)
                if work.queue:
                    self._ready.append(work)
                self._room_made.notify()

    def _handle(self, work: PartitionWork, chunk: list[Record]) -> int:
        handler, progress = self._handler, work.progress
        in_order = progress if isinstance(progress, InOrder) else None
        for index, record in enumerate(chunk):
            if work.is_revoked or self._stopping:
                return index
            message = Message(record, progress)
            try:
                handler(message)
            except BaseException as error:
                if not self._goes_on(message, error):
                    return index
                progress.acknowledge(record)
            if in_order is not None:
                in_order.finished = record
        return len(chunk)

    def _goes_on(self, message: Message, error: BaseException) -> bool:
        try:
            if not isinstance(error, Exception):  # sys.exit() in a handler ends the run, not just this thread.
                raise error
            self._on_error(message, error)
        except BaseException as final:
            failure = HandlerFailed(f"the handler failed on {message!r}: {final!r}", message)
            failure.__cause__ = final
            self._failure = self._failure or failure
            self._stopping = True
            return False
        return True

    def _finished(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        found = {partition: self._works[partition].progress.committable() for partition in partitions if partition in self._works}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def _warn_of_unacknowledged(self) -> None:
        accounts = [work.progress for work in self._works.values()]
        waiting = sum(progress.unfinished for progress in accounts if isinstance(progress, AnyOrder))
        if self.handled and waiting >= self.handled:
            logger.warning(
                "%d messages were handled and none acknowledged: the group has enable_auto_commit=False, so the handler calls"
                " message.ack(), or the consumer is configured with commit='auto'",
                self.handled,
            )

    # The group listener: called by `fetch` and `close`, in the reader's thread.

    def partitions(self) -> list[str]:
        """Those it works on at this moment; asks nobody, as the client library answers other threads only when it does not read."""
        with self._work_ready:
            return [str(partition) for partition in sorted(self._works)]

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        with self._work_ready:
            for partition in partitions:
                self._works[partition] = PartitionWork(automatic=self._automatic)

    def revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Let the messages in hand finish, commit what is finished, and drop what had not begun."""
        deadline = time.monotonic() + self._drain_s
        with self._room_made:
            leaving = self._leave(partitions)
            while any(work.is_busy for work in leaving) and (rest := deadline - time.monotonic()) > 0:
                self._room_made.wait(min(rest, FETCH_S))
            late = sum(work.is_busy for work in leaving)
        if late:
            logger.warning(
                "%d messages took longer than %g s: their partitions went to another consumer, which gets them again", late, self._drain_s
            )
        self._commits.send_last(lambda: self._finished(partitions), pause_briefly)
        self._give_up(partitions)

    def lost(self, partitions: Collection[TopicPartition]) -> None:
        """Another consumer has these already: nothing of them may be committed."""
        logger.warning("lost %s: the group gave them to another consumer", ", ".join(map(str, partitions)))
        with self._room_made:
            self._leave(partitions)
        self._give_up(partitions)

    def not_committed(self, partitions: Collection[TopicPartition], error: MessageQueuesError) -> None:
        self._commits.failed(partitions, error)

    def _leave(self, partitions: Collection[TopicPartition]) -> list[PartitionWork]:
        leaving = [self._works[partition] for partition in partitions if partition in self._works]
        for work in leaving:
            work.is_revoked = True
            work.queue.clear()
        self._ready = deque(work for work in self._ready if not work.is_revoked)
        return leaving

    def _give_up(self, partitions: Collection[TopicPartition]) -> None:
        with self._room_made:
            for partition in partitions:
                work = self._works.pop(partition, None)
                if work is not None:
                    work.progress.take_away()
        self._commits.forget(partitions)
