"""A virtual host: the exchanges, queues and bindings of one name space, and a message's way through them.

Every method is synchronous and true at once; what is durable is journaled, and who answers a client waits for the turn's group commit.
The words of refusals are RabbitMQ's (rabbit_exchange.erl, rabbit_amqqueue.erl, rabbit_binding.erl, rabbit_channel.erl).
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from message_queues.broker.event import Event
from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding, Bindings
from message_queues.broker.queues.declarations import (
    ExchangeSpec,
    QueueSpec,
    check_exchange_type,
    check_new_exchange,
    check_new_queue,
    check_queue_name,
    check_same_exchange,
    check_same_queue,
    kind_of,
    typed_arguments,
)
from message_queues.broker.queues.delayed_messages import DelayedMessages
from message_queues.broker.queues.events import (
    BindingCreated,
    BindingRemoved,
    ExchangeDeclared,
    ExchangeDeleted,
    QueueDeclared,
    QueueDeleted,
    VirtualHostPut,
)
from message_queues.broker.queues.exchange import Exchange, check_binding, declared_alternate_exchange
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.policy import NO_POLICIES, AppliedPolicies, Policy, queue_settings
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_arguments import STREAM
from message_queues.broker.queues.queue_home import QueueHome
from message_queues.broker.queues.queue_identity import QueueIdentity
from message_queues.broker.queues.queue_settings import QueueSettings
from message_queues.broker.queues.routing import Recipients, Router
from message_queues.broker.queues.stream_queue import StreamQueue
from message_queues.errors import (
    AccessRefused,
    ExchangeNotFound,
    PreconditionFailed,
    QueueNotFound,
    ResourceLocked,
)
from message_queues.records.field_table import read_table, write_table

MOST_SETTINGS: Final = 1000
"""How many settings of queues are remembered for others declared alike."""
ROUTED: Final = 1
REFUSED: Final = 2
UNROUTABLE: Final = 0

DEFAULT_EXCHANGES: Final = {
    "": "direct",
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.topic": "topic",
    "amq.rabbitmq.trace": "topic",
}

AnyQueue: TypeAlias = Queue | StreamQueue


class QueueChurn:
    """How many queues came and went since the server started."""

    __slots__ = ("created", "declared", "deleted")

    def __init__(self) -> None:
        self.declared = self.created = self.deleted = 0


@dataclass(frozen=True, slots=True)
class VirtualHostHome:
    """What the virtual hosts of a broker share."""

    queues: QueueHome
    commit: Callable[[list[Event]], None]
    apply: Callable[[Event], object]
    policies: Callable[[str, str, str], AppliedPolicies]
    """Of (virtual host, name, kind)."""
    churn: QueueChurn
    remove_files: Callable[[str], None]
    """Of a directory, once its deletion is durable."""
    is_replaying: Callable[[], bool]


class VirtualHost:
    def __init__(self, event: VirtualHostPut, home: VirtualHostHome) -> None:
        self.name = event.name
        self.limits: dict[str, int] = {}
        """max-queues, max-connections; less than 0: none."""
        self.exchanges: dict[str, Exchange] = {}
        self.queues: dict[str, AnyQueue] = {}
        self.bindings = Bindings(self.exchanges)
        self._home = home
        self._settings: dict[tuple[str, bytes, str | None, str | None], QueueSettings] = {}
        """By type, arguments, policy and operator policy."""
        self._exclusive: dict[object, list[str]] = {}
        """Queues by the connection that they belong to."""
        # Hashed: a name may be longer than file systems take.
        hashed = hashlib.blake2b(event.name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        directory = f"{home.queues.directory}/delayed-{hashed}"
        self.delayed = DelayedMessages(home.queues.backlogs.stores, directory, home.queues.clock, home.queues.timers, self._release)
        self.router = Router(self.exchanges, self.queues, self.bindings, self.delayed)
        self._route = self.router.route
        self.configure(event)
        for name, kind in DEFAULT_EXCHANGES.items():
            self.exchanges[name] = Exchange(name, kind, is_internal=name == "amq.rabbitmq.trace")

    def configure(self, event: VirtualHostPut) -> None:
        self.description = event.description
        self.tags = tuple(event.tags)
        self.default_queue_type = event.default_queue_type
        # https://www.rabbitmq.com/docs/firehose: "the firehose state is not persistent".
        self.is_tracing = event.is_tracing and not self._home.is_replaying()
        self.is_protected = event.is_protected

    # A message's way

    def publish(self, exchange: Exchange, message: QueueMessage, recipients: Recipients | None = None) -> int:
        """UNROUTABLE, or ROUTED with REFUSED where a full queue did not take it. `recipients`: by who has asked the router already."""
        exchange.published_in += 1
        if recipients is None:
            recipients = self._route(exchange, message)
        if not recipients:
            return UNROUTABLE
        exchange.published_out += len(recipients)
        result = ROUTED
        for recipient in recipients:
            if not recipient.publish(message):
                result = ROUTED | REFUSED
        return result

    def dead_letter_targets(self, exchange_name: str, message: QueueMessage) -> Recipients | None:
        exchange = self.exchanges.get(exchange_name)
        if exchange is None:
            return None
        exchange.published_in += 1
        recipients = self._route(exchange, message)
        exchange.published_out += len(recipients)
        return recipients

    def _release(self, exchange_name: str, message: QueueMessage) -> None:
        """A delayed message is due; its exchange may be gone."""
        exchange = self.exchanges.get(exchange_name)
        if exchange is not None:
            self.publish(exchange, message)

    # Exchanges

    def exchange(self, name: str) -> Exchange:
        exchange = self.exchanges.get(name)
        if exchange is None:
            raise ExchangeNotFound(f"no exchange '{name}' in vhost '{self.name}'")
        return exchange

    def declare_exchange(self, spec: ExchangeSpec) -> Exchange:
        """Raises CommandInvalid for an unknown type, AccessRefused for a reserved name, PreconditionFailed if it is another."""
        described = f"exchange '{spec.name}' in vhost '{self.name}'"
        check_exchange_type(spec.kind, self._home.queues.version)
        present = self.exchanges.get(spec.name)
        if present is not None:
            check_same_exchange(spec, present, described)
            return present
        check_new_exchange(spec, described)
        self._change(
            ExchangeDeclared(
                virtual_host=self.name,
                name=spec.name,
                kind=spec.kind,
                is_durable=spec.is_durable,
                is_auto_delete=spec.is_auto_delete,
                is_internal=spec.is_internal,
                arguments=write_table(spec.arguments),
            ),
            spec.is_durable,
        )
        return self.exchanges[spec.name]

    def delete_exchange(self, name: str, if_unused: bool = False) -> None:
        """What is not there need not be deleted."""
        exchange = self.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and self.bindings.is_source(name):
            raise PreconditionFailed(f"exchange '{name}' in vhost '{self.name}' in use")
        self._change(ExchangeDeleted(virtual_host=self.name, name=name), exchange.is_durable)

    # Queues

    def queue(self, name: str, owner: object) -> AnyQueue:
        """Raises QueueNotFound, or ResourceLocked if it is exclusive to another connection."""
        queue = self.queues.get(name)
        if queue is None:
            raise QueueNotFound(f"no queue '{name}' in vhost '{self.name}'")
        if queue.owner is not None and queue.owner is not owner:
            raise self._locked(name)
        return queue

    def declare_queue(self, spec: QueueSpec, owner: object) -> AnyQueue:
        self._home.churn.declared += 1
        name, described, version = spec.name, f"queue '{spec.name}' in vhost '{self.name}'", self._home.queues.version
        arguments = typed_arguments(spec, self.default_queue_type, version)
        kind = kind_of(arguments)
        check_queue_name(spec, kind)
        present = self.queues.get(name)
        if present is not None:
            if (present.owner is not None) != spec.is_exclusive or (spec.is_exclusive and present.owner is not owner):
                raise self._locked(name)
            check_same_queue(spec, arguments, present, described, version)
            return present
        limit = self.limits.get("max-queues", -1)
        if 0 <= limit <= len(self.queues):
            raise PreconditionFailed(f"cannot declare queue '{name}': queue limit in vhost '{self.name}' ({limit}) is reached")
        check_new_queue(spec, kind, arguments, described, version)
        self._home.churn.created += 1
        is_durable = spec.is_durable and not spec.is_exclusive
        event = QueueDeclared(
            virtual_host=self.name,
            name=name,
            queue_id=os.urandom(16),
            kind=kind,
            is_durable=is_durable,
            is_auto_delete=spec.is_auto_delete,
            arguments=write_table(arguments),
        )
        if spec.is_exclusive:
            self._create_queue(event, owner)
        else:
            self._change(event, is_durable)
        return self.queues[name]

    def _locked(self, name: str) -> ResourceLocked:
        return ResourceLocked(
            f"cannot obtain exclusive access to locked queue '{name}' in vhost '{self.name}'. It could be originally declared on "
            "another connection or the exclusive property value does not match that of the original declaration."
        )

    def delete_queue(self, name: str, if_unused: bool = False, if_empty: bool = False, owner: object = None) -> int:
        """How many messages were ready; 0 when there is no such queue."""
        if name not in self.queues:
            return 0
        queue = self.queue(name, owner)
        if if_unused and queue.consumers:
            raise PreconditionFailed(f"queue '{name}' in vhost '{self.name}' in use")
        if if_empty and queue.message_count:
            raise PreconditionFailed(f"queue '{name}' in vhost '{self.name}' not empty")
        # As RabbitMQ: nobody counts what was in a stream.
        count = 0 if queue.kind == STREAM else queue.message_count
        self._delete_queue(queue)
        return count

    def _delete_queue(self, queue: AnyQueue) -> None:
        self._change(QueueDeleted(virtual_host=self.name, name=queue.name), queue.is_durable and queue.owner is None)
        self._home.churn.deleted += 1

    def _unused(self, queue: AnyQueue) -> None:
        """Auto-delete or x-expires is due."""
        if self.queues.get(queue.name) is queue:
            self._delete_queue(queue)

    def purge_queue(self, name: str, owner: object = None) -> int:
        return self.queue(name, owner).purge()

    def connection_closed(self, owner: object) -> None:
        """Its exclusive queues go with it."""
        for name in self._exclusive.pop(owner, ()):
            queue = self.queues.get(name)
            if queue is not None and queue.owner is owner:
                self._delete_queue(queue)

    # Bindings

    def bind(self, binding: Binding, owner: object = None) -> None:
        self._check_not_default(binding)
        exchange = self.exchange(binding.source)
        kind = self._check_destination(binding, owner)
        check_binding(exchange, binding, kind, has_topic_limit=self._home.queues.version.pair >= (4, 3))
        if binding not in self.bindings:
            self._change(self._event_of(BindingCreated, binding), self._is_durable(binding))
            self.router.replay_history(binding)

    def unbind(self, binding: Binding, owner: object = None) -> None:
        """What is not bound need not be unbound."""
        self._check_not_default(binding)
        if binding.destination_kind == QUEUE and binding.destination in self.queues:
            self.queue(binding.destination, owner)
        if binding in self.bindings:
            self._change(self._event_of(BindingRemoved, binding), self._is_durable(binding))

    def _check_not_default(self, binding: Binding) -> None:
        if not binding.source or (binding.destination_kind == EXCHANGE and not binding.destination):
            raise AccessRefused("operation not permitted on the default exchange")

    def _check_destination(self, binding: Binding, owner: object) -> str | None:
        if binding.destination_kind == QUEUE:
            return self.queue(binding.destination, owner).kind
        self.exchange(binding.destination)
        return None

    def _event_of(self, kind: type[BindingCreated] | type[BindingRemoved], binding: Binding) -> BindingCreated | BindingRemoved:
        return kind(
            virtual_host=self.name,
            source=binding.source,
            destination=binding.destination,
            destination_kind=binding.destination_kind,
            routing_key=binding.routing_key,
            arguments=write_table(binding.arguments),
        )

    def _is_durable(self, binding: Binding) -> bool:
        source = self.exchanges[binding.source]
        destination: AnyQueue | Exchange | None
        if binding.destination_kind == QUEUE:
            destination = self.queues.get(binding.destination)
            if destination is not None and destination.owner is not None:
                return False
        else:
            destination = self.exchanges.get(binding.destination)
        return source.is_durable and destination is not None and destination.is_durable

    # Policies

    def policies_of(self, thing: AnyQueue | Exchange) -> AppliedPolicies:
        if isinstance(thing, Exchange):
            return self._home.policies(self.name, thing.name, "exchange") if thing.name else NO_POLICIES
        return self._home.policies(self.name, thing.name, thing.kind)

    def policies_changed(self, *changed: Policy) -> None:
        """What they match is governed otherwise now: an old policy and the new one of that name."""
        self._settings.clear()
        for queue in self.queues.values():
            if any(policy.matches(queue.name, queue.kind) for policy in changed):
                settings = queue_settings(queue.kind, queue.arguments, self.policies_of(queue).definition)
                if settings != queue.settings:
                    queue.configure(settings)
        for exchange in self.exchanges.values():
            self._govern(exchange)
        self.router.forget_routes()

    def _govern(self, exchange: Exchange) -> None:
        governed = self.policies_of(exchange)
        exchange.policy = governed.policy
        alternate = governed.definition.get("alternate-exchange")
        exchange.alternate_exchange = declared_alternate_exchange(exchange.arguments) or (alternate if isinstance(alternate, str) else None)

    # What has happened

    def apply_exchange_declared(self, event: ExchangeDeclared) -> None:
        exchange = Exchange(
            event.name,
            event.kind,
            read_table(event.arguments)[0],
            is_durable=event.is_durable,
            is_auto_delete=event.is_auto_delete,
            is_internal=event.is_internal,
        )
        self._govern(exchange)
        self.exchanges[event.name] = exchange
        self.router.forget_routes()

    def apply_exchange_deleted(self, event: ExchangeDeleted) -> None:
        removed = self.bindings.remove_of_exchange(event.name)
        del self.exchanges[event.name]
        self.router.forget_routes()
        self._delete_unused_sources(removed)

    def apply_queue_declared(self, event: QueueDeclared) -> None:
        self._create_queue(event, None)

    def _create_queue(self, event: QueueDeclared, owner: object) -> None:
        arguments = read_table(event.arguments)[0]
        identity = QueueIdentity(
            event.name, self.name, event.queue_id, event.kind, event.is_durable, event.is_auto_delete, arguments, owner
        )
        governed = self._home.policies(self.name, event.name, event.kind)
        # Ten thousand queues that were declared alike share their settings.
        key = (event.kind, event.arguments, governed.policy, governed.operator_policy)
        settings = self._settings.get(key)
        if settings is None:
            settings = self._settings[key] = queue_settings(event.kind, arguments, governed.definition)
            if len(self._settings) > MOST_SETTINGS:
                self._settings.clear()
        if event.kind == STREAM:
            self.queues[event.name] = StreamQueue(identity, settings, self._home.queues)
        else:
            self.queues[event.name] = Queue(identity, settings, self._home.queues, self._unused)
        if owner is not None:
            self._exclusive.setdefault(owner, []).append(event.name)
        self.router.forget_routes()

    def apply_queue_deleted(self, event: QueueDeleted) -> None:
        queue = self.queues.pop(event.name)
        removed = self.bindings.remove_of_queue(event.name)
        self.router.forget_routes()
        queue.delete()
        self._home.remove_files(f"{self._home.queues.directory}/{queue.queue_id.hex()}")
        self._delete_unused_sources(removed)

    def apply_binding_created(self, event: BindingCreated) -> None:
        if event.source in self.exchanges:
            self.bindings.add(binding_of(event))

    def apply_binding_removed(self, event: BindingRemoved) -> None:
        binding = binding_of(event)
        self.bindings.remove(binding)
        self._delete_unused_sources([binding])

    def _delete_unused_sources(self, removed: Collection[Binding]) -> None:
        """Auto-delete exchanges go with their last binding; a replay meets their deletion as an event of its own."""
        if self._home.is_replaying():
            return
        for name in dict.fromkeys(binding.source for binding in removed):
            exchange = self.exchanges.get(name)
            if exchange is not None and exchange.is_auto_delete and not self.bindings.is_source(name):
                self._change(ExchangeDeleted(virtual_host=self.name, name=name), exchange.is_durable)

    def state_events(self) -> Iterator[Event]:
        for exchange in self.exchanges.values():
            if exchange.is_durable and exchange.name not in DEFAULT_EXCHANGES:
                yield ExchangeDeclared(
                    virtual_host=self.name,
                    name=exchange.name,
                    kind=exchange.kind,
                    is_durable=True,
                    is_auto_delete=exchange.is_auto_delete,
                    is_internal=exchange.is_internal,
                    arguments=write_table(exchange.arguments),
                )
        for queue in self.queues.values():
            if queue.is_durable and queue.owner is None:
                yield QueueDeclared(
                    virtual_host=self.name,
                    name=queue.name,
                    queue_id=queue.queue_id,
                    kind=queue.kind,
                    is_durable=True,
                    is_auto_delete=queue.is_auto_delete,
                    arguments=write_table(queue.arguments),
                )
        for binding in self.bindings:
            if self._is_durable(binding):
                yield self._event_of(BindingCreated, binding)

    def close(self) -> None:
        """The server stops: what is durable stays."""
        for queue in self.queues.values():
            queue.close()
        self.delayed.close()

    def delete(self) -> None:
        """All that is in it goes."""
        for name in list(self.queues):
            self.apply_queue_deleted(QueueDeleted(virtual_host=self.name, name=name))
        if self._home.is_replaying():
            # The directory is that of a later virtual host of this name, if there is one.
            self.delayed.close()
        else:
            self.delayed.delete()

    def _change(self, event: Event, is_durable: bool) -> None:
        if is_durable:
            self._home.commit([event])
        else:
            self._home.apply(event)


def binding_of(event: BindingCreated | BindingRemoved) -> Binding:
    return Binding(event.source, event.destination, event.destination_kind, event.routing_key, read_table(event.arguments)[0])
