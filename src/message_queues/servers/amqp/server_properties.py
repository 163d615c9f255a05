"""What connection.start tells of the server: clients look at `capabilities`, at `product` and at the version."""

from message_queues.records.field_table import FieldTable, FieldValue

CAPABILITIES = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
)


def server_properties(version: str, cluster_name: str) -> FieldTable:
    capabilities: dict[str, FieldValue] = dict.fromkeys(CAPABILITIES, True)
    return {
        "capabilities": capabilities,
        "cluster_name": cluster_name,
        "copyright": "message_queues, which speaks as RabbitMQ does",
        "information": "https://www.rabbitmq.com/docs is true of it, too",
        "platform": "Python",
        "product": "RabbitMQ",
        "version": version,
    }
