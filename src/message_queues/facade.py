"""`MessageQueues`: every call of the library, over real clusters or an embedded server.

Each call checks all its arguments before it asks a cluster anything. `create_*` is idempotent: what exists with equal settings is
returned, different settings raise Conflict. Calls of parts that this version does not have raise Unsupported; not_supported.md lists them.
"""

import atexit
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from typing import TYPE_CHECKING, NoReturn

from message_queues.clients.connect import AwsAddress, RabbitAddress, connect_aws, connect_kafka, connect_rabbitmq, tls_context
from message_queues.clients.ports import Client, ConsumerOptions, NewTopic, ProducerOptions
from message_queues.clients.queue_ports import (
    NewBinding,
    NewExchange,
    NewQueue,
    QueueConsumerOptions,
    QueueProducerOptions,
)
from message_queues.errors import (
    AccessDenied,
    AmbiguousName,
    Closed,
    Conflict,
    InvalidArgument,
    MessageQueuesError,
    MessagesLost,
    NotAuthorized,
    NotFound,
    Unreachable,
    Unsupported,
)
from message_queues.messaging.amqp_arguments import (
    check_queue_flags,
    checked_binding_arguments,
    checked_consumer_arguments,
    checked_exchange_arguments,
    checked_exchange_type,
    checked_queue_arguments,
)
from message_queues.messaging.arguments import (
    checked_amqp_name,
    checked_brokers,
    checked_choice,
    checked_client_config,
    checked_connection_config,
    checked_count,
    checked_flag,
    checked_hosts,
    checked_length,
    checked_partitions,
    checked_replication_factor,
    checked_routing_key,
    checked_text,
    checked_topic_name,
    checked_topic_names,
    checked_url,
    did_you_mean,
)
from message_queues.messaging.aws import Aws, Entrance, usual_prefetch
from message_queues.messaging.aws_place import AwsPlace, place_name
from message_queues.messaging.binding import Binding
from message_queues.messaging.cluster import ClusterSettings, KafkaCluster
from message_queues.messaging.consumer import Consumer, ConsumerSettings
from message_queues.messaging.consumer_group import ConsumerGroup, GroupSettings
from message_queues.messaging.exchange import Exchange
from message_queues.messaging.exchange_publisher import Target
from message_queues.messaging.group_source import GroupSource
from message_queues.messaging.naming import Named, Names, the_only
from message_queues.messaging.publisher import Publisher, PublisherSettings, SyncPublisher, TopicPublisher
from message_queues.messaging.queue import Queue
from message_queues.messaging.rabbitmq import RabbitMQ
from message_queues.messaging.rabbitmq_cluster import RabbitMQCluster, RabbitMQSettings
from message_queues.messaging.sns_topic import SnsTopic, Subscription, subscription_attributes
from message_queues.messaging.sqs_attributes import (
    checked_queue_attributes,
    checked_queue_name,
    checked_region,
    checked_sns_topic_name,
    checked_tags,
    checked_topic_attributes,
)
from message_queues.messaging.sqs_queue import SqsQueue
from message_queues.messaging.topic import Topic
from message_queues.messaging.topic_configs import checked_topic_config

if TYPE_CHECKING:
    from message_queues.embedded import EmbeddedServer

logger = logging.getLogger("message_queues")

EMBEDDED_VARIABLE = "MESSAGE_QUEUES_EMBEDDED"
HOW_TO_EMBED = f"to run without a cluster, use MessageQueues(embedded=True) or set {EMBEDDED_VARIABLE}=1"
EMBEDDED_NODES = 3
"""Nodes of an embedded server at least, as many clusters have: replication_factor=3 and min.insync.replicas=2 work."""

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
QUARTER_HOUR_MS = 15 * MINUTE_MS
EXIT_FLUSH_MS = 10_000
DEFAULT_PREFETCH = 500
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")

_OWNED_BY_CLUSTER = {"bootstrap.servers": "brokers=", "metadata.broker.list": "brokers="}
_OWNED_BY_GROUP = {
    "group.id": "group_id=",
    "auto.offset.reset": "auto_offset_reset=",
    "enable.auto.commit": "enable_auto_commit=, and commits are the library's own",
    "enable.auto.offset.store": "the library: it commits what is finished",
    "auto.commit.interval.ms": "commit_interval_ms= of configure_consumer",
    **_OWNED_BY_CLUSTER,
}
_OWNED_BY_PUBLISHER = {
    "enable.idempotence": "idempotent=",
    "acks": "acks=",
    "request.required.acks": "acks=",
    "linger.ms": "linger_ms=",
    "queue.buffering.max.ms": "linger_ms=",
    "batch.num.messages": "batch_size=",
    "compression.type": "compression=",
    "compression.codec": "compression=",
    "queue.buffering.max.messages": "buffer_messages=",
    "queue.buffering.max.kbytes": "buffer_bytes=",
    "message.timeout.ms": "delivery_timeout_ms=",
    "delivery.timeout.ms": "delivery_timeout_ms=",
    "delivery.report.only.error": "the library: every delivery reports",
    **_OWNED_BY_CLUSTER,
}
_SECURITY = ("security.", "sasl.", "ssl.", "https.")


