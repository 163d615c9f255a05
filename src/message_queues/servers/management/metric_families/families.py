"""All families of RabbitMQ's metrics, in the order in which they are told."""

from message_queues.servers.management.metric_families import channels, exchanges, node, queues, totals

FAMILIES = (
    node.ALARMS,
    node.CONNECTION_CHURN_METRICS,
    node.NODE_COARSE_METRICS,
    node.NODE_METRICS,
    node.AUTH_ATTEMPT_METRICS,
    queues.QUEUE_COARSE_METRICS,
    queues.QUEUE_METRICS,
    queues.QUEUE_CONSUMER_COUNT,
    channels.CHANNEL_METRICS,
    channels.CHANNEL_EXCHANGE_METRICS,
    channels.CHANNEL_PROCESS_METRICS,
    channels.CHANNEL_QUEUE_METRICS,
    channels.CONNECTION_COARSE_METRICS,
    channels.CONNECTION_METRICS,
    queues.CHANNEL_QUEUE_EXCHANGE_METRICS,
    exchanges.EXCHANGE_METRICS,
    queues.QUEUE_DELIVERY_METRICS,
    totals.GLOBAL_COUNTERS,
    totals.GLOBAL_QUEUE_COUNTERS,
    totals.GLOBAL_DEAD_LETTER_COUNTERS,
)
CLUSTER_FAMILIES = (
    exchanges.VHOST_STATUS,
    exchanges.EXCHANGE_BINDINGS,
    exchanges.EXCHANGE_NAMES,
)
"""What only /metrics/detailed has."""
