"""The one map from our errors to wire codes. It covers every class of errors.py: the nearest ancestor in the map decides."""

from dataclasses import dataclass

from message_queues import errors
from message_queues.protocols.kafka.error_codes import ErrorCode

KAFKA: dict[type[BaseException], ErrorCode] = {
    errors.MessageQueuesError: ErrorCode.UNKNOWN_SERVER_ERROR,
    errors.InvalidArgument: ErrorCode.INVALID_REQUEST,
    errors.NotFound: ErrorCode.RESOURCE_NOT_FOUND,
    errors.AlreadyExists: ErrorCode.INVALID_REQUEST,
    errors.Conflict: ErrorCode.INVALID_REQUEST,
    errors.Unsupported: ErrorCode.UNSUPPORTED_VERSION,
    errors.MissingDependency: ErrorCode.UNKNOWN_SERVER_ERROR,
    errors.Unreachable: ErrorCode.BROKER_NOT_AVAILABLE,
    errors.TimedOut: ErrorCode.REQUEST_TIMED_OUT,
    errors.StorageError: ErrorCode.KAFKA_STORAGE_ERROR,
    errors.UnknownTopicOrPartition: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    errors.UnknownTopicId: ErrorCode.UNKNOWN_TOPIC_ID,
    errors.InvalidTopic: ErrorCode.INVALID_TOPIC_EXCEPTION,
    errors.TopicAlreadyExists: ErrorCode.TOPIC_ALREADY_EXISTS,
    errors.InvalidPartitions: ErrorCode.INVALID_PARTITIONS,
    errors.InvalidReplicationFactor: ErrorCode.INVALID_REPLICATION_FACTOR,
    errors.InvalidReplicaAssignment: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    errors.InvalidConfig: ErrorCode.INVALID_CONFIG,
    errors.InvalidRequest: ErrorCode.INVALID_REQUEST,
    errors.PolicyViolation: ErrorCode.POLICY_VIOLATION,
    errors.NotLeaderOrFollower: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    errors.LeaderNotAvailable: ErrorCode.LEADER_NOT_AVAILABLE,
    errors.FencedLeaderEpoch: ErrorCode.FENCED_LEADER_EPOCH,
    errors.UnknownLeaderEpoch: ErrorCode.UNKNOWN_LEADER_EPOCH,
    errors.OffsetOutOfRange: ErrorCode.OFFSET_OUT_OF_RANGE,
    errors.CorruptMessage: ErrorCode.CORRUPT_MESSAGE,
    errors.MessageTooLarge: ErrorCode.MESSAGE_TOO_LARGE,
    errors.RecordListTooLarge: ErrorCode.RECORD_LIST_TOO_LARGE,
    errors.InvalidRecord: ErrorCode.INVALID_RECORD,
    errors.TransactionalIdAuthorizationFailed: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    errors.InvalidTimestamp: ErrorCode.INVALID_TIMESTAMP,
    errors.UnsupportedForMessageFormat: ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    errors.UnsupportedCompressionType: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    errors.InvalidRequiredAcks: ErrorCode.INVALID_REQUIRED_ACKS,
    errors.NotEnoughReplicas: ErrorCode.NOT_ENOUGH_REPLICAS,
    errors.OutOfOrderSequence: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    errors.DuplicateSequence: ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
    errors.InvalidProducerEpoch: ErrorCode.INVALID_PRODUCER_EPOCH,
    errors.UnknownProducerId: ErrorCode.UNKNOWN_PRODUCER_ID,
    errors.NotCoordinator: ErrorCode.NOT_COORDINATOR,
    errors.InvalidGroupId: ErrorCode.INVALID_GROUP_ID,
    errors.IllegalGeneration: ErrorCode.ILLEGAL_GENERATION,
    errors.InconsistentGroupProtocol: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    errors.UnknownMemberId: ErrorCode.UNKNOWN_MEMBER_ID,
    errors.InvalidSessionTimeout: ErrorCode.INVALID_SESSION_TIMEOUT,
    errors.RebalanceInProgress: ErrorCode.REBALANCE_IN_PROGRESS,
    errors.OffsetMetadataTooLarge: ErrorCode.OFFSET_METADATA_TOO_LARGE,
    errors.NonEmptyGroup: ErrorCode.NON_EMPTY_GROUP,
    errors.GroupIdNotFound: ErrorCode.GROUP_ID_NOT_FOUND,
    errors.MemberIdRequired: ErrorCode.MEMBER_ID_REQUIRED,
    errors.GroupMaxSizeReached: ErrorCode.GROUP_MAX_SIZE_REACHED,
    errors.FencedInstanceId: ErrorCode.FENCED_INSTANCE_ID,
    errors.UnsupportedVersion: ErrorCode.UNSUPPORTED_VERSION,
    errors.GroupSubscribedToTopic: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
}


