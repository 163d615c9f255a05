"""The broker: opens the storage, replays the journal, and owns what everything below shares.

Durable metadata changes in one way (invariant 2): a `decide_…` returns events, `commit` journals and applies them in one breath, and who
answers a client awaits `synced` first. Replay is the same `apply`.
"""

import asyncio
import base64
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from message_queues.broker.access import ADMINISTRATOR, Access
from message_queues.broker.alarms import DISK_FREE_LIMIT_BYTES, Alarms
from message_queues.broker.clock import Clock, SystemClock, Timers
from message_queues.broker.cluster.nodes import Node, Nodes
from message_queues.broker.configs.broker_configs import BrokerConfig
from message_queues.broker.coordination.coordinator import GroupCoordinator
from message_queues.broker.coordination.group_settings import GroupSettings
from message_queues.broker.event import Event
from message_queues.broker.events import (
    BrokerConfigsAltered,
    ClusterCreated,
    GroupConfigsAltered,
    PartitionsAdded,
    ProducerIdsReserved,
    TopicConfigsAltered,
    TopicCreated,
    TopicDeleted,
    decode_event,
    encode_event,
)
from message_queues.broker.internal_topics import automatic_topic
from message_queues.broker.logs.partition import LogHome
from message_queues.broker.producer_ids import ProducerIds
from message_queues.broker.queues.backlog import BacklogHome, Residence
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.version import rabbit_version
from message_queues.broker.queues.virtual_host import VirtualHostHome
from message_queues.broker.queues.virtual_hosts import DEFAULT_VIRTUAL_HOST, VirtualHosts
from message_queues.broker.retention import RetentionSweep
from message_queues.broker.sns.ports import SnsHome
from message_queues.broker.sns.topics import SnsTopics
from message_queues.broker.sqs.chaos import Chaos
from message_queues.broker.sqs.home import SqsHome
from message_queues.broker.sqs.queues import SqsQueues
from message_queues.broker.topics import Topic, Topics, TopicSpec
from message_queues.errors import DamagedFile, MessageQueuesError, MissingNodes, PolicyViolation, StorageError
from message_queues.storage.data_directory import DataDirectory
from message_queues.storage.filesystem import DiskFileSystem
from message_queues.storage.group_commit import Failures, GroupCommit, RunInBackground
from message_queues.storage.journal import Journal
from message_queues.storage.message_store import StoreHome
from message_queues.storage.open_files import OpenFiles
from message_queues.storage.shared_log import SharedLog, SharedLogSettings

logger = logging.getLogger(__name__)

EVENTS_PER_SNAPSHOT = 50_000
ID_DIRECTORY = re.compile("[0-9a-f]{32}")
"""Of a topic or a queue."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    node_ids: tuple[int, ...] = (0,)
    config: Mapping[str, str] = field(default_factory=dict)
    """Kafka's broker configurations by their names."""
    fsync: bool = False
    max_open_files: int = 512
    rabbit_version: str = "4.3"
    default_user: str | None = "guest"
    """None: a new data directory has no user."""
    default_password: str = "guest"
    default_virtual_host: str = DEFAULT_VIRTUAL_HOST
    resident_bytes: int = 64 * 1024 * 1024
    """How much of the messages in queues is in memory."""
    shared_log: SharedLogSettings = field(default_factory=SharedLogSettings)
    memory_high_watermark_bytes: int | None = None
    """None: RabbitMQ's share of the machine's memory."""
    disk_free_limit_bytes: int = DISK_FREE_LIMIT_BYTES
    chaos: int | None = None
    """A seed: SQS does what the real service may do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How the broker reaches the event loop that drives it."""

    call_soon: Callable[[Callable[[], None]], object]
    run_in_background: RunInBackground


