"""Publishing: `Publisher` is what every publisher has; `TopicPublisher` and `SyncPublisher` publish to a Kafka topic, the first without
waiting, the second one message at a time. That to RabbitMQ is in `exchange_publisher.py`.

Nothing is dropped silently: a full buffer makes `publish` wait (back pressure), and `flush` and `close` raise MessagesLost for whatever
did not arrive and was not already reported by `Delivery.result()`.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict, Unpack, cast

from message_queues.clients.ports import Confirming, HeaderPairs, ProduceCall, Producer
from message_queues.errors import Closed, InvalidArgument, MessageQueuesError, MessagesLost, TimedOut
from message_queues.message import Delivery, DeliveryFailure, Headers, Properties
from message_queues.messaging.content import encoded

logger = logging.getLogger("message_queues.publisher")

POLL_S = 0.1
"""How long the publisher's thread waits for events at a time; so long may `close` take longer."""
SYNC_POLL_S = 0.005
"""With several threads in a sync publisher one may run another's callback; the other looks again after this."""
SERVED_AFTER = 64
"""A busy program runs the callbacks itself, after so many messages: two threads that both want the interpreter slow each other."""
BUSY_S = 0.002
"""The publisher's thread looks this often whether the program does."""
KEPT_FAILURES = 1000
"""Failed deliveries kept for MessagesLost; of more, only the number and the reasons."""


@dataclass(frozen=True, slots=True)
class PublisherDescription:
    """Settings and state of a publisher at one moment."""

    topic: str
    """The topic; of RabbitMQ the exchange, or the queue that the default exchange routes to."""
    cluster: str
    publisher_type: str
    batch_size: int | None
    linger_ms: float
    compression: str
    idempotent: bool
    acks: str
    pending: int
    """Messages handed over and not yet answered."""
    lost: int
    """Messages that failed and that nobody was told of yet."""
    blocked: str | None = None
    """Why RabbitMQ takes no messages at this moment (connection.blocked), or None."""


@dataclass(frozen=True, slots=True)
class PublisherSettings:
    """What a publisher keeps of how it was asked for."""

    topic: str
    cluster: str
    batch_size: int | None
    linger_ms: float
    compression: str
    idempotent: bool
    acks: str
    max_block_ms: float


class ForQueues(TypedDict, total=False):
    """What only a message to RabbitMQ, or to SQS and SNS, has."""

    routing_key: str
    """What the exchange routes by; "" if the publisher has none of its own."""
    priority: int
    expiration_ms: int
    """It expires in a queue after so long."""
    mandatory: bool
    """Whether a message that no queue takes fails (Unroutable), or is dropped."""
    persistent: bool
    """Whether it survives a restart of the broker, in a durable queue."""
    properties: Properties
    """All that AMQP says of a message; what is given beside it goes before it."""
    group_id: str
    """SQS and SNS: the message group, whose order a FIFO queue keeps."""
    deduplication_id: str
    """SQS and SNS: a FIFO queue drops a second one for five minutes."""
    delay_ms: float
    """SQS: it can be received after so long."""


