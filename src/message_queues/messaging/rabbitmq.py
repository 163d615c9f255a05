"""The RabbitMQ side of one program: its clusters, and the exchanges and queues that it knows by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from message_queues.clients.queue_ports import NewBinding, NewExchange, NewQueue, QueueConsumerOptions, QueueProducerOptions
from message_queues.errors import InvalidArgument, MessageQueuesError, NotFound
from message_queues.messaging.arguments import checked_amqp_name, did_you_mean
from message_queues.messaging.binding import Binding
from message_queues.messaging.consumer import Consumer, ConsumerSettings
from message_queues.messaging.exchange import Exchange
from message_queues.messaging.exchange_publisher import ExchangePublisher, Target
from message_queues.messaging.naming import Named, Names, the_only
from message_queues.messaging.publisher import PublisherSettings
from message_queues.messaging.queue import Queue
from message_queues.messaging.queue_source import QueueSource
from message_queues.messaging.rabbitmq_cluster import RabbitMQCluster

Thing = TypeVar("Thing")
NO_CLUSTER = "no cluster is named yet; name one with create_rabbitmq_cluster"


class RabbitMQ:
    """What `MessageQueues` keeps of RabbitMQ; it has checked all arguments before."""

    def __init__(self) -> None:
        self.clusters: dict[str, RabbitMQCluster] = {}
        self.exchanges: Names[Exchange] = Names("exchange")
        self.queues: Names[Queue] = Names("queue")

    def cluster(self, argument: str, name: str) -> RabbitMQCluster:
        """Raises NotFound with the nearest name."""
        cluster = self.clusters.get(name)
        if cluster is None:
            hint = did_you_mean(name, self.clusters) or "; name it first with create_rabbitmq_cluster"
            raise NotFound(f"{argument}={name!r}: no cluster has that name{hint}")
        return cluster

    # Exchanges, queues, bindings.

    def declare_exchange(self, cluster: RabbitMQCluster, wanted: NewExchange) -> Exchange:
        exchange = self._exchange_of(cluster, wanted.name)
        exchange.create(wanted)
        self.exchanges.add(cluster.name, wanted.name, exchange)
        return exchange

    def declare_queue(self, cluster: RabbitMQCluster, wanted: NewQueue) -> Queue:
        queue = self._queue_of(cluster, wanted.name)
        queue.create(wanted)
        self.queues.add(cluster.name, queue.name, queue)
        return queue

    def bind(self, cluster: RabbitMQCluster, new: NewBinding) -> Binding:
        """Raises QueueNotFound or ExchangeNotFound with the nearest name."""
        binding = Binding(cluster.client.admin, cluster.name, new)
        try:
            binding.create()
        except NotFound as error:
            missing = new.destination if f"'{new.destination}'" in str(error) else new.source
            known = [each.name for each in self.exchanges.everything()] + [each.name for each in self.queues.everything()]
            raise type(error)(f"{error}{did_you_mean(missing, known)}") from error
        return binding

    def exchange(self, argument: str, name: str, clusters: Sequence[RabbitMQCluster]) -> Exchange:
        """Among those that this program created; if there is none, among all on the clusters."""

        def existing(cluster: RabbitMQCluster) -> Exchange | None:
            return self._exchange_of(cluster, name) if cluster.client.admin.exchange_exists(name) else None

        found = _candidates(self.exchanges, name, clusters) or _existing("exchange", name, clusters, existing)
        known = [] if found else _known(self.exchanges, clusters, RabbitMQCluster.exchanges)
        return _the_only(argument, name, found, known, clusters, "create_exchange")

    def queue(self, argument: str, name: str, clusters: Sequence[RabbitMQCluster]) -> Queue:
        """As `exchange`."""
        found = _candidates(self.queues, name, clusters) or self.existing_queues(name, clusters)
        known = [] if found else _known(self.queues, clusters, RabbitMQCluster.queues)
        return _the_only(argument, name, found, known, clusters, "create_queue")

    def existing_queues(self, name: str, clusters: Sequence[RabbitMQCluster]) -> list[Named[Queue]]:
        """Those of that name on the clusters, whoever declared them."""

        def existing(cluster: RabbitMQCluster) -> Queue | None:
            return self._queue_of(cluster, name) if cluster.client.admin.counts(name) is not None else None

        return _existing("queue", name, clusters, existing)

    def _exchange_of(self, cluster: RabbitMQCluster, name: str) -> Exchange:
        return Exchange(cluster.place, name, lambda: self.exchanges.forget(cluster.name, name))

    def _queue_of(self, cluster: RabbitMQCluster, name: str) -> Queue:
        # By the name that it has in the end: the broker makes one up for "".
        queue = Queue(cluster.place, name, lambda: self.queues.forget(cluster.name, queue.name))
        return queue

    # Publishing and consuming.

    def publisher(
        self,
        queue: str | None,
        target: Target,
        options: QueueProducerOptions,
        max_block_ms: float,
        clusters: Sequence[RabbitMQCluster],
    ) -> ExchangePublisher:
        """To a queue, or to the target's exchange."""
        if queue is None:
            name = target.exchange
            cluster = self.exchange("exchange", name, clusters).cluster
        else:
            name = checked_amqp_name("queue", queue)
            if target.routing_key not in ("", name):
                raise InvalidArgument(f"routing_key={target.routing_key!r}: a publisher to a queue has the queue's name as routing key")
            target = replace(target, routing_key=name)
            cluster = self.queue("queue", name, clusters).cluster
        settings = PublisherSettings(name, cluster, options.batch_messages, options.linger_ms, "none", False, "all", max_block_ms)
        return ExchangePublisher(self.clusters[cluster].client.producer(options, name), settings, target)

    def consumer(self, settings: ConsumerSettings, options: QueueConsumerOptions, clusters: Sequence[RabbitMQCluster]) -> Consumer:
        """Of a queue that exists."""
        queue = self.queue("queue_name", options.queue, clusters)
        settings = replace(settings, cluster=queue.cluster)
        return Consumer(QueueSource(self.clusters[queue.cluster].client.consumer(options), settings), settings)

    def close(self) -> None:
        """After the publishers and consumers: the connections that gave orders."""
        for cluster in self.clusters.values():
            cluster.client.close()


def _candidates(names: Names[Thing], name: str, clusters: Sequence[RabbitMQCluster]) -> list[Named[Thing]]:
    chosen = {cluster.name for cluster in clusters}
    return [each for each in names.candidates(name) if each.cluster in chosen]


def _existing(
    kind: str, name: str, clusters: Sequence[RabbitMQCluster], existing: Callable[[RabbitMQCluster], Thing | None]
) -> list[Named[Thing]]:
    found = [(cluster.name, existing(cluster)) for cluster in clusters]
    return [Named(kind, name, cluster, thing) for cluster, thing in found if thing is not None]


def _known(
    names: Names[Thing], clusters: Sequence[RabbitMQCluster], listed: Callable[[RabbitMQCluster], list[Mapping[str, object]]]
) -> list[str]:
    """For the hint alone: without the management API there is less to hint at."""
    known = [each.name for each in names.everything()]
    for cluster in clusters:
        try:
            known += [str(each.get("name", "")) for each in listed(cluster)]
        except MessageQueuesError:
            continue
    return known


def _the_only(
    argument: str, name: str, found: list[Named[Thing]], known: list[str], clusters: Sequence[RabbitMQCluster], create: str
) -> Thing:
    if not clusters:
        raise NotFound(f"{argument}={name!r}: {NO_CLUSTER}")
    return the_only(argument, name, found, known, f"create it with {create}")
