"""The whole broker at a glance; who calls; the name of the cluster."""

from message_queues.servers.management import authorization, counters, node
from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.authorization import administrators_change, anyone
from message_queues.servers.management.call import Call
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.samples import Range, wanted_range

RETENTION = {"global": [600], "basic": [600], "detailed": [600]}
"""How far back samples go, in seconds."""


def overview(call: Call) -> Answer:
    facts = about_server(call)
    facts["object_totals"] = object_totals(call)
    if call.wants_statistics:
        facts |= totals(call)
        facts["churn_rates"] = churn_rates(call.node, wanted_range(call.query, "msg_rates"))
        facts["statistics_db_event_queue"] = 0
    if authorization.is_monitor(call.user) or not call.wants_statistics:
        facts["node"] = call.node.name
    if authorization.is_monitor(call.user) and call.wants_statistics:
        facts["listeners"] = listeners(call.node)
        facts["contexts"] = contexts(call.node)
    return call.shown(facts)


def about_server(call: Call) -> dict[str, object]:
    version = call.node.version
    facts: dict[str, object] = {
        "management_version": version.text,
        "rates_mode": "basic",
        "sample_retention_policies": RETENTION,
        "exchange_types": exchange_types(),
        "product_version": version.text,
        "product_name": "RabbitMQ",
        "rabbitmq_version": version.text,
        "cluster_name": call.node.cluster_name,
        "erlang_version": node.RUNTIME,
        "erlang_full_version": node.RUNTIME,
        "release_series_support_status": "supported",
        "disable_stats": not call.wants_statistics,
        "enable_queue_totals": call.wants_queue_totals,
    }
    if version.is_4:
        tags = call.broker.parameters.global_value("cluster_tags")
        facts |= {
            "cluster_tags": tags if isinstance(tags, dict) else {},
            "node_tags": {},
            "default_queue_type": "classic",
            "is_op_policy_updating_enabled": True,
            "require_definition_json_extension": False,
        }
    return facts


def exchange_types() -> list[dict[str, object]]:
    return [{"name": name, "description": described, "enabled": True} for name, described in node.EXCHANGE_TYPES]


def object_totals(call: Call) -> dict[str, object]:
    names = authorization.visible_virtual_hosts(call)
    virtual_hosts = [call.broker.virtual_hosts[name] for name in names]
    connections = [connection for connection in call.node.connections() if connection.virtual_host_name in names]
    channels = [channel for connection in connections for channel in connection.channels.values()]
    return {
        "channels": len(channels),
        "connections": len(connections),
        "consumers": sum(len(queue.consumers) for each in virtual_hosts for queue in each.queues.values()),
        "exchanges": sum(len(each.exchanges) for each in virtual_hosts),
        "queues": sum(len(each.queues) for each in virtual_hosts),
    }


def totals(call: Call) -> dict[str, object]:
    reading = call.node.reading_of_total()
    if not authorization.is_monitor(call.user):
        # Somebody's virtual hosts only: their sum has no past of its own, so it has no rates.
        sums = [call.node.totals(name) for name in authorization.visible_virtual_hosts(call)]
        values = tuple(map(sum, zip(counters.NO_TOTAL, *sums, strict=True)))
        reading = call.node.sampler.of(object(), values)
    rates, lengths = wanted_range(call.query, "msg_rates"), wanted_range(call.query, "lengths")
    return {
        "message_stats": counters.message_stats(reading, counters.TOTAL, counters.TOTAL_MESSAGES, rates).get("message_stats", {}),
        "queue_totals": counters.shown(reading, counters.TOTAL, counters.TOTAL_LENGTHS, lengths),
    }


def churn_rates(of: node.Node, wanted: Range | None) -> dict[str, object]:
    names = tuple(of.churn())
    return counters.shown(of.reading_of_churn(), names, range(len(names)), wanted)


def listeners(of: node.Node) -> list[dict[str, object]]:
    ordered = sorted(of.listenings, key=lambda listening: (listening.protocol, listening.port))
    return [
        {
            "node": of.name,
            "protocol": listening.protocol,
            "ip_address": listening.host,
            "port": listening.port,
            "socket_opts": {"backlog": 1024, "nodelay": True},
            "tls": listening.is_tls,
        }
        for listening in ordered
    ]


def contexts(of: node.Node) -> list[dict[str, object]]:
    described = {"http": "RabbitMQ Management", "http/prometheus": "RabbitMQ Prometheus"}
    return [
        {
            "ssl_opts": [],
            "node": of.name,
            "description": described[listening.protocol],
            "path": "/",
            "ip": listening.host,
            "port": str(listening.port),
        }
        for listening in of.listenings
        if listening.protocol in described
    ]


def who_am_i(call: Call) -> Answer:
    facts: dict[str, object] = {"name": call.user.name, "tags": sorted(call.user.tags)}
    if call.node.version.is_4:
        facts["is_internal_user"] = True
    return call.shown(facts)


def version(call: Call) -> Answer:
    return call.shown(call.node.version.text)


def extensions(call: Call) -> Answer:
    return call.shown([{"javascript": "dispatcher.js"}, {"javascript": "shovel.js"}])


def cluster_name(call: Call) -> Answer:
    return call.shown({"name": call.node.cluster_name})


def rename_cluster(call: Call) -> None:
    (name,) = call.required("name")
    if not isinstance(name, str):
        raise bad_request(["not_string", "name"])
    call.broker.parameters.set_global("cluster_name", name)


RESOURCES = [
    Resource("/overview", anyone, get=overview),
    Resource("/cluster-name", administrators_change, get=cluster_name, put=rename_cluster),
    Resource("/extensions", anyone, get=extensions),
    Resource("/whoami", anyone, get=who_am_i),
    Resource("/version", anyone, get=version),
]
