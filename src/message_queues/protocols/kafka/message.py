"""How a message is declared: a class with one line for each field, which is the documentation and drives the codec.

    class MetadataRequest(Message, versions="0-13", flexible="9+"):
        topics: list[MetadataRequestTopic] | None = field("0+", nullable="1+")
        allow_auto_topic_creation: Boolean = field("4+", default=True)

The words are those of Kafka's message definitions: `versions` have the field, `nullable` versions may carry null, an `ignorable` field is
dropped where the version lacks it (any other must then hold its default), a field with a `tag` travels in the tag section (KIP-482).
Compact forms are chosen by the version; they need no declaration.

An instance is mutable, has slots, takes keywords, and starts with Kafka's defaults: 0, "", an empty list, or what `default` says.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import GenericAlias, UnionType
from typing import Annotated, Any, NamedTuple, TypeAlias, Union, dataclass_transform, get_args, get_origin

from message_queues.protocols.kafka.wire import ZERO_UUID


class VersionRange(NamedTuple):
    lowest: int
    highest: int

    def __contains__(self, version: object) -> bool:
        return isinstance(version, int) and self.lowest <= version <= self.highest


NEVER = VersionRange(1, 0)
ANY_LATER = 0x7FFF


@cache
def version_range(text: str) -> VersionRange:
    """`"3+"`, `"0-7"`, `"2"` or `"none"`."""
    if text == "none":
        return NEVER
    if text.endswith("+"):
        return VersionRange(int(text[:-1]), ANY_LATER)
    lowest, _, highest = text.partition("-")
    return VersionRange(int(lowest), int(highest or lowest))


class Primitive(NamedTuple):
    """A type of the protocol that is not a struct. `code` is what the struct module calls it, "" when its size varies."""

    name: str
    code: str
    size: int
    default: object


Int8: TypeAlias = Annotated[int, Primitive("int8", "b", 1, 0)]
Int16: TypeAlias = Annotated[int, Primitive("int16", "h", 2, 0)]
Int32: TypeAlias = Annotated[int, Primitive("int32", "i", 4, 0)]
Int64: TypeAlias = Annotated[int, Primitive("int64", "q", 8, 0)]
UInt16: TypeAlias = Annotated[int, Primitive("uint16", "H", 2, 0)]
UInt32: TypeAlias = Annotated[int, Primitive("uint32", "I", 4, 0)]
Float64: TypeAlias = Annotated[float, Primitive("float64", "d", 8, 0.0)]
Boolean: TypeAlias = Annotated[bool, Primitive("bool", "?", 1, False)]
Uuid: TypeAlias = Annotated[bytes, Primitive("uuid", "16s", 16, ZERO_UUID)]
String: TypeAlias = Annotated[str, Primitive("string", "", 0, "")]
NullableString: TypeAlias = Annotated[str | None, Primitive("string", "", 0, "")]
Bytes: TypeAlias = Annotated[bytes, Primitive("bytes", "", 0, b"")]
NullableBytes: TypeAlias = Annotated[bytes | None, Primitive("bytes", "", 0, b"")]
Records: TypeAlias = Annotated[bytes | None, Primitive("records", "", 0, None)]


class _Unset:
    def __repr__(self) -> str:
        return "<the default>"


UNSET = _Unset()


class Field:
    """One declared field. What depends on the annotation is found on first use: reading them all on import would slow every start."""

    __slots__ = ("_default", "_nullable", "default", "ignorable", "is_array", "is_optional", "name", "nullable", "tag", "type", "versions")

    def __init__(self, versions: str, default: object, nullable: str | None, ignorable: bool, tag: int | None) -> None:
        self.versions = version_range(versions)
        self.ignorable = ignorable
        self.tag = tag
        self._default = default
        self._nullable = nullable
        self.name = ""
        self.type: Primitive | StructType
        self.is_array = False
        self.is_optional = False
        self.nullable = NEVER
        self.default: object = None

    def resolve(self, name: str, annotation: object) -> None:
        """Take type, nullability and default from the annotation."""
        self.name = name
        self.type, self.is_array, self.is_optional = _shape(annotation)
        if self._nullable is not None:
            self.nullable = version_range(self._nullable)
        elif self.is_optional:
            self.nullable = self.versions
        assert self.is_optional == (self.nullable != NEVER), f"{name}: the annotation and the nullable versions disagree"
        if self._default is not UNSET:
            self.default = self._default
        elif not self.is_array and isinstance(self.type, Primitive):
            self.default = self.type.default
        else:
            self.default = UNSET

    @property
    def has_fresh_default(self) -> bool:
        """The default is a new empty list or a new struct for each instance."""
        return self.default is UNSET

    def new_default(self) -> object:
        if self.default is not UNSET:
            return self.default
        return [] if self.is_array else self.type()  # type: ignore[operator]


def _shape(annotation: object) -> tuple["Primitive | StructType", bool, bool]:
    """(element type, is an array, may be None)"""
    if get_origin(annotation) in (UnionType, Union):
        inner = next(part for part in get_args(annotation) if part is not type(None))
        element, is_array, _ = _shape(inner)
        return element, is_array, True
    if isinstance(annotation, GenericAlias):
        return _shape(get_args(annotation)[0])[0], True, False
    if isinstance(annotation, StructType):
        return annotation, False, False
    python_type, primitive = get_args(annotation)
    assert isinstance(primitive, Primitive), f"{annotation} is not a type of the protocol"
    return primitive, False, type(None) in get_args(python_type)


def field(versions: str, *, default: object = UNSET, nullable: str | None = None, ignorable: bool = False, tag: int | None = None) -> Any:
    """One field of a message; the class docstring of this module says what the words mean. A type checker sees a keyword with a default."""
    return Field(versions, default, nullable, ignorable, tag)


@dataclass_transform(kw_only_default=True)
class StructType(type):
    """Turns declared fields into slots. Constructor and field types are made on first use, so that importing all messages stays quick."""

    valid_versions: VersionRange
    flexible_versions: VersionRange
    _declared: dict[str, Field]
    _resolved: tuple[Field, ...] | None

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], versions: str = "0+", flexible: str = "none"
    ) -> "StructType":
        declared = {key: value for key, value in namespace.items() if isinstance(value, Field)}
        for key in declared:
            del namespace[key]
        namespace["__slots__"] = tuple(declared)
        if declared:
            namespace["__init__"] = _first_init
        cls = super().__new__(mcs, name, bases, namespace)
        cls.valid_versions = version_range(versions)
        cls.flexible_versions = version_range(flexible)
        cls._declared = declared
        cls._resolved = None
        return cls

    @property
    def declared_fields(cls) -> tuple[Field, ...]:
        if cls._resolved is None:
            annotations = cls.__annotations__
            for name, declared in cls._declared.items():
                declared.resolve(name, annotations[name])
            cls._resolved = tuple(cls._declared.values())
        return cls._resolved


def _first_init(self: "Struct", **values: Any) -> None:
    """Stands in until a class is first constructed, then gives way to a constructor made for it."""
    cls = type(self)
    cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
    cls.__init__(self, **values)


def _constructor(cls: StructType) -> Any:
    names: dict[str, Any] = {"UNSET": UNSET}
    parameters, assignments = [], []
    for declared in cls.declared_fields:
        name = declared.name
        if declared.has_fresh_default:
            names[f"new_{name}"] = list if declared.is_array else declared.type
            parameters.append(f"{name}=UNSET")
            assignments.append(f"    self.{name} = new_{name}() if {name} is UNSET else {name}")
        else:
            parameters.append(f"{name}={declared.default!r}")
            assignments.append(f"    self.{name} = {name}")
    exec("\n".join([f"def __init__(self, *, {', '.join(parameters)}):", *assignments]), names)
    return names["__init__"]


@cache
def _values_of(cls: StructType) -> Callable[["Struct"], Any]:
    names = [declared.name for declared in cls.declared_fields]
    return attrgetter(*names) if names else type


class Struct(metaclass=StructType):
    """A part of a message: it has the versions, and the flexibility, of the message that holds it."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        values = _values_of(type(self))
        return bool(values(self) == values(other))

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        parts = []
        for declared in type(self).declared_fields:
            value = getattr(self, declared.name)
            if value != declared.new_default():
                parts.append(f"{declared.name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


class Message(Struct):
    """A whole request, response or embedded document: it knows its versions and since when they are flexible."""
