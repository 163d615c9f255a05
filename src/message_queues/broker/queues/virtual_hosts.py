"""All virtual hosts of the broker, with their policies and limits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from message_queues.broker.event import Event
from message_queues.broker.queues.erlang_terms import printed_json
from message_queues.broker.queues.events import (
    BindingCreated,
    BindingRemoved,
    ExchangeDeclared,
    ExchangeDeleted,
    Json,
    ParameterCleared,
    ParameterSet,
    QueueDeclared,
    QueueDeleted,
    VirtualHostDeleted,
    VirtualHostPut,
)
from message_queues.broker.queues.message import QueueMessage
from message_queues.broker.queues.parameters import LIMITS, OPERATOR_POLICY, POLICY, Parameters
from message_queues.broker.queues.policy import NO_POLICIES, AppliedPolicies, Policy, applied, policy_from, stored_policy
from message_queues.broker.queues.queue_arguments import KINDS
from message_queues.broker.queues.routing import Recipients
from message_queues.broker.queues.virtual_host import QueueChurn, VirtualHost, VirtualHostHome
from message_queues.errors import InvalidArgument, VirtualHostNotFound

DEFAULT_VIRTUAL_HOST: Final = "/"
LIMIT_NAMES: Final = ("max-connections", "max-queues")


class VirtualHosts(dict[str, VirtualHost]):
    """By name."""

    def __init__(self, commit: Callable[[list[Event]], None]) -> None:
        super().__init__()
        self.queue_churn = QueueChurn()
        self.on_deleted: list[Callable[[str], None]] = []
        """Called with the name before a virtual host goes: its connections are to be closed."""
        self.on_changed: list[Callable[[str], None]] = []
        """Called with the name of one that is configured otherwise now."""
        self.parameters = Parameters(commit)
        self.policies: dict[tuple[str, str], Policy] = {}
        self.operator_policies: dict[tuple[str, str], Policy] = {}
        self._commit = commit
        self._home: VirtualHostHome
        self.appliers: Mapping[type[Event], Callable[..., object]] = {
            VirtualHostPut: self._apply_put,
            VirtualHostDeleted: self._apply_deleted,
            ExchangeDeclared: lambda event: self[event.virtual_host].apply_exchange_declared(event),
            ExchangeDeleted: lambda event: self[event.virtual_host].apply_exchange_deleted(event),
            QueueDeclared: lambda event: self[event.virtual_host].apply_queue_declared(event),
            QueueDeleted: lambda event: self[event.virtual_host].apply_queue_deleted(event),
            BindingCreated: lambda event: self[event.virtual_host].apply_binding_created(event),
            BindingRemoved: lambda event: self[event.virtual_host].apply_binding_removed(event),
            ParameterSet: self._apply_parameter_set,
            ParameterCleared: self._apply_parameter_cleared,
        }

    def open(self, home: VirtualHostHome) -> None:
        """Before the first event."""
        self._home = home

    def named(self, name: str) -> VirtualHost:
        found = self.get(name)
        if found is None:
            raise VirtualHostNotFound(f"vhost {name} not found")
        return found

    # Virtual hosts

    def put(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        default_queue_type: str | None = None,
        is_tracing: bool | None = None,
        is_protected: bool | None = None,
    ) -> None:
        """Creates it, or changes what is given. Raises InvalidArgument."""
        if default_queue_type is not None and default_queue_type not in KINDS:
            raise InvalidArgument(f"Unsupported default queue type: {default_queue_type}")
        present = self.get(name)
        self._commit(
            [
                VirtualHostPut(
                    name=name,
                    description=description if description is not None else present.description if present else "",
                    tags=list(tags if tags is not None else present.tags if present else ()),
                    default_queue_type=default_queue_type or (present.default_queue_type if present else None),
                    is_tracing=is_tracing if is_tracing is not None else bool(present and present.is_tracing),
                    is_protected=is_protected if is_protected is not None else bool(present and present.is_protected),
                )
            ]
        )

    def delete(self, name: str) -> None:
        self.named(name)
        for told in tuple(self.on_deleted):
            told(name)
        self.parameters.clear_all_of(name)
        self._commit([VirtualHostDeleted(name=name)])

    def protect(self, name: str, is_protected: bool) -> None:
        self.named(name)
        self.put(name, is_protected=is_protected)

    # Limits

    def connection_limit(self, name: str) -> int | None:
        limit = self[name].limits.get("max-connections") if name in self else None
        return limit if limit is not None and limit >= 0 else None

    def set_limit(self, virtual_host: str, name: str, value: object) -> None:
        """Raises InvalidArgument."""
        host = self.named(virtual_host)
        if name not in LIMIT_NAMES:
            terms = f"[{{{printed_json(name)},{printed_json(value)}}}]"
            raise InvalidArgument(f"Validation failed\n\nUnrecognised terms {terms} in limits\n")
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidArgument(f"Validation failed\n\n{name} should be a number, actually was {printed_json(value)}\n")
        self._put_limits(virtual_host, {**host.limits, name: value})

    def clear_limit(self, virtual_host: str, name: str) -> None:
        limits = {each: value for each, value in self.named(virtual_host).limits.items() if each != name}
        self._put_limits(virtual_host, limits)

    def _put_limits(self, virtual_host: str, limits: Mapping[str, int]) -> None:
        if limits:
            self.parameters.put(virtual_host, LIMITS, "limits", dict(limits))
        else:
            self.parameters.clear(virtual_host, LIMITS, "limits")

    # Policies

    def set_policy(self, virtual_host: str, name: str, value: Json, *, is_operator: bool = False) -> None:
        """Raises BadPolicy."""
        self.named(virtual_host)
        policy = policy_from(virtual_host, name, value, is_operator=is_operator)
        self.parameters.put(virtual_host, OPERATOR_POLICY if is_operator else POLICY, name, policy.value())

    def clear_policy(self, virtual_host: str, name: str, *, is_operator: bool = False) -> bool:
        """False: there was none such."""
        return self.parameters.clear(virtual_host, OPERATOR_POLICY if is_operator else POLICY, name)

    def applied_policies(self, virtual_host: str, name: str, kind: str) -> AppliedPolicies:
        if not self.policies and not self.operator_policies:
            return NO_POLICIES
        policies = (policy for policy in self.policies.values() if policy.virtual_host == virtual_host)
        operator_policies = (policy for policy in self.operator_policies.values() if policy.virtual_host == virtual_host)
        return applied(name, kind, policies, operator_policies)

    # Dead letters

    def dead_letter_targets(self, virtual_host: str, exchange: str, message: QueueMessage) -> Recipients | None:
        host = self.get(virtual_host)
        return None if host is None else host.dead_letter_targets(exchange, message)

    # What has happened

    def _apply_put(self, event: VirtualHostPut) -> None:
        present = self.get(event.name)
        if present is None:
            self[event.name] = VirtualHost(event, self._home)
        else:
            present.configure(event)
            for told in self.on_changed:
                told(event.name)

    def _apply_deleted(self, event: VirtualHostDeleted) -> None:
        self.pop(event.name).delete()

    def _apply_parameter_set(self, event: ParameterSet) -> None:
        if event.virtual_host is not None:
            self._heed(event.component, event.virtual_host, event.name, msgspec.json.decode(event.value))
        self.parameters.apply_set(event)

    def _apply_parameter_cleared(self, event: ParameterCleared) -> None:
        if event.virtual_host is not None:
            self._heed(event.component, event.virtual_host, event.name, None)
        self.parameters.apply_cleared(event)

    def _heed(self, component: str, virtual_host: str, name: str, value: Json) -> None:
        if component in (POLICY, OPERATOR_POLICY):
            policies = self.policies if component == POLICY else self.operator_policies
            changed = [policy for policy in (policies.get((virtual_host, name)),) if policy is not None]
            if value is None:
                policies.pop((virtual_host, name), None)
            else:
                policies[virtual_host, name] = stored_policy(virtual_host, name, value)
                changed.append(policies[virtual_host, name])
            if virtual_host in self:
                self[virtual_host].policies_changed(*changed)
        elif component == LIMITS and virtual_host in self:
            limits = value if isinstance(value, dict) else {}
            self[virtual_host].limits = {each: limit for each, limit in limits.items() if isinstance(limit, int)}

    def state_events(self) -> Iterator[Event]:
        for host in self.values():
            yield VirtualHostPut(
                name=host.name,
                description=host.description,
                tags=list(host.tags),
                default_queue_type=host.default_queue_type,
                is_tracing=host.is_tracing,
                is_protected=host.is_protected,
            )
        # Before queues, so that they come up under their policies.
        yield from self.parameters.state_events()
        for host in self.values():
            yield from host.state_events()

    def close(self) -> None:
        for host in self.values():
            host.close()
