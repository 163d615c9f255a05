"""The AWS side of one program: the regions that it uses, and the queues of SQS and topics of SNS that it knows by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from message_queues.clients.aws_ports import BATCH_MESSAGES, OutgoingMessage, Sender
from message_queues.clients.ports import ProducerOptions
from message_queues.errors import AmbiguousName, Conflict, NotFound
from message_queues.messaging import sns_topic, sqs_queue
from message_queues.messaging.arguments import checked_count, did_you_mean
from message_queues.messaging.aws_place import AwsPlace
from message_queues.messaging.aws_publisher import AwsPublisher, AwsTarget
from message_queues.messaging.batch_sender import AT_ONCE, BatchSender, SendingOptions
from message_queues.messaging.consumer import Consumer, ConsumerSettings
from message_queues.messaging.naming import Named, Names, the_only
from message_queues.messaging.publisher import PublisherSettings
from message_queues.messaging.queue import Queue
from message_queues.messaging.rabbitmq import RabbitMQ
from message_queues.messaging.sns_topic import SnsTopic
from message_queues.messaging.sqs_attributes import checked_queue_name, checked_sns_topic_name, could_be_queue_name
from message_queues.messaging.sqs_consumer import MOST_POLLS, SqsConsumer, SqsConsumerOptions
from message_queues.messaging.sqs_queue import SqsQueue
from message_queues.messaging.sqs_source import SqsSource

Thing = TypeVar("Thing")

LARGEST_BATCH = 1_048_576
"""Bytes. SQS API reference, SendMessageBatch."""
LARGEST_PUBLISHED = 262_144
"""Bytes of a message to SNS, and of a batch. SNS API reference, PublishBatch."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How a program gets to a place: `session` is a boto3.Session of its own, or None."""

    region: str
    endpoint_url: str | None
    session: object


