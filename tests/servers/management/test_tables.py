from decimal import Decimal

import pytest

from message_queues.records.field_table import FieldValue, Timestamp
from message_queues.servers.management.answers import Refused
from message_queues.servers.management.tables import boolean, field_table, integer, json_table


def test_json_becomes_a_field_table_and_comes_back() -> None:
    document = {"i": 1, "f": 1.5, "b": True, "s": "x", "l": [1, "a", {"deep": []}], "t": {"k": 2}}
    assert json_table(field_table(document)) == document


def test_what_json_cannot_say_comes_out_as_what_is_nearest() -> None:
    table: dict[str, FieldValue] = {"time": Timestamp(5), "decimal": Decimal("1.5"), "bytes": b"a\xff"}
    assert json_table(table) == {"time": 5, "decimal": 1.5, "bytes": "a\ufffd"}


def test_no_arguments_and_an_empty_list_are_an_empty_table() -> None:
    assert field_table(None) == field_table([]) == {}


@pytest.mark.parametrize("document", ["x", [1], 5])
def test_arguments_must_be_an_object(document: object) -> None:
    with pytest.raises(Refused):
        field_table(document)


def test_a_number_that_no_field_holds_is_refused() -> None:
    with pytest.raises(Refused):
        field_table({"x": 2**63})


def test_null_is_refused_as_rabbitmq_does() -> None:
    with pytest.raises(Refused) as caught:
        field_table({"x": None})
    assert caught.value.reason == "null_not_allowed"


def test_truth_may_be_text() -> None:
    assert (boolean(True), boolean("true"), boolean("false")) == (True, True, False)
    with pytest.raises(Refused) as caught:
        boolean("maybe")
    assert caught.value.reason == ["not_boolean", "maybe"]


def test_a_number_may_be_text() -> None:
    assert (integer(5), integer("5")) == (5, 5)
    for wrong in ("x", True, None, 1.5):
        with pytest.raises(Refused):
            integer(wrong)
