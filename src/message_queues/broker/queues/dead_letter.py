"""What a message carries after it died, and which queues it may not come back to (RabbitMQ's rabbit_dead_letter and mc). Pure.

`x-death` is an array of tables, the latest first, one for each queue and reason: count, reason, queue, time (of the first such death),
exchange, routing-keys, original-expiration. `x-first-death-…` and, since RabbitMQ 3.13, `x-last-death-…` name reason, queue and exchange.
Which releases differ: until 3.12 the CC header goes when the routing key is replaced; until 3.13 an x-death that a publisher sends is
taken for the broker's own, later it is replaced at the first death.
"""

from dataclasses import dataclass
from typing import Final

from message_queues.broker.queues.message import QueueMessage
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp
from message_queues.records.properties import read_attributes, with_headers

REJECTED: Final = "rejected"
EXPIRED: Final = "expired"
MAXLEN: Final = "maxlen"
DELIVERY_LIMIT: Final = "delivery_limit"

X_DEATH: Final = "x-death"


@dataclass(frozen=True, slots=True)
class DeathCustoms:
    """Where releases of RabbitMQ differ."""

    trusts_publishers: bool
    """An x-death header that a publisher sent counts as the broker's own: until 3.13."""
    names_last: bool
    """x-last-death-…: since 3.13."""
    keeps_copies: bool
    """The CC header stays when the routing key is replaced: since 3.13."""


@dataclass(frozen=True, slots=True)
class Death:
    queue: str
    reason: str
    at_ms: int
    exchange: str
    """The dead letter exchange."""
    routing_key: str | None
    """The dead letter routing key; None keeps the message's own keys, CC and BCC included."""


def record_death(message: QueueMessage, death: Death, customs: DeathCustoms) -> QueueMessage:
    """The message to publish to the dead letter exchange."""
    deaths = _deaths_of(message) if message.has_died or customs.trusts_publishers else []
    changed: FieldTable = {}
    if not deaths:
        changed |= _named("first", message, death)
    if customs.names_last:
        changed |= _named("last", message, death)
    changed[X_DEATH] = _with_death(deaths, message, death)
    replaced = death.routing_key is not None
    removed = ("CC",) if replaced and not customs.keeps_copies else ()
    properties = with_headers(message.properties, changed, removed, drop_expiration=True)
    return QueueMessage(
        death.exchange,
        message.routing_key if death.routing_key is None else death.routing_key,
        properties,
        message.body,
        read_attributes(properties),
        () if replaced else message.other_keys,
        has_died=True,
    )


def is_cycle(message: QueueMessage, queue: str) -> bool:
    """Whether this dead letter has been in the queue before and no client has rejected it since: it would go round for ever."""
    for death in _deaths_of(message):
        if death.get("reason") == REJECTED:
            return False
        if death.get("queue") == queue:
            return True
    return False


def _deaths_of(message: QueueMessage) -> list[FieldTable]:
    """Its x-death; what is no list of tables counts for nothing."""
    if not message.attributes.has_headers:
        return []
    deaths = message.attributes.headers.get(X_DEATH)
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []


def _named(which: str, message: QueueMessage, death: Death) -> FieldTable:
    return {
        f"x-{which}-death-reason": death.reason,
        f"x-{which}-death-queue": death.queue,
        f"x-{which}-death-exchange": message.exchange,
    }


def _with_death(deaths: list[FieldTable], message: QueueMessage, death: Death) -> list[FieldValue]:
    """The same death again only counts, and becomes the latest."""
    same = [earlier for earlier in deaths if earlier.get("queue") == death.queue and earlier.get("reason") == death.reason]
    others: list[FieldValue] = [earlier for earlier in deaths if earlier not in same]
    if same:
        count = same[0].get("count")
        return [{**same[0], "count": count + 1 if isinstance(count, int) else 1}, *others]
    # A CC header that outlived a replaced routing key routes nothing any more.
    copies = message.attributes.carbon_copies if message.other_keys else ()
    keys: list[FieldValue] = [message.routing_key, *copies]
    latest: FieldTable = {
        "count": 1,
        "reason": death.reason,
        "queue": death.queue,
        "time": Timestamp(death.at_ms // 1000),
        "exchange": message.exchange,
        "routing-keys": keys,
    }
    if message.attributes.expiration is not None:
        latest = {"original-expiration": message.attributes.expiration, **latest}
    return [latest, *others]
