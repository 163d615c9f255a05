"""All queues of SQS of the broker, by region, account and name, with their move tasks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import uuid4

from message_queues.broker.event import Event
from message_queues.broker.sqs.events import (
    SqsMoveTaskEnded,
    SqsMoveTaskProgressed,
    SqsMoveTaskStarted,
    SqsQueueAttributesSet,
    SqsQueueCreated,
    SqsQueueDeleted,
    SqsQueueTagged,
    SqsQueueUntagged,
)
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.move_tasks import MoveTasks
from message_queues.broker.sqs.policy import with_permission, without_permission
from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queue_name import QueueName
from message_queues.broker.sqs.queue_settings import (
    QUEUE_NAME,
    RedrivePolicy,
    check_together,
    checked_attributes,
    compared_attributes,
    redrive_policy,
)
from message_queues.broker.sqs.tags import check_tags
from message_queues.errors import (
    InvalidAttributeValue,
    InvalidParameterValue,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
)

__all__ = ["QueueName", "SqsQueues"]

DELETED_RECENTLY_MS: Final = 60_000


class SqsQueues:
    def __init__(self, commit: Callable[[list[Event]], None]) -> None:
        self._commit = commit
        self._home: SqsHome
        self._by_name: dict[QueueName, SqsQueue] = {}
        self._by_arn: dict[str, SqsQueue] = {}
        self._by_id: dict[bytes, SqsQueue] = {}
        self._deleted_ms: dict[QueueName, int] = {}
        self.move_tasks = MoveTasks(commit, self._by_arn.get, self.dead_letter_sources)
        self.appliers: Mapping[type[Event], Callable[..., object]] = {
            SqsQueueCreated: self._apply_created,
            SqsQueueDeleted: self._apply_deleted,
            SqsQueueAttributesSet: self._apply_attributes_set,
            SqsQueueTagged: self._apply_tagged,
            SqsQueueUntagged: self._apply_untagged,
            SqsMoveTaskStarted: self.move_tasks.apply_started,
            SqsMoveTaskProgressed: self.move_tasks.apply_progressed,
            SqsMoveTaskEnded: self.move_tasks.apply_ended,
        }

    def open(self, home: SqsHome) -> None:
        """Before the first event."""
        self._home = home
        self.move_tasks.open(home)

    def start(self) -> None:
        """After the last one of an earlier life: what was going on goes on."""
        self.move_tasks.resume()

    # Finding.

    def get(self, name: QueueName) -> SqsQueue:
        """Raises QueueDoesNotExist."""
        queue = self._by_name.get(name)
        if queue is None:
            raise QueueDoesNotExist("The specified queue does not exist.")
        return queue

    def by_arn(self, arn: str) -> SqsQueue | None:
        return self._by_arn.get(arn)

    def list(self, region: str, account: str, prefix: str = "") -> Sequence[SqsQueue]:
        """In the order of their names."""
        return [
            queue
            for name, queue in sorted(self._by_name.items())
            if name.region == region and name.account == account and name.name.startswith(prefix)
        ]

    def all(self) -> Sequence[SqsQueue]:
        return tuple(self._by_name.values())

    def dead_letter_sources(self, queue: SqsQueue) -> Sequence[SqsQueue]:
        """Whose dead letters go there, in the order of their names."""
        return [
            each
            for _, each in sorted(self._by_name.items())
            if each.settings.redrive is not None and each.settings.redrive.target_arn == queue.arn
        ]

    # Queues.

    def create(self, name: QueueName, attributes: Mapping[str, str], tags: Mapping[str, str]) -> SqsQueue:
        """The queue of this name if it has the attributes that are given; else a new one.

        Raises InvalidParameterValue, InvalidAttributeName, InvalidAttributeValue, QueueNameExists, QueueDeletedRecently.
        """
        is_fifo = check_name(name, attributes)
        checked = checked_attributes(attributes, is_fifo)
        check_tags(name.name, {}, tags)
        present = self._by_name.get(name)
        if present is not None:
            self._check_same(present, checked)
            return present
        check_together(checked)
        now_ms = self._home.clock.now_ms()
        if now_ms - self._deleted_ms.get(name, -DELETED_RECENTLY_MS) < DELETED_RECENTLY_MS:
            raise QueueDeletedRecently("You must wait 60 seconds after deleting a queue before you can create another with the same name.")
        self._check_redrive(name, checked)
        self._commit(
            [
                SqsQueueCreated(
                    region=name.region,
                    account=name.account,
                    name=name.name,
                    queue_id=uuid4().bytes,
                    created_ms=now_ms,
                    attributes={each: value for each, value in checked.items() if value},
                    tags=dict(tags),
                )
            ]
        )
        return self._by_name[name]

    def _check_same(self, queue: SqsQueue, attributes: Mapping[str, str]) -> None:
        present = compared_attributes(queue.attributes, queue.settings.is_fifo)
        for name, value in attributes.items():
            if compared_attributes({name: value}, queue.settings.is_fifo)[name] != present.get(name, ""):
                raise QueueNameExists(
                    f"A queue already exists with the same name and a different value for attribute {name}",
                    (f"{name}: {present.get(name, '')!r} is set, {value!r} is asked for",),
                )

    def delete(self, name: QueueName) -> None:
        """With all its messages. Raises QueueDoesNotExist."""
        self.get(name)
        self._commit([SqsQueueDeleted(region=name.region, account=name.account, name=name.name, deleted_ms=self._home.clock.now_ms())])

    def set_attributes(self, queue: SqsQueue, changes: Mapping[str, str]) -> None:
        """Raises InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue."""
        if queue.settings.is_fifo and changes.get("FifoQueue", "true").lower() != "true":
            raise InvalidAttributeValue("Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
        checked = checked_attributes(changes, queue.settings.is_fifo)
        check_together({**queue.attributes, **checked})
        self._check_redrive(queue.name, checked)
        self._set(queue, {name: value or None for name, value in checked.items()})

    def _set(self, queue: SqsQueue, changes: Mapping[str, str | None]) -> None:
        self._commit([SqsQueueAttributesSet(queue_id=queue.queue_id, changes=dict(changes), modified_ms=self._home.clock.now_ms())])

    def _check_redrive(self, name: QueueName, attributes: Mapping[str, str]) -> None:
        text = attributes.get("RedrivePolicy")
        if not text:
            return
        policy = redrive_policy(text)
        reason = self._fault_of(name, policy)
        if reason is not None:
            raise InvalidParameterValue(f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}")

    def _fault_of(self, name: QueueName, policy: RedrivePolicy) -> str | None:
        """API reference, CreateQueue, RedrivePolicy: "The dead-letter queue of a FIFO queue must also be a FIFO queue"; Developer Guide:
        both are in one region and account."""
        target = self._by_arn.get(policy.target_arn)
        if target is None or target.name[:2] != name[:2]:
            return "Dead letter target does not exist."
        if target.settings.is_fifo != name.is_fifo:
            return "Dead-letter queue must be same type of queue as the source."
        if not target.settings.allow.allows(name.arn):
            return f"Queue {policy.target_arn} does not allow this queue to use it as its dead-letter queue."
        return None

    # Tags and permissions.

    def tag(self, queue: SqsQueue, tags: Mapping[str, str]) -> None:
        """Raises InvalidParameterValue."""
        check_tags(queue.name.name, queue.tags, tags)
        self._commit([SqsQueueTagged(queue_id=queue.queue_id, tags=dict(tags))])

    def untag(self, queue: SqsQueue, keys: Sequence[str]) -> None:
        self._commit([SqsQueueUntagged(queue_id=queue.queue_id, keys=[*keys])])

    def add_permission(self, queue: SqsQueue, label: str, accounts: Sequence[str], actions: Sequence[str]) -> None:
        """Raises InvalidParameterValue and OverLimit."""
        self._set(queue, {"Policy": with_permission(queue.attributes.get("Policy", ""), queue.arn, label, accounts, actions)})

    def remove_permission(self, queue: SqsQueue, label: str) -> None:
        """Raises InvalidParameterValue."""
        self._set(queue, {"Policy": without_permission(queue.attributes.get("Policy", ""), queue.arn, label) or None})

    def is_allowed(self, queue: SqsQueue, account: str, action: str, source_arn: str | None = None, service: str | None = None) -> bool:
        """Whether that account, or a service such as "sns.amazonaws.com" for a resource of it, may do `action` ("SendMessage").

        The queue's own account may, unless the policy denies it. A service may without any policy if the resource is of the queue's
        account, which Amazon does not allow; a policy that does not name it refuses it.
        """
        policy = queue.settings.policy
        is_own = account == queue.name.account
        if policy is None:
            return is_own
        verdict = policy.verdict(account, action, source_arn, service)
        if verdict is None:
            return is_own and service is None
        return verdict

    # What has happened.

    def _apply_created(self, event: SqsQueueCreated) -> None:
        name = QueueName(event.region, event.account, event.name)
        modified_ms = event.created_ms if event.modified_ms is None else event.modified_ms
        queue = SqsQueue(name, event.queue_id, event.attributes, event.tags, event.created_ms, modified_ms, self._home, self._by_arn.get)
        self._by_name[name] = self._by_arn[queue.arn] = self._by_id[event.queue_id] = queue
        self._deleted_ms.pop(name, None)

    def _apply_deleted(self, event: SqsQueueDeleted) -> None:
        name = QueueName(event.region, event.account, event.name)
        self._deleted_ms = {
            each: deleted_ms for each, deleted_ms in self._deleted_ms.items() if event.deleted_ms - deleted_ms < DELETED_RECENTLY_MS
        }
        self._deleted_ms[name] = event.deleted_ms
        queue = self._by_name.pop(name, None)
        if queue is not None:
            del self._by_arn[queue.arn], self._by_id[queue.queue_id]
            queue.delete_all()
            self.move_tasks.queue_deleted(queue.arn)

    def _apply_attributes_set(self, event: SqsQueueAttributesSet) -> None:
        queue = self._by_id[event.queue_id]
        attributes = {**queue.attributes, **{name: value for name, value in event.changes.items() if value is not None}}
        for name, value in event.changes.items():
            if value is None:
                attributes.pop(name, None)
        queue.heed(attributes, event.modified_ms)

    def _apply_tagged(self, event: SqsQueueTagged) -> None:
        self._by_id[event.queue_id].tags.update(event.tags)

    def _apply_untagged(self, event: SqsQueueUntagged) -> None:
        for key in event.keys:
            self._by_id[event.queue_id].tags.pop(key, None)

    def state_events(self) -> Iterator[Event]:
        for name, deleted_ms in self._deleted_ms.items():
            yield SqsQueueDeleted(region=name.region, account=name.account, name=name.name, deleted_ms=deleted_ms)
        for queue in self._by_name.values():
            yield SqsQueueCreated(
                region=queue.name.region,
                account=queue.name.account,
                name=queue.name.name,
                queue_id=queue.queue_id,
                created_ms=queue.created_ms,
                attributes=dict(queue.attributes),
                tags=dict(queue.tags),
                modified_ms=queue.modified_ms,
            )
        yield from self.move_tasks.state_events()

    def close(self) -> None:
        self.move_tasks.stop()
        for queue in self._by_name.values():
            queue.close()


def check_name(name: QueueName, attributes: Mapping[str, str]) -> bool:
    """Whether it is that of a FIFO queue. Raises InvalidParameterValue."""
    is_asked_for = attributes.get("FifoQueue", "").lower() == "true"
    base = name.name.removesuffix(".fifo")
    if is_asked_for and not (name.is_fifo and QUEUE_NAME.fullmatch(base) and len(name.name) <= 80):
        raise InvalidParameterValue(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be "
            "1 to 80 in length"
        )
    if not is_asked_for and not QUEUE_NAME.fullmatch(name.name):
        raise InvalidParameterValue("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
    return is_asked_for