def error_code(error: BaseException) -> ErrorCode:
    for ancestor in type(error).__mro__:
        code = KAFKA.get(ancestor)
        if code is not None:
            return code
    return ErrorCode.UNKNOWN_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class AmqpCode:
    number: int
    name: str
    closes_connection: bool
    """AMQP 0-9-1 calls it a hard error; a soft one closes the channel."""


SYNTAX_ERROR = AmqpCode(502, "SYNTAX_ERROR", True)
ACCESS_REFUSED = AmqpCode(403, "ACCESS_REFUSED", False)
NOT_FOUND = AmqpCode(404, "NOT_FOUND", False)
PRECONDITION_FAILED = AmqpCode(406, "PRECONDITION_FAILED", False)
NOT_ALLOWED = AmqpCode(530, "NOT_ALLOWED", True)
NOT_IMPLEMENTED = AmqpCode(540, "NOT_IMPLEMENTED", True)
INTERNAL_ERROR = AmqpCode(541, "INTERNAL_ERROR", True)

AMQP: dict[type[BaseException], AmqpCode] = {
    errors.MessageQueuesError: INTERNAL_ERROR,
    errors.InvalidArgument: PRECONDITION_FAILED,
    errors.NotFound: NOT_FOUND,
    errors.AlreadyExists: PRECONDITION_FAILED,
    errors.Conflict: PRECONDITION_FAILED,
    errors.Unsupported: NOT_IMPLEMENTED,
    errors.NotAuthorized: ACCESS_REFUSED,
    errors.ContentTooLarge: AmqpCode(311, "CONTENT_TOO_LARGE", False),
    errors.Unroutable: AmqpCode(312, "NO_ROUTE", False),
    errors.NoConsumers: AmqpCode(313, "NO_CONSUMERS", False),
    errors.ConnectionForced: AmqpCode(320, "CONNECTION_FORCED", True),
    errors.InvalidPath: AmqpCode(402, "INVALID_PATH", True),
    errors.AccessRefused: ACCESS_REFUSED,
    errors.QueueNotFound: NOT_FOUND,
    errors.ExchangeNotFound: NOT_FOUND,
    errors.VirtualHostNotFound: NOT_ALLOWED,
    errors.ResourceLocked: AmqpCode(405, "RESOURCE_LOCKED", False),
    errors.PreconditionFailed: PRECONDITION_FAILED,
    errors.FrameError: AmqpCode(501, "FRAME_ERROR", True),
    errors.SyntaxRefused: SYNTAX_ERROR,
    errors.CommandInvalid: AmqpCode(503, "COMMAND_INVALID", True),
    errors.ChannelError: AmqpCode(504, "CHANNEL_ERROR", True),
    errors.UnexpectedFrame: AmqpCode(505, "UNEXPECTED_FRAME", True),
    errors.ResourceError: AmqpCode(506, "RESOURCE_ERROR", True),
    errors.NotAllowed: NOT_ALLOWED,
    errors.NotImplementedByBroker: NOT_IMPLEMENTED,
    errors.InternalFailure: INTERNAL_ERROR,
}

LONGEST_REPLY_TEXT = 255


def amqp_code(error: BaseException) -> AmqpCode:
    for ancestor in type(error).__mro__:
        code = AMQP.get(ancestor)
        if code is not None:
            return code
    return INTERNAL_ERROR


def amqp_reply_text(error: BaseException) -> str:
    """ "NOT_FOUND - no queue 'q' in vhost '/'", cut to what a short string holds."""
    code = amqp_code(error)
    if code is INTERNAL_ERROR and not isinstance(error, errors.InternalFailure):
        return code.name
    text = f"{code.name} - {error}"
    if len(text.encode("utf-8", "surrogateescape")) <= LONGEST_REPLY_TEXT:
        return text
    cut = text.encode("utf-8", "surrogateescape")[: LONGEST_REPLY_TEXT - 3]
    return cut.decode("utf-8", "ignore") + "..."
