from decimal import Decimal

import pytest

from message_queues.broker.queues.erlang_terms import arguments_hash, printed, type_name
from message_queues.records.field_table import FieldValue, Timestamp


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("a", '<<"a">>', "longstr"),
        ("", "<<>>", "longstr"),
        ('say "a"', r'<<"say \"a\"">>', "longstr"),
        ("é", '<<"é"/utf8>>', "longstr"),
        (b"\x00\xff", "<<0,255>>", "binary"),
        (1, "1", "signedint"),
        (-(1 << 31), "-2147483648", "signedint"),
        (1 << 31, "2147483648", "long"),
        (True, "true", "bool"),
        (False, "false", "bool"),
        (1.5, "1.5", "double"),
        (None, "undefined", "void"),
        (Timestamp(7), "7", "timestamp"),
        (Decimal("1.5"), "1.5", "decimal"),
        ([1, "a"], '[{signedint,1},{longstr,<<"a">>}]', "array"),
        ({"a": True}, '[{<<"a">>,bool,true}]', "table"),
    ],
)
def test_values_are_shown_as_erlang_prints_them(value: FieldValue, text: str, kind: str) -> None:
    assert (printed(value), type_name(value)) == (text, kind)


def test_arguments_are_told_apart_whatever_their_order() -> None:
    assert arguments_hash({"a": 1, "b": 2}) == arguments_hash({"b": 2, "a": 1}) != arguments_hash({"a": 1, "b": 3})
    assert len(arguments_hash({"a": 1})) == 6
