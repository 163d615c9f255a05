"""Virtual hosts: list, show, create, delete, protect."""

from message_queues.servers.management import authorization, counters
from message_queues.servers.management.answers import Answer, Refused, bad_request
from message_queues.servers.management.authorization import administrators, anyone
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import validated
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import wanted_range
from message_queues.servers.management.tables import boolean


def facts_of(call: Call, name: str) -> Item:
    virtual_host = call.broker.virtual_hosts[name]
    facts: Item = {
        "name": name,
        "description": virtual_host.description,
        "tags": list(virtual_host.tags),
        "default_queue_type": virtual_host.default_queue_type or ("classic" if call.node.version.is_4 else "undefined"),
        "metadata": {"description": virtual_host.description, "tags": list(virtual_host.tags)},
        "tracing": virtual_host.is_tracing,
        "cluster_state": {call.node.name: "running"},
    }
    if call.node.version.is_4:
        metadata = facts["metadata"]
        assert isinstance(metadata, dict)
        metadata["default_queue_type"] = facts["default_queue_type"]
        facts["protected_from_deletion"] = virtual_host.is_protected
    return facts


def in_full(call: Call, name: str) -> Item:
    facts = facts_of(call, name)
    if not call.wants_statistics:
        return facts
    reading = call.node.reading_of_total(name)
    if not any(reading.now):
        return facts
    rates, lengths, octets = (wanted_range(call.query, prefix) for prefix in ("msg_rates", "lengths", "data_rates"))
    return (
        facts
        | counters.shown(reading, counters.TOTAL, counters.TOTAL_LENGTHS, lengths)
        | counters.shown(reading, counters.TOTAL, counters.TOTAL_OCTETS, octets)
        | dict(counters.message_stats(reading, counters.TOTAL, counters.TOTAL_MESSAGES, rates))
    )


def exists(call: Call) -> bool:
    return call.virtual_host_name in call.broker.virtual_hosts


def virtual_hosts(call: Call) -> Answer:
    basic = [facts_of(call, name) for name in authorization.visible_virtual_hosts(call)]
    return call.listed_in_full(basic, ("name",), lambda item: in_full(call, str(item["name"])))


def virtual_host(call: Call) -> Answer:
    return call.shown(in_full(call, call.name("vhost")))


def put(call: Call) -> None:
    content = call.content()
    tags = content.get("tags", "")
    tracing = boolean(content["tracing"]) if content.get("tracing") is not None else None
    default_queue_type = content.get("default_queue_type", content.get("defaultqueuetype"))
    name, is_new = call.name("vhost"), not exists(call)
    with validated():
        call.broker.virtual_hosts.put(
            name,
            description=str(content.get("description", "")),
            tags=tag_list(tags),
            default_queue_type=None if default_queue_type is None else str(default_queue_type),
            is_tracing=tracing,
        )
    if is_new:
        grant_to_creator(call, name)


def grant_to_creator(call: Call, name: str) -> None:
    """Who creates a virtual host may use it, unless told otherwise."""
    access, user = call.broker.access, call.user.name
    if user in access.users and (user, name) not in access.permissions:
        access.set_permissions(user, name, configure=".*", write=".*", read=".*")


def tag_list(tags: object) -> tuple[str, ...]:
    """A list, or a text with commas. Raises Refused."""
    if isinstance(tags, str):
        return tuple(tag.strip() for tag in tags.split(",") if tag.strip())
    if isinstance(tags, list):
        return tuple(str(tag) for tag in tags)
    raise bad_request("tags must be a list or a string")


def delete(call: Call) -> None:
    name = call.name("vhost")
    if call.broker.virtual_hosts[name].is_protected:
        reason = f"Refusing to delete virtual host '{name}' because it is protected from deletion"
        raise Refused(412, "precondition_failed", reason)
    call.broker.virtual_hosts.delete(name)


def protect(call: Call) -> None:
    call.broker.virtual_hosts.protect(call.name("vhost"), True)


def unprotect(call: Call) -> None:
    call.broker.virtual_hosts.protect(call.name("vhost"), False)


def start(call: Call) -> None:
    """They all run. Raises Refused for a node that is not this one."""
    name, node = call.name("vhost"), call.name("node")
    if node != call.node.name:
        raise bad_request(f"Unknown node: {node}" if call.node.version.is_4 else f"Request to node {node} failed with nodedown")
    if name not in call.broker.virtual_hosts:
        raise bad_request(f'Request to node {node} failed with {{no_such_vhost,<<"{name}">>}}')


RESOURCES = [
    Resource("/vhosts", anyone, get=virtual_hosts),
    Resource("/vhosts/:vhost", administrators, get=virtual_host, put=put, delete=delete, exists=exists),
    Resource(
        "/vhosts/:vhost/deletion/protection", administrators, post=protect, delete=unprotect, exists=exists, can_post_to_missing=False
    ),
    Resource("/vhosts/:vhost/start/:node", administrators, post=start),
]
