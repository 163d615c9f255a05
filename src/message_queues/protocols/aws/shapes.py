"""How AWS's Query protocol and its XML spell lists and maps. JSON has its own.

A flattened list repeats its item beside the other fields: `AttributeName.1=All`, `<AttributeName>All</AttributeName>`; others stand under
the field's name: `Tags.member.1.Key=a`, `<Tags><member>…`. So do maps: `Attribute.1.Name=a`, or `Attributes.entry.1.key=a`.
"""

from typing import NamedTuple


class QueryList(NamedTuple):
    item: str | None
    """Name of each item, if the list is flattened."""


class QueryMap(NamedTuple):
    entry: str | None
    """Name of each entry, if the map is flattened."""
    key: str
    value: str
