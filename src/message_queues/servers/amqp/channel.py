"""One channel of an AMQP connection: its state, and which method is whose.

state      waits for
starting   channel.open
running    anything but channel.open
closing    channel.close-ok; everything else is ignored
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pamqp import commands

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.errors import ChannelError, CommandInvalid, NotFound, NotImplementedByBroker, PreconditionFailed
from message_queues.protocols.amqp.methods import Access
from message_queues.servers.amqp import consuming, topology, transactions
from message_queues.servers.amqp.consuming import ChannelConsumer, ReplyConsumer
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.amqp.deliveries import DISCARD, NACK, REJECT, Deliveries, requeue
from message_queues.servers.amqp.firehose import Firehose
from message_queues.servers.amqp.publishing import Publishing
from message_queues.servers.amqp.transactions import Transaction

if TYPE_CHECKING:
    from message_queues.broker.queues.virtual_host import VirtualHost
    from message_queues.servers.amqp.connection import AmqpConnection

STARTING = "starting"
RUNNING = "running"
CLOSING = "closing"


OPEN_OK = commands.Channel.OpenOk()
# RabbitMQ sends nothing in the reserved field; pamqp wants a zero there.
OPEN_OK.channel_id = ""


class AmqpChannel:
    __slots__ = (
        "connection",
        "consumers",
        "counters",
        "deliveries",
        "firehose",
        "global_prefetch_count",
        "global_unacknowledged_count",
        "is_open",
        "last_queue_name",
        "number",
        "prefetch_count",
        "publishing",
        "reply_consumer",
        "state",
        "transaction",
        "virtual_host",
    )

    def __init__(self, connection: "AmqpConnection", virtual_host: "VirtualHost", number: int) -> None:
        self.connection = connection
        self.virtual_host = virtual_host
        self.number = number
        self.state = STARTING
        self.is_open = False
        """Running: it takes messages and acknowledgements."""
        self.counters: ChannelCounters = ChannelCounters()
        self.deliveries: Deliveries = Deliveries(self)
        self.publishing = Publishing(self)
        self.consumers: dict[str, ChannelConsumer] = {}
        self.reply_consumer: ReplyConsumer | None = None
        """That of direct replies: no other queue's."""
        self.prefetch_count: int = 0
        """For consumers that begin from now on; 0: no limit."""
        self.global_prefetch_count = 0
        self.global_unacknowledged_count = 0
        """Counted only while there is a global prefetch count."""
        self.transaction: Transaction | None = None
        self.last_queue_name = ""
        self.firehose: Firehose | None = None
        """While the virtual host is traced."""
        self.trace_or_not()

    def trace_or_not(self) -> None:
        """As its virtual host has it now."""
        self.firehose = Firehose(self) if self.virtual_host.is_tracing else None
        self.publishing.publish_by(self.virtual_host.publish if self.firehose is None else self.firehose.publish)

    # What management shows

    @property
    def name(self) -> str:
        """ "127.0.0.1:50000 -> 127.0.0.1:5672 (1)"."""
        return f"{self.connection.name} ({self.number})"

    @property
    def idle_since_ms(self) -> int:
        """When its connection last said anything."""
        return self.connection.received_ms

    @property
    def is_confirming(self) -> bool:
        return self.publishing.is_confirming

    @property
    def is_transactional(self) -> bool:
        return self.transaction is not None

    @property
    def unacknowledged_count(self) -> int:
        return len(self.deliveries.waiting)

    @property
    def unconfirmed_count(self) -> int:
        return self.publishing.last_tag - self.publishing.confirmed_tag

    @property
    def uncommitted_count(self) -> int:
        return len(self.transaction.publishes) if self.transaction is not None else 0

    @property
    def uncommitted_acknowledgements(self) -> int:
        return self.transaction.acknowledgements if self.transaction is not None else 0

    # Methods

    def receive(self, method: Any) -> None:
        kind = type(method)
        if self.state == STARTING:
            if kind is not commands.Channel.Open:
                raise ChannelError("expected 'channel.open'")
            self.state = RUNNING
            self.is_open = True
            self.send(OPEN_OK)
        elif self.state == CLOSING:
            if kind is commands.Channel.CloseOk:
                self.connection.forget_channel(self)
            elif kind is commands.Channel.Close:
                self.send(commands.Channel.CloseOk())
        else:
            handle = HANDLERS.get(kind)
            if handle is None:
                raise CommandInvalid("unimplemented method")
            handle(self, method)

    def nack(self, tag: int, multiple: bool, is_requeued: bool, is_reject: bool) -> None:
        self.deliveries.settle(tag, multiple, DISCARD if not is_requeued else REJECT if is_reject else NACK)

    def send(self, method: Any) -> None:
        self.connection.send_method(self.number, method)

    # Closing

    def fail(self, code: int, text: str, class_id: int, method_id: int) -> None:
        """A channel exception: what was going on is over, and all is ignored until the client has answered."""
        self.end()
        self.publishing.settle_place()
        self.state = CLOSING
        self.send(commands.Channel.Close(code, text, class_id, method_id))

    def close(self) -> None:
        """The client is done with it."""
        self.end()
        self.publishing.settle_place()
        self.send(commands.Channel.CloseOk())
        self.connection.forget_channel(self)

    def end(self) -> None:
        """Its consumers are gone, and what it was given goes back."""
        self.stop_consumers()
        self.give_back()

    def stop_consumers(self) -> None:
        self.is_open = False
        for tag in tuple(self.consumers):
            self.drop_consumer(tag)
        if self.reply_consumer is not None:
            self.drop_consumer(self.reply_consumer.tag)

    def give_back(self) -> None:
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self.deliveries.take_back([each for _, taken in transaction.settlements for each in taken])
        requeue(self.deliveries.drop(), ReturnReason.CHANNEL_CLOSED)

    # What the files of handlers share

    def queue_name(self, name: str) -> str:
        """The empty name stands for the queue that was declared last."""
        if name:
            return name
        if not self.last_queue_name:
            raise NotFound("no previously declared queue")
        return self.last_queue_name

    def check(self, kind: str, name: str, permission: str) -> None:
        self.connection.broker.access.check(self.connection.user, self.virtual_host.name, kind, name, permission)

    def confirmed(self, tag: int) -> None:
        publishing = self.publishing
        self.counters.confirmed += tag - publishing.confirmed_tag
        publishing.confirmed_tag = tag

    # Consumers and their credit

    def drop_consumer(self, tag: str) -> None:
        reply_consumer = self.reply_consumer
        if reply_consumer is not None and reply_consumer.tag == tag:
            reply_consumer.stop()
            self.reply_consumer = None
            return
        consumer = self.consumers.pop(tag, None)
        if consumer is not None:
            consumer.stop()
            consumer.queue.remove_consumer(consumer)

    def consumer_cancelled(self, consumer: ChannelConsumer, is_late: bool) -> None:
        """By its queue: the queue is gone, or an acknowledgement did not come in time."""
        self.consumers.pop(consumer.tag, None)
        if not self.is_open:
            return
        connection = self.connection
        is_capable = connection.capabilities.get("consumer_cancel_notify") is True
        if is_late and not (is_capable and connection.broker.rabbit_version.cancels_late_consumers):
            timeout_ms = consumer.queue.timeout_of(consumer)
            error = PreconditionFailed(
                f"delivery acknowledgement on channel {self.number} timed out. Timeout value used: {timeout_ms} ms. "
                "This timeout value can be configured, see consumers doc guide to learn more"
            )
            connection.channel_failed(self, error, 0, 0)
        elif is_capable:
            self.send(commands.Basic.Cancel(consumer.tag, True))

    @property
    def is_out_of_global_credit(self) -> bool:
        return 0 < self.global_prefetch_count <= self.global_unacknowledged_count

    def set_global_prefetch(self, count: int) -> None:
        if count and not self.global_prefetch_count:
            self.global_unacknowledged_count = len(self.deliveries.waiting)
        self.global_prefetch_count = count
        self._refresh_consumers()

    def take_global_credit(self) -> None:
        self.global_unacknowledged_count += 1
        if self.is_out_of_global_credit:
            self._hold_consumers()

    def give_global_credit(self, count: int) -> None:
        was_out = self.is_out_of_global_credit
        self.global_unacknowledged_count = max(0, self.global_unacknowledged_count - count)
        if was_out:
            self._refresh_consumers()

    def _hold_consumers(self) -> None:
        for consumer in self.consumers.values():
            if not consumer.no_ack:
                consumer.can_take = False

    def _refresh_consumers(self) -> None:
        if self.is_out_of_global_credit:
            self._hold_consumers()
            return
        for consumer in tuple(self.consumers.values()):
            consumer.refresh()


