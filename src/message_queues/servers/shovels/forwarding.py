"""What a shovel changes in the messages that pass it: where they go, properties that are set, headers that tell of the way they came."""

from message_queues.broker.queues.shovel_parameters import ShovelDefinition
from message_queues.records.field_table import FieldTable, FieldValue
from message_queues.records.properties import Properties, read_attributes, read_properties, with_headers, write_properties
from message_queues.servers.shovels.ends import Shovelled

TRACE = "x-shovelled"
"""A list of tables, one for each shovel that the message has passed, the latest first."""
TIMESTAMP = "x-shovelled-timestamp"


class Forwarding:
    def __init__(self, definition: ShovelDefinition, cluster_name: str, source_uri: str, target_uri: str) -> None:
        target = definition.target
        self._exchange = "" if target.queue is not None else target.exchange
        self._routing_key = target.queue if target.queue is not None else target.exchange_key
        self._properties = target.properties
        self._adds_timestamp = target.adds_timestamp_header
        self._trace = _trace(definition, cluster_name, source_uri, target_uri) if target.adds_forward_headers else None

    def changed(self, message: Shovelled, now_ms: int) -> Shovelled:
        """The message as the target gets it."""
        exchange = message.exchange if self._exchange is None else self._exchange
        routing_key = message.routing_key if self._routing_key is None else self._routing_key
        properties = message.properties
        if self._properties:
            properties = write_properties(self._set(read_properties(properties)))
        headers: FieldTable = {}
        if self._trace is not None:
            passed = read_attributes(properties).headers.get(TRACE)
            headers[TRACE] = [self._trace, *passed] if isinstance(passed, list) else [self._trace]
        if self._adds_timestamp:
            headers[TIMESTAMP] = now_ms // 1000
        if headers:
            properties = with_headers(properties, headers)
        return Shovelled(message.tag, exchange, routing_key, properties, message.body)

    def _set(self, properties: Properties) -> Properties:
        for name, value in self._properties.items():
            setattr(properties, name, value)
        return properties


def _trace(definition: ShovelDefinition, cluster_name: str, source_uri: str, target_uri: str) -> dict[str, FieldValue]:
    source, target = definition.source, definition.target
    told: dict[str, str | None] = {
        "shovelled-by": cluster_name,
        "shovel-type": "dynamic",
        "shovel-name": definition.name,
        "shovel-vhost": definition.virtual_host,
        "src-uri": source_uri,
        "dest-uri": target_uri,
        "src-queue": source.queue,
        "src-exchange": source.exchange,
        "src-exchange-key": source.exchange_key if source.queue is None else None,
        "dest-exchange": target.exchange,
        "dest-exchange-key": target.exchange_key,
        "dest-queue": target.queue,
    }
    return {name: value for name, value in told.items() if value is not None}