class MessageQueues:
    """Clusters, topics, groups, publishers and consumers of one program.

    `MessageQueues()` talks to the clusters that it is told of and to nothing else. With `embedded=True`, or a directory that keeps
    the data, every cluster named is served from one embedded server in this process instead, with at least three simulated nodes
    (`embedded_brokers` for another number); `embedded=embedded.start(process=True)` uses one that runs already. The environment variable
    MESSAGE_QUEUES_EMBEDDED, `1` or a directory, does the same for a program as it is written; `embedded=False` ignores it. All
    MessageQueues of a process with the same directory, or all without, share a server. It is said once in the log, and by `repr`.

    Close it, or use it in a `with` statement: publishers are flushed, consumers commit and leave, the embedded server stops.
    """

    def __init__(
        self, *, embedded: "bool | str | os.PathLike[str] | EmbeddedServer | None" = None, embedded_brokers: int | None = None
    ) -> None:
        self._embedded = _embedded_choice(embedded)
        if embedded_brokers is not None:
            checked_count("embedded_brokers", embedded_brokers, 1, 100)
        self._embedded_brokers = embedded_brokers
        self._server: EmbeddedServer | None = None
        self._clusters: dict[str, KafkaCluster] = {}
        self._rabbitmq = RabbitMQ()
        self._aws = Aws(self._connect_aws)
        self._topics: Names[Topic] = Names("Kafka topic")
        self._groups: Names[ConsumerGroup] = Names("consumer group")
        self._publishers: list[Publisher] = []
        self._consumers: list[Consumer] = []
        self._closed = False
        atexit.register(self._close_at_exit)

    # Clusters.

    def create_kafka_cluster(
        self,
        name: str,
        brokers: Sequence[str] | str,
        schema_registry: str | None = None,
        config: Mapping[str, str | int | float | bool] | None = None,
        *,
        connect_timeout_ms: float = 10_000,
    ) -> KafkaCluster:
        """Name a Kafka cluster and see that it answers.

        `brokers`: a list of "host:port" (9092 if the port is left out). `schema_registry`: its URL, kept for later. `config`: properties
        of librdkafka for all connections to it (security.protocol, sasl.username, …).

        Raises Unreachable with each address and what was wrong with it, NotAuthorized, Conflict if the name stands for other settings.
        """
        self._refuse_if_closed()
        checked_length("connect_timeout_ms", connect_timeout_ms, 1, DAY_MS)
        settings = ClusterSettings(
            checked_text("name", name),
            checked_brokers(brokers),
            None if schema_registry is None else checked_url("schema_registry", schema_registry),
            checked_client_config(config, _OWNED_BY_CLUSTER),
        )
        _refuse_other_system(settings.name, self._rabbitmq.clusters, "RabbitMQ")
        present = self._clusters.get(settings.name)
        if present is None:
            present = self._clusters[settings.name] = self._connect(settings, connect_timeout_ms / 1000)
        else:
            _refuse_differences(f"cluster {settings.name!r}", present.settings.differences(settings))
        return present

    def _connect(self, settings: ClusterSettings, timeout_s: float) -> KafkaCluster:
        if self._embedded is None:
            client = connect_kafka(settings.brokers, settings.config)
            try:
                client.check(timeout_s)
            except Unreachable as error:
                raise Unreachable(f"cluster {settings.name!r}: {error}; {HOW_TO_EMBED}") from error
            return KafkaCluster(settings, client, None)
        # The embedded server has no accounts and no certificates: what the real cluster asks of its clients is left out.
        plain = {name: value for name, value in settings.config.items() if not name.startswith(_SECURITY)}
        served_by = tuple(self._embedded_server(len(settings.brokers)).kafka)
        if len(settings.brokers) > len(served_by):
            raise InvalidArgument(
                f"cluster {settings.name!r} names {len(settings.brokers)} brokers and the embedded server has {len(served_by)} nodes:"
                f" MessageQueues(embedded_brokers={len(settings.brokers)}) starts it with enough"
            )
        client = connect_kafka(served_by, plain)
        client.check(timeout_s)
        return KafkaCluster(settings, client, served_by)

    def _embedded_server(self, named: int) -> "EmbeddedServer":
        if self._server is None:
            from message_queues.embedded import EmbeddedServer, shared

            if isinstance(self._embedded, EmbeddedServer):
                self._server = self._embedded
            else:
                nodes = self._embedded_brokers or max(EMBEDDED_NODES, named)
                self._server = shared.take(self._data_directory(), nodes)
                # What was registered last is called first: publishers are flushed before their server stops.
                atexit.unregister(self._close_at_exit)
                atexit.register(self._close_at_exit)
            at = "; ".join(f"{protocol} at {', '.join(addresses)}" for protocol, addresses in self._server.addresses.items())
            logger.warning("every cluster is served by an embedded server %s (%s); no real cluster is used", self._server.place, at)
        return self._server

    def _data_directory(self) -> str | None:
        return self._embedded if isinstance(self._embedded, str) else None

    def kafka_cluster(self, name: str) -> KafkaCluster:
        """The cluster of that name. Raises NotFound with the nearest name."""
        return self._cluster("name", name)

    def _cluster(self, argument: str, name: str) -> KafkaCluster:
        self._refuse_if_closed()
        cluster = self._clusters.get(checked_text(argument, name))
        if cluster is None:
            _refuse_other_system(name, self._rabbitmq.clusters, "RabbitMQ")
            hint = did_you_mean(name, self._clusters) or "; name it first with create_kafka_cluster"
            raise NotFound(f"{argument}={name!r}: no cluster has that name{hint}")
        return cluster

    def create_rabbitmq_cluster(
        self,
        name: str,
        host: str | Sequence[str],
        port: int = 5672,
        management_port: int = 15672,
        *,
        virtual_host: str = "/",
        username: str = "guest",
        password: str = "guest",
        ssl: bool | SSLContext = False,
        ssl_ca_file: str | None = None,
        ssl_cert_file: str | None = None,
        ssl_key_file: str | None = None,
        management_ssl: bool = False,
        config: Mapping[str, str | int | float | bool] | None = None,
        connect_timeout_ms: float = 10_000,
    ) -> RabbitMQCluster:
        """Name a virtual host of a RabbitMQ cluster and see that it answers.

        `host`: a name, or a list of nodes that are tried in turn ("host" or "host:port"). `management_port`: of its management API, which
        describing, listing and administration need, at the first host; publishing, consuming and `create_*` do without. `ssl`: True, with
        `ssl_ca_file` for other authorities than the system's and `ssl_cert_file` and `ssl_key_file` for a certificate of the client's, or
        a context of the program's own; `management_ssl`: the same for the management API. `config`: heartbeat (seconds), frame_max,
        connection_name.

        Raises Unreachable with each address and what was wrong with it, NotAuthorized, VirtualHostNotFound, Conflict if the name stands
        for other settings.
        """
        self._refuse_if_closed()
        checked_length("connect_timeout_ms", connect_timeout_ms, 1, DAY_MS)
        settings = RabbitMQSettings(
            checked_text("name", name),
            checked_hosts(host, checked_count("port", port, 1, 65_535)),
            checked_count("management_port", management_port, 1, 65_535),
            checked_text("virtual_host", virtual_host),
            checked_text("username", username),
            checked_text("password", password),
            _said_of_tls(ssl, ssl_ca_file, ssl_cert_file, ssl_key_file, management_ssl),
            checked_connection_config(config),
        )
        context = ssl if isinstance(ssl, SSLContext) else None
        if context is None and (ssl or management_ssl):
            context = tls_context(ssl_ca_file, ssl_cert_file, ssl_key_file)
        _refuse_other_system(settings.name, self._clusters, "Kafka")
        present = self._rabbitmq.clusters.get(settings.name)
        if present is None:
            tls = (context if ssl else None, context if management_ssl else None)
            present = self._rabbitmq.clusters[settings.name] = self._connect_rabbitmq(settings, tls, connect_timeout_ms / 1000)
        else:
            _refuse_differences(f"cluster {settings.name!r}", present.settings.differences(settings))
        return present

    def _connect_rabbitmq(
        self, settings: RabbitMQSettings, tls: tuple[SSLContext | None, SSLContext | None], timeout_s: float
    ) -> RabbitMQCluster:
        if self._embedded is not None:
            return self._embedded_rabbitmq(settings, timeout_s)
        management = (settings.hosts[0][0], settings.management_port)
        client = connect_rabbitmq(
            RabbitAddress(
                settings.hosts,
                management,
                settings.virtual_host,
                settings.username,
                settings.password,
                *tls,
                settings.config,
                timeout_s,
            )
        )
        try:
            return RabbitMQCluster(settings, client, client.check(timeout_s), None)
        except Unreachable as error:
            client.close()
            raise Unreachable(f"cluster {settings.name!r}: {error}; {HOW_TO_EMBED}") from error
        except MessageQueuesError:
            client.close()
            raise

    def _embedded_rabbitmq(self, settings: RabbitMQSettings, timeout_s: float) -> RabbitMQCluster:
        """The embedded server has RabbitMQ's own first user and no certificates; the virtual host is made if it is not there."""
        addresses = self._embedded_server(1).addresses
        (amqp,), (management,) = (checked_hosts(addresses[protocol][0], 1) for protocol in ("amqp", "management"))
        client = connect_rabbitmq(RabbitAddress([amqp], management, settings.virtual_host, config=settings.config))
        if settings.virtual_host != "/":
            client.management.put("vhosts", settings.virtual_host)
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            client.management.put("permissions", settings.virtual_host, "guest", content=everything)
        try:
            return RabbitMQCluster(settings, client, client.check(timeout_s), (addresses["amqp"][0], addresses["management"][0]))
        except MessageQueuesError:
            client.close()
            raise

    def rabbitmq_cluster(self, name: str) -> RabbitMQCluster:
        """The cluster of that name. Raises NotFound with the nearest name."""
        return self._rabbitmq_cluster("name", name)

    def _rabbitmq_cluster(self, argument: str, name: str) -> RabbitMQCluster:
        self._refuse_if_closed()
        _refuse_other_system(checked_text(argument, name), self._clusters, "Kafka")
        return self._rabbitmq.cluster(argument, name)

    # Topics.

    def create_topic(
        self,
        cluster_name: str,
        topic_name: str,
        partitions: int = 1,
        replication_factor: int = 1,
        config: Mapping[str, object] | None = None,
        *,
        allow_unknown_config: bool = False,
    ) -> Topic:
        """Create a Kafka topic, or find it as asked for; return once all its partitions have leaders.

        `config`: topic configurations of Kafka 4.3 as str, int, float, bool or list, checked by name, type and range;
        `allow_unknown_config=True` leaves names that this library does not know to a newer broker.

        Raises Conflict with each difference if it exists otherwise, InvalidConfig, InvalidTopic, InvalidPartitions,
        InvalidReplicationFactor (more replicas than nodes), NotAuthorized, PolicyViolation, TimedOut.
        """
        cluster = self._cluster("cluster_name", cluster_name)
        wanted = NewTopic(
            checked_topic_name("topic_name", topic_name),
            checked_partitions(partitions),
            checked_replication_factor(replication_factor),
            checked_topic_config(config, allow_unknown=allow_unknown_config),
        )
        topic = self._topic_of(cluster, wanted.name)
        topic.create(wanted)
        self._topics.add(cluster.name, wanted.name, topic)
        return topic

    def topic(self, topic_name: str, cluster_name: str | None = None) -> Topic:
        """A topic that exists. Raises NotFound with the nearest name, AmbiguousName if several clusters have one of that name."""
        return self._resolved_topic("topic_name", topic_name, cluster_name)

    def _topic_of(self, cluster: KafkaCluster, name: str) -> Topic:
        return Topic(cluster.client.admin, cluster.name, name, lambda: self._topics.forget(cluster.name, name))

    def _resolved_topic(self, argument: str, name: str, cluster_name: str | None) -> Topic:
        """Among the topics that this program created; if there is none, among all on the clusters."""
        self._refuse_if_closed()
        checked_topic_name(argument, name)
        clusters = list(self._clusters.values()) if cluster_name is None else [self._cluster("cluster_name", cluster_name)]
        if not clusters:
            raise NotFound(f"{argument}={name!r}: no cluster is named yet; name one with create_kafka_cluster")
        found = self._topics.candidates(name, cluster_name)
        if not found:
            having = [cluster for cluster in clusters if cluster.client.admin.partitions(name) is not None]
            found = [Named(self._topics.kind, name, cluster.name, self._topic_of(cluster, name)) for cluster in having]
        known = [] if found else [each for cluster in clusters for each in cluster.client.admin.topic_names()]
        return the_only(argument, name, found, known, "create it with create_topic")

    # Consumer groups.

    def create_consumer_group(
        self,
        group_id: str,
        topics: Sequence[str],
        auto_offset_reset: str = "latest",
        enable_auto_commit: bool = True,
        *,
        cluster_name: str | None = None,
        config: Mapping[str, str | int | float | bool] | None = None,
    ) -> ConsumerGroup:
        """Declare a consumer group over topics, which need not exist yet; the broker makes it when its first consumer joins.

        `auto_offset_reset`: where a partition without a committed offset is read from, "earliest", "latest" or "none" (an error).
        `enable_auto_commit`: what the consumers commit by default, see `configure_consumer`. `cluster_name` may be left out with one
        cluster, or if its topics are on one. `config`: properties of librdkafka for its consumers (session.timeout.ms,
        partition.assignment.strategy, group.protocol=consumer for KIP-848, group.instance.id …).

        Raises Conflict if this program declared it otherwise, AmbiguousName if its topics are on several clusters.
        """
        self._refuse_if_closed()
        names = checked_topic_names("topics", topics)
        checked_text("group_id", group_id)
        checked_choice("auto_offset_reset", auto_offset_reset, ("earliest", "latest", "none"))
        checked_flag("enable_auto_commit", enable_auto_commit)
        checked_config = checked_client_config(config, _OWNED_BY_GROUP)
        cluster = self._cluster_of_topics(names) if cluster_name is None else self._cluster("cluster_name", cluster_name)
        settings = GroupSettings(group_id, cluster.name, names, auto_offset_reset, enable_auto_commit, checked_config)
        group = self._groups.get(cluster.name, group_id)
        if group is None:
            group = ConsumerGroup(cluster.client.admin, settings, lambda: self._groups.forget(cluster.name, group_id))
            self._groups.add(cluster.name, group_id, group)
        else:
            _refuse_differences(f"consumer group {group_id!r}", group.settings.differences(settings))
        return group

    def _cluster_of_topics(self, topics: tuple[str, ...]) -> KafkaCluster:
        if len(self._clusters) == 1:
            return next(iter(self._clusters.values()))
        if not self._clusters:
            raise NotFound("no cluster is named yet; name one with create_kafka_cluster")
        found = {each.cluster for topic in topics for each in self._topics.candidates(topic)}
        if not found:
            found = {
                name for name, each in self._clusters.items() if any(each.client.admin.partitions(topic) is not None for topic in topics)
            }
        candidates = [Named("cluster", name, name, self._clusters[name]) for name in sorted(found)]
        return the_only("topics", ", ".join(topics), candidates, (), "say which cluster the group is on with cluster_name=")

    def consumer_group(self, group_id: str, cluster_name: str | None = None) -> ConsumerGroup:
        """A group that this program declared. Raises NotFound with the nearest name, AmbiguousName."""
        self._refuse_if_closed()
        known = [each.name for each in self._groups.everything()]
        return the_only(
            "group_id", group_id, self._groups.candidates(group_id, cluster_name), known, "declare it with create_consumer_group"
        )

    # Exchanges, queues, bindings.

    def create_exchange(
        self,
        cluster_name: str,
        exchange_name: str,
        exchange_type: str = "direct",
        durable: bool = True,
        *,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, object] | None = None,
        allow_unknown_arguments: bool = False,
    ) -> Exchange:
        """Declare a RabbitMQ exchange, or find it as asked for.

        `exchange_type`: direct, fanout, topic, headers, or one of RabbitMQ's plugins (x-consistent-hash, x-delayed-message …).
        `auto_delete`: it goes with its last binding. `internal`: only other exchanges publish to it. `arguments`: alternate-exchange and
        those of its type, checked by name and value; `allow_unknown_arguments=True` leaves others to a plugin.

        Raises Conflict with each difference if it exists otherwise, InvalidArgument, NotAuthorized.
        """
        cluster = self._rabbitmq_cluster("cluster_name", cluster_name)
        kind = checked_exchange_type(exchange_type)
        wanted = NewExchange(
            checked_amqp_name("exchange_name", exchange_name, new=True),
            kind,
            checked_flag("durable", durable),
            checked_flag("auto_delete", auto_delete),
            checked_flag("internal", internal),
            checked_exchange_arguments(arguments, kind, allow_unknown=allow_unknown_arguments),
        )
        return self._rabbitmq.declare_exchange(cluster, wanted)

    def create_queue(
        self,
        cluster_name: str,
        queue_name: str,
        durable: bool = True,
        arguments: Mapping[str, object] | None = None,
        *,
        exclusive: bool = False,
        auto_delete: bool = False,
        queue_type: str | None = None,
        allow_unknown_arguments: bool = False,
    ) -> Queue:
        """Declare a RabbitMQ queue, or find it as asked for.

        `queue_name`: "" lets the broker make one up (`Queue.name`). `queue_type`: classic, quorum, stream, or the virtual host's default.
        `exclusive`: this program's alone, and gone with it. `auto_delete`: it goes with its last consumer. `arguments`: x-message-ttl,
        x-max-length, x-dead-letter-exchange …, checked by name, type, range and type of queue; `allow_unknown_arguments=True` leaves
        others to a plugin.

        Raises Conflict with each difference if it exists otherwise, InvalidArgument, ResourceLocked if it is another program's alone,
        NotAuthorized.
        """
        cluster = self._rabbitmq_cluster("cluster_name", cluster_name)
        checked = checked_queue_arguments(arguments, queue_type, allow_unknown=allow_unknown_arguments)
        wanted = NewQueue(
            queue_name if queue_name == "" else checked_amqp_name("queue_name", queue_name, new=True),
            checked_flag("durable", durable),
            checked_flag("exclusive", exclusive),
            checked_flag("auto_delete", auto_delete),
            checked,
        )
        check_queue_flags(checked, durable=durable, exclusive=exclusive, auto_delete=auto_delete)
        return self._rabbitmq.declare_queue(cluster, wanted)

    def create_binding(
        self,
        cluster_name: str,
        exchange: str,
        queue: str | None = None,
        routing_key: str = "",
        *,
        destination_exchange: str | None = None,
        arguments: Mapping[str, object] | None = None,
    ) -> Binding:
        """Bind a RabbitMQ queue, or with `destination_exchange` another exchange, to an exchange.

        `routing_key`: what messages are matched with, as the exchange's type does it. `arguments`: of a headers exchange, the headers to
        match, and x-match.

        Raises QueueNotFound or ExchangeNotFound with the nearest name, InvalidArgument, NotAuthorized.
        """
        cluster = self._rabbitmq_cluster("cluster_name", cluster_name)
        if (queue is None) == (destination_exchange is None):
            raise InvalidArgument("create_binding needs queue= or destination_exchange=, one of them")
        to = ("queue", queue) if destination_exchange is None else ("destination_exchange", destination_exchange)
        new = NewBinding(
            checked_amqp_name("exchange", exchange),
            checked_amqp_name(*to),
            checked_routing_key("routing_key", routing_key),
            checked_binding_arguments(arguments),
            destination_exchange is not None,
        )
        return self._rabbitmq.bind(cluster, new)

    def exchange(self, exchange_name: str, cluster_name: str | None = None) -> Exchange:
        """An exchange that exists. Raises NotFound with the nearest name, AmbiguousName if several clusters have one of that name."""
        checked_amqp_name("exchange_name", exchange_name)
        return self._rabbitmq.exchange("exchange_name", exchange_name, self._rabbitmq_clusters(cluster_name))

    def queue(self, queue_name: str, cluster_name: str | None = None) -> Queue:
        """A queue that exists. Raises NotFound with the nearest name, AmbiguousName if several clusters have one of that name."""
        checked_amqp_name("queue_name", queue_name)
        return self._rabbitmq.queue("queue_name", queue_name, self._rabbitmq_clusters(cluster_name))

    def _rabbitmq_clusters(self, cluster_name: str | None) -> list[RabbitMQCluster]:
        """The named one, or all."""
        self._refuse_if_closed()
        return list(self._rabbitmq.clusters.values()) if cluster_name is None else [self._rabbitmq_cluster("cluster_name", cluster_name)]

    # Amazon SQS and SNS.

    def create_sqs_queue(
        self,
        name: str,
        region: str,
        config: Mapping[str, object] | None = None,
        *,
        endpoint_url: str | None = None,
        tags: Mapping[str, str] | None = None,
        session: object = None,
    ) -> SqsQueue:
        """Create an Amazon SQS queue, or find it as asked for.

        `name`: one that ends in `.fifo` is a FIFO queue. `config`: attributes as AWS names them, checked by name, type and range:
        VisibilityTimeout, MessageRetentionPeriod, RedrivePolicy (a dict, or its JSON) … `endpoint_url`: what answers instead of AWS.
        `session`: a boto3.Session; by default boto3's usual configuration says who asks.

        Raises Conflict with each difference if it exists otherwise, InvalidAttributeName, InvalidAttributeValue, QueueDeletedRecently,
        AccessDenied, NotAuthorized (no usable credentials), Unreachable, MissingDependency without the extra `sqs`.
        """
        self._refuse_if_closed()
        checked = checked_queue_attributes(config, checked_queue_name("name", name))
        tag_values = checked_tags(tags)
        with self._telling_how_to_embed():
            return self._aws.create_queue(self._place(region, endpoint_url, session), name, checked, tag_values)

    def sqs_queue(self, name: str, region: str | None = None, *, endpoint_url: str | None = None, session: object = None) -> SqsQueue:
        """A queue of SQS that exists; without `region`, in any that was named. Raises NotFound with the nearest name, AmbiguousName."""
        checked_queue_name("name", name)
        return self._aws.queue("name", name, self._places(region, endpoint_url, session))

    def create_sns_topic(
        self,
        name: str,
        region: str,
        config: Mapping[str, object] | None = None,
        *,
        endpoint_url: str | None = None,
        tags: Mapping[str, str] | None = None,
        session: object = None,
    ) -> SnsTopic:
        """Create an Amazon SNS topic, or find it as asked for. Arguments and errors as of `create_sqs_queue`."""
        self._refuse_if_closed()
        checked = checked_topic_attributes(config, checked_sns_topic_name("name", name))
        tag_values = checked_tags(tags)
        with self._telling_how_to_embed():
            return self._aws.create_topic(self._place(region, endpoint_url, session), name, checked, tag_values)

    def sns_topic(self, name: str, region: str | None = None, *, endpoint_url: str | None = None, session: object = None) -> SnsTopic:
        """A topic of SNS that exists; without `region`, in any that was named. Raises NotFound with the nearest name, AmbiguousName."""
        checked_sns_topic_name("name", name)
        return self._aws.topic("name", name, self._places(region, endpoint_url, session))

    def subscribe(
        self,
        topic: SnsTopic | str,
        queue: SqsQueue | str,
        *,
        raw: bool = True,
        filter_policy: Mapping[str, object] | None = None,
        filter_scope: str = "attributes",
        dead_letter_queue: SqsQueue | str | None = None,
    ) -> Subscription:
        """Let a queue of SQS get what is published to a topic of SNS, or find it so; as many queues as you like.

        `raw`: messages as they were published; else wrapped in SNS's JSON. `filter_policy`: what the queue gets of it, by the
        "attributes" or the "body" of messages (`filter_scope`). `dead_letter_queue`: for messages that SNS cannot deliver. The queue's
        policy is given the statement that lets the topic send to it.

        Raises Conflict with each difference if it is subscribed otherwise, NotFound with the nearest name, AmbiguousName, InvalidArgument.
        """
        self._refuse_if_closed()
        places = self._aws.all_places
        dead = None if dead_letter_queue is None else self._aws.queue("dead_letter_queue", dead_letter_queue, places)
        attributes = subscription_attributes(raw, filter_policy, filter_scope, None if dead is None else dead.arn)
        return self._aws.topic("topic", topic, places).subscribe(self._aws.queue("queue", queue, places), attributes)

    @contextmanager
    def _telling_how_to_embed(self) -> Iterator[None]:
        """Where AWS cannot be asked; but not where it refuses."""
        try:
            yield
        except (Unreachable, NotAuthorized) as error:
            if self._embedded is None and not isinstance(error, AccessDenied):
                raise type(error)(f"{error}; {HOW_TO_EMBED}") from error
            raise

    def _place(self, region: str, endpoint_url: str | None, session: object) -> AwsPlace:
        url = None if endpoint_url is None else checked_url("endpoint_url", endpoint_url)
        return self._aws.place(Entrance(checked_region("region", region), url, session))

    def _places(self, region: str | None, endpoint_url: str | None, session: object) -> list[AwsPlace]:
        """The named one, or all."""
        self._refuse_if_closed()
        if region is not None:
            return [self._place(region, endpoint_url, session)]
        _refuse_foreign({"endpoint_url": endpoint_url is not None, "session": session is not None}, "of use with region=")
        return self._aws.all_places

    def _connect_aws(self, entrance: Entrance) -> AwsPlace:
        region = entrance.region
        if self._embedded is None:
            name = place_name(region, entrance.endpoint_url)
            return AwsPlace(name, region, connect_aws(AwsAddress(region, entrance.endpoint_url, entrance.session)))
        # The embedded server has one account, and lets everybody in.
        return AwsPlace(region, region, connect_aws(AwsAddress(region, self._embedded_server(1).sqs, keys=("embedded", "embedded"))))

    # Publishing and consuming.

    def create_publisher(
        self,
        topic: str | None = None,
        publisher_type: str = "async",
        batch_size: int | None = None,
        linger_ms: float | None = None,
        *,
        exchange: str | None = None,
        queue: str | SqsQueue | None = None,
        sns_topic: str | SnsTopic | None = None,
        routing_key: str = "",
        mandatory: bool = True,
        persistent: bool = True,
        cluster_name: str | None = None,
        idempotent: bool = True,
        compression: str = "none",
        acks: str | int = "all",
        buffer_messages: int = 100_000,
        buffer_bytes: int = 64 * 1024 * 1024,
        max_block_ms: float = MINUTE_MS,
        delivery_timeout_ms: int = 2 * MINUTE_MS,
        config: Mapping[str, str | int | float | bool] | None = None,
    ) -> Publisher:
        """A publisher to a Kafka `topic`, to a RabbitMQ `exchange` or `queue`, or to an SQS `queue` or an `sns_topic`.

        `publisher_type`: "async" returns a `Delivery` at once, "sync" waits until the broker has stored the message. `batch_size`: most
        messages in one batch (None: 10,000; SQS and SNS: 10, the most). `linger_ms`: how long to wait for more to send together (None: 5;
        sync and RabbitMQ: 0).
        `buffer_messages`, `buffer_bytes`: what may wait for the broker; beyond it `publish` waits up to `max_block_ms`.
        `delivery_timeout_ms`: after that a message has failed.

        To a topic: `idempotent`: retries make no duplicates and keep the order (KIP-98). `compression`: none, gzip, snappy, lz4, zstd.
        `acks`: "all", 1, 0. `config`: further properties of librdkafka's producer.

        To an exchange or queue of RabbitMQ, for messages that say nothing else: `routing_key`; `mandatory`: one that no queue takes fails
        (Unroutable) instead of being dropped; `persistent`: it survives a restart of the broker in a durable queue.

        Raises NotFound with the nearest name, AmbiguousName if several clusters have it, InvalidArgument.
        """
        targets = {"topic": topic, "exchange": exchange, "queue": queue, "sns_topic": sns_topic}
        given = [name for name, value in targets.items() if value is not None]
        if len(given) != 1:
            raise InvalidArgument(
                f"create_publisher needs topic=, exchange=, queue= or sns_topic=, one of them; it was given {', '.join(given) or 'none'}"
            )
        checked_choice("publisher_type", publisher_type, ("async", "sync"))
        aws = self._aws_target(queue, sns_topic, cluster_name)
        usual = 0.0 if publisher_type == "sync" or (topic is None and aws is None) else 5.0
        options = ProducerOptions(
            linger_ms=usual if linger_ms is None else checked_length("linger_ms", linger_ms, 0, 900_000),
            batch_messages=None if batch_size is None else checked_count("batch_size", batch_size, 1, 1_000_000),
            compression=checked_choice("compression", compression, COMPRESSIONS),
            idempotent=checked_flag("idempotent", idempotent),
            acks=checked_choice("acks", str(acks), ("all", "1", "0")),
            buffer_messages=checked_count("buffer_messages", buffer_messages, 1, 10_000_000),
            buffer_bytes=checked_count("buffer_bytes", buffer_bytes, 1024, 2**40),
            delivery_timeout_ms=checked_count("delivery_timeout_ms", delivery_timeout_ms, 1, DAY_MS),
            config=checked_client_config(config, _OWNED_BY_PUBLISHER),
        )
        checked_length("max_block_ms", max_block_ms, 0, DAY_MS)
        target = Target(
            "" if exchange is None else checked_amqp_name("exchange", exchange),
            checked_routing_key("routing_key", routing_key),
            checked_flag("mandatory", mandatory),
            checked_flag("persistent", persistent),
            publisher_type == "sync",
        )
        if topic is None and aws is None:
            assert not isinstance(queue, SqsQueue)
            return self._kept(self._queue_publisher(queue, cluster_name, target, options, max_block_ms))
        _refuse_foreign(
            {"routing_key": routing_key != "", "mandatory": not mandatory, "persistent": not persistent},
            f"RabbitMQ's, and this publisher is to {'a topic' if aws is None else 'AWS'}",
        )
        if aws is not None:
            _refuse_kafkas(options, "AWS")
            return self._kept(self._aws.publisher(aws, options, max_block_ms, is_sync=publisher_type == "sync"))
        assert topic is not None
        return self._kept(self._topic_publisher(topic, cluster_name, publisher_type, options, max_block_ms))

    def _aws_target(
        self, queue: str | SqsQueue | None, sns_topic: str | SnsTopic | None, cluster_name: str | None
    ) -> SqsQueue | SnsTopic | None:
        """None for a publisher to Kafka or RabbitMQ."""
        self._refuse_if_closed()
        if isinstance(queue, SqsQueue):
            return queue
        if queue is not None:
            return self._aws.meant("queue", checked_text("queue", queue), cluster_name, self._rabbitmq)
        return None if sns_topic is None else self._aws.topic("sns_topic", sns_topic, self._aws_places(cluster_name))

    def _aws_places(self, cluster_name: str | None) -> list[AwsPlace]:
        """The named one, or all."""
        return self._aws.all_places if cluster_name is None else [self._aws.place_named("cluster_name", cluster_name)]

    def _topic_publisher(
        self, topic: str, cluster_name: str | None, publisher_type: str, options: ProducerOptions, max_block_ms: float
    ) -> Publisher:
        if options.idempotent and options.acks != "all":
            raise InvalidArgument(
                f"acks={options.acks} needs idempotent=False: without the answers of all replicas, retries make duplicates"
            )
        found = self._resolved_topic("topic", topic, cluster_name)
        settings = PublisherSettings(
            found.name,
            found.cluster,
            options.batch_messages,
            options.linger_ms,
            options.compression,
            options.idempotent,
            options.acks,
            max_block_ms,
        )
        producer = self._client(found.cluster).producer(options)
        return SyncPublisher(producer, settings) if publisher_type == "sync" else TopicPublisher(producer, settings)

    def _queue_publisher(
        self, queue: str | None, cluster_name: str | None, target: Target, options: ProducerOptions, max_block_ms: float
    ) -> Publisher:
        _refuse_kafkas(options, "RabbitMQ")
        chosen = QueueProducerOptions(
            options.linger_ms, options.batch_messages, options.buffer_messages, options.buffer_bytes, options.delivery_timeout_ms
        )
        return self._rabbitmq.publisher(queue, target, chosen, max_block_ms, self._rabbitmq_clusters(cluster_name))

    def _kept(self, publisher: Publisher) -> Publisher:
        self._publishers = [*(each for each in self._publishers if not each.is_closed), publisher]
        return publisher

    def configure_consumer(
        self,
        queue_name: str | SqsQueue,
        consumer_type: str | None = None,
        concurrency: int = 1,
        prefetch_count: int | None = None,
        *,
        group: str | None = None,
        cluster_name: str | None = None,
        commit: str | None = None,
        commit_interval_ms: float | None = 1000,
        drain_timeout_ms: float = 30_000,
        config: Mapping[str, str | int | float | bool] | None = None,
        exclusive: bool = False,
        arguments: Mapping[str, object] | None = None,
        retry_delay_ms: float = 0,
    ) -> Consumer:
        """A consumer in a group that was declared with `create_consumer_group`, or of a queue of RabbitMQ or SQS.

        `consumer_type`: "group" or "queue"; None: whichever has that name. `concurrency`: threads that `Consumer.run` calls the handler
        on. `prefetch_count`: messages held for them ahead of time (None: 500; of SQS ten for each thread, and ten). `commit`: "auto", a
        message is finished when its handler returned or the next one was asked for; "manual", when the program calls `message.ack()`;
        None is "auto", or "manual" of a group with enable_auto_commit=False. `drain_timeout_ms`: how long a rebalance or a stop waits for
        messages in hand.

        Of a group, `queue_name` is a topic that it is over (it reads that one), or the group's own id (it reads all its topics). `group`
        says which, if several groups are over the topic. `commit_interval_ms`: how often what is finished is committed; None leaves it to
        `Consumer.commit`, rebalances and `close`. `config`: further properties for this consumer.

        Of a queue of RabbitMQ, `exclusive`: the only one; `arguments`: x-priority, x-stream-offset … Of one of SQS, `retry_delay_ms`: how
        long a message that was given back stays invisible, twice as long each time it comes again, at most 15 minutes.

        Raises NotFound with the nearest name, AmbiguousName with each group, topic or queue that it may mean, InvalidArgument.
        """
        self._refuse_if_closed()
        checked_count("concurrency", concurrency, 1, 1000)
        if prefetch_count is not None:
            checked_count("prefetch_count", prefetch_count, 1, 65_535 if consumer_type == "queue" else 100_000)
        if commit is not None:
            checked_choice("commit", commit, ("auto", "manual"))
        checked_length("drain_timeout_ms", drain_timeout_ms, 0, DAY_MS)
        checked_flag("exclusive", exclusive)
        checked_length("retry_delay_ms", retry_delay_ms, 0, QUARTER_HOUR_MS)
        checked_arguments = checked_consumer_arguments(arguments)
        if consumer_type is not None:
            checked_choice("consumer_type", consumer_type, ("group", "queue"))
        sqs = queue_name if isinstance(queue_name, SqsQueue) else None
        name = queue_name.name if isinstance(queue_name, SqsQueue) else checked_text("queue_name", queue_name)
        if sqs is not None or self._is_queue(name, consumer_type, cluster_name):
            _refuse_foreign({"group": group is not None, "config": bool(config)}, f"Kafka's, and {name!r} is a queue")
            sqs = sqs or self._aws.meant("queue_name", name, cluster_name, self._rabbitmq)
            prefetch = prefetch_count or (DEFAULT_PREFETCH if sqs is None else usual_prefetch(concurrency))
            settings = ConsumerSettings(name, None, (), "", concurrency, prefetch, commit or "auto", None, drain_timeout_ms)
            if sqs is not None:
                _refuse_foreign({"exclusive": exclusive, "arguments": bool(arguments)}, f"RabbitMQ's, and {name!r} is a queue of SQS")
                return self._keep_consumer(self._aws.consumer(sqs, settings, retry_delay_ms))
            _refuse_foreign({"retry_delay_ms": retry_delay_ms != 0}, f"of SQS, and {name!r} is a queue of RabbitMQ")
            consume = QueueConsumerOptions(checked_amqp_name("queue_name", name), prefetch, exclusive, checked_arguments)
            return self._keep_consumer(self._rabbitmq.consumer(settings, consume, self._rabbitmq_clusters(cluster_name)))
        _refuse_foreign({"exclusive": exclusive, "arguments": bool(arguments)}, f"RabbitMQ's, and {name!r} is read by a group")
        _refuse_foreign({"retry_delay_ms": retry_delay_ms != 0}, f"of SQS, and {name!r} is read by a group")
        if commit_interval_ms is not None:
            checked_length("commit_interval_ms", commit_interval_ms, 1, DAY_MS)
        own_config = checked_client_config(config, _OWNED_BY_GROUP)
        declared = self._resolved_group(name, group, cluster_name).settings
        settings = ConsumerSettings(
            name,
            declared.group_id,
            (name,) if name in declared.topics else declared.topics,
            declared.cluster,
            concurrency,
            prefetch_count or DEFAULT_PREFETCH,
            commit or ("auto" if declared.enable_auto_commit else "manual"),
            commit_interval_ms,
            drain_timeout_ms,
        )
        reset = "error" if declared.auto_offset_reset == "none" else declared.auto_offset_reset
        options = ConsumerOptions(declared.group_id, reset, {**declared.config, **own_config})
        return self._keep_consumer(Consumer(GroupSource(self._client(declared.cluster).consumer(options), settings), settings))

    def _keep_consumer(self, consumer: Consumer) -> Consumer:
        self._consumers = [*(each for each in self._consumers if not each.is_closed), consumer]
        return consumer

    def _is_queue(self, queue_name: str, consumer_type: str | None, cluster_name: str | None) -> bool:
        """Whether the name means a queue of RabbitMQ or SQS; of several things that have it, consumer_type chooses."""
        if consumer_type is not None:
            return consumer_type == "queue"
        if cluster_name is not None:
            return cluster_name in self._rabbitmq.clusters or cluster_name in self._aws.places
        over = [each for each in self._groups.everything() if queue_name == each.name or queue_name in each.thing.topics]
        queues: list[Named[Queue] | Named[SqsQueue]] = [
            *self._rabbitmq.queues.candidates(queue_name),
            *self._aws.queues.candidates(queue_name),
        ]
        if not over and not queues:
            found, others = self._aws.candidates(queue_name, self._rabbitmq)
            queues = [*found, *others]
        if over and queues:
            listed = (*map(str, over), *map(str, queues))
            raise AmbiguousName(f"queue_name={queue_name!r} may mean {' or '.join(listed)}: say which with consumer_type=", listed)
        return bool(queues) or not self._clusters

    def _resolved_group(self, queue_name: str, group: str | None, cluster_name: str | None) -> ConsumerGroup:
        if cluster_name is not None:
            self._cluster("cluster_name", cluster_name)
        everything = [each for each in self._groups.everything() if cluster_name in (None, each.cluster)]
        if group is not None:
            named = [each for each in everything if each.name == checked_text("group", group)]
            known = [each.name for each in self._groups.everything()]
            found = the_only("group", group, named, known, "declare it with create_consumer_group")
            if queue_name != found.group_id and queue_name not in found.topics:
                near = did_you_mean(queue_name, found.topics)
                raise NotFound(f"queue_name={queue_name!r}: group {group!r} is over {', '.join(found.topics)}{near}")
            return found
        over = [each for each in everything if queue_name == each.name or queue_name in each.thing.topics]
        known = [name for each in everything for name in (each.name, *each.thing.topics)]
        if len(over) > 1 and len({each.cluster for each in over}) == 1:
            listed = tuple(str(each) for each in over)
            raise AmbiguousName(f"queue_name={queue_name!r} may mean {' or '.join(listed)}: say which with group=", listed)
        return the_only("queue_name", queue_name, over, known, "declare a group over it with create_consumer_group")

    def _client(self, cluster: str) -> Client:
        return self._clusters[cluster].client

    # Parts that this version does not have: full signatures, one error.

    def configure_schema_registry(self, cluster_name: str, compatibility: str = "BACKWARD", schema_cache_size: int = 1000) -> object:
        """Use the cluster's schema registry. Raises Unsupported."""
        _not_yet("configure_schema_registry", "the schema registry")

    def create_avro_schema(self, schema_name: str, schema_def: Mapping[str, object]) -> object:
        """Register an Avro schema. Raises Unsupported."""
        _not_yet("create_avro_schema", "the schema registry")

    def configure_monitoring(
        self, cluster_name: str, metrics_interval: float = 30, alerting_rules: Sequence[Mapping[str, object]] | None = None
    ) -> object:
        """Watch a cluster's metrics, `metrics_interval` in seconds. Raises Unsupported."""
        _not_yet("configure_monitoring", "monitoring")

    def create_connectors(self, cluster_name: str, connectors: Sequence[object]) -> object:
        """Run connectors. Raises Unsupported."""
        _not_yet("create_connectors", "Kafka Connect")

    def create_source_connector(self, name: str, source_class: str, config: Mapping[str, object] | None = None) -> object:
        """Describe a connector that brings data in. Raises Unsupported."""
        _not_yet("create_source_connector", "Kafka Connect")

    def create_sink_connector(self, name: str, sink_class: str, config: Mapping[str, object] | None = None) -> object:
        """Describe a connector that takes data out. Raises Unsupported."""
        _not_yet("create_sink_connector", "Kafka Connect")

    def configure_stream_processing(
        self, application_id: str, processing_guarantee: str = "at_least_once", config: Mapping[str, object] | None = None
    ) -> object:
        """Set up a stream application. Raises Unsupported."""
        _not_yet("configure_stream_processing", "stream processing")

    def create_kstream(
        self,
        stream_name: str,
        topic: str,
        consumed_config: Mapping[str, object] | None = None,
        produced_config: Mapping[str, object] | None = None,
    ) -> object:
        """A stream over a topic. Raises Unsupported."""
        _not_yet("create_kstream", "stream processing")

    def create_windowed_stream(
        self, stream_name: str, topic: str, window_type: str = "tumbling", window_size_ms: int = MINUTE_MS, *, advance_ms: int | None = None
    ) -> object:
        """A stream over a topic, in windows of time. Raises Unsupported."""
        _not_yet("create_windowed_stream", "stream processing")

    # The end.

    def close(self) -> None:
        """Close every consumer and publisher, then the embedded server if it was started for this. A second call does nothing.

        Raises MessagesLost for messages that did not arrive, after everything is closed.
        """
        losses = self._close(flush_ms=None)
        if losses:
            for more in losses[1:]:
                losses[0].add_note(str(more))
            raise losses[0]

    def _close(self, flush_ms: float | None) -> list[MessagesLost]:
        if self._closed:
            return []
        self._closed = True
        atexit.unregister(self._close_at_exit)
        losses = []
        for consumer in self._consumers:
            try:
                consumer.close()
            except MessageQueuesError as error:
                logger.warning("closing %r: %s", consumer, error)
        for publisher in self._publishers:
            try:
                publisher.close(flush_ms)
            except MessagesLost as error:
                losses.append(error)
        self._rabbitmq.close()
        self._aws.close()
        self._release_server()
        return losses

    def _release_server(self) -> None:
        from message_queues.embedded import EmbeddedServer, shared

        # One that was handed in belongs to whoever started it.
        if self._server is not None and not isinstance(self._embedded, EmbeddedServer):
            shared.give_back(self._data_directory())
        self._server = None

    def _close_at_exit(self) -> None:
        for loss in self._close(EXIT_FLUSH_MS):
            logger.error("%s", loss)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Closed("this MessageQueues is closed")

    def __enter__(self) -> "MessageQueues":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._embedded is None:
            mode = "real clusters"
        elif self._server is None:
            mode = "embedded" if self._closed else "embedded, not started yet"
        else:
            mode = f"embedded {self._server.place} at {', '.join(self._server.kafka)}"
        clusters = ", ".join(map(repr, [*self._clusters, *self._rabbitmq.clusters, *self._aws.places])) or "none"
        return f"MessageQueues({mode}; clusters: {clusters}{'; closed' if self._closed else ''})"