class Publisher(ABC):
    """Publishes to one topic, exchange or queue; from any number of threads. Made by `MessageQueues.create_publisher`."""

    publisher_type = "async"

    def __init__(self, client: Confirming, settings: PublisherSettings) -> None:
        self.topic = settings.topic
        """The topic it publishes to; of RabbitMQ the exchange or queue."""
        self._settings = settings
        self._client = client
        self._max_block_s = settings.max_block_ms / 1000
        self._losses = threading.Lock()
        self._failed: dict[Delivery, MessageQueuesError] = {}
        self._lost = 0
        self._reasons: Counter[str] = Counter()
        self._closed = False

    @abstractmethod
    def publish(
        self,
        value: object,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
        **for_queues: Unpack[ForQueues],
    ) -> Delivery:
        """Hand one message over; it is sent with others, after at most `linger_ms`.

        `value`: bytes or str as they are, dict, list or dataclass as JSON. `timestamp_ms`: since 1970. `on_delivery` is called with the
        `Delivery` once its fate is known, from the publisher's thread. To a topic: `key` and `partition`; to an exchange or queue of
        RabbitMQ: `routing_key`, `priority`, `expiration_ms`, `mandatory`, `persistent`, `properties`; to SQS and SNS: `group_id`, or
        `key`, `deduplication_id`, `delay_ms`.

        Waits while the buffer is full. Raises TimedOut if that lasts longer than `max_block_ms`, InvalidArgument, Closed.
        """

    @property
    def pending(self) -> int:
        """Messages handed over and not yet answered by the broker."""
        return 0 if self._closed else self._client.pending()

    def flush(self, timeout_ms: float | None = None) -> None:
        """Send what waits and return once every message published so far was answered.

        Raises MessagesLost if some failed since the last time this was said, TimedOut after `timeout_ms` (they stay on their way).
        """
        if not self._closed:
            self._wait_for_answers(timeout_ms)
        self._report_losses()

    def _wait_for_answers(self, timeout_ms: float | None) -> None:
        deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
        # In short steps: librdkafka's flush does not return for Ctrl-C.
        while pending := self._client.flush(POLL_S if deadline is None else max(0.0, min(POLL_S, deadline - time.monotonic()))):
            if deadline is not None and time.monotonic() >= deadline:
                raise TimedOut(f"{pending} messages to {self.topic!r} are still on their way after {timeout_ms:g} ms; none was given up")

    def close(self, timeout_ms: float | None = None) -> None:
        """Flush, then take no more. What is unanswered after `timeout_ms` is given up and counted as lost. A second call does nothing.

        Raises MessagesLost with how many messages did not arrive, and why.
        """
        if self._closed:
            return
        try:
            self._wait_for_answers(timeout_ms)
        except TimedOut:
            self._client.purge()
            self._client.flush(1.0)
        finally:
            self._closed = True
        self._report_losses()

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more messages."""
        return self._closed

    def describe(self) -> PublisherDescription:
        """Settings and state at this moment."""
        settings = self._settings
        return PublisherDescription(
            settings.topic,
            settings.cluster,
            self.publisher_type,
            settings.batch_size,
            settings.linger_ms,
            settings.compression,
            settings.idempotent,
            settings.acks,
            self.pending,
            self._lost,
        )

    def failed(self, delivery: Delivery, failure: DeliveryFailure) -> MessageQueuesError:
        """A delivery reports that it failed; not for programs to call."""
        error = self._client.error(failure)
        with self._losses:
            self._lost += 1
            self._reasons[str(error)] += 1
            if len(self._failed) < KEPT_FAILURES:
                self._failed[delivery] = error
        return error

    def excused(self, delivery: Delivery) -> None:
        """The program was told of this failure by `Delivery.result`; not for programs to call."""
        with self._losses:
            error = self._failed.pop(delivery, None)
            if error is not None:
                self._lost -= 1
                self._reasons -= Counter({str(error): 1})

    def _report_losses(self) -> None:
        with self._losses:
            lost, reasons, failed = self._lost, self._reasons, tuple(self._failed)
            self._lost, self._reasons, self._failed = 0, Counter(), {}
        if lost:
            why = tuple(f"{reason} ({count})" for reason, count in reasons.most_common())
            raise MessagesLost(f"{lost} messages to {self.topic!r} did not arrive: {'; '.join(why)}", lost, why, failed)

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = "SyncPublisher" if self.publisher_type == "sync" else "Publisher"
        state = "closed" if self._closed else f"{self._client.pending()} pending"
        return f"{kind}(topic={self.topic!r}, cluster={self._settings.cluster!r}, {state})"


class TopicPublisher(Publisher):
    """Publishes to one Kafka topic without waiting."""

    def __init__(self, producer: Producer, settings: PublisherSettings) -> None:
        super().__init__(producer, settings)
        self._producer = producer
        self._produce: ProduceCall = producer.produce
        self._published = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"publisher-{settings.topic}", daemon=True)
        self._thread.start()

    def publish(
        self,
        value: object,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
        **for_queues: Unpack[ForQueues],
    ) -> Delivery:
        """Hand one message over; it is sent with others, after at most `linger_ms`.

        `value`: bytes or str as they are, dict, list or dataclass as JSON, None as a tombstone. `key` chooses the partition as
        Kafka's default partitioner does (murmur2); without a key, messages spread. `partition` overrides it.
        `timestamp_ms`: since 1970, else now. `on_delivery` is called with the `Delivery` once its fate is known, from the
        publisher's thread.

        Waits while the buffer is full. Raises TimedOut if that lasts longer than `max_block_ms`, InvalidArgument, MessageTooLarge,
        UnknownTopicOrPartition, Closed.
        """
        if value.__class__ is not bytes:
            value = encoded(value)
        if for_queues:
            raise InvalidArgument(f"{', '.join(for_queues)}: only messages to RabbitMQ have that; {self.topic!r} is a Kafka topic")
        delivery = Delivery(self)
        if on_delivery is not None:
            delivery.add_done_callback(on_delivery)
        pairs = None if headers is None else _pairs(headers)
        number = -1 if partition is None else _checked_number("partition", partition)
        time_ms = 0 if timestamp_ms is None else _checked_number("timestamp_ms", timestamp_ms)
        self._published += 1
        if not self._published % SERVED_AFTER:
            self._producer.poll(0)
        try:
            self._produce(self.topic, value, key, number, delivery, None, time_ms, pairs)
        except BufferError:
            self._produce_when_there_is_room(encoded(value), key, number, delivery, time_ms, pairs)
        except MessageQueuesError:
            raise
        except Exception as error:
            raise self._refused(error, key, pairs) from error
        return delivery

    def _produce_when_there_is_room(
        self,
        value: bytes | str | None,
        key: bytes | str | None,
        partition: int,
        delivery: Delivery,
        time_ms: int,
        pairs: HeaderPairs | None,
    ) -> None:
        deadline = time.monotonic() + self._max_block_s
        while True:
            self._producer.poll(0.01)
            try:
                return self._produce(self.topic, value, key, partition, delivery, None, time_ms, pairs)
            except BufferError:
                if time.monotonic() >= deadline:
                    raise TimedOut(
                        f"{self._producer.pending()} messages to {self.topic!r} wait for the broker and fill the buffer;"
                        f" no room came within {self._settings.max_block_ms:g} ms"
                    ) from None
            except MessageQueuesError:
                raise
            except Exception as error:
                raise self._refused(error, key, pairs) from error

    def _refused(self, error: Exception, key: object, pairs: HeaderPairs | None) -> MessageQueuesError:
        if not isinstance(error, TypeError):
            return self._producer.error(error)
        if key is not None and not isinstance(key, bytes | str):
            return InvalidArgument(f"key is {type(key).__name__}: it must be bytes, str or None")
        return InvalidArgument(f"headers={pairs!r}: each must be a str name with a bytes, str or None value")

    def close(self, timeout_ms: float | None = None) -> None:
        self._produce = self._refuse
        try:
            super().close(timeout_ms)
        finally:
            self._ended.set()
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def _refuse(self, *_: object) -> None:
        raise Closed(f"the publisher of {self.topic!r} is closed")

    def _serve(self) -> None:
        seen = 0
        while not self._closed:
            published, seen = self._published - seen, self._published
            if published > SERVED_AFTER:
                time.sleep(BUSY_S)
                continue
            try:
                self._producer.poll(POLL_S)
            except Exception:
                logger.exception("a callback of the publisher of %s raised", self.topic)


class SyncPublisher(TopicPublisher):
    """Publishes one message at a time: `publish` returns once the broker has stored it."""

    publisher_type = "sync"

    def publish(
        self,
        value: object,
        *,
        key: bytes | str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
        **for_queues: Unpack[ForQueues],
    ) -> Delivery:
        """As `Publisher.publish`, and wait. Raises also what the delivery failed with: TimedOut, NotEnoughReplicas, …"""
        delivery = super().publish(
            value, key=key, partition=partition, headers=headers, timestamp_ms=timestamp_ms, on_delivery=on_delivery, **for_queues
        )
        # Who waits runs the callbacks: waking one thread from another would take as long as the broker does.
        while not delivery.done:
            self._producer.poll(SYNC_POLL_S)
        return delivery.result()

    def _serve(self) -> None:
        """Between messages there is nothing to serve but what the client library logs."""
        while not self._ended.wait(1.0):
            self._producer.poll(0)


def _pairs(headers: Headers) -> HeaderPairs:
    """A value that Kafka does not take, the client library refuses."""
    if isinstance(headers, Mapping):
        return cast(HeaderPairs, list(headers.items()))
    if isinstance(headers, list | tuple):
        return cast(HeaderPairs, list(headers))
    raise InvalidArgument(f"headers is {type(headers).__name__}: it must be a mapping, or a list of (name, value) pairs")


def _checked_number(argument: str, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise InvalidArgument(f"{argument}={number!r} must be a whole number of at least 0")
    return number
