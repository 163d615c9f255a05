"""What GetQueueAttributes tells of a queue: what was set, the defaults of the rest, and the counts.

Source: API reference, GetQueueAttributes. SqsManagedSseEnabled is true until a key of KMS is named: nothing is encrypted here.
"""

import json
from collections.abc import Callable, Mapping

from message_queues.broker.sqs.queue import SqsQueue
from message_queues.broker.sqs.queue_settings import redrive_policy

DEFAULTS: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
}
FIFO_DEFAULTS: Mapping[str, str] = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
ONLY_IF_SET = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds")
ENCRYPTED = "SqsManagedSseEnabled"

COMPUTED: Mapping[str, Callable[[SqsQueue], str]] = {
    "ApproximateNumberOfMessages": lambda queue: str(queue.counts().visible),
    "ApproximateNumberOfMessagesNotVisible": lambda queue: str(queue.counts().not_visible),
    "ApproximateNumberOfMessagesDelayed": lambda queue: str(queue.counts().delayed),
    "CreatedTimestamp": lambda queue: str(queue.created_ms // 1000),
    "LastModifiedTimestamp": lambda queue: str(queue.modified_ms // 1000),
    "QueueArn": lambda queue: queue.arn,
}

ATTRIBUTES = frozenset((*DEFAULTS, *FIFO_DEFAULTS, *ONLY_IF_SET, ENCRYPTED, *COMPUTED))
"""All that can be asked for."""


def attributes_of(queue: SqsQueue) -> dict[str, str]:
    defaults = {**DEFAULTS, **FIFO_DEFAULTS} if queue.settings.is_fifo else DEFAULTS
    encrypted = "false" if queue.attributes.get("KmsMasterKeyId") else "true"
    computed = {name: value(queue) for name, value in COMPUTED.items()}
    was_set = {name: value for name, value in queue.attributes.items() if value}
    if "RedrivePolicy" in was_set:
        was_set["RedrivePolicy"] = rewritten(was_set["RedrivePolicy"])
    return {**computed, **defaults, ENCRYPTED: encrypted, **was_set}


def rewritten(text: str) -> str:
    """AWS tells `maxReceiveCount` as a number, also where it was given as a text."""
    if isinstance(json.loads(text)["maxReceiveCount"], int):
        return text
    policy = redrive_policy(text)
    document = {"deadLetterTargetArn": policy.target_arn, "maxReceiveCount": policy.max_receive_count}
    return json.dumps(document, separators=(",", ":"))
