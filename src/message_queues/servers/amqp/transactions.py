"""The class tx: what a channel publishes and settles waits for tx.commit.

As RabbitMQ's: not atomic over several queues. A commit is answered once all of it is stored; when a full queue refuses some of it, the
channel is closed with "partial tx completion".
"""

from typing import TYPE_CHECKING

from pamqp import commands

from message_queues.broker.queues.exchange import Exchange
from message_queues.broker.queues.message import QueueMessage
from message_queues.errors import PreconditionFailed, ResourceError
from message_queues.servers.amqp.deliveries import ACKNOWLEDGE, Delivery

if TYPE_CHECKING:
    from message_queues.servers.amqp.channel import AmqpChannel


class Transaction:
    """What is not committed yet."""

    __slots__ = ("_bytes", "_max_bytes", "publishes", "settlements")

    def __init__(self, max_bytes: int) -> None:
        self.publishes: list[tuple[Exchange, QueueMessage, bool]] = []
        """With the exchange, and whether the publish was mandatory."""
        self.settlements: list[tuple[int, list[tuple[int, Delivery]]]] = []
        """How, and which deliveries by their tags."""
        self._bytes = 0
        self._max_bytes = max_bytes

    def add(self, exchange: Exchange, message: QueueMessage, is_mandatory: bool) -> None:
        self._bytes += len(message.body) + len(message.properties)
        if self._bytes > self._max_bytes:
            raise ResourceError(f"a transaction of more than {self._max_bytes} bytes")
        self.publishes.append((exchange, message, is_mandatory))

    @property
    def acknowledgements(self) -> int:
        return sum(len(taken) for how, taken in self.settlements if how == ACKNOWLEDGE)


def select(channel: "AmqpChannel", method: commands.Tx.Select) -> None:
    if channel.is_confirming:
        raise PreconditionFailed("cannot switch from confirm to tx mode")
    if channel.transaction is None:
        channel.transaction = Transaction(channel.connection.limits.max_transaction_bytes)
    channel.send(commands.Tx.SelectOk())


def commit(channel: "AmqpChannel", method: commands.Tx.Commit) -> None:
    transaction = _current(channel)
    channel.transaction = Transaction(channel.connection.limits.max_transaction_bytes)
    is_whole = True
    for exchange, message, is_mandatory in transaction.publishes:
        is_whole &= channel.publishing.route(exchange, message, is_mandatory)
    for how, taken in transaction.settlements:
        channel.deliveries.settle_all([delivery for _, delivery in sorted(taken)], how)
    if not is_whole:
        raise PreconditionFailed("partial tx completion")
    channel.connection.output.vital_turn()
    channel.send(commands.Tx.CommitOk())


def rollback(channel: "AmqpChannel", method: commands.Tx.Rollback) -> None:
    transaction = _current(channel)
    channel.transaction = Transaction(channel.connection.limits.max_transaction_bytes)
    channel.deliveries.take_back([each for _, taken in transaction.settlements for each in taken])
    channel.send(commands.Tx.RollbackOk())


def _current(channel: "AmqpChannel") -> Transaction:
    if channel.transaction is None:
        raise PreconditionFailed("channel is not transactional")
    return channel.transaction