def _embedded_choice(
    embedded: "bool | str | os.PathLike[str] | EmbeddedServer | None",
) -> "bool | str | EmbeddedServer | None":
    """None for real clusters, True for a server without a directory of the program's, else the directory or the server."""
    if embedded is None:
        said = os.environ.get(EMBEDDED_VARIABLE, "").strip()
        if said.lower() in ("", "0", "false", "no", "off"):
            return None
        return True if said.lower() in ("1", "true", "yes", "on") else said
    if isinstance(embedded, bool):
        return True if embedded else None
    if isinstance(embedded, str | os.PathLike):
        return checked_text("embedded", os.fspath(embedded))
    from message_queues.embedded import EmbeddedServer

    if not isinstance(embedded, EmbeddedServer):
        raise InvalidArgument(f"embedded={embedded!r} must be True, False, a directory, or a server from embedded.start()")
    return embedded


def _refuse_other_system(name: str, others: Mapping[str, object], system: str) -> None:
    if name in others:
        raise InvalidArgument(f"cluster {name!r} is a {system} cluster: the other system's needs a name of its own")


def _refuse_foreign(given: Mapping[str, bool], whose: str) -> None:
    foreign = [name for name, is_given in given.items() if is_given]
    if foreign:
        raise InvalidArgument(f"{', '.join(foreign)}: {'that is' if len(foreign) == 1 else 'those are'} {whose}")


