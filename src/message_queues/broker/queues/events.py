"""The durable facts of virtual hosts. What is transient (an exclusive queue, a binding to it) is made true by the same `apply`, and not
journaled.
"""

from typing import TypeAlias

import msgspec

from message_queues.broker.event import Event

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


class VirtualHostPut(Event, frozen=True, tag="VirtualHostPut"):
    name: str
    description: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    default_queue_type: str | None = None
    is_tracing: bool = False
    is_protected: bool = False


class VirtualHostDeleted(Event, frozen=True, tag="VirtualHostDeleted"):
    name: str


class ExchangeDeclared(Event, frozen=True, tag="ExchangeDeclared"):
    virtual_host: str
    name: str
    kind: str
    is_durable: bool
    is_auto_delete: bool
    is_internal: bool
    arguments: bytes
    """An AMQP field table: its types are part of what is declared."""


class ExchangeDeleted(Event, frozen=True, tag="ExchangeDeleted"):
    virtual_host: str
    name: str


class QueueDeclared(Event, frozen=True, tag="QueueDeclared"):
    virtual_host: str
    name: str
    queue_id: bytes
    kind: str
    is_durable: bool
    is_auto_delete: bool
    arguments: bytes


class QueueDeleted(Event, frozen=True, tag="QueueDeleted"):
    virtual_host: str
    name: str


class BindingCreated(Event, frozen=True, tag="BindingCreated"):
    virtual_host: str
    source: str
    destination: str
    destination_kind: str
    routing_key: str
    arguments: bytes


class BindingRemoved(Event, frozen=True, tag="BindingRemoved"):
    virtual_host: str
    source: str
    destination: str
    destination_kind: str
    routing_key: str
    arguments: bytes


class ParameterSet(Event, frozen=True, tag="ParameterSet"):
    """Policies, operator policies, limits and shovels are parameters, as in RabbitMQ. Without a virtual host: a global one."""

    component: str
    name: str
    value: bytes
    """JSON."""
    virtual_host: str | None = None


class ParameterCleared(Event, frozen=True, tag="ParameterCleared"):
    component: str
    name: str
    virtual_host: str | None = None


VirtualHostEvent: TypeAlias = (
    VirtualHostPut
    | VirtualHostDeleted
    | ExchangeDeclared
    | ExchangeDeleted
    | QueueDeclared
    | QueueDeleted
    | BindingCreated
    | BindingRemoved
    | ParameterSet
    | ParameterCleared
)
