"""Kafka through confluent-kafka (librdkafka): the only module that imports it.

Set on every client unless the program says otherwise: murmur2 partitioning as Java's default partitioner (a key lands in the same
partition from any language), no commits behind the program's back, log lines in `logging` ("message_queues.kafka") instead of on stderr.
"""

import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeAlias, TypeVar

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka import ConsumerGroupTopicPartitions as GroupPartitions
from confluent_kafka import KafkaError as Failure
from confluent_kafka import TopicCollection as TopicNames
from confluent_kafka import TopicPartition as WirePartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, OffsetSpec, ResourceType
from confluent_kafka.admin import NewPartitions as MorePartitions
from confluent_kafka.admin import NewTopic as TopicOrder

from message_queues import errors
from message_queues.clients import ports
from message_queues.clients.ports import (
    ClusterState,
    ConfigValue,
    ConsumerOptions,
    GroupState,
    MemberState,
    PartitionState,
    ProducerOptions,
    TopicPartition,
)
from message_queues.clients.properties import nearest_property
from message_queues.message import DeliveryFailure, Record

logger = logging.getLogger("message_queues.kafka")

Config: TypeAlias = dict[str, str | int | float | bool]
Answer = TypeVar("Answer")

REQUEST_TIMEOUT_S = 30.0

# When all brokers were away at once, librdkafka (2.16) starts again from the bootstrap addresses and may then wait for ever for a group's
# coordinator that it has just forgotten.
ADMIN_CONFIG: Config = {"metadata.recovery.strategy": "none"}

# Kafka's error codes (org.apache.kafka.common.protocol.Errors) and librdkafka's own, which are negative.
_BY_CODE: Mapping[int, Callable[[str], errors.MessageQueuesError]] = {
    1: errors.OffsetOutOfRange,
    3: errors.UnknownTopicOrPartition,
    5: errors.LeaderNotAvailable,
    6: errors.NotLeaderOrFollower,
    7: errors.TimedOut,
    10: errors.MessageTooLarge,
    12: errors.OffsetMetadataTooLarge,
    16: errors.NotCoordinator,
    17: errors.InvalidTopic,
    19: errors.NotEnoughReplicas,
    20: errors.NotEnoughReplicas,
    22: errors.IllegalGeneration,
    23: errors.InconsistentGroupProtocol,
    24: errors.InvalidGroupId,
    25: errors.UnknownMemberId,
    26: errors.InvalidSessionTimeout,
    27: errors.RebalanceInProgress,
    29: errors.NotAuthorized,
    30: errors.NotAuthorized,
    31: errors.NotAuthorized,
    32: errors.InvalidTimestamp,
    36: errors.TopicAlreadyExists,
    37: errors.InvalidPartitions,
    38: errors.InvalidReplicationFactor,
    39: errors.InvalidReplicaAssignment,
    40: errors.InvalidConfig,
    42: errors.InvalidRequest,
    44: errors.PolicyViolation,
    58: errors.NotAuthorized,
    68: errors.NonEmptyGroup,
    69: errors.GroupIdNotFound,
    76: errors.UnsupportedCompressionType,
    82: errors.FencedInstanceId,
    86: errors.GroupSubscribedToTopic,
    87: errors.InvalidRecord,
    100: errors.UnknownTopicId,
    Failure._RESOLVE: errors.Unreachable,
    Failure._TRANSPORT: errors.Unreachable,
    Failure._ALL_BROKERS_DOWN: errors.Unreachable,
    Failure._TIMED_OUT: errors.TimedOut,
    Failure._MSG_TIMED_OUT: errors.TimedOut,
    Failure._TIMED_OUT_QUEUE: errors.TimedOut,
    Failure._UNKNOWN_TOPIC: errors.UnknownTopicOrPartition,
    Failure._UNKNOWN_PARTITION: errors.UnknownTopicOrPartition,
    Failure._INVALID_ARG: errors.InvalidArgument,
    Failure._AUTHENTICATION: errors.NotAuthorized,
    Failure._SSL: errors.Unreachable,
}