class Broker:
    def __init__(self, data: DataDirectory, settings: BrokerSettings, clock: Clock, turn: Turn) -> None:
        self.clock = clock
        self.timers = Timers(clock)
        self.patience = Timers(SystemClock())
        """Deadlines of long polls: a client's patience is real time even where the broker's clock is set by hand."""
        self.config = BrokerConfig(settings.config)
        self.nodes = Nodes(Node(node_id) for node_id in settings.node_ids)
        self.cluster_id = ""
        self.group_commit = GroupCommit(turn.call_soon, turn.run_in_background if settings.fsync else None)
        self.data_path = str(data.path)
        self.max_fetch_bytes = self.config.int("fetch.max.bytes")
        self.on_journal_failure: Callable[[StorageError], None] = lambda error: None
        """Called when events that are applied could not be stored: the server has to stop, because memory is ahead of the disk."""
        self.events_per_snapshot = EVENTS_PER_SNAPSHOT
        self._journal_failure: StorageError | None = None
        self._data = data
        self._turn = turn
        self._journal = Journal(str(data.journal))
        self._files = DiskFileSystem()
        home = LogHome(OpenFiles(self._files, settings.max_open_files), turn.run_in_background)
        self._open_files = home.open_files
        self.topics = Topics(self.nodes, self.config, home, str(data.topics))
        self.producer_ids = ProducerIds(self.commit)
        self.groups = GroupCoordinator(
            self.timers, GroupSettings.of(self.config.int), self.nodes.ids, self.topics.partition_count, self.commit
        )
        self.group_configs: dict[str, dict[str, str]] = {}
        self.rabbit_version = rabbit_version(settings.rabbit_version)
        self.alarms = Alarms(self.patience, self.data_path, settings.memory_high_watermark_bytes, settings.disk_free_limit_bytes)
        self._is_replaying = False
        self._settings = settings
        self.virtual_hosts = VirtualHosts(self.commit)
        self.parameters = self.virtual_hosts.parameters
        self.access = Access(self.commit, self.virtual_hosts.__contains__, self.rabbit_version)
        self.virtual_hosts.on_deleted.append(self.access.virtual_host_deleted)
        queues = str(data.queues)
        self._shared_log = SharedLog(home.open_files, self.group_commit, queues, home.run_in_background, settings.shared_log)
        stores = StoreHome(home.open_files, self.group_commit, home.run_in_background)
        residence = Residence(settings.resident_bytes)
        self.virtual_hosts.open(self._virtual_host_home(replace(stores, log=self._shared_log), residence))
        self.sqs = SqsQueues(self.commit)
        self.sqs.open(self._sqs_home(stores, residence, settings))
        self.sns = SnsTopics(self._sns_home(stores))
        self._apply: dict[type[Event], Callable[..., object]] = {
            **self.virtual_hosts.appliers,
            **self.access.appliers,
            **self.sqs.appliers,
            **self.sns.appliers,
            ClusterCreated: self._apply_cluster_created,
            TopicCreated: self.topics.apply_created,
            PartitionsAdded: self.topics.apply_partitions_added,
            TopicConfigsAltered: self.topics.apply_configs_altered,
            TopicDeleted: self._apply_topic_deleted,
            BrokerConfigsAltered: self._apply_broker_configs_altered,
            GroupConfigsAltered: self._apply_group_configs_altered,
            ProducerIdsReserved: self.producer_ids.apply_reserved,
        }
        self._retention = RetentionSweep(self.timers, self.config, self.topics.partitions)

    def _virtual_host_home(self, stores: StoreHome, residence: Residence) -> VirtualHostHome:
        queues = QueueHome(
            clock=self.clock,
            timers=self.timers,
            call_soon=self._turn.call_soon,
            group_commit=self.group_commit,
            backlogs=BacklogHome(stores, residence),
            directory=str(self._data.queues),
            dead_letters=self.virtual_hosts,
            version=self.rabbit_version,
        )
        return VirtualHostHome(
            queues=queues,
            commit=self.commit,
            apply=self.apply,
            policies=self.virtual_hosts.applied_policies,
            churn=self.virtual_hosts.queue_churn,
            remove_files=self._remove_queue_files,
            is_replaying=lambda: self._is_replaying,
        )

    def _sqs_home(self, stores: StoreHome, residence: Residence, settings: BrokerSettings) -> SqsHome:
        return SqsHome(
            clock=self.clock,
            timers=self.timers,
            patience=self.patience,
            group_commit=self.group_commit,
            stores=stores,
            residence=residence,
            directory=str(self._data.queues),
            remove_files=self._remove_queue_files,
            chaos=None if settings.chaos is None else Chaos(settings.chaos),
        )

    def _sns_home(self, stores: StoreHome) -> SnsHome:
        return SnsHome(
            clock=self.clock,
            timers=self.timers,
            call_soon=self._turn.call_soon,
            stores=stores,
            directory=str(self._data.sns),
            commit=self.commit,
            remove_files=self._remove_queue_files,
            find_queue=self.sqs.by_arn,
        )

    # Opening and closing

    def open(self) -> None:
        """Replays the journal; raises DamagedFile, NewerFormat or MissingNodes. Logs are opened at their first use."""
        self._is_replaying = True
        for sequence, _, body in self._journal.replay():
            self._replay(sequence, body)
        self._is_replaying = False
        self._shared_log.opened()
        self.producer_ids.replayed()
        self._check_nodes()
        leftovers = self._leftovers()
        if not self.cluster_id:
            self._create_cluster(leftovers)
        for directory in (*leftovers, *self._leftover_queues()):
            # A topic's files go after its deletion is durable: a crash between the two leaves them.
            self._files.remove_tree(directory)
        if not self.virtual_hosts:
            self._create_virtual_host()
        self.groups.loaded()
        self.sqs.start()
        self._retention.start()

    def _create_virtual_host(self) -> None:
        """The default one, and the user who may do everything in it."""
        name = self._settings.default_virtual_host
        self.virtual_hosts.put(name, description="Default virtual host")
        user = self._settings.default_user
        if user is not None:
            self.access.put_user(user, password=self._settings.default_password, tags=[ADMINISTRATOR])
            self.access.set_permissions(user, name, configure=".*", write=".*", read=".*")
        self.group_commit.commit_now()

    def _create_cluster(self, leftovers: list[str]) -> None:
        if leftovers:
            raise DamagedFile(
                self._journal.path, 0, f"it is empty, and beside it lie the logs of {len(leftovers)} topics; restore it, or move them away"
            )
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        self.commit([ClusterCreated(cluster_id=cluster_id)])
        self.group_commit.commit_now()
        if self._journal_failure is not None:
            raise self._journal_failure

    def close(self) -> None:
        """Everything that was acknowledged is flushed; the next start finds checkpoints and a short journal, if the disk takes them."""
        self.groups.stop()
        self.alarms.stop()
        self.group_commit.commit_now()
        self.virtual_hosts.close()
        self.sns.close()
        self.sqs.close()
        self._shared_log.close()
        self._close_partitions()
        try:
            if self._journal_failure is None:
                self._snapshot()
        except StorageError as error:
            logger.warning("the journal stays as long as it is", extra={"error": str(error)})
        self._journal.close()
        self._open_files.close()
        self._data.close()

    def _close_partitions(self) -> None:
        failures: list[StorageError] = []
        for partition in self.topics.partitions():
            try:
                partition.close()
            except StorageError as error:
                failures.append(error)
        if failures:
            # What was acknowledged is in the files nevertheless: the next start looks through them.
            told = {"partitions": len(failures), "error": str(failures[0])}
            logger.warning("closed without checkpoints, so that the next start takes longer", extra=told)

    def _check_nodes(self) -> None:
        hosts = {node_id for partition in self.topics.partitions() for node_id in partition.replicas.assigned}
        missing = self.nodes.unknown(sorted(hosts))
        if missing:
            wanted = sorted(hosts.union(self.nodes.ids))
            flag = f"--brokers {len(wanted)}" if wanted == list(range(len(wanted))) else f"--node-ids {','.join(map(str, wanted))}"
            raise MissingNodes(
                f"the data directory {self.data_path} has partitions on the nodes {', '.join(map(str, missing))}, and this server was "
                f"started without them: start it with {flag}, or give another directory with --data",
                tuple(missing),
            )

    def _leftovers(self) -> list[str]:
        """Directories of topics that the journal does not know."""
        known = {topic_id.hex() for topic_id in self.topics.by_id}
        return [str(entry) for entry in self._data.topics.iterdir() if ID_DIRECTORY.fullmatch(entry.name) and entry.name not in known]

    def _leftover_queues(self) -> list[str]:
        known = {queue.queue_id.hex() for host in self.virtual_hosts.values() for queue in host.queues.values()}
        known.update(queue.queue_id.hex() for queue in self.sqs.all())
        known.update(topic.topic_id.hex() for topic in self.sns.by_arn.values())
        entries = (*self._data.queues.iterdir(), *self._data.sns.iterdir())
        return [str(entry) for entry in entries if ID_DIRECTORY.fullmatch(entry.name) and entry.name not in known]

    # Durable facts

    def commit(self, events: Sequence[Event]) -> None:
        """Journals the events and makes them true; they are durable once `synced` has returned."""
        if self._journal_failure is not None:
            # What comes after events that were lost may make no sense without them.
            raise self._journal_failure
        try:
            self._journal.append([encode_event(event) for event in events], self.clock.now_ms())
            for event in events:
                self.apply(event)
            self.group_commit.add(self._journal)
            self.group_commit.when_durable(self._note_journal_failure)
            if self._journal.events_since_snapshot > self.events_per_snapshot:
                self._snapshot()
        except StorageError as error:
            # With these events all others of this turn are gone from the journal.
            self._journal_failed(error)
            raise

    def _snapshot(self) -> None:
        self._journal.snapshot([encode_event(event) for event in self.state_events()], self.clock.now_ms())

    def _note_journal_failure(self, failures: Failures) -> None:
        failure = failures.get(self._journal)
        if failure is not None:
            self._journal_failed(failure)

    def _journal_failed(self, failure: StorageError) -> None:
        if self._journal_failure is None:
            self._journal_failure = failure
            self.on_journal_failure(failure)

    def _replay(self, sequence: int, body: bytes) -> None:
        try:
            self.apply(decode_event(body))
        except (msgspec.MsgspecError, KeyError) as error:
            # Its checksum was right, so it is what was written; it may be from a later version of this program.
            raise DamagedFile(self._journal.path, 0, f"event {sequence} makes no sense: {error!r}") from error

    def apply(self, event: Event) -> None:
        apply = self._apply.get(type(event))
        if apply is None:
            self.groups.apply(event)
        else:
            apply(event)

    async def synced(self) -> None:
        """Returns once everything committed before is durable; raises StorageError when it could not be written."""
        future: asyncio.Future[Failures] = asyncio.get_running_loop().create_future()
        self.group_commit.when_durable(lambda failures: None if future.done() else future.set_result(failures))
        await future
        if self._journal_failure is not None:
            raise self._journal_failure

    def state_events(self) -> Iterator[Event]:
        """The shortest history that ends in the present: what the journal becomes at a snapshot."""
        yield ClusterCreated(cluster_id=self.cluster_id)
        yield from self.topics.state_events()
        for node_id, configs in self.config.dynamic_overrides():
            yield BrokerConfigsAltered(node_id=node_id, changes=dict(configs))
        for group_id, group_configs in self.group_configs.items():
            yield GroupConfigsAltered(group_id=group_id, changes=dict(group_configs))
        yield from self.producer_ids.state_events()
        yield from self.virtual_hosts.state_events()
        yield from self.sqs.state_events()
        yield from self.sns.state_events()
        yield from self.access.state_events()
        yield from self.groups.state_events()

    def _apply_cluster_created(self, event: ClusterCreated) -> None:
        self.cluster_id = event.cluster_id

    def _apply_topic_deleted(self, event: TopicDeleted) -> None:
        topic = self.topics.apply_deleted(event)
        self.groups.topic_deleted(topic.name)

    def _apply_broker_configs_altered(self, event: BrokerConfigsAltered) -> None:
        self.config.apply_dynamic(event.node_id, event.changes)
        self.topics.broker_config_changed()
        self.groups.settings = GroupSettings.of(self.config.int)

    def _apply_group_configs_altered(self, event: GroupConfigsAltered) -> None:
        configs = self.group_configs.setdefault(event.group_id, {})
        for name, value in event.changes.items():
            if value is None:
                configs.pop(name, None)
            else:
                configs[name] = value
        if not configs:
            del self.group_configs[event.group_id]

    # Topics

    async def create_topic(self, spec: TopicSpec) -> None:
        self.commit([self.topics.decide_create(spec)])
        await self.synced()

    async def create_missing_topics(self, names: Iterable[str]) -> None:
        """Those that are not allowed stay missing: whoever looks for them next says why."""
        missing = dict.fromkeys(name for name in names if name not in self.topics.by_name)
        specs = [automatic_topic(name, self.config, self.nodes) for name in missing]
        try:
            self.topics.check_total(specs)
        except PolicyViolation:
            return
        created = False
        for spec in specs:
            try:
                self.commit([self.topics.decide_create(spec)])
            except StorageError:
                raise
            except MessageQueuesError:
                continue
            created = True
        if created:
            await self.synced()

    async def add_partitions(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None) -> None:
        self.commit([self.topics.decide_add_partitions(name, count, assignments)])
        await self.synced()

    async def alter_topic_configs(self, name: str, changes: Mapping[str, str | None]) -> None:
        self.commit([self.topics.decide_alter_configs(name, changes)])
        await self.synced()

    async def alter_broker_configs(self, node_id: int | None, changes: Mapping[str, str | None]) -> None:
        self.commit([BrokerConfigsAltered(node_id=node_id, changes=dict(changes))])
        await self.synced()

    async def alter_group_configs(self, group_id: str, changes: Mapping[str, str | None]) -> None:
        self.commit([GroupConfigsAltered(group_id=group_id, changes=dict(changes))])
        await self.synced()

    def delete_topic(self, topic_id: bytes) -> Awaitable[None]:
        """The topic is gone at once; what is returned waits until that is durable, and has the files removed then."""
        topic = self.topics.with_id(topic_id)
        self.commit([TopicDeleted(topic_id=topic_id)])
        return self._remove_files(topic)

    async def _remove_files(self, topic: Topic) -> None:
        await self.synced()
        directory = self.topics.directory_of(topic.topic_id)
        self._open_files.discard_directory(directory)
        self._turn.run_in_background(lambda: self._remove_tree(directory), lambda: None)
        logger.info("topic deleted", extra={"topic": topic.name})

    def _remove_tree(self, directory: str) -> None:
        try:
            self._files.remove_tree(directory)
        except (OSError, StorageError) as error:
            # The next start removes what is left.
            logger.warning("files of a deleted topic remain", extra={"directory": directory, "error": str(error)})

    # Queues

    def _remove_queue_files(self, directory: str) -> None:
        """Once it is durable that the queue is gone."""
        if self._is_replaying:
            return

        def remove(failures: Failures) -> None:
            self._open_files.discard_directory(directory)
            self._turn.run_in_background(lambda: self._remove_tree(directory), lambda: None)

        self.group_commit.when_durable(remove)