class Aws:
    """What `MessageQueues` keeps of AWS; it has checked all arguments before."""

    def __init__(self, connect: Callable[[Entrance], AwsPlace]) -> None:
        self._connect = connect
        self._entered: dict[tuple[str, str | None], tuple[Entrance, AwsPlace]] = {}
        self.places: dict[str, AwsPlace] = {}
        self.queues: Names[SqsQueue] = Names("SQS queue")
        self.topics: Names[SnsTopic] = Names("SNS topic")

    def place(self, entrance: Entrance) -> AwsPlace:
        """Made when it is named first. Raises Conflict for another session than the one it was named with."""
        key = (entrance.region, entrance.endpoint_url)
        if key not in self._entered:
            place = self._connect(entrance)
            # Embedded, one server stands for every endpoint.
            self._entered[key] = (entrance, self.places.setdefault(place.name, place))
        known, place = self._entered[key]
        if entrance.session not in (None, known.session):
            raise Conflict(f"region {entrance.region!r} is used with another session already: use another MessageQueues for this one")
        return place

    def place_named(self, argument: str, name: str) -> AwsPlace:
        """Raises NotFound with the nearest name."""
        if name not in self.places:
            raise NotFound(f"{argument}={name!r}: no region was named so{did_you_mean(name, self.places)}")
        return self.places[name]

    # Queues and topics.

    def create_queue(self, place: AwsPlace, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> SqsQueue:
        queue = sqs_queue.create(place, name, attributes, tags, lambda: self.queues.forget(place.name, name))
        self.queues.add(place.name, name, queue)
        return queue

    def create_topic(self, place: AwsPlace, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> SnsTopic:
        topic = sns_topic.create(place, name, attributes, tags, lambda: self.topics.forget(place.name, name))
        self.topics.add(place.name, name, topic)
        return topic

    def queue(self, argument: str, name: SqsQueue | str, places: Sequence[AwsPlace]) -> SqsQueue:
        """Itself, or by its name among those that this program created; if there is none, among all in the places."""
        if isinstance(name, SqsQueue):
            return name
        checked_queue_name(argument, name)
        found = _in(self.queues, name, places) or self._existing_queues(name, places)
        return _the_only(argument, name, found, [] if found else self._known_queues(places), places, "create_sqs_queue")

    def topic(self, argument: str, name: SnsTopic | str, places: Sequence[AwsPlace]) -> SnsTopic:
        """As `queue`."""
        if isinstance(name, SnsTopic):
            return name
        checked_sns_topic_name(argument, name)
        found = _in(self.topics, name, places) or self._existing_topics(name, places)
        known = [] if found else [arn.rpartition(":")[2] for place in places for arn in place.client.sns.topic_arns()]
        return _the_only(argument, name, found, known, places, "create_sns_topic")

    def meant(self, argument: str, name: str, cluster_name: str | None, rabbitmq: RabbitMQ) -> SqsQueue | None:
        """The queue of SQS that a name means; None where it means one of RabbitMQ, or nothing that is here.

        Raises NotFound with the nearest name, AmbiguousName with all that it may mean.
        """
        if cluster_name is not None:
            return self.queue(argument, name, [self.places[cluster_name]]) if cluster_name in self.places else None
        if not self.places:
            return None
        mine, others = self.candidates(name, rabbitmq)
        if not mine and rabbitmq.clusters:
            return None
        if others:
            listed = (*map(str, mine), *map(str, others))
            raise AmbiguousName(f"{argument}={name!r} may mean {' or '.join(listed)}: say which with cluster_name=", listed)
        return _the_only(argument, name, mine, [] if mine else self._known_queues(self.all_places), self.all_places, "create_sqs_queue")

    def candidates(self, name: str, rabbitmq: RabbitMQ) -> tuple[list[Named[SqsQueue]], list[Named[Queue]]]:
        """What a name may mean here and in RabbitMQ: what this program created; if that is nothing, what exists."""
        mine, others = self.queues.candidates(name), rabbitmq.queues.candidates(name)
        if not mine and not others:
            mine = self._existing_queues(name, self.all_places)
            others = rabbitmq.existing_queues(name, list(rabbitmq.clusters.values()))
        return mine, others

    @property
    def all_places(self) -> list[AwsPlace]:
        return list(self.places.values())

    def _existing_queues(self, name: str, places: Sequence[AwsPlace]) -> list[Named[SqsQueue]]:
        if not could_be_queue_name(name):
            return []
        found = [(place, sqs_queue.find(place, name, lambda: None)) for place in places]
        return [Named(self.queues.kind, name, place.name, queue) for place, queue in found if queue is not None]

    def _existing_topics(self, name: str, places: Sequence[AwsPlace]) -> list[Named[SnsTopic]]:
        found = [(place, sns_topic.find(place, name, lambda: None)) for place in places]
        return [Named(self.topics.kind, name, place.name, topic) for place, topic in found if topic is not None]

    def _known_queues(self, places: Sequence[AwsPlace]) -> list[str]:
        return [url.rpartition("/")[2] for place in places for url in place.client.sqs.queue_urls("")]

    # Publishing and consuming.

    def publisher(self, to: SqsQueue | SnsTopic, options: ProducerOptions, max_block_ms: float, *, is_sync: bool) -> AwsPublisher:
        """To a queue or a topic."""
        sender, target, batch_bytes = _queue_target(to) if isinstance(to, SqsQueue) else _topic_target(to)
        batch = BATCH_MESSAGES if options.batch_messages is None else checked_count("batch_size", options.batch_messages, 1, BATCH_MESSAGES)
        sending = SendingOptions(
            options.linger_ms,
            batch,
            batch_bytes,
            options.buffer_messages,
            options.buffer_bytes,
            options.delivery_timeout_ms,
            in_order=target.is_fifo,
        )
        settings = PublisherSettings(to.name, to.cluster, batch, options.linger_ms, "none", False, "all", max_block_ms)
        batches: BatchSender[OutgoingMessage] = BatchSender(sender, sending, to.name)
        return AwsPublisher(batches, settings, replace(target, is_sync=is_sync))

    def consumer(self, queue: SqsQueue, settings: ConsumerSettings, retry_delay_ms: float) -> Consumer:
        """Of a queue. Raises QueueDoesNotExist."""
        attributes = queue.attributes()
        options = SqsConsumerOptions(
            queue.name,
            settings.prefetch_count,
            int(attributes["VisibilityTimeout"]),
            queue.is_fifo,
            bool(attributes.get("RedrivePolicy")),
            retry_delay_ms,
        )
        receiver = queue.place.client.sqs.receiver(queue.url, MOST_POLLS)
        return Consumer(SqsSource(SqsConsumer(receiver, options), settings), replace(settings, cluster=queue.cluster))

    def close(self) -> None:
        """After the publishers and consumers."""
        for place in self.places.values():
            place.client.close()


def _queue_target(queue: SqsQueue) -> tuple[Sender, AwsTarget, int]:
    attributes = queue.attributes()
    by_content = attributes.get("ContentBasedDeduplication") == "true"
    target = AwsTarget("queue", queue.name, queue.is_fifo, by_content, int(attributes["MaximumMessageSize"]))
    return queue.place.client.sqs.sender(queue.url, AT_ONCE), target, LARGEST_BATCH


def _topic_target(topic: SnsTopic) -> tuple[Sender, AwsTarget, int]:
    by_content = topic.attributes().get("ContentBasedDeduplication") == "true"
    target = AwsTarget("sns_topic", topic.name, topic.is_fifo, by_content, LARGEST_PUBLISHED)
    return topic.place.client.sns.sender(topic.arn, AT_ONCE), target, LARGEST_PUBLISHED


def _in(names: Names[Thing], name: str, places: Sequence[AwsPlace]) -> list[Named[Thing]]:
    chosen = {place.name for place in places}
    return [each for each in names.candidates(name) if each.cluster in chosen]


def _the_only(
    argument: str, name: str, found: Sequence[Named[Thing]], known: Sequence[str], places: Sequence[AwsPlace], create: str
) -> Thing:
    if not places:
        raise NotFound(f"{argument}={name!r}: no region is named yet: say which with region=, or create it with {create}")
    return the_only(argument, name, found, known, f"create it with {create}")


def usual_prefetch(concurrency: int) -> int:
    """A receive for every worker, and one ahead."""
    return BATCH_MESSAGES * (concurrency + 1)
