"""An Amazon SQS queue: created once, described, counted, altered, purged, deleted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from message_queues.errors import Conflict, InvalidAttributeName, QueueDoesNotExist, QueueNameExists
from message_queues.messaging.aws_place import AwsPlace
from message_queues.messaging.differences import argument_differences
from message_queues.messaging.sqs_attributes import FIFO, QUEUE_ATTRIBUTES, QUEUE_READ_ONLY, checked_queue_attributes, differences
from message_queues.messaging.sqs_policy import with_permission

YOUNG_S = 3.0
LOOK_EVERY_S = 0.1
VISIBLE, NOT_VISIBLE, DELAYED = (f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed"))


class SqsCounts(NamedTuple):
    """About how many messages there are: AWS counts with up to a minute's delay."""

    visible: int
    in_flight: int
    """Received and not deleted yet."""
    delayed: int


@dataclass(frozen=True, slots=True)
class SqsQueueDescription:
    """A queue as AWS has it at one moment."""

    name: str
    cluster: str
    region: str
    url: str
    arn: str
    is_fifo: bool
    attributes: Mapping[str, str]
    """Those that can be set, as AWS spells them."""
    tags: Mapping[str, str]
    counts: SqsCounts


class SqsQueue:
    """A queue of one account in one region. Made by `MessageQueues.create_sqs_queue`."""

    def __init__(self, place: AwsPlace, name: str, url: str, on_delete: Callable[[], None]) -> None:
        self.place = place
        self._api = place.client.sqs
        self._on_delete = on_delete
        self._arn: str | None = None
        self.name = name
        self.url = url
        self.cluster = place.name
        """The region, with the address of what is not AWS: as `cluster_name=` calls it."""

    @property
    def region(self) -> str:
        """Such as us-east-1."""
        return self.place.region

    @property
    def is_fifo(self) -> bool:
        """Whether it keeps the order of each group and drops duplicates."""
        return self.name.endswith(FIFO)

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name, for policies. Raises QueueDoesNotExist."""
        if self._arn is None:
            self._arn = self.attributes()["QueueArn"]
        return self._arn

    def attributes(self) -> dict[str, str]:
        """All, with those that AWS says, such as CreatedTimestamp. Raises QueueDoesNotExist if it is gone."""
        return self._api.attributes(self.url)

    def describe(self) -> SqsQueueDescription:
        """As AWS has it now. Raises QueueDoesNotExist if it is gone."""
        found = self.attributes()
        settable = {name: value for name, value in found.items() if name not in QUEUE_READ_ONLY}
        return SqsQueueDescription(
            self.name, self.cluster, self.region, self.url, found["QueueArn"], self.is_fifo, settable, self.tags(), _counts(found)
        )

    def tags(self) -> dict[str, str]:
        """Raises QueueDoesNotExist if it is gone."""
        return self._api.tags(self.url)

    def counts(self) -> SqsCounts:
        """About, as AWS says. Raises QueueDoesNotExist."""
        return _counts(self.attributes())

    def message_count(self) -> int:
        """Messages that could be received, about. Raises QueueDoesNotExist."""
        return self.counts().visible

    def alter(self, config: Mapping[str, object]) -> None:
        """Change attributes; "" takes a policy away. AWS may take a minute to heed it.

        Raises InvalidAttributeName, InvalidAttributeValue, QueueDoesNotExist.
        """
        if "FifoQueue" in config:
            raise InvalidAttributeName("FifoQueue: a queue is made as FIFO or not, and stays so")
        changes = checked_queue_attributes(config, self.name)
        changes.pop("FifoQueue", None)
        self._api.set_attributes(self.url, changes)

    def purge(self) -> None:
        """Drop all messages, also those in flight; it may take a minute. Raises PurgeQueueInProgress within 60 s of the one before."""
        self._api.purge(self.url)

    def delete(self) -> None:
        """Delete it with all its messages; for 60 s there can be none of that name. Raises QueueDoesNotExist if it is gone already."""
        self._api.delete_queue(self.url)
        self._on_delete()

    def allow(self, topic_arn: str) -> None:
        """Let an SNS topic send to it: a statement in its policy, if none says so yet."""
        changed = with_permission(self.attributes().get("Policy", ""), self.arn, topic_arn)
        if changed is not None:
            self._api.set_attributes(self.url, {"Policy": changed})

    def __repr__(self) -> str:
        return f"SqsQueue({self.name!r}, cluster={self.cluster!r})"


def create(place: AwsPlace, name: str, attributes: Mapping[str, str], tags: Mapping[str, str], on_delete: Callable[[], None]) -> SqsQueue:
    """Create it as wanted, or find it so. Raises Conflict with each difference if it exists otherwise."""
    try:
        queue = SqsQueue(place, name, place.client.sqs.create_queue(name, attributes, tags), on_delete)
    except QueueNameExists as error:
        url = place.client.sqs.queue_url(name)
        if url is None:
            raise
        _refuse_differences(SqsQueue(place, name, url, on_delete), attributes, tags, (str(error),))
        raise
    _refuse_differences(queue, attributes, tags)
    return queue


def find(place: AwsPlace, name: str, on_delete: Callable[[], None]) -> SqsQueue | None:
    """The queue of that name, whoever created it."""
    url = place.client.sqs.queue_url(name)
    return None if url is None else SqsQueue(place, name, url, on_delete)


def _attributes_of_new(queue: SqsQueue) -> dict[str, str]:
    """SQS API reference, CreateQueue: "you must wait at least one second after the queue is created to be able to use the queue"."""
    deadline = time.monotonic() + YOUNG_S
    while True:
        try:
            return queue.attributes()
        except QueueDoesNotExist:
            if time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_EVERY_S)


def _refuse_differences(queue: SqsQueue, attributes: Mapping[str, str], tags: Mapping[str, str], said: tuple[str, ...] = ()) -> None:
    """Only what was asked for is compared."""
    found = differences(_attributes_of_new(queue), attributes, QUEUE_ATTRIBUTES)
    if tags:
        held = queue.tags()
        found += tuple(f"tag {each}" for each in argument_differences({key: held[key] for key in tags if key in held}, tags))
    found = found or said
    if found:
        raise Conflict(f"SQS queue {queue.name!r} in {queue.cluster} exists with other settings: {'; '.join(found)}", found)


def _counts(attributes: Mapping[str, str]) -> SqsCounts:
    return SqsCounts(*(int(attributes.get(name, 0)) for name in (VISIBLE, NOT_VISIBLE, DELAYED)))