# The methods that are about the channel itself


def open_again(channel: AmqpChannel, method: commands.Channel.Open) -> None:
    raise ChannelError("second 'channel.open' seen")


def close(channel: AmqpChannel, method: commands.Channel.Close) -> None:
    channel.close()


def flow(channel: AmqpChannel, method: commands.Channel.Flow) -> None:
    if not method.active:
        raise NotImplementedByBroker("active=false")
    channel.send(commands.Channel.FlowOk(True))


def request_access(channel: AmqpChannel, method: Access.Request) -> None:
    """Tickets are from before AMQP 0-9-1; everyone gets the same."""
    channel.send(Access.RequestOk())


def confirm_select(channel: AmqpChannel, method: commands.Confirm.Select) -> None:
    if channel.transaction is not None:
        raise PreconditionFailed("cannot switch from tx to confirm mode")
    channel.publishing.is_confirming = True
    if not method.nowait:
        channel.send(commands.Confirm.SelectOk())


HANDLERS: dict[type, Callable[[AmqpChannel, Any], None]] = {
    commands.Channel.Open: open_again,
    commands.Channel.Close: close,
    commands.Channel.Flow: flow,
    Access.Request: request_access,
    commands.Confirm.Select: confirm_select,
    commands.Basic.Consume: consuming.consume,
    commands.Basic.Cancel: consuming.cancel,
    commands.Basic.CancelOk: consuming.cancel_ok,
    commands.Basic.Qos: consuming.qos,
    commands.Basic.Get: consuming.get,
    commands.Basic.Recover: consuming.recover,
    commands.Basic.RecoverAsync: consuming.recover_async,
    commands.Exchange.Declare: topology.declare_exchange,
    commands.Exchange.Delete: topology.delete_exchange,
    commands.Exchange.Bind: topology.bind_exchange,
    commands.Exchange.Unbind: topology.unbind_exchange,
    commands.Queue.Declare: topology.declare_queue,
    commands.Queue.Delete: topology.delete_queue,
    commands.Queue.Purge: topology.purge_queue,
    commands.Queue.Bind: topology.bind_queue,
    commands.Queue.Unbind: topology.unbind_queue,
    commands.Tx.Select: transactions.select,
    commands.Tx.Commit: transactions.commit,
    commands.Tx.Rollback: transactions.rollback,
}