def _refuse_kafkas(options: ProducerOptions, system: str) -> None:
    given = {
        "idempotent": not options.idempotent,
        "compression": options.compression != "none",
        "acks": options.acks != "all",
        "config": bool(options.config),
    }
    _refuse_foreign(given, f"Kafka's, and this publisher is to {system}")


def _said_of_tls(ssl: object, ca_file: object, cert_file: object, key_file: object, management_ssl: object) -> str:
    """What a program said of TLS, to be compared with what it says later."""
    if not isinstance(ssl, bool | SSLContext):
        raise InvalidArgument(f"ssl={ssl!r} must be True, False or an ssl.SSLContext")
    checked_flag("management_ssl", management_ssl)
    files = {"ssl_ca_file": ca_file, "ssl_cert_file": cert_file, "ssl_key_file": key_file}
    given = {name: checked_text(name, value) for name, value in files.items() if value is not None}
    if given and (ssl is False and not management_ssl):
        raise InvalidArgument(f"{', '.join(given)}: without ssl=True there is no use for that")
    if "ssl_key_file" in given and "ssl_cert_file" not in given:
        raise InvalidArgument("ssl_key_file needs ssl_cert_file")
    if ssl is False and not management_ssl:
        return "off"
    mode = "of the program's own" if isinstance(ssl, SSLContext) else "on" if ssl else "for management"
    return ", ".join([mode, *(["management too"] if management_ssl and ssl else []), *(f"{name}={value}" for name, value in given.items())])


def _refuse_differences(what: str, differences: tuple[str, ...]) -> None:
    if differences:
        raise Conflict(f"{what} exists with other settings: {'; '.join(differences)}", differences)


def _not_yet(call: str, part: str) -> NoReturn:
    raise Unsupported(f"{call}: {part} is not part of this version; not_supported.md lists what is not")
