import random
from decimal import Decimal

import pytest

from message_queues.broker.queues.bindings import QUEUE, Binding
from message_queues.broker.queues.header_bindings import HeaderBindings, check_x_match
from message_queues.errors import PreconditionFailed
from message_queues.records.field_table import FieldTable, FieldValue, Timestamp
from tests.broker.queues.published import published


def is_match(arguments: FieldTable, headers: FieldTable | None) -> bool:
    table = HeaderBindings()
    table.add(Binding("x", "q", QUEUE, "", arguments))
    return bool(table.match(published(headers=headers)))


@pytest.mark.parametrize(
    ("arguments", "headers", "expected"),
    [
        ({}, None, True),
        ({"x-match": "any"}, {"a": 1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, None, False),
        ({"x-match": "all", "a": 1, "b": 2}, {"a": 1, "b": 2}, True),
        ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}, True),
        ({"x-match": "any", "a": 1, "b": 2}, {"a": 2, "b": 1}, False),
        ({"x-match": "any", "x-a": 1}, {"x-a": 1}, False),
        ({"x-match": "any-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "all", "x-a": 1}, {}, True),
        ({"x-match": "all-with-x", "x-a": 1}, {}, False),
        ({"x-match": "all-with-x", "x-a": 1, "b": 2}, {"x-a": 1, "b": 2}, True),
        ({"x-match": "any-with-x", "b": 2}, {"x-match": "any-with-x"}, False),
    ],
)
def test_x_match_says_which_headers_must_be_there(arguments: FieldTable, headers: FieldTable | None, expected: bool) -> None:
    assert is_match(arguments, headers) == expected


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        (None, 1, True),
        (None, None, True),
        (None, [1], True),
        (1, 1, True),
        (1, True, False),
        (True, True, True),
        (0, False, False),
        (1, 1.0, False),
        (1.5, 1.5, True),
        (1, "1", False),
        ("a", "a", True),
        ("a", "A", False),
        ("a", b"a", True),
        (1 << 40, 1 << 40, True),
        (Decimal("1.0"), Decimal("1.0"), True),
        (Decimal("1.0"), Decimal("1.00"), False),
        (Timestamp(5), Timestamp(5), True),
        (Timestamp(5), 5, False),
        ([1, "a"], [1, "a"], True),
        ([1, "a"], ["a", 1], False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": True}, False),
    ],
)
def test_values_match_as_they_are_and_nothing_asks_for_presence(wanted: FieldValue, value: FieldValue, expected: bool) -> None:
    assert is_match({"h": wanted}, {"h": value}) == expected
    assert is_match({"x-match": "any", "h": wanted}, {"h": value}) == expected
    assert not is_match({"h": wanted}, {"other": value})


def test_headers_agree_with_comparing_each_binding() -> None:
    seeded = random.Random(5)
    names = ["a", "b", "x-c", "d"]
    values: list[FieldValue] = [1, 2, "1", True, None, 1.0]
    for _ in range(1_000):
        table = HeaderBindings()
        bindings = {Binding("x", "q", QUEUE, str(number), some_arguments(seeded, names, values)) for number in range(seeded.randint(1, 12))}
        for binding in bindings:
            table.add(binding)
        gone = set(seeded.sample(sorted(bindings, key=str), k=len(bindings) // 3))
        for binding in gone:
            table.remove(binding)
        for _ in range(10):
            headers = {name: seeded.choice(values) for name in names if seeded.random() < 0.7}
            expected = {binding for binding in bindings - gone if naive_match(binding.arguments, headers)}
            assert set(table.match(published(headers=headers))) == expected


def some_arguments(seeded: random.Random, names: list[str], values: list[FieldValue]) -> FieldTable:
    arguments = {name: seeded.choice(values) for name in names if seeded.random() < 0.4}
    x_match = seeded.choice([None, "all", "any", "all-with-x", "any-with-x"])
    return arguments if x_match is None else {"x-match": x_match, **arguments}


def naive_match(arguments: FieldTable, headers: FieldTable) -> bool:
    x_match = str(arguments.get("x-match", "all"))
    met = [
        name in headers and (value is None or (type(value) is type(headers[name]) and value == headers[name]))
        for name, value in arguments.items()
        if name != "x-match" and (x_match.endswith("-with-x") or not name.startswith("x-"))
    ]
    return any(met) if x_match.startswith("any") else all(met)


def test_what_was_removed_leaves_nothing_behind() -> None:
    table = HeaderBindings()
    several: list[FieldTable] = [{}, {"a": 1}, {"a": None}, {"x-match": "any", "a": 1, "b": 2}]
    bindings = [Binding("x", "q", QUEUE, "", arguments) for arguments in several]
    for binding in bindings:
        table.add(binding)
    for binding in bindings:
        table.remove(binding)
    assert table.is_empty


def test_a_message_looks_at_few_of_many_bindings() -> None:
    table = HeaderBindings()
    for number in range(1_000):
        table.add(Binding("x", "q", QUEUE, "", {"type": "order", "customer": number}))
    assert [binding.arguments["customer"] for binding in table.match(published(headers={"type": "order", "customer": 7}))] == [7]
    assert table.looked_at("type", "order") <= 1


@pytest.mark.parametrize(
    ("x_match", "told"),
    [
        ("some", r'Invalid x-match field value <<"some">>; expected all, any, all-with-x, or any-with-x'),
        (1, r"Invalid x-match field type signedint \(value 1\); expected longstr"),
    ],
)
def test_another_x_match_is_refused(x_match: FieldValue, told: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"^{told}$"):
        check_x_match({"x-match": x_match})


def test_each_x_match_is_taken() -> None:
    for x_match in ("all", "any", "all-with-x", "any-with-x"):
        check_x_match({"x-match": x_match})
    check_x_match({})
