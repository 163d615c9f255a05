"""What a message carries after it died: x-death, x-first-death-… and x-last-death-…. Pure."""

from message_queues.broker.queues.message import QueueMessage

REJECTED = "rejected"
EXPIRED = "expired"
MAXLEN = "maxlen"
DELIVERY_LIMIT = "delivery_limit"
