"""Messages with random values, made from their declarations: whatever a version can carry may come, and nothing else.

Values are drawn around the edges where encodings change: lengths of 0, 127 and 128, the ends of each integer, null, defaults of
tagged fields.
"""

import random
from typing import TypeVar

from message_queues.protocols.kafka.message import Field, Message, Primitive, Struct, StructType
from message_queues.protocols.kafka.wire import ZERO_UUID

M = TypeVar("M", bound=Message)

BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
ALPHABET = "abcxyz.-_0189 äß€𝄞"
HIGHEST_ERROR_CODE = 133


class RandomMessages:
    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def message(self, cls: type[M], version: int) -> M:
        return self._struct(cls, version)

    def _struct(self, cls: type[M], version: int) -> M:
        fields = [declared for declared in cls.declared_fields if version in declared.versions]
        return cls(**{declared.name: self._field(declared, version) for declared in fields})

    def _field(self, declared: Field, version: int) -> object:
        if declared.tag is not None and self._random.random() < 0.4:
            return declared.new_default()
        if version in declared.nullable and self._random.random() < 0.25:
            return None
        if declared.is_array:
            return [self._value(declared, version) for _ in range(self._count(declared))]
        return self._value(declared, version)

    def _count(self, declared: Field) -> int:
        # Long arrays of structs within arrays of structs would make messages of megabytes.
        if isinstance(declared.type, StructType):
            return self._random.choice((0, 1, 1, 2, 3))
        return self._random.choice((0, 1, 2, 3, 63, 64, 126, 127, 128))

    def _value(self, declared: Field, version: int) -> object:
        kind = declared.type
        if isinstance(kind, StructType):
            assert issubclass(kind, Struct)
            return self._struct(kind, version)  # type: ignore[type-var]
        return self._primitive(kind, declared.name)

    def _primitive(self, kind: Primitive, name: str) -> object:
        if name.endswith("error_code"):
            return self._random.randint(-1, HIGHEST_ERROR_CODE)
        if kind.name in BITS:
            return self._integer(BITS[kind.name])
        match kind.name:
            case "bool":
                return self._random.random() < 0.5
            case "uuid":
                return self._random.choice((ZERO_UUID, self._random.randbytes(16)))
            case "string":
                return "".join(self._random.choices(ALPHABET, k=self._length()))
            case "bytes" | "records":
                return self._random.randbytes(self._length())
        raise AssertionError(f"no values for {kind.name}")

    def _integer(self, bits: int) -> int:
        edge = 1 << (bits - 1)
        return self._random.choice((0, 1, -1, edge - 1, -edge, self._random.randrange(-edge, edge)))

    def _length(self) -> int:
        return self._random.choice((0, 1, 5, 20, 126, 127, 128, 300))
