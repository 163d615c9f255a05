"""Bindings: of everything, of an exchange, of a queue, between two; made by POST, told apart by their `properties_key`.

Every queue is bound to the default exchange by its name: these bindings are listed, and cannot be changed.
"""

from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote_plus

from message_queues.broker.queues.bindings import EXCHANGE, QUEUE, Binding
from message_queues.broker.queues.virtual_host import VirtualHost
from message_queues.servers.management import authorization
from message_queues.servers.management.answers import Answer, bad_request, empty, object_not_found
from message_queues.servers.management.authorization import of_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import READ, WRITE, check_exchange, check_queue, direct_method
from message_queues.servers.management.exchanges import named_virtual_host, virtual_host_exists
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.tables import field_table, json_table

ORDER = ("vhost", "source", "destination_type", "destination", "routing_key", "properties_key")
KINDS = {"q": QUEUE, "e": EXCHANGE}
LARGEST_BODY_BYTES = 1_000_000


def facts_of(virtual_host: VirtualHost, binding: Binding) -> Item:
    return {
        "source": binding.source,
        "vhost": virtual_host.name,
        "destination": binding.destination,
        "destination_type": binding.destination_kind,
        "routing_key": binding.routing_key,
        "arguments": json_table(binding.arguments),
        "properties_key": binding.properties_key,
    }


def implicit(queue: str) -> Binding:
    return Binding("", queue, QUEUE, queue)


def all_of(virtual_host: VirtualHost) -> Iterable[Binding]:
    yield from map(implicit, virtual_host.queues)
    yield from virtual_host.bindings


def listed(call: Call, virtual_host: VirtualHost, found: Iterable[Binding]) -> Answer:
    return call.listed([facts_of(virtual_host, each) for each in found], ORDER)


def everything(call: Call) -> Answer:
    virtual_hosts = [call.broker.virtual_hosts[name] for name in authorization.entered_virtual_hosts(call)]
    return call.listed([facts_of(each, binding) for each in virtual_hosts for binding in all_of(each)], ORDER)


def of_source(call: Call) -> Answer:
    virtual_host, name = call.virtual_host(), call.name("exchange")
    found = map(implicit, virtual_host.queues) if not name else virtual_host.bindings.of_source(name)
    return listed(call, virtual_host, found)


def of_destination(call: Call) -> Answer:
    virtual_host = call.virtual_host()
    return listed(call, virtual_host, virtual_host.bindings.of_destination(EXCHANGE, call.name("exchange")))


def of_queue(call: Call) -> Answer:
    # As RabbitMQ 3.10: a queue that does not exist has its implicit binding, too.
    virtual_host, name = call.virtual_host(), call.name("queue")
    return listed(call, virtual_host, [implicit(name), *virtual_host.bindings.of_destination(QUEUE, name)])


def kind_of(call: Call) -> str:
    kind = KINDS.get(call.name("dtype"))
    if kind is None:
        raise object_not_found()
    return kind


def between(call: Call) -> Answer:
    virtual_host, kind = call.virtual_host(), kind_of(call)
    source, destination = call.name("source"), call.name("destination")
    if not source:
        return listed(call, virtual_host, [implicit(destination)] if kind == QUEUE else [])
    return listed(call, virtual_host, virtual_host.bindings.between(source, kind, destination))


def bind(call: Call) -> Answer:
    virtual_host, kind, content = named_virtual_host(call), kind_of(call), call.content()
    routing_key = content.get("routing_key", "")
    if not isinstance(routing_key, str):
        raise bad_request(["not_string", "routing_key"])
    binding = Binding(call.name("source"), call.name("destination"), kind, routing_key, field_table(content.get("arguments")))
    with direct_method():
        check_ends(call, virtual_host, binding)
        virtual_host.bind(binding)
    last = call.parts[-1]
    return empty(201, [("location", f"{quote(last, '')}/{quote_plus(binding.properties_key)}".replace("%7E", "~"))])


def check_ends(call: Call, virtual_host: VirtualHost, binding: Binding) -> None:
    """Raises AccessRefused."""
    check = check_exchange if binding.is_to_exchange else check_queue
    check(call, virtual_host.name, binding.destination, WRITE)
    check_exchange(call, virtual_host.name, binding.source, READ)
    source = virtual_host.exchanges.get(binding.source)
    if source is not None and source.kind == "topic":
        call.broker.access.check_topic(call.user, virtual_host.name, binding.source, binding.routing_key, READ)


def find(call: Call) -> Binding | None:
    """The key of the path is `routing key` or `routing key~hash`, quoted; `~` is the empty key."""
    virtual_host = call.broker.virtual_hosts.get(call.name("vhost"))
    kind, properties_key = KINDS.get(call.name("dtype")), call.name("props")
    if virtual_host is None or kind is None:
        return None
    source, destination = call.name("source"), call.name("destination")
    if not source:
        binding = implicit(destination)
        return binding if binding.properties_key == properties_key and destination in virtual_host.queues else None
    key, _, arguments_hash = properties_key.partition("~")
    routing_key = unquote_plus(key, errors="surrogateescape")
    for binding in virtual_host.bindings.between(source, kind, destination):
        its_hash = binding.properties_key.partition("~")[2] if binding.arguments else ""
        if binding.routing_key == routing_key and its_hash == arguments_hash:
            return binding
    return None


def exists(call: Call) -> bool:
    return find(call) is not None


def one(call: Call) -> Answer:
    binding = find(call)
    assert binding is not None
    return call.shown(facts_of(call.virtual_host(), binding))


def unbind(call: Call) -> None:
    virtual_host, binding = call.virtual_host(), find(call)
    assert binding is not None
    with direct_method():
        check_ends(call, virtual_host, binding)
        virtual_host.unbind(binding)


RESOURCES = [
    Resource("/bindings", of_virtual_host, get=everything, exists=virtual_host_exists),
    Resource("/bindings/:vhost", of_virtual_host, get=everything, exists=virtual_host_exists),
    Resource(
        "/bindings/:vhost/e/:source/:dtype/:destination",
        of_virtual_host,
        get=between,
        post=bind,
        exists=virtual_host_exists,
        largest_body_bytes=LARGEST_BODY_BYTES,
    ),
    Resource("/bindings/:vhost/e/:source/:dtype/:destination/:props", of_virtual_host, get=one, delete=unbind, exists=exists),
    Resource("/exchanges/:vhost/:exchange/bindings/source", of_virtual_host, get=of_source, exists=virtual_host_exists),
    Resource("/exchanges/:vhost/:exchange/bindings/destination", of_virtual_host, get=of_destination, exists=virtual_host_exists),
    Resource("/queues/:vhost/:queue/bindings", of_virtual_host, get=of_queue, exists=virtual_host_exists),
]
