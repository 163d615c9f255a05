"""Publishing to an exchange and getting from a queue over HTTP: for tests and for a look, one message or a few at a time.

Both behave as a channel that is opened for the call: the permissions of AMQP hold, and what it did is counted.
"""

import base64
import binascii
import re

from message_queues.broker.queues.consumer import ReturnReason
from message_queues.broker.queues.declarations import QueueSpec
from message_queues.broker.queues.message import Entry, QueueMessage
from message_queues.broker.queues.virtual_host import AnyQueue, VirtualHost
from message_queues.errors import AccessRefused, PreconditionFailed
from message_queues.records.properties import Properties, read_attributes, read_properties, with_headers, write_properties
from message_queues.servers.amqp.counters import ChannelCounters
from message_queues.servers.amqp.publishing import REFUSED, TOPIC, check_expiration
from message_queues.servers.management.answers import Answer, bad_request
from message_queues.servers.management.authorization import of_virtual_host
from message_queues.servers.management.call import Call
from message_queues.servers.management.direct_methods import READ, WRITE, check_exchange, check_opens, check_queue, direct_channel
from message_queues.servers.management.exchanges import exists as exchange_exists
from message_queues.servers.management.listing import Item
from message_queues.servers.management.queues import exists as queue_exists
from message_queues.servers.management.resource import Resource
from message_queues.servers.management.tables import field_table, integer, json_table

ACK_MODES = {"ack_requeue_true": True, "ack_requeue_false": False, "reject_requeue_true": True, "reject_requeue_false": False}
"""Each with whether the messages come back to the queue."""
ALIVENESS_QUEUE = "aliveness-test"
MOST_MESSAGES = 10_000
MOST_BYTES = 100 * 1024 * 1024
"""Bodies that one answer of `get` may hold."""
NOT_PUBLISHED = "Unable to publish message. Check queue limits."

