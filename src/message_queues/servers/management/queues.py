"""Queues: list, show, declare, delete, purge; what quorum queues add is that of a cluster of one."""

from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.queue import Queue
from message_queues.broker.queues.queue_arguments import CLASSIC, QUORUM, STREAM
from message_queues.broker.queues.virtual_host import AnyQueue, VirtualHost
from message_queues.servers.amqp.connection import AmqpConnection
from message_queues.servers.management import authorization, counters
from message_queues.servers.management.answers import Answer, bad_request, missing_keys
from message_queues.servers.management.authorization import administrators, of_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.consumers import connection_details, consumer_facts
from message_queues.servers.management.direct_methods import CONFIGURE, READ, WRITE, check_exchange, check_queue, direct_method
from message_queues.servers.management.exchanges import check_node, named_virtual_host, virtual_host_exists
from message_queues.servers.management.listing import Item
from message_queues.servers.management.nodes import is_this_node
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import wanted_range
from message_queues.servers.management.tables import boolean, field_table, json_table
from message_queues.servers.management.times import rfc3339

LONGEST_NAME_BYTES = 255
NO_GARBAGE_COLLECTION = {"fullsweep_after": -1, "max_heap_size": -1, "min_bin_vheap_size": -1, "min_heap_size": -1, "minor_gcs": -1}


def basic_facts(call: Call, queue: AnyQueue) -> Item:
    facts: Item = {
        "arguments": json_table(queue.arguments),
        "auto_delete": queue.is_auto_delete,
        "durable": queue.is_durable,
        "exclusive": queue.owner is not None,
        "name": queue.name,
        "node": call.node.name,
        "state": "running",
        "type": queue.kind,
        "vhost": queue.virtual_host,
    }
    if call.node.version.is_4:
        facts |= {"internal": False, "internal_owner": False}
    if queue.kind != CLASSIC:
        facts |= {"leader": call.node.name, "members": [call.node.name], "online": [call.node.name]}
    if not call.wants_statistics and call.wants_queue_totals:
        facts |= totals_of(queue)
    return facts


def totals_of(queue: AnyQueue) -> Item:
    ready, unacknowledged = queue.message_count, queue.unacknowledged_count
    return {"messages": ready + unacknowledged, "messages_ready": ready, "messages_unacknowledged": unacknowledged}


def facts_of(call: Call, virtual_host: VirtualHost, queue: AnyQueue) -> Item:
    facts = basic_facts(call, queue)
    applied = virtual_host.policies_of(queue)
    facts |= {"policy": applied.policy, "operator_policy": applied.operator_policy}
    if not call.wants_statistics:
        return facts
    facts["effective_policy_definition"] = applied.definition
    if isinstance(queue, Queue) and queue.kind == QUORUM:
        facts |= {"messages_dlx": queue.retained_count, "message_bytes_dlx": 0, "open_files": {call.node.name: 0}}
    if queue.kind == STREAM:
        facts["readers"] = {call.node.name: len(queue.consumers)}
    return facts | sizes_of(queue) | consuming_facts(queue) | samples_of(call, queue)


def sizes_of(queue: AnyQueue) -> Item:
    ready_bytes, unacknowledged_bytes = queue.ready_bytes, queue.unacknowledged_bytes
    ready, unacknowledged, persistent = queue.message_count, queue.unacknowledged_count, queue.persistent_count
    facts: Item = {
        "memory": 0,
        "message_bytes": ready_bytes + unacknowledged_bytes,
        "message_bytes_persistent": ready_bytes + unacknowledged_bytes if persistent else 0,
        "message_bytes_ram": 0,
        "message_bytes_ready": ready_bytes,
        "message_bytes_unacknowledged": unacknowledged_bytes,
        "messages_persistent": persistent,
        "messages_ram": 0,
        "reductions": 0,
        "reductions_details": {"rate": 0.0},
    }
    if queue.kind == CLASSIC:
        facts |= {
            "head_message_timestamp": None,
            "message_bytes_paged_out": 0,
            "messages_paged_out": 0,
            "messages_ready_ram": 0,
            "messages_unacknowledged_ram": 0,
            "storage_version": 2,
        }
        facts |= {"messages_ram": ready + unacknowledged, "messages_ready_ram": ready, "messages_unacknowledged_ram": unacknowledged}
        facts["message_bytes_ram"] = facts["message_bytes"]
    return facts


def consuming_facts(queue: AnyQueue) -> Item:
    takes_all = 1.0 if queue.consumers and not queue.message_count else 0
    facts: Item = {
        "consumer_capacity": takes_all,
        "consumer_utilisation": takes_all,
        "consumers": len(queue.consumers),
        "idle_since": rfc3339(queue.idle_since_ms),
        "exclusive_consumer_tag": next((each.tag for each in queue.consumers if each.is_exclusive), None),
        "single_active_consumer_tag": queue.active_consumer.tag if queue.active_consumer is not None else None,
    }
    return facts


def samples_of(call: Call, queue: AnyQueue) -> Item:
    reading = call.node.sampler.of(queue, counters.of_queue(queue))
    rates, lengths = wanted_range(call.query, "msg_rates"), wanted_range(call.query, "lengths")
    return (
        counters.shown(reading, counters.QUEUE, counters.QUEUE_LENGTHS, lengths)
        | totals_of(queue)
        | dict(counters.message_stats(reading, counters.QUEUE, counters.QUEUE_MESSAGES, rates))
    )


