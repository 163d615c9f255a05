"""Exchanges: list, show, declare, delete."""

from message_queues.broker.queues.declarations import ExchangeSpec
from message_queues.broker.queues.exchange import Exchange
from message_queues.broker.queues.virtual_host import VirtualHost
from message_queues.errors import AccessRefused
from message_queues.servers.management import authorization, counters
from message_queues.servers.management.answers import Answer, bad_request, not_found
from message_queues.servers.management.authorization import of_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import CONFIGURE, READ, WRITE, check_exchange, direct_method
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import wanted_range
from message_queues.servers.management.tables import boolean, field_table, json_table

INTERNAL_USER = "rmq-internal"


def basic_facts(virtual_host: VirtualHost, exchange: Exchange) -> Item:
    facts: Item = {
        "arguments": json_table(exchange.arguments),
        "auto_delete": exchange.is_auto_delete,
        "durable": exchange.is_durable,
        "internal": exchange.is_internal,
        "name": exchange.name,
        "type": exchange.kind,
        "user_who_performed_action": INTERNAL_USER,
        "vhost": virtual_host.name,
    }
    if exchange.policy is not None:
        facts["policy"] = exchange.policy
    return facts


def facts_of(call: Call, virtual_host: VirtualHost, exchange: Exchange) -> Item:
    facts = basic_facts(virtual_host, exchange)
    if call.wants_statistics:
        reading = call.node.sampler.of(exchange, counters.of_exchange(exchange))
        wanted = wanted_range(call.query, "msg_rates")
        facts |= counters.message_stats(reading, counters.EXCHANGE, range(len(counters.EXCHANGE)), wanted)
    return facts


def virtual_host_exists(call: Call) -> bool:
    name = call.virtual_host_name
    return name is None or name in call.broker.virtual_hosts


def exists(call: Call) -> bool:
    virtual_host = call.broker.virtual_hosts.get(call.name("vhost"))
    return virtual_host is not None and call.name("exchange") in virtual_host.exchanges


def exchanges(call: Call) -> Answer:
    virtual_hosts = [call.broker.virtual_hosts[name] for name in authorization.entered_virtual_hosts(call)]
    found = {(each.name, name): (each, exchange) for each in virtual_hosts for name, exchange in each.exchanges.items()}
    basic: list[Item] = [{"vhost": virtual_host, "name": name} for virtual_host, name in found]
    return call.listed_in_full(basic, ("vhost", "name"), lambda item: facts_of(call, *found[str(item["vhost"]), str(item["name"])]))


def exchange(call: Call) -> Answer:
    virtual_host = call.virtual_host()
    facts = facts_of(call, virtual_host, virtual_host.exchanges[call.name("exchange")])
    if call.wants_statistics:
        facts |= {"incoming": [], "outgoing": []}
    return call.shown(facts)


def named_virtual_host(call: Call) -> VirtualHost:
    """What a direct method is called in. Raises Refused."""
    virtual_host = call.broker.virtual_hosts.get(call.name("vhost"))
    if virtual_host is None:
        raise not_found("vhost_not_found")
    return virtual_host


def check_node(call: Call, content: dict[str, object]) -> None:
    """The body may name the node to do it on. Raises Refused."""
    named = content.get("node")
    if named is not None and named != call.node.name:
        is_4 = call.node.version.is_4
        raise bad_request(f"Node {named} is not a cluster member" if is_4 else f"Node {named} could not be contacted")


def declare(call: Call) -> None:
    virtual_host = named_virtual_host(call)
    content = call.content()
    check_node(call, content)
    name, kind = call.name("exchange"), content.get("type", "direct")
    spec = ExchangeSpec(
        name=name,
        kind=str(kind),
        is_durable=boolean(content.get("durable", False)),
        is_auto_delete=boolean(content.get("auto_delete", False)),
        is_internal=boolean(content.get("internal", False)),
        arguments=field_table(content.get("arguments")),
    )
    with direct_method():
        check_exchange(call, virtual_host.name, name, CONFIGURE)
        alternate = spec.arguments.get("alternate-exchange")
        if isinstance(alternate, str):
            check_exchange(call, virtual_host.name, name, READ)
            check_exchange(call, virtual_host.name, alternate, WRITE)
        virtual_host.declare_exchange(spec)


def check_can_go(name: str, virtual_host: str) -> None:
    """Raises AccessRefused."""
    if not name:
        raise AccessRefused("operation not permitted on the default exchange")
    if name.startswith("amq."):
        raise AccessRefused(f"deletion of system exchange '{name}' in vhost '{virtual_host}' not allowed")


def delete(call: Call) -> None:
    virtual_host, name = named_virtual_host(call), call.name("exchange")
    with direct_method():
        check_can_go(name, virtual_host.name)
        check_exchange(call, virtual_host.name, name, CONFIGURE)
        virtual_host.delete_exchange(name, if_unused=call.query.get("if-unused") == "true")


RESOURCES = [
    Resource("/exchanges", of_virtual_host, get=exchanges, exists=virtual_host_exists),
    Resource("/exchanges/:vhost", of_virtual_host, get=exchanges, exists=virtual_host_exists),
    Resource("/exchanges/:vhost/:exchange", of_virtual_host, get=exchange, put=declare, delete=delete, exists=exists),
]