_GONE = frozenset({Failure.UNKNOWN_TOPIC_OR_PART, Failure._UNKNOWN_TOPIC, Failure.GROUP_ID_NOT_FOUND})

# What a consumer cannot go on after: the rest, librdkafka retries by itself.
_STOPS_READING = frozenset(
    {
        Failure._FATAL,
        Failure._AUTHENTICATION,
        Failure._AUTO_OFFSET_RESET,
        Failure.TOPIC_AUTHORIZATION_FAILED,
        Failure.GROUP_AUTHORIZATION_FAILED,
        Failure.INCONSISTENT_GROUP_PROTOCOL,
        Failure.GROUP_MAX_SIZE_REACHED,
        Failure.FENCED_INSTANCE_ID,
        Failure.INVALID_SESSION_TIMEOUT,
        Failure.UNSUPPORTED_VERSION,
    }
)


def error_of(failure: DeliveryFailure) -> errors.MessageQueuesError:
    """librdkafka's or the broker's failure as one of our errors."""
    made = _BY_CODE.get(failure.code())
    return errors.KafkaError(failure.str(), failure.code(), failure.name()) if made is None else made(failure.str())


def _raised(error: KafkaException) -> errors.MessageQueuesError:
    failure = error.args[0] if error.args else None
    return error_of(failure) if isinstance(failure, Failure) else errors.KafkaError(str(error))


def _misconfigured(error: KafkaException) -> errors.InvalidArgument:
    text = _raised(error).args[0]
    prefix, _, name = text.partition("No such configuration property: ")
    if prefix or not name:
        return errors.InvalidArgument(f"config: {text}")
    near = nearest_property(name.strip('"'))
    return errors.InvalidArgument(f"config: {name} is not a property of the Kafka client" + (f": did you mean {near}?" if near else ""))


def _answer(future: "Future[Answer]") -> Answer:
    try:
        return future.result(REQUEST_TIMEOUT_S + 5)
    except KafkaException as error:
        raise _raised(error) from error
    except TimeoutError as error:
        raise errors.TimedOut(f"the cluster did not answer within {REQUEST_TIMEOUT_S:g} s") from error


