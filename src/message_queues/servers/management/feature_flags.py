"""Feature flags, all of them on, and deprecated features, as a RabbitMQ of this version would list them."""

from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.authorization import administrators, anyone
from message_queues.servers.management.call import Call
from message_queues.servers.management.listing import Item
from message_queues.servers.management.resource import JSON, Resource

FLAGS = (
    ("classic_mirrored_queue_version", "Support setting version for classic mirrored queues", (3, 10)),
    ("classic_queue_type_delivery_support", "Bug fix for classic queue deliveries using mixed versions", (3, 11)),
    ("detailed_queues_endpoint", "Add a detailed queues HTTP API endpoint. Reduce number of metrics in the default endpoint.", (3, 13)),
    ("direct_exchange_routing_v2", "v2 direct exchange routing implementation", (3, 11)),
    ("drop_unroutable_metric", "Count unroutable publishes to be dropped in stats", (3, 8)),
    ("empty_basic_get_metric", "Count AMQP `basic.get` on empty queues in stats", (3, 8)),
    ("feature_flags_v2", "Feature flags subsystem V2", (3, 11)),
    ("implicit_default_bindings", "Default bindings are now implicit, instead of being stored in the database", (3, 8)),
    ("khepri_db", "New Raft-based metadata store.", (4, 0)),
    ("listener_records_in_ets", "Store listener records in ETS instead of Mnesia", (3, 11)),
    ("maintenance_mode_status", "Maintenance mode status", (3, 8)),
    ("message_containers", "Message containers.", (3, 13)),
    ("message_containers_deaths_v2", "Bug fix for dead letter cycle detection", (3, 13)),
    ("quorum_queue", "Support queues of type `quorum`", (3, 8)),
    ("quorum_queue_non_voters", "Allows new quorum queue members to be added as non voters initially.", (4, 0)),
    ("rabbitmq_4.0.0", "Allows rolling upgrades from 3.13.x to 4.0.x", (4, 0)),
    ("rabbitmq_4.1.0", "Allows rolling upgrades to 4.1.x", (4, 1)),
    ("rabbitmq_4.2.0", "Allows rolling upgrades to 4.2.x", (4, 2)),
    ("rabbitmq_4.3.0", "Allows rolling upgrades to 4.3.x", (4, 3)),
    ("restart_streams", "Support for restarting streams with optional preferred next leader argument.", (3, 12)),
    ("stream_filtering", "Support for stream filtering.", (3, 13)),
    ("stream_queue", "Support queues of type `stream`", (3, 9)),
    ("stream_sac_coordinator_unblock_group", "Bug fix to unblock a group of consumers in a super stream partition", (3, 12)),
    ("stream_single_active_consumer", "Single active consumer for streams", (3, 11)),
    ("stream_update_config_command", "A new internal command that is used to update streams as part of a policy.", (3, 13)),
    ("tracking_records_in_ets", "Store tracking records in ETS instead of Mnesia", (3, 11)),
    ("user_limits", "Configure connection and channel limits for a user", (3, 8)),
    ("virtual_host_metadata", "Virtual host metadata (description, tags, etc)", (3, 8)),
)
"""Each with the version that brought it."""

DEPRECATED = (
    ("amqp_address_v1", "permitted_by_default", (4, 0)),
    ("amqp_filter_set_bug", "permitted_by_default", (4, 0)),
    ("classic_queue_mirroring", "removed", (3, 13)),
    ("global_qos", "permitted_by_default", (3, 13)),
    ("management_metrics_collection", "permitted_by_default", (3, 13)),
    ("queue_master_locator", "permitted_by_default", (4, 0)),
    ("ram_node_type", "removed", (3, 13)),
    ("transient_nonexcl_queues", "permitted_by_default", (3, 13)),
)
DENIED_SINCE_4_3 = frozenset(("amqp_address_v1", "amqp_filter_set_bug", "global_qos", "queue_master_locator", "transient_nonexcl_queues"))


def feature_flags(call: Call) -> Answer:
    version = call.node.version
    listed: list[Item] = []
    for name, described, since in FLAGS:
        if since > version.pair:
            continue
        flag: Item = {"name": name, "desc": described, "doc_url": "", "state": "enabled", "stability": "required", "provided_by": "rabbit"}
        if version.is_4:
            flag |= {"require_level": "hard", "experiment_level": "unsupported", "callbacks": []}
        else:
            flag["stability"] = "stable"
        listed.append(flag)
    return call.listed(listed, ("name",))


def allowed(call: Call) -> None:
    # RabbitMQ 3 shows them to administrators only.
    (anyone if call.node.version.is_4 else administrators)(call)


def enable(call: Call) -> None:
    """They are on already."""
    name = call.name("name")
    if name != "all" and not any(name == known and since <= call.node.version.pair for known, _, since in FLAGS):
        raise bad_request("unsupported")


def deprecated_facts(call: Call) -> list[Item]:
    version = call.node.version
    listed: list[Item] = []
    for name, phase, since in DEPRECATED:
        if since > version.pair:
            continue
        if version.pair >= (4, 3) and name in DENIED_SINCE_4_3:
            phase = "denied_by_default"
        state = "permitted" if phase == "permitted_by_default" else "denied"
        listed.append({"name": name, "desc": "", "deprecation_phase": phase, "doc_url": "", "provided_by": "rabbit", "state": state})
    return listed


def deprecated_features(call: Call) -> Answer:
    return call.listed(deprecated_facts(call), ("name",))


def used_deprecated_features(call: Call) -> Answer:
    uses_transient = any(
        not queue.is_durable and queue.owner is None for each in call.broker.virtual_hosts.values() for queue in each.queues.values()
    )
    used = {"management_metrics_collection", *(("transient_nonexcl_queues",) if uses_transient else ())}
    return call.listed([facts for facts in deprecated_facts(call) if facts["name"] in used], ("name",))


RESOURCES = [
    Resource("/feature-flags", allowed, get=feature_flags),
    Resource("/feature-flags/:name/enable", administrators, put=enable, exists=lambda call: True, accepts=JSON),
    Resource("/deprecated-features", anyone, get=deprecated_features),
    Resource("/deprecated-features/used", anyone, get=used_deprecated_features),
]
