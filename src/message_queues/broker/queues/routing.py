"""Where a message goes: from an exchange through bindings, further exchanges and alternate exchanges to queues, each queue once.

Routes that depend on nothing but the routing key are remembered until anything changes in the virtual host. As in RabbitMQ:
an exchange that is reached twice passes the message on once, so cycles end; an exchange whose bindings take nothing hands the message to
its alternate exchange; what is named and does not exist is passed over; the default exchange has no bindings and cannot be an alternate.
On purpose otherwise: a message that an x-delayed-message exchange keeps for later counts as routed, and its alternate exchange does not
get it.
"""

from collections.abc import Mapping
from typing import Protocol

from message_queues.broker.queues.bindings import Binding, Bindings, DependsOn
from message_queues.broker.queues.exchange import Exchange, Recipient
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.recent_history import RecentHistory

Recipients = tuple[Recipient, ...]

MAX_REMEMBERED = 50_000
"""How many recipients all remembered routes may have together, a route itself counted as one."""


class Delaying(Protocol):
    def recipient(self, exchange_name: str) -> Recipient:
        """What keeps messages of this exchange until they are due."""
        ...


class Router:
    def __init__(
        self,
        exchanges: Mapping[str, Exchange],
        queues: Mapping[str, Recipient],
        bindings: Bindings,
        delayed: Delaying | None = None,
        max_remembered: int = MAX_REMEMBERED,
    ) -> None:
        self._exchanges = exchanges
        self._queues = queues
        self._delayed = delayed
        self._remembering: list[Exchange] = []
        self._remembered = 0
        self._max_remembered = max_remembered
        bindings.on_change.append(self.forget_routes)

    def route(self, exchange: Exchange, message: QueueMessage) -> Recipients:
        """Every queue that gets the message; none: it is unroutable."""
        if exchange.any_key_route is not None:
            return exchange.any_key_route
        if exchange.routes is not None and not message.other_keys:
            recipients = exchange.routes.get(message.routing_key)
            if recipients is not None:
                return recipients
        return self._by_name(message) if exchange.is_default else self._walk(exchange, message)

    def forget_routes(self) -> None:
        """A binding, an exchange, a queue or an alternate exchange has come, gone or changed."""
        for exchange in self._remembering:
            exchange.routes = exchange.any_key_route = None
        self._remembering.clear()
        self._remembered = 0

    def replay_history(self, binding: Binding) -> None:
        """A client has made this binding: what a recent-history exchange remembers goes to the destination at once."""
        table = self._exchanges[binding.source].table
        if not isinstance(table, RecentHistory):
            return
        for message in table.messages():
            for recipient in self._reached(binding, message):
                recipient.publish(message)

    def _by_name(self, message: QueueMessage) -> Recipients:
        queue = self._queues.get(message.routing_key)
        if not message.other_keys:
            return () if queue is None else (queue,)
        found = {self._queues.get(key): None for key in (message.routing_key, *message.other_keys)}
        return tuple(queue for queue in found if queue is not None)

    def _walk(self, exchange: Exchange, message: QueueMessage) -> Recipients:
        recipients: dict[Recipient, None] = {}
        seen = {exchange.name}
        pending = [exchange]
        depends_on = DependsOn.NOTHING
        while pending:
            current = pending.pop()
            if current.is_delaying:
                depends_on = DependsOn.MESSAGE
                delay_ms = message.attributes.delay_ms
                if delay_ms is not None and delay_ms > 0 and self._delayed is not None:
                    recipients[self._delayed.recipient(current.name)] = None
                    continue
            table = current.table
            if table.depends_on > depends_on:
                depends_on = table.depends_on
            matched = table.match(message)
            if not matched and current.alternate_exchange is not None:
                self._follow(current.alternate_exchange, seen, pending)
            for binding in matched:
                if binding.is_to_exchange:
                    self._follow(binding.destination, seen, pending)
                else:
                    queue = self._queues.get(binding.destination)
                    if queue is not None:
                        recipients[queue] = None
        found = tuple(recipients)
        if depends_on != DependsOn.MESSAGE:
            self._remember(exchange, message, found, depends_on)
        return found

    def _follow(self, name: str, seen: set[str], pending: list[Exchange]) -> None:
        if name not in seen:
            seen.add(name)
            exchange = self._exchanges.get(name)
            if exchange is not None:
                pending.append(exchange)

    def _remember(self, exchange: Exchange, message: QueueMessage, found: Recipients, depends_on: int) -> None:
        if depends_on == DependsOn.KEY and message.other_keys:
            return
        self._remembered += len(found) + 1
        if self._remembered > self._max_remembered:
            self.forget_routes()
            self._remembered = len(found) + 1
        if exchange.routes is None:
            exchange.routes = {}
            self._remembering.append(exchange)
        if depends_on == DependsOn.NOTHING:
            exchange.any_key_route = found
        else:
            exchange.routes[message.routing_key] = found

    def _reached(self, binding: Binding, message: QueueMessage) -> Recipients:
        if not binding.is_to_exchange:
            queue = self._queues.get(binding.destination)
            return () if queue is None else (queue,)
        exchange = self._exchanges.get(binding.destination)
        return () if exchange is None else self.route(exchange, message)
