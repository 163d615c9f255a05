"""Tasks that move the messages of a dead letter queue elsewhere.

A message is stored in its destination before it goes from its source; how many were moved is journaled with each batch, and a task goes on
after a restart. A crash may move a batch of standard queues twice, never lose it.

Source: API reference, StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks.
"""

import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final
from uuid import uuid4

from message_queues.broker.clock import Timer
from message_queues.broker.event import Event
from message_queues.broker.sqs.events import SqsMoveTaskEnded, SqsMoveTaskProgressed, SqsMoveTaskStarted
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.message import SqsMessage
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.errors import InvalidParameterValue, ResourceNotFound, StorageError, UnsupportedOperation
from message_queues.storage.group_commit import Failures

logger = logging.getLogger(__name__)

RUNNING: Final = "RUNNING"
COMPLETED: Final = "COMPLETED"
CANCELLED: Final = "CANCELLED"
FAILED: Final = "FAILED"

MOST_PER_SECOND: Final = 500
MOST_LISTED: Final = 10
TICK_MS: Final = 100
"""A task with a rate moves a tenth of it so often."""
BATCH: Final = 200
"""One without a rate moves so many between other work."""
RETRY_MS: Final = 1000
"""After messages could not be stored."""
NO_SOURCE: Final = "CouldNotDetermineMessageSource"
NO_DESTINATION: Final = "AWS.SimpleQueueService.NonExistentQueue"

Find = Callable[[str], SqsQueue | None]


class MoveTask:
    def __init__(self, event: SqsMoveTaskStarted) -> None:
        self.task_id = event.task_id
        self.source_arn = event.source_arn
        self.destination_arn = event.destination_arn
        self.rate = event.rate
        """Messages per second; None: as fast as it goes."""
        self.to_move = event.to_move
        self.started_ms = event.started_ms
        self.status = RUNNING
        self.moved = 0
        self.failure_reason: str | None = None
        self.owed = 0.0
        """Of a message, what the rate allows already."""
        self.timer: Timer | None = None

    @property
    def handle(self) -> str:
        content = json.dumps({"taskId": self.task_id, "sourceArn": self.source_arn}, separators=(",", ":"))
        return base64.b64encode(content.encode()).decode()


