"""The one map from our errors to wire codes. It covers every class of errors.py: the nearest ancestor in the map decides."""

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
