"""The dynamic shovels of the server: one for each parameter of the component "shovel", started, changed and stopped with it."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from message_queues.broker.queues.amqp_uri import parse_amqp_uri
from message_queues.broker.queues.erlang_terms import quoted
from message_queues.broker.queues.shovel_parameters import LOCAL, ShovelDefinition, shovel_definition
from message_queues.servers.amqp.node_name import NODE_NAME
from message_queues.servers.shovels.ends import Source, Target
from message_queues.servers.shovels.local_source import LocalSource
from message_queues.servers.shovels.local_target import LocalTarget
from message_queues.servers.shovels.shovel import RUNNING, TERMINATED, Shovel

if TYPE_CHECKING:
    from message_queues.broker.broker import Broker

logger = logging.getLogger(__name__)

COMPONENT = "shovel"

Name = tuple[str, str]
"""Virtual host and name."""


class Shovels:
    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._shovels: dict[Name, Shovel] = {}
        self._values: dict[Name, Mapping[str, object]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """On a running event loop; the shovels that are there start."""
        self._broker.parameters.on_change.append(self.look)
        self.look()

    async def stop(self) -> None:
        if self.look in self._broker.parameters.on_change:
            self._broker.parameters.on_change.remove(self.look)
        for name in list(self._shovels):
            self._stop(name)
        if self._stopping:
            await asyncio.wait(self._stopping)

    def look(self) -> None:
        """Makes the shovels those that the parameters tell of."""
        told = {
            (each.virtual_host, each.name): each.value
            for each in self._broker.parameters.all()
            if each.component == COMPONENT and isinstance(each.value, Mapping)
        }
        for name in [name for name, value in self._values.items() if told.get(name) != value]:
            self._stop(name)
        for name, value in told.items():
            if name not in self._values:
                self._start(name, value)

    def restart(self, virtual_host: str, name: str) -> bool:
        """False: there is no such shovel."""
        value = self._values.get((virtual_host, name))
        if value is None:
            return False
        self._stop((virtual_host, name))
        self._start((virtual_host, name), value)
        return True

    def statuses(self) -> list[dict[str, object]]:
        """As /api/shovels shows them, without the name of the node."""
        return [_status(shovel) for shovel in self._shovels.values()]

    def _start(self, name: Name, value: Mapping[str, object]) -> None:
        definition = shovel_definition(*name, value)
        self._values[name] = value

        def finished() -> None:
            logger.info("a shovel has moved all it was to move", extra={"virtual_host": name[0], "shovel": name[1]})
            self._broker.parameters.clear(name[0], COMPONENT, name[1])

        shovel = Shovel(definition, lambda: _ends(self._broker, definition), self._cluster_name(), finished)
        self._shovels[name] = shovel
        shovel.start()

    def _stop(self, name: Name) -> None:
        del self._values[name]
        task = asyncio.get_running_loop().create_task(self._shovels.pop(name).stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _cluster_name(self) -> str:
        return str(self._broker.parameters.global_value("cluster_name") or NODE_NAME)


def _ends(broker: "Broker", definition: ShovelDefinition) -> tuple[Source, Target]:
    source, target = definition.source, definition.target
    name = f"Shovel {definition.name}"
    return (
        LocalSource(broker, source, name) if _is_local(source.protocol, source.uris) else _amqp_source(definition, name),
        LocalTarget(broker, target) if _is_local(target.protocol, target.uris) else _amqp_target(definition, name),
    )


def _is_local(protocol: str, uris: tuple[str, ...]) -> bool:
    """An URI without a host stands for this server, as for RabbitMQ's direct connections."""
    return protocol == LOCAL or parse_amqp_uri(uris[0]).host is None


def _amqp_source(definition: ShovelDefinition, name: str) -> Source:
    # pika is imported by servers with shovels to others only.
    from message_queues.servers.shovels.amqp_source import AmqpSource

    return AmqpSource(definition.source, name)


def _amqp_target(definition: ShovelDefinition, name: str) -> Target:
    from message_queues.servers.shovels.amqp_target import AmqpTarget

    return AmqpTarget(definition.target, name)


def _status(shovel: Shovel) -> dict[str, object]:
    definition = shovel.definition
    told: dict[str, object] = {
        "name": definition.name,
        "vhost": definition.virtual_host,
        "type": "dynamic",
        "state": shovel.state,
        "timestamp": time.strftime("%Y-%m-%d %-H:%M:%S", time.localtime(shovel.changed_at_s)),
    }
    if shovel.state == TERMINATED:
        told["reason"] = quoted(shovel.reason)
    if shovel.state == RUNNING:
        told |= _running(shovel)
    return told


def _running(shovel: Shovel) -> dict[str, object]:
    source, target = shovel.definition.source, shovel.definition.target
    ends = {
        "src_uri": shovel.source_uri,
        "src_protocol": source.protocol,
        "dest_protocol": target.protocol,
        "dest_uri": shovel.target_uri,
        "src_queue": source.queue,
        "src_exchange": source.exchange,
        "src_exchange_key": source.exchange_key if source.queue is None else None,
        "dest_queue": target.queue,
        "dest_exchange": target.exchange,
        "dest_exchange_key": target.exchange_key,
    }
    state = "blocked" if shovel.is_blocked else RUNNING
    return {
        "state": state,
        "blocked_status": state,
        "remaining": "unlimited" if shovel.remaining is None else shovel.remaining,
        "remaining_unacked": "unlimited" if shovel.unsent is None else shovel.unsent,
        "pending": shovel.pending,
        "forwarded": shovel.forwarded,
        **{name: value for name, value in ends.items() if value is not None},
    }