class MoveTasks:
    def __init__(self, commit: Callable[[list[Event]], None], find: Find, sources_of: Callable[[SqsQueue], Sequence[SqsQueue]]) -> None:
        self._commit = commit
        self._find = find
        self._sources_of = sources_of
        self._home: SqsHome
        self._tasks: dict[str, MoveTask] = {}
        """By id, the oldest first."""

    def open(self, home: SqsHome) -> None:
        self._home = home

    # What users ask for.

    def start(self, source_arn: str, destination_arn: str | None, rate: int | None) -> str:
        """Returns the task's handle. Raises ResourceNotFound, InvalidParameterValue."""
        if rate is not None and not 1 <= rate <= MOST_PER_SECOND:
            raise InvalidParameterValue(
                f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and {MOST_PER_SECOND}, if "
                "provided."
            )
        source = self._existing(source_arn)
        if not self._sources_of(source):
            raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        if destination_arn is not None:
            if destination_arn == source_arn:
                raise InvalidParameterValue("Source queue arn and destination queue arn are the same.")
            destination = self._existing(destination_arn, "DestinationArn")
            if destination.settings.is_fifo != source.settings.is_fifo:
                raise InvalidParameterValue("Destination queue must be same type of queue as the source.")
        if any(task.status == RUNNING for task in self._of(source_arn)):
            raise InvalidParameterValue(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
            )
        task_id = str(uuid4())
        self._commit(
            [
                SqsMoveTaskStarted(
                    task_id=task_id,
                    source_arn=source_arn,
                    destination_arn=destination_arn,
                    rate=rate,
                    to_move=source.counts().visible,
                    started_ms=self._home.clock.now_ms(),
                )
            ]
        )
        task = self._tasks[task_id]
        self._after(task, 0)
        return task.handle

    def cancel(self, handle: str) -> int:
        """Returns how many messages were moved. Raises InvalidParameterValue, ResourceNotFound, UnsupportedOperation."""
        task = self._named(handle)
        if task.status != RUNNING:
            raise UnsupportedOperation("Only active tasks can be cancelled.")
        self._end(task, CANCELLED)
        return task.moved

    def list(self, source_arn: str, most: int = 1) -> Sequence[MoveTask]:
        """The newest first, ten at most. Raises ResourceNotFound."""
        self._existing(source_arn)
        return self._of(source_arn)[::-1][: min(most, MOST_LISTED)]

    def _named(self, handle: str) -> MoveTask:
        try:
            content: object = json.loads(base64.b64decode(handle, validate=True))
        except (ValueError, binascii.Error, RecursionError):
            content = None
        if not isinstance(content, dict) or "taskId" not in content or "sourceArn" not in content:
            raise InvalidParameterValue("Value for parameter TaskHandle is invalid.")
        self._existing(str(content["sourceArn"]))
        task = self._tasks.get(str(content["taskId"]))
        if task is None:
            raise ResourceNotFound("Task does not exist.")
        return task

    def _existing(self, arn: str, parameter: str = "SourceArn") -> SqsQueue:
        queue = self._find(arn)
        if queue is None:
            raise ResourceNotFound(f"The resource that you specified for the {parameter} parameter doesn't exist.")
        return queue

    def _of(self, source_arn: str) -> Sequence[MoveTask]:
        return [task for task in self._tasks.values() if task.source_arn == source_arn]

    # Moving.

    def _after(self, task: MoveTask, delay_ms: int) -> None:
        task.timer = self._home.timers.after(delay_ms, lambda: self._move(task))

    def _move(self, task: MoveTask) -> None:
        source = self._find(task.source_arn)
        if task.status != RUNNING or source is None:
            return
        targets: set[SqsQueue] = set()
        failure: str | None = None

        def move(message: SqsMessage) -> SqsQueue | None:
            nonlocal failure
            arn = task.destination_arn or message.source_arn
            target = self._find(arn) if arn is not None else None
            if target is None:
                failure = NO_SOURCE if arn is None else NO_DESTINATION
            else:
                target.take_moved(message, task.task_id)
                targets.add(target)
            return target

        moved = source.move(self._allowance(task), move)
        if moved:
            self._home.group_commit.when_durable(partial(self._moved, task, moved, targets, failure))
        elif failure is not None:
            self._end(task, FAILED, failure)
        elif not source.counts().visible:
            self._end(task, COMPLETED)
        else:
            self._after(task, TICK_MS)

    def _allowance(self, task: MoveTask) -> int:
        if task.rate is None:
            return BATCH
        task.owed = min(task.owed + task.rate * TICK_MS / 1000, task.rate)
        count = int(task.owed)
        task.owed -= count
        return count

    def _moved(self, task: MoveTask, moved: int, targets: set[SqsQueue], failure: str | None, failures: Failures) -> None:
        if task.status != RUNNING or task.task_id not in self._tasks:
            return
        has_failed = any(target.is_failing(failures) for target in targets)
        try:
            if not has_failed:
                self._commit([SqsMoveTaskProgressed(task_id=task.task_id, moved=task.moved + moved)])
                if failure is not None:
                    self._end(task, FAILED, failure)
                    return
        except StorageError as error:
            # The journal fails, and with it the server.
            logger.warning("a move task stops", extra={"source": task.source_arn, "error": str(error)})
            return
        self._after(task, RETRY_MS if has_failed else TICK_MS if task.rate is not None else 0)

    def _end(self, task: MoveTask, status: str, failure_reason: str | None = None) -> None:
        if task.timer is not None:
            task.timer.cancel()
        self._commit([SqsMoveTaskEnded(task_id=task.task_id, status=status, moved=task.moved, failure_reason=failure_reason)])

    def resume(self) -> None:
        for task in self._tasks.values():
            if task.status == RUNNING:
                self._after(task, 0)

    def queue_deleted(self, arn: str) -> None:
        """Its tasks go with it."""
        for task in self._of(arn):
            if task.timer is not None:
                task.timer.cancel()
            del self._tasks[task.task_id]

    def stop(self) -> None:
        for task in self._tasks.values():
            if task.timer is not None:
                task.timer.cancel()

    # What has happened.

    def apply_started(self, event: SqsMoveTaskStarted) -> None:
        self._tasks[event.task_id] = MoveTask(event)
        ended = [task for task in self._of(event.source_arn) if task.status != RUNNING]
        for task in ended[: max(0, len(ended) - MOST_LISTED)]:
            del self._tasks[task.task_id]

    def apply_progressed(self, event: SqsMoveTaskProgressed) -> None:
        self._tasks[event.task_id].moved = event.moved

    def apply_ended(self, event: SqsMoveTaskEnded) -> None:
        task = self._tasks[event.task_id]
        task.status, task.moved, task.failure_reason = event.status, event.moved, event.failure_reason

    def state_events(self) -> Iterator[Event]:
        for task in self._tasks.values():
            yield SqsMoveTaskStarted(
                task_id=task.task_id,
                source_arn=task.source_arn,
                destination_arn=task.destination_arn,
                rate=task.rate,
                to_move=task.to_move,
                started_ms=task.started_ms,
            )
            if task.status == RUNNING:
                yield SqsMoveTaskProgressed(task_id=task.task_id, moved=task.moved)
            else:
                yield SqsMoveTaskEnded(task_id=task.task_id, status=task.status, moved=task.moved, failure_reason=task.failure_reason)
