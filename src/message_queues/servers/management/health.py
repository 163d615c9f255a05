"""Health checks: `{"status": "ok"}`, or 503 with `{"status": "failed", "reason": …}` and what is wrong."""

import re
import ssl
import time

from message_queues.errors import MessageQueuesError
from message_queues.servers.management.answers import Answer, bad_request, document
from message_queues.servers.management.authorization import anyone, of_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.node import Listening
from message_queues.servers.management.publishing import check_alive
from message_queues.servers.management.resource import Resource

UNIT_DAYS = {"days": 1, "weeks": 7, "months": 30, "years": 365}
DAY_S = 86_400

SAME_PROTOCOLS = {
    **dict.fromkeys(("amqp091", "amqp0.9.1", "amqp0-9-1", "amqp0_9_1", "amqp10", "amqp1.0", "amqp1-0", "amqp1_0"), "amqp"),
    "amqps": "amqp/ssl",
    **dict.fromkeys(("http1", "http1.1", "http_api", "management", "management_ui", "ui"), "http"),
}
"""Other names of what this server can speak."""


def ok(call: Call) -> Answer:
    return call.shown({"status": "ok"})


def failed(reason: str, **facts: object) -> Answer:
    return document({"status": "failed", "reason": reason, **facts}, 503)


def alarms(call: Call) -> Answer:
    return _alarms(call, "There are alarms in effect in the cluster")


def local_alarms(call: Call) -> Answer:
    return _alarms(call, "There are alarms in effect on the node")


def _alarms(call: Call, reason: str) -> Answer:
    found = [{"node": call.node.name, "resource": alarm} for alarm in call.node.alarms()]
    return failed(reason, alarms=found) if found else ok(call)


def certificates(call: Call) -> Answer:
    unit = UNIT_DAYS.get(call.name("unit").lower())
    if not re.fullmatch(r"[0-9]{1,9}", call.name("within")):
        raise bad_request("Invalid expiration value.")
    if unit is None:
        raise bad_request("Time unit not recognised. Supported units: days, weeks, months, years.")
    latest_s = time.time() + int(call.name("within")) * unit * DAY_S
    expiring = [facts for listening in call.node.listenings if (facts := expires_before(call, listening, latest_s))]
    return failed("Certificates expiring", expired=expiring) if expiring else ok(call)


def expires_before(call: Call, listening: Listening, latest_s: float) -> dict[str, object] | None:
    """When its certificate ends, if that is before then."""
    if not listening.certificate_path:
        return None
    try:
        # The standard library reads certificates of files nowhere else.
        decoded = ssl._ssl._test_decode_cert(listening.certificate_path)  # type: ignore[attr-defined]
        ends_s = ssl.cert_time_to_seconds(decoded["notAfter"])
    except (OSError, ssl.SSLError, KeyError, ValueError):
        return None
    if ends_s > latest_s:
        return None
    return {
        "node": call.node.name,
        "protocol": listening.protocol,
        "interface": listening.host,
        "port": listening.port,
        "certfile": listening.certificate_path,
        "cacertfile": "",
        "certfile_expires_on": [time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ends_s))],
        "cacertfile_expires_on": [],
    }


def port_listener(call: Call) -> Answer:
    if not re.fullmatch(r"[0-9]{1,9}", call.name("port")):
        raise bad_request("Invalid port")
    port = int(call.name("port"))
    ports = [listening.port for listening in call.node.listenings]
    if port in ports:
        return call.shown({"status": "ok", "port": port})
    return failed("No active listener", missing=port, ports=ports)


def protocol_listener(call: Call) -> Answer:
    active = sorted({listening.protocol for listening in call.node.listenings})
    wanted = {SAME_PROTOCOLS.get(name.lower(), name.lower()) for name in call.name("protocols").split(",")}
    missing = sorted(wanted - set(active))
    is_list = call.node.version.is_4
    if missing:
        return failed("No active listener", missing=missing if is_list else missing[0], protocols=active)
    return call.shown({"status": "ok", "protocols": active} if is_list else {"status": "ok", "protocol": min(wanted)})


def single_node(call: Call) -> Answer:
    return call.shown({"status": "ok", "reason": "single node cluster"})


def connection_limit(call: Call) -> Answer:
    return failed("node connection limit is reached") if call.node.is_full else ok(call)


def ready_for_clients(call: Call) -> Answer:
    if not any(listening.protocol.startswith("amqp") for listening in call.node.listenings):
        return failed("no active listeners for AMQP/AMQPS")
    if call.node.is_full:
        return failed("node connection limit is reached", connections=len(call.node.connections()))
    return ok(call)


def virtual_host_exists(call: Call) -> bool:
    return call.virtual_host_name in call.broker.virtual_hosts


def aliveness(call: Call) -> Answer:
    """RabbitMQ 3 sends a message through a queue of the virtual host; version 4 only looks whether it can be opened."""
    if not call.node.version.is_4:
        try:
            check_alive(call)
        except MessageQueuesError as error:
            return failed(str(error))
    return ok(call)


def is_this_node(call: Call) -> bool:
    return call.names.get("node", call.node.name) == call.node.name


def check(path: str, get: object) -> Resource:
    assert callable(get)
    return Resource(f"/health/checks/{path}", anyone, get=get)


LEADERLESS = "quorum-queues-without-elected-leaders"

RESOURCES = [
    Resource("/aliveness-test/:vhost", of_virtual_host, get=aliveness, exists=virtual_host_exists),
    Resource("/healthchecks/node", anyone, get=ok),
    Resource("/healthchecks/node/:node", anyone, get=ok, exists=is_this_node),
    check("alarms", alarms),
    check("local-alarms", local_alarms),
    check("certificate-expiration/:within/:unit", certificates),
    check("port-listener/:port", port_listener),
    check("protocol-listener/:protocols", protocol_listener),
    check("virtual-hosts", ok),
    check("node-is-quorum-critical", single_node),
    check("node-is-mirror-sync-critical", single_node),
    check("is-in-service", ok),
    check("below-node-connection-limit", connection_limit),
    check("ready-to-serve-clients", ready_for_clients),
    check("reached-target-cluster-size", ok),
    check("metadata-store/initialized", ok),
    check("metadata-store/initialized/with-data", ok),
    check(f"{LEADERLESS}/all-vhosts", ok),
    check(f"{LEADERLESS}/all-vhosts/pattern/:pattern", ok),
    check(f"{LEADERLESS}/vhost/:vhost", ok),
    check(f"{LEADERLESS}/vhost/:vhost/pattern/:pattern", ok),
]