TEXTS = (
    "content_type", "content_encoding", "correlation_id", "reply_to", "expiration", "message_id", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip
NUMBERS = ("delivery_mode", "priority", "timestamp")


# Publishing


def publish(call: Call) -> Answer:
    routing_key, properties, payload, encoding = call.required("routing_key", "properties", "payload", "payload_encoding")
    if not isinstance(payload, str):
        raise bad_request("payload_not_string")
    virtual_host = opened(call)
    written = write_properties(properties_of(properties))
    body = decoded(payload, encoding)
    if not isinstance(routing_key, str):
        raise bad_request(["not_string", "routing_key"])
    with direct_channel(tells_kind=False):
        routed = send(call, virtual_host, call.name("exchange"), routing_key, written, body)
    if routed & REFUSED:
        raise bad_request(f"rejected {NOT_PUBLISHED}")
    return call.shown({"routed": routed != 0})


def opened(call: Call) -> VirtualHost:
    """The virtual host, as a channel opens it. Raises Refused."""
    name = call.name("vhost")
    check_opens(call, name)
    return call.virtual_host()


def send(call: Call, virtual_host: VirtualHost, exchange_name: str, routing_key: str, properties: bytes, body: bytes) -> int:
    """Raises what a channel would be closed with."""
    check_exchange(call, virtual_host.name, exchange_name, WRITE)
    exchange = virtual_host.exchange(exchange_name)
    if exchange.is_internal:
        raise AccessRefused(f"cannot publish to internal exchange '{exchange_name}' in vhost '{virtual_host.name}'")
    attributes = read_attributes(properties)
    other_keys = (*attributes.carbon_copies, *attributes.blind_copies)
    if attributes.expiration is not None:
        check_expiration(attributes.expiration)
    if exchange.kind == TOPIC:
        for key in (routing_key, *other_keys):
            call.broker.access.check_topic(call.user, virtual_host.name, exchange_name, key, WRITE)
    check_user_id(call, attributes.user_id)
    if len(body) > call.node.version.max_message_bytes:
        raise PreconditionFailed(f"message size {len(body)} is larger than configured max size {call.node.version.max_message_bytes}")
    kept = with_headers(properties, {}, ("BCC",)) if attributes.blind_copies else properties
    message = QueueMessage(exchange_name, routing_key, kept, body, read_attributes(kept), other_keys)
    result = virtual_host.publish(exchange, message)
    count_publish(call, virtual_host.name, result)
    return result


def check_user_id(call: Call, user_id: str | None) -> None:
    if user_id is not None and user_id != call.user.name and "impersonator" not in call.user.tags:
        raise PreconditionFailed(f"user_id property set to '{user_id}' but authenticated user was '{call.user.name}'")


def count_publish(call: Call, virtual_host: str, result: int) -> None:
    if call.node.amqp is None:
        return
    counted = ChannelCounters()
    counted.published = 1
    counted.returned_unroutable = int(result == 0)
    counted.confirmed = int(not result & REFUSED)
    call.node.amqp.count_closed(virtual_host, counted)


def properties_of(document: object) -> Properties:
    """Raises Refused."""
    if document == []:
        return Properties()
    if not isinstance(document, dict):
        raise bad_request("properties must be an object")
    for name in NUMBERS:
        value = document.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_request(["not_int", name])
    for name in TEXTS:
        if not isinstance(document.get(name, ""), str):
            raise bad_request(["not_string", name])
    properties = Properties(**{name: document[name] for name in (*NUMBERS, *TEXTS) if name in document})
    if "headers" in document:
        properties.headers = field_table(document["headers"])
    return properties


def decoded(payload: str, encoding: object) -> bytes:
    """Raises Refused."""
    if encoding == "string":
        return payload.encode("utf-8", "surrogateescape")
    if encoding != "base64":
        raise bad_request(["unsupported_encoding", encoding])
    try:
        return base64.b64decode(re.sub(r"\s", "", payload), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(["not_base64", payload]) from error


# Getting


def get(call: Call) -> Answer:
    mode, count, encoding = call.required("ackmode", "count", "encoding")
    if encoding not in ("auto", "base64"):
        raise bad_request("Unsupported encoding. Please use auto or base64.")
    if not isinstance(mode, str) or mode not in ACK_MODES:
        valid = "ack_requeue_true, ack_requeue_false, reject_requeue_true, reject_requeue_false"
        raise bad_request(f"Invalid ackmode value: {mode}. Valid values are: {valid}")
    most = max(0, min(integer(count), MOST_MESSAGES))
    truncate = integer(call.content()["truncate"]) if "truncate" in call.content() else None
    virtual_host = opened(call)
    with direct_channel(tells_kind=True):
        check_queue(call, virtual_host.name, call.name("queue"), READ)
        queue = virtual_host.queue(call.name("queue"), None)
        taken = take(queue, most, mode)
    return call.shown([message_facts(queue, entry, left, encoding == "auto", truncate) for entry, left in taken])


def take(queue: AnyQueue, most: int, mode: str) -> list[tuple[Entry, int]]:
    """Messages, each with how many were left behind it; all stay out until the last is taken."""
    no_ack = mode == "ack_requeue_false"
    taken: list[tuple[Entry, int]] = []
    size = 0
    while len(taken) < most and size < MOST_BYTES:
        entry = queue.get(no_ack)
        if entry is None:
            break
        size += len(entry.message.body)
        taken.append((entry, queue.message_count))
    entries = [entry for entry, _ in taken]
    # What it says of a message is what was true when it was handed out.
    shown = [(seen(entry), left) for entry, left in taken]
    if ACK_MODES[mode]:
        queue.requeue(entries, ReturnReason.REJECT if mode.startswith("reject") else ReturnReason.NACK)
    elif not no_ack:
        for entry in entries:
            queue.reject(entry)
    return shown


def seen(entry: Entry) -> Entry:
    copy = Entry(entry.message, entry.position, entry.level, entry.enqueued_ms, entry.expires_at_ms)
    copy.redelivered, copy.delivery_count, copy.acquired_count = entry.redelivered, entry.delivery_count, entry.acquired_count
    return copy


def message_facts(queue: AnyQueue, entry: Entry, left: int, is_auto: bool, truncate: int | None) -> Item:
    message = entry.message
    payload, encoding = shown_payload(message.body[:truncate], is_auto)
    return {
        "payload_bytes": len(message.body),
        "redelivered": entry.redelivered,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "message_count": left,
        "properties": property_facts(read_properties(queue.delivery_properties(entry))),
        "payload": payload,
        "payload_encoding": encoding,
    }


def shown_payload(body: bytes, is_auto: bool) -> tuple[str, str]:
    if is_auto:
        try:
            return body.decode(), "string"
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), "base64"


def property_facts(properties: Properties) -> object:
    """Those that are set; none are an empty list, as Erlang writes an empty object."""
    facts: Item = {}
    for name in (*TEXTS, *NUMBERS):
        value = getattr(properties, name)
        if value is not None:
            facts[name] = int(value) if name in NUMBERS else value
    if properties.headers is not None:
        facts["headers"] = json_table(properties.headers)
    return facts or []


# Is it alive


def check_alive(call: Call) -> None:
    """A message through a queue of its own. Raises Refused."""
    virtual_host = opened(call)
    with direct_channel(tells_kind=True):
        virtual_host.declare_queue(QueueSpec(name=ALIVENESS_QUEUE, is_durable=False), None)
        send(call, virtual_host, "", ALIVENESS_QUEUE, write_properties(Properties()), b"test_message")
        virtual_host.queue(ALIVENESS_QUEUE, None).get(no_ack=True)


RESOURCES = [
    Resource(
        "/exchanges/:vhost/:exchange/publish",
        of_virtual_host,
        post=publish,
        exists=exchange_exists,
        can_post_to_missing=False,
        missing_reason="exchange_not_found",
    ),
    Resource(
        "/queues/:vhost/:queue/get",
        of_virtual_host,
        post=get,
        exists=queue_exists,
        can_post_to_missing=False,
        missing_reason="queue_not_found",
    ),
]
