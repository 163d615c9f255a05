"""SQS and SNS in memory, behind the ports of `clients/aws_ports.py`: what the logic of `messaging/` is tested with.

A queue keeps messages invisible until they are deleted or made visible: no time passes here. A test says what is refused.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from message_queues.clients.aws_ports import (
    OutgoingMessage,
    ReceivedMessage,
    Receiver,
    Refused,
    Sender,
    Sent,
    SubscriptionState,
)
from message_queues.errors import (
    Closed,
    InvalidParameterValue,
    MessageQueuesError,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
)

Outcome = Sent | Refused


class MemorySender:
    """Answers at once, or with what a test has put into `answers`; `gate` holds batches back."""

    def __init__(self) -> None:
        self.batches: list[list[OutgoingMessage]] = []
        self.answers: deque[Callable[[Sequence[OutgoingMessage]], Sequence[Outcome]]] = deque()
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.is_closed = False

    def send(self, batch: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        self.batches.append(list(batch))
        answer = self.answers.popleft() if self.answers else sent
        self.arrived.release()
        assert self.gate.wait(20)
        return answer(batch)

    def close(self) -> None:
        self.is_closed = True

    @property
    def bodies(self) -> list[list[str]]:
        return [[each.body for each in batch] for batch in self.batches]


def sent(batch: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
    return [Sent(f"id-{each.body}", None) for each in batch]


def failing(error: MessageQueuesError) -> Callable[[Sequence[OutgoingMessage]], Sequence[Outcome]]:
    def answer(batch: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        raise error

    return answer


class MemoryReceiver:
    """A queue of which all messages are there from the start: `put` adds one."""

    def __init__(self, messages: int = 0, *, in_order: bool = False) -> None:
        self._changed = threading.Condition()
        self._in_order = in_order
        self._visible: list[ReceivedMessage] = []
        self._in_flight: dict[str, ReceivedMessage] = {}
        self._receipts = 0
        self._is_interrupted = False
        self.deleted: list[str] = []
        self.changes: list[tuple[str, int]] = []
        """(message id, seconds)."""
        self.asked: list[int] = []
        self.failures: deque[MessageQueuesError] = deque()
        self.refuse_changes: Refused | None = None
        self.is_closed = False
        for number in range(messages):
            self.put(str(number))

    def put(self, body: str, group_id: str | None = None) -> None:
        system = {"ApproximateReceiveCount": "0", "SentTimestamp": "1700000000000"}
        if group_id is not None:
            system["MessageGroupId"] = group_id
        with self._changed:
            self._visible.append(ReceivedMessage(f"id-{body}", "", body, {}, system))
            self._changed.notify_all()

    def receive(self, count: int, wait_s: int, attempt_id: str | None) -> Sequence[ReceivedMessage]:
        assert (attempt_id is not None) == self._in_order
        with self._changed:
            self.asked.append(count)
            if self.failures:
                raise self.failures.popleft()
            while not (found := self._next(count)):
                if self._is_interrupted or not self._changed.wait(wait_s):
                    break
            if self._is_interrupted:
                raise Closed("interrupted")
            return found

    def _next(self, count: int) -> list[ReceivedMessage]:
        blocked = {each.system_attributes.get("MessageGroupId") for each in self._in_flight.values()} if self._in_order else set()
        chosen = [each for each in self._visible if not self._in_order or each.system_attributes.get("MessageGroupId") not in blocked][
            :count
        ]
        found = []
        for each in chosen:
            self._visible.remove(each)
            self._receipts += 1
            times = str(int(each.system_attributes["ApproximateReceiveCount"]) + 1)
            again = each._replace(
                receipt_handle=f"receipt-{self._receipts}", system_attributes={**each.system_attributes, "ApproximateReceiveCount": times}
            )
            self._in_flight[again.receipt_handle] = again
            found.append(again)
        return found

    def delete(self, receipt_handles: Sequence[str]) -> Sequence[Refused | None]:
        with self._changed:
            for handle in receipt_handles:
                self.deleted.append(self._in_flight.pop(handle).body)
            self._changed.notify_all()
        return [None] * len(receipt_handles)

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> Sequence[Refused | None]:
        with self._changed:
            for handle, seconds in changes:
                message = self._in_flight[handle]
                self.changes.append((message.message_id, seconds))
                if seconds == 0 and self.refuse_changes is None:
                    del self._in_flight[handle]
                    # As SQS has it: the oldest first.
                    self._visible.append(message)
                    self._visible.sort(key=lambda each: int(each.body) if each.body.isdigit() else 0)
            self._changed.notify_all()
        return [self.refuse_changes] * len(changes)

    def interrupt(self) -> None:
        with self._changed:
            self._is_interrupted = True
            self._changed.notify_all()

    def close(self) -> None:
        self.is_closed = True

    @property
    def visible(self) -> list[str]:
        return [each.body for each in self._visible]

    @property
    def in_flight(self) -> list[str]:
        return [each.body for each in self._in_flight.values()]


LOST = Refused(ReceiptHandleIsInvalid("the receipt handle has expired"), is_final=True)


@dataclass
class MemoryQueue:
    attributes: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    purged: int = 0


class MemorySqs:
    """Queues of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self.queues: dict[str, MemoryQueue] = {}
        self.unseen = 0
        """So many questions for attributes find nothing: AWS has not heard of a new queue everywhere at once."""
        self.receivers: dict[str, MemoryReceiver] = {}
        self.senders: dict[str, MemorySender] = {}

    def create_queue(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        present = self.queues.get(name)
        if present is None:
            arn = f"arn:aws:sqs:{self._region}:1:{name}"
            usual = {"QueueArn": arn, "VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "ApproximateNumberOfMessages": "3"}
            self.queues[name] = MemoryQueue({**usual, **attributes}, dict(tags))
        elif any(present.attributes.get(each) != value for each, value in attributes.items()):
            raise QueueNameExists("A queue already exists with the same name and a different value for attribute")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"http://{self._region}/1/{name}"

    def queue_url(self, name: str) -> str | None:
        return self.url(name) if name in self.queues else None

    def queue_urls(self, prefix: str) -> list[str]:
        return [self.url(name) for name in self.queues if name.startswith(prefix)]

    def _queue(self, url: str) -> MemoryQueue:
        try:
            return self.queues[url.rpartition("/")[2]]
        except KeyError:
            raise QueueDoesNotExist("The specified queue does not exist.") from None

    def attributes(self, url: str) -> dict[str, str]:
        if self.unseen > 0:
            self.unseen -= 1
            raise QueueDoesNotExist("The specified queue does not exist.")
        return dict(self._queue(url).attributes)

    def set_attributes(self, url: str, changes: Mapping[str, str]) -> None:
        self._queue(url).attributes.update(changes)

    def tags(self, url: str) -> dict[str, str]:
        return dict(self._queue(url).tags)

    def tag(self, url: str, tags: Mapping[str, str]) -> None:
        self._queue(url).tags.update(tags)

    def purge(self, url: str) -> None:
        self._queue(url).purged += 1

    def delete_queue(self, url: str) -> None:
        self._queue(url)
        del self.queues[url.rpartition("/")[2]]

    def sender(self, url: str, at_once: int) -> Sender:
        return self.senders.setdefault(url, MemorySender())

    def receiver(self, url: str, at_once: int) -> Receiver:
        return self.receivers.setdefault(url, MemoryReceiver())


@dataclass
class MemoryTopic:
    attributes: dict[str, str]
    tags: dict[str, str]
    subscriptions: dict[str, tuple[SubscriptionState, dict[str, str]]] = field(default_factory=dict)


class MemorySns:
    """Topics of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self.topics: dict[str, MemoryTopic] = {}
        self.senders: dict[str, MemorySender] = {}

    def create_topic(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> str:
        arn = f"arn:aws:sns:{self._region}:1:{name}"
        present = self.topics.setdefault(arn, MemoryTopic({"TopicArn": arn, **attributes}, dict(tags)))
        if any(present.attributes.get(each) != value for each, value in attributes.items()):
            raise InvalidParameterValue("Invalid parameter: Attributes Reason: Topic already exists with different attributes")
        return arn

    def topic_arns(self) -> list[str]:
        return list(self.topics)

    def attributes(self, arn: str) -> dict[str, str] | None:
        return dict(self.topics[arn].attributes) if arn in self.topics else None

    def set_attribute(self, arn: str, name: str, value: str) -> None:
        self.topics[arn].attributes[name] = value

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self.topics[arn].tags)

    def delete_topic(self, arn: str) -> None:
        self.topics.pop(arn, None)

    def subscribe(self, arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> str:
        made = f"{arn}:{len(self.topics[arn].subscriptions)}"
        self.topics[arn].subscriptions[made] = (SubscriptionState(made, protocol, endpoint), dict(attributes))
        return made

    def subscriptions(self, arn: str) -> list[SubscriptionState]:
        if arn not in self.topics:
            raise ResourceNotFound("Topic does not exist")
        return [state for state, _ in self.topics[arn].subscriptions.values()]

    def subscription_attributes(self, arn: str) -> dict[str, str] | None:
        found = self.topics[arn.rpartition(":")[0]].subscriptions.get(arn)
        return None if found is None else dict(found[1])

    def set_subscription_attribute(self, arn: str, name: str, value: str) -> None:
        self.topics[arn.rpartition(":")[0]].subscriptions[arn][1][name] = value

    def unsubscribe(self, arn: str) -> None:
        self.topics[arn.rpartition(":")[0]].subscriptions.pop(arn, None)

    def sender(self, arn: str, at_once: int) -> Sender:
        return self.senders.setdefault(arn, MemorySender())


class MemoryAws:
    """One region."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.sqs = MemorySqs(region)
        self.sns = MemorySns(region)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True
