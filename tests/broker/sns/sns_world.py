"""SNS as a broker runs it, with queues that only collect, and time and the disk in the test's hands."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from message_queues.broker.clock import ManualClock, Timers, advance
from message_queues.broker.event import Event
from message_queues.broker.sns.events import SnsEvent
from message_queues.broker.sns.message import Notification, SnsMessage
from message_queues.broker.sns.ports import Confirmation, HttpDelivery, Outcome, SnsHome
from message_queues.broker.sns.subscription import Subscription
from message_queues.broker.sns.topic import Topic
from message_queues.broker.sns.topics import SnsTopics
from message_queues.broker.sqs.message import MessageAttribute, NewMessage, Sent
from message_queues.broker.sqs.queue_settings import QueueSettings
from message_queues.errors import StorageError
from message_queues.storage.filesystem import MemoryFileSystem
from message_queues.storage.group_commit import GroupCommit
from message_queues.storage.message_store import StoreHome
from message_queues.storage.open_files import OpenFiles

REGION = "us-east-1"
ACCOUNT = "123456789012"
BASE_URL = "http://localhost:9324"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
URL = "http://endpoint.test/hook"


@dataclass
class FakeQueue:
    arn: str
    settings: QueueSettings
    sent: list[NewMessage] = field(default_factory=list)

    def send(self, new: NewMessage) -> Sent:
        self.sent.append(new)
        return Sent("id", "", None, None, None)

    @property
    def bodies(self) -> list[str]:
        return [new.body.decode() for new in self.sent]


class FailingStore:
    """Of a queue whose disk is full."""

    def flush(self) -> None:
        raise StorageError("no space left")

    def begin_sync(self) -> Callable[[], None]:
        return lambda: None

    def committed(self) -> None:
        pass


class FakeLetters:
    """Envelopes that tests can read: what would be signed is not."""

    def notification(self, notification: Notification, text: str) -> Callable[[str], str]:
        fields = {"MessageId": notification.message_id, "Message": text, "SequenceNumber": notification.sequence_number}
        return lambda arn: json.dumps({**fields, "SubscriptionArn": arn})

    def confirmation(self, confirmation: Confirmation) -> str:
        return json.dumps({"Type": confirmation.kind, "Token": confirmation.token, "Message": confirmation.text})

    def md5_of_attributes(self, attributes: Sequence[MessageAttribute]) -> str:
        return "0" * 32


class SnsWorld:
    """Started on what an earlier one left in `files` and `journal`."""

    def __init__(self, earlier: "SnsWorld | None" = None) -> None:
        self.files: MemoryFileSystem = earlier.files if earlier else MemoryFileSystem()
        self.clock: ManualClock = earlier.clock if earlier else ManualClock()
        self.journal: list[bytes] = earlier.journal if earlier else []
        self.queues: dict[str, FakeQueue] = earlier.queues if earlier else {}
        self.timers = Timers(self.clock)
        self.turn: list[Callable[[], None]] = []
        self.group_commit = GroupCommit(self.turn.append)
        self.removed: list[str] = []
        self.deliveries: list[HttpDelivery] = []
        self.answer: tuple[Outcome, str] | None = (Outcome.DELIVERED, "")
        """What HTTP endpoints answer; None: nothing yet."""
        self.unanswered: list[Callable[[Outcome, str], None]] = []
        home = SnsHome(
            clock=self.clock,
            timers=self.timers,
            call_soon=self.turn.append,
            stores=StoreHome(OpenFiles(self.files), self.group_commit),
            directory="/data/sns",
            commit=self.commit,
            remove_files=self.removed.append,
            find_queue=self.queues.get,
        )
        self.topics = SnsTopics(home)
        self.replay(self.journal)
        self.topics.serve(FakeLetters(), self.deliver)

    def commit(self, events: list[Event]) -> None:
        self.journal.extend(map(msgspec.msgpack.encode, events))
        for event in events:
            self.topics.appliers[type(event)](event)

    def replay(self, journal: list[bytes]) -> None:
        for stored in journal:
            event = msgspec.msgpack.decode(stored, type=SnsEvent)
            self.topics.appliers[type(event)](event)

    def deliver(self, delivery: HttpDelivery, done: Callable[[Outcome, str], None]) -> None:
        self.deliveries.append(delivery)
        if self.answer is None:
            self.unanswered.append(done)
        else:
            answer = self.answer
            self.turn.append(lambda: done(*answer))

    def end_turn(self) -> None:
        while self.turn:
            self.turn.pop(0)()

    def pass_time(self, seconds: float) -> None:
        self.end_turn()
        until_ms = self.clock.now_ms() + round(seconds * 1000)
        while (deadline_ms := self.timers.next_deadline()) is not None and deadline_ms <= until_ms:
            advance(self.clock, self.timers, max(deadline_ms, self.clock.now_ms()))
            self.end_turn()
        advance(self.clock, self.timers, until_ms)
        self.end_turn()

    def restarted(self, after_kill: bool = True) -> "SnsWorld":
        if after_kill:
            self.files.restart()
        else:
            self.topics.close()
        return SnsWorld(self)

    # What is there

    def queue(self, name: str = "q", account: str = ACCOUNT, **settings: Any) -> FakeQueue:
        arn = f"arn:aws:sqs:{REGION}:{account}:{name}"
        queue = self.queues[arn] = FakeQueue(arn, QueueSettings(is_fifo=name.endswith(".fifo"), **settings))
        return queue

    def topic(self, name: str = "orders", **attributes: str) -> Topic:
        if name.endswith(".fifo"):
            attributes = {"FifoTopic": "true", **attributes}
        return self.topics.create(REGION, ACCOUNT, name, attributes, {})

    def subscribe(self, topic: Topic, endpoint: FakeQueue | str, **attributes: str) -> Subscription:
        arn, protocol = (endpoint.arn, "sqs") if isinstance(endpoint, FakeQueue) else (endpoint, endpoint.split(":")[0])
        subscription = self.topics.subscriptions.subscribe(topic, protocol, arn, attributes, ACCOUNT, BASE_URL)
        self.end_turn()
        return subscription

    def subscribe_http(self, topic: Topic, endpoint: str = URL, **attributes: str) -> Subscription:
        """Confirmed."""
        subscription = self.subscribe(topic, endpoint, **attributes)
        self.topics.subscriptions.confirm(topic.arn, subscription.token, False, False)
        self.end_turn()
        self.deliveries.clear()
        return subscription

    def publish(self, topic: Topic, body: str = "hello", attributes: Mapping[str, str] | None = None, **fields: Any) -> str:
        given = tuple(MessageAttribute(name, "String", value.encode()) for name, value in (attributes or {}).items())
        message_id = self.topics.publish(topic, SnsMessage(body, attributes=given, **fields), BASE_URL).message_id
        self.end_turn()
        return message_id
