"""One exception tree for the broker, the clients and the servers.

Data lives in attributes; the message is for people. Wire codes are elsewhere: `servers/error_map.py` gives each class its Kafka code.
"""


class MessageQueuesError(Exception):
    """The root: `except MessageQueuesError` catches everything that this package raises on purpose."""


# What a caller asked for, wrongly.


class InvalidArgument(MessageQueuesError, ValueError):
    """An argument is not one that could ever work; the message names it, its value and what would be right."""


class AmbiguousName(InvalidArgument):
    """A name stands for several things; `candidates` lists each, and naming the cluster chooses one."""

    def __init__(self, message: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates


class NotFound(MessageQueuesError, LookupError):
    """What was named does not exist."""


class AlreadyExists(MessageQueuesError):
    """What should be created is there already."""


class Conflict(MessageQueuesError):
    """The thing exists with other settings, or its state forbids the call; `differences` lists each."""

    def __init__(self, message: str, differences: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.differences = differences


class Unsupported(MessageQueuesError):
    """A part of the interface that this version does not have."""


class MissingDependency(MessageQueuesError, ImportError):
    """An optional package is needed; the message gives the extra that installs it."""


# What the world did.


class Unreachable(MessageQueuesError, ConnectionError):
    """No broker answered at the addresses given."""


class TimedOut(MessageQueuesError, TimeoutError):
    """The answer did not come in time; what was asked may or may not have happened."""


class Closed(MessageQueuesError):
    """The publisher, consumer or program object was closed and takes no more calls."""


class KafkaError(MessageQueuesError):
    """A Kafka broker or client failure that has no class of its own; `code` and `name` are Kafka's."""

    def __init__(self, message: str, code: int = -1, name: str = "UNKNOWN") -> None:
        super().__init__(message)
        self.code = code
        self.name = name


class NotAuthorized(MessageQueuesError):
    """The broker refused who asks, or what was asked. Kafka 29, 30, 31 and 58."""


class MessagesLost(MessageQueuesError):
    """Messages that were taken for publishing did not reach the broker: `count` of them.

    `reasons` says why, each with how many; `deliveries` holds the first failed ones.
    """

    def __init__(self, message: str, count: int, reasons: tuple[str, ...] = (), deliveries: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.count = count
        self.reasons = reasons
        self.deliveries = deliveries


class HandlerFailed(MessageQueuesError):
    """The program's handler raised; `message` is what it was given, `__cause__` what it raised.

    The message counts as unfinished: its group gets it again.
    """

    def __init__(self, text: str, message: object) -> None:
        super().__init__(text)
        self.message = message


class StorageError(MessageQueuesError):
    """A file could not be read or written. Kafka 56 KAFKA_STORAGE_ERROR."""


class DamagedFile(StorageError):
    """Bytes on disk are not what was written: never served, never dropped silently."""

    def __init__(self, path: str, position: int, reason: str) -> None:
        super().__init__(f"{path} is damaged at byte {position}: {reason}")
        self.path = path
        self.position = position
        self.reason = reason


class DataDirectoryInUse(StorageError):
    """Another server holds the lock of the data directory."""


class PortTaken(MessageQueuesError):
    """An address to listen on cannot be had."""


class MissingNodes(InvalidArgument):
    """The data directory has partitions on nodes that the server was not started with: `node_ids`."""

    def __init__(self, message: str, node_ids: tuple[int, ...]) -> None:
        super().__init__(message)
        self.node_ids = node_ids


class NewerFormat(StorageError):
    """The data directory was written by a later version of this program."""


# Topics and partitions.


class UnknownTopicOrPartition(NotFound):
    """Kafka 3 UNKNOWN_TOPIC_OR_PARTITION."""


class UnknownTopicId(NotFound):
    """Kafka 100 UNKNOWN_TOPIC_ID."""


class InvalidTopic(InvalidArgument):
    """Kafka 17 INVALID_TOPIC_EXCEPTION."""


class TopicAlreadyExists(AlreadyExists):
    """Kafka 36 TOPIC_ALREADY_EXISTS."""


class InvalidPartitions(InvalidArgument):
    """Kafka 37 INVALID_PARTITIONS."""


class InvalidReplicationFactor(InvalidArgument):
    """Kafka 38 INVALID_REPLICATION_FACTOR."""


class InvalidReplicaAssignment(InvalidArgument):
    """Kafka 39 INVALID_REPLICA_ASSIGNMENT."""


class InvalidConfig(InvalidArgument):
    """Kafka 40 INVALID_CONFIG."""


class InvalidRequest(InvalidArgument):
    """The request contradicts itself. Kafka 42 INVALID_REQUEST."""


class PolicyViolation(MessageQueuesError):
    """Kafka 44 POLICY_VIOLATION."""


class NotLeaderOrFollower(MessageQueuesError):
    """Another node leads this partition. Kafka 6 NOT_LEADER_OR_FOLLOWER."""


class LeaderNotAvailable(MessageQueuesError):
    """Kafka 5 LEADER_NOT_AVAILABLE."""


class FencedLeaderEpoch(MessageQueuesError):
    """Kafka 74 FENCED_LEADER_EPOCH."""


class UnknownLeaderEpoch(MessageQueuesError):
    """Kafka 75 UNKNOWN_LEADER_EPOCH."""


class OffsetOutOfRange(MessageQueuesError):
    """Kafka 1 OFFSET_OUT_OF_RANGE."""


# Produced records.


class CorruptMessage(MessageQueuesError):
    """A record batch whose CRC or framing is wrong. Kafka 2 CORRUPT_MESSAGE."""


class MessageTooLarge(MessageQueuesError):
    """Kafka 10 MESSAGE_TOO_LARGE."""


class InvalidRecord(MessageQueuesError):
    """Kafka 87 INVALID_RECORD; `record_errors` holds (index in the batch, message) pairs (KIP-467)."""

    def __init__(self, message: str, record_errors: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(message)
        self.record_errors = record_errors


class NotOneBatch(InvalidRecord):
    """What was sent for a partition is not exactly one record batch of version 2; its log is not asked. Kafka 87 INVALID_RECORD."""


class NotABatch(CorruptMessage):
    """Bytes that do not begin as a record batch does; the answer says how. Kafka 2 CORRUPT_MESSAGE."""


class TransactionalIdAuthorizationFailed(MessageQueuesError):
    """Kafka 53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED."""


class RecordListTooLarge(MessageQueuesError):
    """Kafka 18 RECORD_LIST_TOO_LARGE."""


class InvalidTimestamp(InvalidRecord):
    """Kafka 32 INVALID_TIMESTAMP."""


class UnsupportedForMessageFormat(MessageQueuesError):
    """Kafka 43 UNSUPPORTED_FOR_MESSAGE_FORMAT."""


class UnsupportedCompressionType(MessageQueuesError):
    """Kafka 76 UNSUPPORTED_COMPRESSION_TYPE."""


class InvalidRequiredAcks(InvalidArgument):
    """Kafka 21 INVALID_REQUIRED_ACKS."""


class NotEnoughReplicas(MessageQueuesError):
    """Kafka 19 NOT_ENOUGH_REPLICAS."""


class OutOfOrderSequence(MessageQueuesError):
    """Kafka 45 OUT_OF_ORDER_SEQUENCE_NUMBER."""


class DuplicateSequence(MessageQueuesError):
    """Kafka 46 DUPLICATE_SEQUENCE_NUMBER."""


class InvalidProducerEpoch(MessageQueuesError):
    """Kafka 47 INVALID_PRODUCER_EPOCH."""


class UnknownProducerId(MessageQueuesError):
    """Kafka 59 UNKNOWN_PRODUCER_ID."""


# Groups and their offsets.


class NotCoordinator(MessageQueuesError):
    """Another node coordinates this group. Kafka 16 NOT_COORDINATOR."""


class InvalidGroupId(InvalidArgument):
    """Kafka 24 INVALID_GROUP_ID."""


class IllegalGeneration(MessageQueuesError):
    """Kafka 22 ILLEGAL_GENERATION."""


class InconsistentGroupProtocol(MessageQueuesError):
    """Kafka 23 INCONSISTENT_GROUP_PROTOCOL."""


class UnknownMemberId(MessageQueuesError):
    """Kafka 25 UNKNOWN_MEMBER_ID."""


class InvalidSessionTimeout(InvalidArgument):
    """Kafka 26 INVALID_SESSION_TIMEOUT."""


class RebalanceInProgress(MessageQueuesError):
    """Kafka 27 REBALANCE_IN_PROGRESS."""


class OffsetMetadataTooLarge(InvalidArgument):
    """Kafka 12 OFFSET_METADATA_TOO_LARGE."""


class NonEmptyGroup(Conflict):
    """Kafka 68 NON_EMPTY_GROUP."""


class GroupIdNotFound(NotFound):
    """Kafka 69 GROUP_ID_NOT_FOUND."""


class MemberIdRequired(MessageQueuesError):
    """Kafka 79 MEMBER_ID_REQUIRED; the member joins again with `member_id`."""

    def __init__(self, member_id: str) -> None:
        super().__init__("the group member needs to join again with the member id that it was given")
        self.member_id = member_id


class GroupMaxSizeReached(MessageQueuesError):
    """Kafka 81 GROUP_MAX_SIZE_REACHED."""


class FencedInstanceId(MessageQueuesError):
    """Kafka 82 FENCED_INSTANCE_ID."""


class GroupSubscribedToTopic(Conflict):
    """Kafka 86 GROUP_SUBSCRIBED_TO_TOPIC."""


# Bytes on a connection.


class ProtocolError(MessageQueuesError):
    """The peer broke the rules of its protocol; the connection cannot go on."""


class MalformedMessage(ProtocolError):
    """Bytes that are no message: `reason` says why, `position` is the byte where it showed. Kafka closes the connection."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason}, at byte {position}")
        self.reason = reason
        self.position = position


class FrameTooLarge(ProtocolError):
    """A frame announces a size that is negative or beyond the limit. Kafka closes the connection.

    `frames` are the whole ones that came in the same bytes before it.
    """

    def __init__(self, size: int, limit: int, frames: tuple[bytes, ...] = ()) -> None:
        super().__init__(f"a frame of {size} bytes is announced; 0 to {limit} are accepted")
        self.size = size
        self.limit = limit
        self.frames = frames


class UnsupportedVersion(MessageQueuesError):
    """The version of a message lacks what is asked of it, or there is no such version. Kafka 35 UNSUPPORTED_VERSION."""


# Amazon SQS and SNS, named as AWS names them. The message is AWS's text; codes and HTTP statuses are in servers/aws/error_map.py.


class AwsError(MessageQueuesError):
    """A failure of Amazon SQS or SNS that has no class of its own; `code` is AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class QueueDoesNotExist(NotFound):
    """SQS QueueDoesNotExist (AWS.SimpleQueueService.NonExistentQueue)."""


class QueueNameExists(Conflict):
    """SQS QueueNameExists (QueueAlreadyExists): a queue of this name has other attributes."""


class QueueDeletedRecently(MessageQueuesError):
    """SQS QueueDeletedRecently (AWS.SimpleQueueService.QueueDeletedRecently): within 60 s of its deletion."""


class InvalidAttributeName(InvalidArgument):
    """SQS InvalidAttributeName."""


class InvalidAttributeValue(InvalidArgument):
    """SQS InvalidAttributeValue."""


class InvalidParameterValue(InvalidArgument):
    """SQS InvalidParameterValue; SNS InvalidParameter."""


class MissingParameter(InvalidArgument):
    """SQS MissingParameter."""


class InvalidMessageContents(InvalidArgument):
    """SQS InvalidMessageContents: characters outside of those that XML 1.0 allows."""


class ReceiptHandleIsInvalid(InvalidArgument):
    """SQS ReceiptHandleIsInvalid."""


class MessageNotInflight(MessageQueuesError):
    """SQS MessageNotInflight (AWS.SimpleQueueService.MessageNotInflight)."""


class OverLimit(PolicyViolation):
    """SQS OverLimit: 120,000 messages in flight, more than seven actions in a permission."""


class PurgeQueueInProgress(MessageQueuesError):
    """SQS PurgeQueueInProgress (AWS.SimpleQueueService.PurgeQueueInProgress): one purge in 60 s."""


class ResourceNotFound(NotFound):
    """SQS ResourceNotFoundException; SNS NotFound or ResourceNotFound."""


class UnsupportedOperation(MessageQueuesError):
    """SQS UnsupportedOperation (AWS.SimpleQueueService.UnsupportedOperation)."""


class RequestThrottled(MessageQueuesError):
    """SQS RequestThrottled; SNS Throttled."""


class AccessDenied(NotAuthorized):
    """A policy denies who asks. SQS AccessDenied; SNS AuthorizationError."""


class BatchRefused(InvalidArgument):
    """A batch as a whole; `reason` is AWS's code without its prefix: EmptyBatchRequest, TooManyEntriesInBatchRequest,
    BatchEntryIdsNotDistinct, InvalidBatchEntryId, BatchRequestTooLong."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


# RabbitMQ. The message is what RabbitMQ says after "NOT_FOUND - " and its like; the codes are in servers/error_map.py.


class ContentTooLarge(MessageQueuesError):
    """AMQP 311 CONTENT_TOO_LARGE."""


class NoConsumers(MessageQueuesError):
    """AMQP 313 NO_CONSUMERS."""


class ConnectionForced(MessageQueuesError):
    """An operator or a stopping server closes the connection. AMQP 320 CONNECTION_FORCED."""


class InvalidPath(InvalidArgument):
    """AMQP 402 INVALID_PATH."""


class AccessRefused(NotAuthorized):
    """AMQP 403 ACCESS_REFUSED."""


class QueueNotFound(NotFound):
    """AMQP 404 NOT_FOUND."""


class ExchangeNotFound(NotFound):
    """AMQP 404 NOT_FOUND."""


class VirtualHostNotFound(NotFound):
    """AMQP 530 NOT_ALLOWED when a connection opens it; HTTP 404."""


class ResourceLocked(MessageQueuesError):
    """Another connection has it to itself. AMQP 405 RESOURCE_LOCKED."""


class PreconditionFailed(MessageQueuesError):
    """AMQP 406 PRECONDITION_FAILED."""


class FrameError(MessageQueuesError):
    """AMQP 501 FRAME_ERROR."""


class SyntaxRefused(MessageQueuesError):
    """AMQP 502 SYNTAX_ERROR."""


class CommandInvalid(MessageQueuesError):
    """AMQP 503 COMMAND_INVALID."""


class ChannelError(MessageQueuesError):
    """AMQP 504 CHANNEL_ERROR."""


class UnexpectedFrame(MessageQueuesError):
    """AMQP 505 UNEXPECTED_FRAME."""


class ResourceError(MessageQueuesError):
    """AMQP 506 RESOURCE_ERROR."""


class NotAllowed(MessageQueuesError):
    """AMQP 530 NOT_ALLOWED."""


class NotImplementedByBroker(MessageQueuesError):
    """AMQP 540 NOT_IMPLEMENTED."""


class InternalFailure(MessageQueuesError):
    """AMQP 541 INTERNAL_ERROR."""


class RabbitMQError(MessageQueuesError):
    """A RabbitMQ failure that has no class of its own; `code` is AMQP's reply code, or the HTTP status of the management API."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Unroutable(MessageQueuesError):
    """A message that no queue took: nothing is bound for its routing key. AMQP 312 NO_ROUTE."""

    def __init__(self, message: str, exchange: str = "", routing_key: str = "") -> None:
        super().__init__(message)
        self.exchange = exchange
        self.routing_key = routing_key


class Rejected(MessageQueuesError):
    """The broker did not take the message (basic.nack): a queue is full and has overflow=reject-publish, or the broker failed."""
