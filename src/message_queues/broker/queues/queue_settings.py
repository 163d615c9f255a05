"""What a queue's arguments and policies come to: one value for each queue, made anew when a policy changes.

The names are those of the queue arguments without `x-`. None means that nothing was said, so that RabbitMQ's default holds.
"""

from dataclasses import dataclass

DROP_HEAD = "drop-head"
REJECT_PUBLISH = "reject-publish"
REJECT_PUBLISH_DLX = "reject-publish-dlx"

AT_MOST_ONCE = "at-most-once"
AT_LEAST_ONCE = "at-least-once"

RETRY_DISABLED = "disabled"
RETRY_ALL = "all"
RETRY_FAILED = "failed"
RETRY_RETURNED = "returned"

NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class QueueSettings:
    message_ttl_ms: int | None = None
    """x-message-ttl. 0: what is not delivered at once expires at once."""
    expires_ms: int | None = None
    """x-expires: how long the queue may be unused before it is deleted."""
    max_length: int | None = None
    max_length_bytes: int | None = None
    overflow: str = DROP_HEAD
    dead_letter_exchange: str | None = None
    """None: dead letters are dropped. The empty name is the default exchange."""
    dead_letter_routing_key: str | None = None
    dead_letter_strategy: str = AT_MOST_ONCE
    max_priority: int | None = None
    """x-max-priority of a classic queue: 1 to 255. None: no priorities."""
    single_active_consumer: bool = False
    delivery_limit: int | None = None
    """Quorum queues. None: the default of the RabbitMQ version; -1: no limit."""
    delayed_retry_type: str = RETRY_DISABLED
    """Quorum queues: which returned messages wait before they are delivered again."""
    delayed_retry_min_ms: int | None = None
    delayed_retry_max_ms: int | None = None
    consumer_timeout_ms: int | None = None
    """How long a delivery may stay unacknowledged. None: the default of the RabbitMQ version."""
    max_age_ms: int | None = None
    """x-max-age of a stream."""
    stream_segment_bytes: int | None = None
    """x-stream-max-segment-size-bytes."""
    stream_filter_size_bytes: int | None = None
    """x-stream-filter-size-bytes."""


DEFAULT_SETTINGS = QueueSettings()
