"""The field tables of methods. pamqp has types of its own for them; what methods.py reads are those of records/field_table.py."""

from typing import Any

from message_queues.records.field_table import FieldTable


def table(given: Any) -> FieldTable:
    return given if isinstance(given, dict) else {}