class KafkaProducer:
    """librdkafka's producer; `produce` is its C function itself."""

    def __init__(self, cluster_config: Config, options: ProducerOptions) -> None:
        config: Config = {
            "enable.idempotence": options.idempotent,
            "acks": options.acks,
            "linger.ms": options.linger_ms,
            "compression.type": options.compression,
            "queue.buffering.max.messages": options.buffer_messages,
            "queue.buffering.max.kbytes": max(1, options.buffer_bytes // 1024),
            "message.timeout.ms": options.delivery_timeout_ms,
            "partitioner": "murmur2_random",
        }
        if options.batch_messages is not None:
            config["batch.num.messages"] = options.batch_messages
        try:
            self._producer = Producer(cluster_config | config | dict(options.config), logger=logger, error_cb=_log_failure)
        except KafkaException as error:
            raise _misconfigured(error) from error
        self.produce: ports.ProduceCall = self._producer.produce

    def poll(self, timeout_s: float) -> None:
        self._producer.poll(timeout_s)

    def flush(self, timeout_s: float) -> int:
        return self._producer.flush(timeout_s)

    def purge(self) -> None:
        self._producer.purge()

    def pending(self) -> int:
        return len(self._producer)

    def error(self, failure: DeliveryFailure | Exception) -> errors.MessageQueuesError:
        if isinstance(failure, KafkaException):
            return _raised(failure)
        if isinstance(failure, Exception):
            return errors.InvalidArgument(str(failure))
        return error_of(failure)


def _log_failure(failure: Failure) -> None:
    logger.log(logging.ERROR if failure.fatal() else logging.DEBUG, "%s: %s", failure.name(), failure.str())


def _ours(partitions: Collection[WirePartition]) -> list[TopicPartition]:
    return [TopicPartition(each.topic, each.partition) for each in partitions]


def _wire(partitions: Collection[TopicPartition]) -> list[WirePartition]:
    return [WirePartition(each.topic, each.partition) for each in partitions]


def _wire_offsets(offsets: Mapping[TopicPartition, int]) -> list[WirePartition]:
    return [WirePartition(each.topic, each.partition, offset) for each, offset in offsets.items()]


class KafkaConsumer:
    """A member of a group. The program's commits are the only ones."""

    def __init__(self, cluster_config: Config, options: ConsumerOptions) -> None:
        config: Config = {
            "group.id": options.group_id,
            "auto.offset.reset": options.auto_offset_reset,
            # A topic of the subscription that is created later is found within seconds, not minutes.
            "topic.metadata.refresh.interval.ms": 5000,
            # librdkafka stops fetching for a second whenever it holds 100,000 messages; a program reads those in less.
            "fetch.queue.backoff.ms": 10,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
        }
        callbacks = {"error_cb": _log_failure, "on_commit": self._committed}
        try:
            self._consumer = Consumer(cluster_config | config | dict(options.config), logger=logger, **callbacks)
        except KafkaException as error:
            raise _misconfigured(error) from error
        self._warned: set[str] = set()
        self._listener: ports.GroupListener | None = None

    def subscribe(self, topics: Sequence[str], listener: ports.GroupListener) -> None:
        self._listener = listener
        self._consumer.subscribe(
            list(topics),
            on_assign=lambda _, partitions: listener.assigned(_ours(partitions)),
            on_revoke=lambda _, partitions: listener.revoked(_ours(partitions)),
            on_lost=lambda _, partitions: listener.lost(_ours(partitions)),
        )

    def fetch(self, count: int, timeout_s: float) -> Sequence[Record]:
        # consume() with a timeout waits to fill its batch; with 0 it takes what is there.
        batch = self._consumer.consume(count, 0) or self._consumer.consume(1, timeout_s)
        if any(map(confluent_kafka.Message.error, batch)):
            return self._without_failures(batch)
        return batch

    def _without_failures(self, batch: list[confluent_kafka.Message]) -> list[Record]:
        for message in batch:
            failure = message.error()
            if failure is None:
                continue
            if failure.fatal() or failure.code() in _STOPS_READING:
                raise error_of(failure)
            if failure.str() not in self._warned:
                self._warned.add(failure.str())
                logger.warning("%s", failure.str())
        return [message for message in batch if message.error() is None]

    def assignment(self) -> list[TopicPartition]:
        return _ours(self._consumer.assignment())

    def positions(self) -> dict[TopicPartition, int]:
        positions = self._consumer.position(self._consumer.assignment())
        return {TopicPartition(each.topic, each.partition): each.offset for each in positions if each.offset >= 0}

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        self._call(lambda: self._consumer.pause(_wire(partitions)))

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        self._call(lambda: self._consumer.resume(_wire(partitions)))

    def commit(self, offsets: Mapping[TopicPartition, int], *, wait: bool) -> None:
        wire = _wire_offsets(offsets)
        if not wait:
            self._call(lambda: self._consumer.commit(offsets=wire, asynchronous=True))
            return
        done = self._call(lambda: self._consumer.commit(offsets=wire, asynchronous=False))
        for partition in done:
            if partition.error is not None:
                raise error_of(partition.error)

    @staticmethod
    def _call(order: Callable[[], Answer]) -> Answer:
        try:
            return order()
        except KafkaException as error:
            raise _raised(error) from error

    def _committed(self, failure: Failure | None, partitions: list[WirePartition]) -> None:
        failed = [each for each in partitions if failure is not None or each.error is not None]
        error = failure or next((each.error for each in failed), None)
        if error is not None and error.code() != Failure._NO_OFFSET and self._listener is not None:
            self._listener.not_committed(_ours(failed), error_of(error))

    def close(self) -> None:
        try:
            self._consumer.close()
        except:  # noqa: E722 - confluent-kafka raises its KafkaError itself, which is no exception, when a rebalance is cut off
            failure = sys.exc_info()[1]
            if isinstance(failure, BaseException):
                raise


class KafkaAdmin:
    """Administration, one answer a call."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def cluster(self) -> ClusterState:
        state = _answer(self._client.describe_cluster(request_timeout=REQUEST_TIMEOUT_S))
        brokers = tuple(sorted(ports.Broker(node.id, node.host, node.port) for node in state.nodes))
        return ClusterState(state.cluster_id, None if state.controller is None else state.controller.id, brokers)

    def topic_names(self) -> list[str]:
        try:
            topics = self._client.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        except KafkaException as error:
            raise _raised(error) from error
        return sorted(name for name in topics if not name.startswith("__"))

    def partitions(self, topic: str) -> tuple[PartitionState, ...] | None:
        # describe_topics, as list_topics(topic) creates the topic where the broker has auto.create.topics.enable.
        future = self._client.describe_topics(TopicNames([topic]), request_timeout=REQUEST_TIMEOUT_S)[topic]
        try:
            description = _answer(future)
        except errors.UnknownTopicOrPartition:
            return None
        return tuple(
            PartitionState(
                each.id,
                -1 if each.leader is None else each.leader.id,
                tuple(node.id for node in each.replicas),
                tuple(node.id for node in each.isr),
            )
            for each in description.partitions
        )

    def topic_config(self, topic: str) -> dict[str, ConfigValue]:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        entries = _answer(self._client.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource])
        on_topic = confluent_kafka.admin.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        return {name: ConfigValue(entry.value, entry.source != on_topic) for name, entry in sorted(entries.items())}

    def create_topic(self, topic: ports.NewTopic) -> None:
        order = TopicOrder(topic.name, topic.partitions, topic.replication_factor, config=dict(topic.config))
        _answer(self._client.create_topics([order], request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)[topic.name])

    def delete_topic(self, topic: str) -> None:
        _answer(self._client.delete_topics([topic], request_timeout=REQUEST_TIMEOUT_S, operation_timeout=REQUEST_TIMEOUT_S)[topic])

    def add_partitions(self, topic: str, total: int) -> None:
        _answer(self._client.create_partitions([MorePartitions(topic, total)], request_timeout=REQUEST_TIMEOUT_S)[topic])

    def alter_topic_config(self, topic: str, changes: Mapping[str, str | None]) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET)
            for name, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        _answer(self._client.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)[resource])

    def group(self, group_id: str) -> GroupState | None:
        future = self._client.describe_consumer_groups([group_id], request_timeout=REQUEST_TIMEOUT_S)[group_id]
        try:
            group = _answer(future)
        except errors.GroupIdNotFound:
            return None
        # Before Kafka 4 (KIP-1043) an unknown group was described as a dead one.
        if group.state.name == "DEAD":
            return None
        members = tuple(
            MemberState(each.member_id, each.client_id, each.host, tuple(sorted(_ours(each.assignment.topic_partitions))))
            for each in group.members
        )
        state = "".join(word.capitalize() for word in group.state.name.split("_"))
        coordinator = None if group.coordinator is None else group.coordinator.id
        return GroupState(group_id, state, group.partition_assignor, coordinator, members)

    def committed(self, group_id: str) -> dict[TopicPartition, int]:
        request = GroupPartitions(group_id)
        future = self._client.list_consumer_group_offsets([request], request_timeout=REQUEST_TIMEOUT_S)[group_id]
        try:
            partitions = _answer(future).topic_partitions
        except errors.GroupIdNotFound:
            return {}
        return {TopicPartition(each.topic, each.partition): each.offset for each in partitions or () if each.offset >= 0}

    def commit_for(self, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        request = GroupPartitions(group_id, _wire_offsets(offsets))
        done = _answer(self._client.alter_consumer_group_offsets([request], request_timeout=REQUEST_TIMEOUT_S)[group_id])
        for partition in done.topic_partitions or ():
            if partition.error is not None:
                raise error_of(partition.error)

    def delete_group(self, group_id: str) -> None:
        _answer(self._client.delete_consumer_groups([group_id], request_timeout=REQUEST_TIMEOUT_S)[group_id])

    def offsets(self, partitions: Collection[TopicPartition], at: int | str) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        futures = self._client.list_offsets({each: _offset_spec(at) for each in _wire(partitions)}, request_timeout=REQUEST_TIMEOUT_S)
        found = {TopicPartition(each.topic, each.partition): _answer(future).offset for each, future in futures.items()}
        # No record that young: Kafka answers -1, and the end is where such a record would come.
        beyond = [each for each, offset in found.items() if offset < 0]
        return found | self.offsets(beyond, "latest") if beyond else found


def _offset_spec(at: int | str) -> OffsetSpec:
    spec: OffsetSpec = OffsetSpec.earliest() if at == "earliest" else OffsetSpec.latest()
    if isinstance(at, int):
        spec = OffsetSpec.for_timestamp(at)
    return spec


class KafkaClient:
    """The clients of one cluster: an admin client of its own, producers and consumers as they are asked for."""

    def __init__(self, brokers: Sequence[str], config: Mapping[str, str | int | float | bool]) -> None:
        self._brokers = tuple(brokers)
        self._config: Config = {
            "client.id": "message-queues",
            # A broker that goes away says so once, in the errors of what was asked of it.
            "log.connection.close": False,
            **config,
            "bootstrap.servers": ",".join(brokers),
        }
        self._failures: list[Failure] = []
        try:
            self._client = AdminClient(ADMIN_CONFIG | self._config | {"log_level": 0}, error_cb=self._failures.append)
        except KafkaException as error:
            raise _misconfigured(error) from error
        self.admin = KafkaAdmin(self._client)

    def check(self, timeout_s: float) -> ClusterState:
        deadline = time.monotonic() + timeout_s
        self._failures.clear()
        while True:
            try:
                found = self._client.list_topics(timeout=max(0.05, min(0.25, deadline - time.monotonic())))
            except KafkaException as error:
                self._client.poll(0)
                if time.monotonic() >= deadline or self._is_hopeless():
                    raise self._unreachable(timeout_s) from error
                continue
            brokers = tuple(sorted(ports.Broker(each.id, each.host or "", each.port or 0) for each in found.brokers.values()))
            return ClusterState(found.cluster_id or "", None if found.controller_id < 0 else found.controller_id, brokers)

    def _is_hopeless(self) -> bool:
        return any(failure.code() in (Failure._ALL_BROKERS_DOWN, Failure._AUTHENTICATION) for failure in self._failures)

    def _unreachable(self, timeout_s: float) -> errors.MessageQueuesError:
        refused = next((failure for failure in self._failures if failure.code() == Failure._AUTHENTICATION), None)
        if refused is not None:
            return errors.NotAuthorized(refused.str())
        reasons = []
        for address in self._brokers:
            said = [each.str() for each in self._failures if f"{address}/" in each.str()]
            reason = said[-1].partition(": ")[2].partition(" (after ")[0] if said else f"no answer within {timeout_s:g} s"
            reasons.append(f"{address} ({reason})")
        return errors.Unreachable("no Kafka broker could be reached: " + "; ".join(reasons))

    def producer(self, options: ProducerOptions) -> KafkaProducer:
        return KafkaProducer(self._config, options)

    def consumer(self, options: ConsumerOptions) -> KafkaConsumer:
        return KafkaConsumer(self._config, options)
