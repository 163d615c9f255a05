"""An answer as plain JSON that two brokers can be compared by: defaults are left out, error codes are named, and what differs from run
to run (names of topics and groups, ids, addresses, sizes of the disk) has a placeholder instead.
"""

import re
from collections.abc import Mapping
from typing import Any

from message_queues.protocols.kafka.error_codes import ErrorCode
from message_queues.protocols.kafka.message import UNSET, Struct
from message_queues.records.batch import read_records, split_batches

PLACEHOLDERS: dict[str, str] = {
    "host": "<host>",
    "port": "<port>",
    "cluster_id": "<cluster>",
    "log_dir": "<directory>",
    "total_bytes": "<bytes>",
    "usable_bytes": "<bytes>",
    "documentation": "<text>",
    "session_id": "<session>",
    "log_append_time_ms": "<time>",
    "producer_id": "<producer id>",
    "finalized_features_epoch": "<epoch>",
}
"""Fields whose value, unless it is the default, says nothing."""

RANDOM_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


TIME = re.compile(r"-?\b\d{13,}\b")
"""Milliseconds in a text; they move with the clock."""

UNORDERED = frozenset({"configs", "topics", "responses", "results", "groups", "partitions", "partition_responses", "coordinators"})
"""Lists that a real broker answers in the order of its hash tables."""


def plain(value: object, names: Mapping[str, str], topic_ids: Mapping[bytes, str], field: str = "") -> Any:
    """`names` and `topic_ids` map what this run made up to what stands for it."""
    if isinstance(value, Struct):
        return {name: plain(each, names, topic_ids, name) for name, each in fields_that_differ(value)}
    if isinstance(value, list):
        items = [plain(each, names, topic_ids, field) for each in value]
        return sorted(items, key=place) if field in UNORDERED else items
    if field in PLACEHOLDERS:
        return PLACEHOLDERS[field]
    if field.endswith("error_code") and isinstance(value, int):
        return next(code.name for code in ErrorCode if code == value)
    if field == "records" and isinstance(value, bytes):
        return plain_records(value)
    if field == "topic_id" and isinstance(value, bytes):
        return topic_ids.get(value, "<unknown id>")
    if isinstance(value, bytes):
        value = value.decode("ascii", "backslashreplace")
    if isinstance(value, str):
        for name, placeholder in names.items():
            value = value.replace(name, placeholder)
        return TIME.sub("<time>", RANDOM_UUID.sub("<uuid>", value))
    return value


def place(item: Any) -> tuple[str, int, str]:
    """Where an item stands in a list whose order means nothing: by its name, else by its number."""
    if not isinstance(item, dict):
        return "", 0, str(item)
    name = next((str(item[key]) for key in ("name", "topic", "topic_id", "group_id", "resource_name", "key") if key in item), "")
    number = next((item[key] for key in ("index", "partition_index", "partition") if key in item), 0)
    return name, number, ""


def fields_that_differ(struct: Struct) -> list[tuple[str, object]]:
    """The fields that do not hold their default, in declared order."""
    found = []
    for declared in type(struct).declared_fields:
        value = getattr(struct, declared.name)
        default = declared.new_default() if declared.default is UNSET else declared.default
        if value != default:
            found.append((declared.name, value))
    return found


def plain_records(data: bytes) -> list[str]:
    """A line for each batch: its offsets, epoch and content."""
    lines = []
    for batch, header in zip(*split(data), strict=True):
        values = [(record.offset, record.key, record.value) for record in read_records(batch)]
        lines.append(f"{header.base_offset}-{header.last_offset} epoch {header.leader_epoch} attributes {header.attributes} {values}")
    return lines


def split(data: bytes) -> tuple[list[bytes], list[Any]]:
    """The whole batches of a fetch; a torn one at the end is what a broker may send, and is left out."""
    batches, headers, position = [], [], 0
    while position + 12 <= len(data):
        size = int.from_bytes(data[position + 8 : position + 12], "big") + 12
        if position + size > len(data):
            break
        batch = data[position : position + size]
        batches.append(batch)
        headers.append(split_batches(batch)[0][1])
        position += size
    return batches, headers
