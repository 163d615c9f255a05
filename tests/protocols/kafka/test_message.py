"""What a declaration gives: slots, defaults, equality, a short repr, and checks of the declaration itself."""

import pytest

from message_queues.protocols.kafka.message import (
    NEVER,
    Int32,
    Message,
    NullableString,
    String,
    Struct,
    VersionRange,
    field,
    version_range,
)


class Leaf(Struct):
    number: Int32 = field("0+", default=3)


class Tree(Message, versions="1-4", flexible="3+"):
    name: String = field("1+")
    note: NullableString = field("2+", default=None)
    leaves: list[Leaf] = field("1+")
    maybe: list[Int32] | None = field("1+", nullable="2+")
    nothing: list[Int32] | None = field("1+", default=None)
    leaf: Leaf = field("1+")


class Empty(Message, versions="0"):
    pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3+", VersionRange(3, 0x7FFF)), ("0-7", VersionRange(0, 7)), ("2", VersionRange(2, 2)), ("none", NEVER)],
)
def test_version_ranges_are_read_as_kafka_writes_them(text: str, expected: VersionRange) -> None:
    assert version_range(text) == expected


def test_a_range_holds_its_ends_and_nothing_else() -> None:
    assert [version for version in range(10) if version in version_range("3-5")] == [3, 4, 5]
    assert 0 not in NEVER
    assert 1 not in NEVER


def test_an_instance_starts_with_the_defaults() -> None:
    tree = Tree()
    assert (tree.name, tree.note, tree.leaves, tree.maybe, tree.nothing, tree.leaf) == ("", None, [], [], None, Leaf(number=3))


def test_instances_share_no_defaults() -> None:
    first, second = Tree(), Tree()
    first.leaves.append(Leaf())
    first.leaf.number = 9
    assert second == Tree()


def test_only_keywords_that_are_declared_are_taken() -> None:
    with pytest.raises(TypeError):
        Tree(nme="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Tree("x")  # type: ignore[call-arg]


def test_only_declared_fields_can_be_set() -> None:
    with pytest.raises(AttributeError):
        Tree().nme = "x"  # type: ignore[attr-defined]


def test_messages_are_equal_when_class_and_values_are() -> None:
    assert Tree(leaves=[Leaf(number=1)]) == Tree(leaves=[Leaf(number=1)])
    assert Tree(leaves=[Leaf(number=1)]) != Tree(leaves=[Leaf(number=2)])
    assert Leaf() != Tree()
    assert Empty() == Empty()


def test_a_mutable_message_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(Tree())


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(Tree(name="t", leaves=[Leaf(number=1), Leaf()])) == "Tree(name='t', leaves=[Leaf(number=1), Leaf()])"
    assert repr(Empty()) == "Empty()"


def test_a_class_knows_its_versions() -> None:
    assert Tree.valid_versions == VersionRange(1, 4)
    assert Tree.flexible_versions.lowest == 3
    assert Empty.flexible_versions == NEVER


def test_nullable_versions_without_a_nullable_type_are_a_mistake() -> None:
    class Wrong(Struct):
        name: String = field("0+", nullable="1+")

    with pytest.raises(AssertionError, match="disagree"):
        _ = Wrong.declared_fields


def test_a_python_type_is_no_type_of_the_protocol() -> None:
    class Wrong(Struct):
        name: str = field("0+")

    with pytest.raises(ValueError):
        _ = Wrong.declared_fields