def in_full(call: Call, virtual_host: VirtualHost, queue: AnyQueue) -> Item:
    facts = facts_of(call, virtual_host, queue)
    if not call.wants_statistics:
        return facts
    consumers = [consumer_facts(call, queue, consumer) for consumer in queue.consumers]
    if isinstance(queue.owner, AmqpConnection):
        facts["owner_pid_details"] = connection_details(queue.owner)
    return {**facts, "consumer_details": consumers, "deliveries": [], "garbage_collection": NO_GARBAGE_COLLECTION, "incoming": []}


# Lists and one


def found_queues(call: Call) -> list[tuple[VirtualHost, AnyQueue]]:
    virtual_hosts = [call.broker.virtual_hosts[name] for name in authorization.entered_virtual_hosts(call)]
    return [(each, queue) for each in virtual_hosts for queue in each.queues.values()]


def queues(call: Call) -> Answer:
    found = {(each.name, queue.name): (each, queue) for each, queue in found_queues(call)}
    basic: list[Item] = [{"vhost": virtual_host, "name": name} for virtual_host, name in found]
    return call.listed_in_full(basic, ("vhost", "name"), lambda item: facts_of(call, *found[str(item["vhost"]), str(item["name"])]))


def exists(call: Call) -> bool:
    virtual_host = call.broker.virtual_hosts.get(call.name("vhost"))
    return virtual_host is not None and call.name("queue") in virtual_host.queues


def queue(call: Call) -> Answer:
    virtual_host = call.virtual_host()
    return call.shown(in_full(call, virtual_host, virtual_host.queues[call.name("queue")]))


# Methods


def declare(call: Call) -> None:
    virtual_host, name = named_virtual_host(call), call.name("queue")
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > LONGEST_NAME_BYTES:
        raise bad_request(f"queue should be less than {LONGEST_NAME_BYTES} bytes, actually was {size}\n")
    content = call.content()
    check_node(call, content)
    spec = QueueSpec(
        name=name,
        is_durable=boolean(content.get("durable", False)),
        is_exclusive=False,
        is_auto_delete=boolean(content.get("auto_delete", False)),
        arguments=field_table(content.get("arguments")),
    )
    with direct_method():
        check_queue(call, virtual_host.name, name, CONFIGURE)
        dead_letter_exchange = spec.arguments.get("x-dead-letter-exchange")
        if isinstance(dead_letter_exchange, str):
            check_queue(call, virtual_host.name, name, READ)
            check_exchange(call, virtual_host.name, dead_letter_exchange, WRITE)
        virtual_host.declare_queue(spec, None)


def delete(call: Call) -> None:
    virtual_host, name = named_virtual_host(call), call.name("queue")
    if_unused, if_empty = call.query.get("if-unused") == "true", call.query.get("if-empty") == "true"
    with direct_method():
        check_queue(call, virtual_host.name, name, CONFIGURE)
        virtual_host.delete_queue(name, if_unused=if_unused, if_empty=if_empty, owner=None)


def purge(call: Call) -> None:
    virtual_host, name = named_virtual_host(call), call.name("queue")
    with direct_method():
        check_queue(call, virtual_host.name, name, READ)
        virtual_host.purge_queue(name, owner=None)


def act(call: Call) -> None:
    (action,) = call.required("action")
    if action not in ("sync", "cancel_sync") or call.node.version.is_4:
        raise bad_request(["unknown", action])


# What a cluster of one has of quorum queues


def quorum_status(call: Call) -> Answer:
    found = call.virtual_host().queues[call.name("queue")]
    if found.kind != QUORUM:
        raise bad_request(f"{found.kind}_queue_not_supported")
    facts: Item = {
        "Node Name": call.node.name,
        "Raft State": "leader",
        "Membership": "voter",
        "Last Log Index": found.counters.published,
        "Last Written": found.counters.published,
        "Last Applied": found.counters.published,
        "Commit Index": found.counters.published,
        "Snapshot Index": 0,
        "Term": 1,
        "Machine Version": 1,
    }
    return call.listed([facts], ())


def add_replica(call: Call) -> Answer | None:
    (named,) = call.required("node")
    if named == call.node.name:
        return None
    raise bad_request("node_not_running")


def delete_replica(call: Call) -> None:
    call.required("node")
    raise bad_request("last_node")


def grow(call: Call) -> None:
    wanted = ("vhost_pattern", "queue_pattern", "strategy")
    missing = [key for key in wanted if key not in call.content()]
    if missing:
        raise missing_keys(missing)


RESOURCES = [
    Resource("/queues", of_virtual_host, get=queues, exists=virtual_host_exists),
    Resource("/queues/detailed", of_virtual_host, get=queues, exists=virtual_host_exists),
    Resource("/queues/:vhost", of_virtual_host, get=queues, exists=virtual_host_exists),
    Resource("/queues/:vhost/:queue", of_virtual_host, get=queue, put=declare, delete=delete, exists=exists),
    Resource("/queues/:vhost/:queue/contents", of_virtual_host, delete=purge, exists=exists),
    Resource(
        "/queues/:vhost/:queue/actions",
        administrators,
        post=act,
        exists=exists,
        can_post_to_missing=False,
        missing_reason="queue_not_found",
    ),
    Resource("/queues/quorum/replicas/on/:node/grow", administrators, post=grow, exists=is_this_node, can_post_to_missing=False),
    Resource("/queues/quorum/replicas/on/:node/shrink", administrators, delete=lambda call: None, exists=is_this_node),
    Resource("/queues/quorum/:vhost/:queue/replicas/add", administrators, post=add_replica, exists=exists, can_post_to_missing=False),
    Resource("/queues/quorum/:vhost/:queue/replicas/delete", administrators, delete=delete_replica, exists=exists),
    Resource("/queues/quorum/:vhost/:queue/status", of_virtual_host, get=quorum_status, exists=exists),
]
