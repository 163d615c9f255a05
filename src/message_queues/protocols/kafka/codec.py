"""The one codec for all messages: `decode(cls, version, data)` and `encode(message, version)`.

For each (class, version) a reader and a writer are compiled from the declaration on first use, as straight-line Python: fields of fixed
size that follow each other become one `struct` call, together with the length of the string, bytes or array that comes next.
A traceback shows the generated line. The middle of what reads a HeartbeatRequest in version 4:

    n, = c10(data, p)                                    # unpack_from of ">B"
    p += 1
    if n > 127: n, p = read_compact_length(data, p - 1)
    else: n -= 1
    if n < 0: raise null_refused('HeartbeatRequest v4: group_id', p)
    e = p + n
    if e > limit: raise overrun(p, n, limit)
    m.group_id = data[p:e].decode('utf-8', 'replace')
    p = e
    m.generation_id, n, = c11(data, p)                   # ">iB": the next field and the length of the one after it

Reading refuses (`MalformedMessage`, with the position): a length or count beyond the bytes left, null where the version has none, a tagged
field whose size is wrong. Unknown tagged fields are skipped. Bytes after the message are ignored, as Kafka does.
Writing refuses (`UnsupportedVersion`) a value that the version cannot carry, unless the field is ignorable.
"""

import linecache
import struct
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias, TypeVar

from message_queues.errors import MalformedMessage, UnsupportedVersion
from message_queues.protocols.kafka.message import Field, Message, Primitive, StructType
from message_queues.protocols.kafka.wire import (
    ONE_BYTE,
    SMALL_ARRAY_ITEMS,
    null_refused,
    overrun,
    read_compact_length,
    read_unsigned_varint,
    skip_tagged_fields,
    small_array_packers,
    unsigned_varint,
)

M = TypeVar("M", bound=Message)
Reader: TypeAlias = Callable[[bytes, int, int], tuple[Any, int]]
Writer: TypeAlias = Callable[[Any, Callable[[bytes], None]], None]


def decode(cls: type[M], version: int, data: bytes, position: int = 0) -> M:
    message: M = message_reader(cls, version)(data, position, len(data))[0]
    return message


def decode_prefix(cls: type[M], version: int, data: bytes, position: int = 0) -> tuple[M, int]:
    """The message and the position after it."""
    return message_reader(cls, version)(data, position, len(data))


def encode(message: Message, version: int) -> bytes:
    chunks: list[bytes] = []
    message_writer(type(message), version)(message, chunks.append)
    return b"".join(chunks)


def encode_into(message: Message, version: int, chunks: list[bytes]) -> None:
    """Append the encoded parts; large values (records) are appended as they are, not copied."""
    message_writer(type(message), version)(message, chunks.append)


def decode_document(cls: type[M], data: bytes) -> M:
    """A message that stands in a BYTES field behind its own INT16 version; a version that is newer than ours is read as our highest."""
    if len(data) < 2:
        raise MalformedMessage(f"{cls.__name__} has no version", 0)
    version = int.from_bytes(data[:2], "big", signed=True)
    if version < cls.valid_versions.lowest:
        raise MalformedMessage(f"{cls.__name__} has no version {version}", 0)
    return decode(cls, min(version, cls.valid_versions.highest), data, 2)


def encode_document(message: Message, version: int) -> bytes:
    return version.to_bytes(2, "big") + encode(message, version)


@cache
def message_reader(cls: StructType, version: int) -> Reader:
    return _reader(cls, version, _is_flexible(cls, version))


@cache
def message_writer(cls: StructType, version: int) -> Writer:
    return _writer(cls, version, _is_flexible(cls, version))


def _is_flexible(cls: StructType, version: int) -> bool:
    if version not in cls.valid_versions:
        raise UnsupportedVersion(f"{cls.__name__} has versions {cls.valid_versions.lowest} to {cls.valid_versions.highest}, not {version}")
    return version in cls.flexible_versions


@cache
def _reader(cls: StructType, version: int, flexible: bool) -> Reader:
    return _ReaderSource(cls, version, flexible).compiled()


@cache
def _writer(cls: StructType, version: int, flexible: bool) -> Writer:
    return _WriterSource(cls, version, flexible).compiled()


@cache
def _least_size(cls: StructType, version: int, flexible: bool) -> int:
    """The fewest bytes that one struct takes: what a claimed count is checked against."""
    untagged = [declared for declared in cls.declared_fields if version in declared.versions and declared.tag is None]
    return sum(_least_field_size(declared, version, flexible) for declared in untagged) + flexible


def _least_field_size(declared: Field, version: int, flexible: bool) -> int:
    if not declared.is_array:
        if isinstance(declared.type, StructType):
            return 1 if version in declared.nullable else _least_size(declared.type, version, flexible)
        if declared.type.code:
            return declared.type.size
    return 1 if flexible else struct.calcsize(_length_code(declared, flexible))


def _length_code(declared: Field, flexible: bool) -> str:
    """How the length before a value of varying size is written, as a struct code; "B" stands for the first byte of a compact length."""
    if flexible:
        return "B"
    is_string = isinstance(declared.type, Primitive) and declared.type.name == "string"
    return "h" if is_string and not declared.is_array else "i"


class _Source:
    """The text of one generated function, and the constants that it names."""

    def __init__(self, cls: StructType, version: int, flexible: bool) -> None:
        self.cls = cls
        self.version = version
        self.flexible = flexible
        self.title = f"{cls.__name__} v{version}"
        present = [declared for declared in cls.declared_fields if version in declared.versions]
        self.untagged = [declared for declared in present if declared.tag is None]
        self.tagged = sorted((declared for declared in present if declared.tag is not None), key=lambda declared: declared.tag or 0)
        self.absent = [declared for declared in cls.declared_fields if version not in declared.versions]
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"cls": cls}
        self.depth = 1

    def emit(self, *lines: str) -> None:
        self.lines.extend("    " * self.depth + line for line in lines)

    def constant(self, value: object) -> str:
        """A name under which the generated code finds `value`."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def build(self, function: str) -> Any:
        source = "\n".join(self.lines) + "\n"
        filename = f"<{function} {self.title}{' flexible' if self.flexible else ''}>"
        exec(compile(source, filename, "exec"), self.names)
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        return self.names[function]


class _ReaderSource(_Source):
    """Generates `read(data, p, limit) -> (struct, position after it)`. `n` is the length or count in hand, `e` the end of a value."""

    def __init__(self, cls: StructType, version: int, flexible: bool) -> None:
        super().__init__(cls, version, flexible)
        self.run: list[tuple[str, str]] = []

    def compiled(self) -> Reader:
        self.names |= {
            "MalformedMessage": MalformedMessage,
            "StructError": struct.error,
            "new": object.__new__,
            "null_refused": null_refused,
            "overrun": overrun,
            "read_compact_length": read_compact_length,
            "read_unsigned_varint": read_unsigned_varint,
            "skip_tagged_fields": skip_tagged_fields,
            "unpack_from": struct.unpack_from,
        }
        self.lines.append("def read(data, p, limit):")
        self.emit("m = new(cls)", "try:")
        self.depth = 2
        for declared in (*self.absent, *self.tagged):
            self.set_default(declared)
        for declared in self.untagged:
            self.read_field(declared)
        if self.flexible:
            self.read_tags()
        self.end_run()
        self.emit("return m, p")
        self.depth = 1
        self.emit("except (StructError, IndexError):", f"    raise MalformedMessage('{self.title} ends early', p) from None")
        reader: Reader = self.build("read")
        return reader

    def set_default(self, declared: Field) -> None:
        if declared.is_array and declared.has_fresh_default:
            self.emit(f"m.{declared.name} = []")
        elif declared.has_fresh_default:
            self.emit(f"m.{declared.name} = {self.constant(declared.type)}()")
        else:
            self.emit(f"m.{declared.name} = {self.constant(declared.default)}")

    def end_run(self, length_code: str = "") -> None:
        """One unpack for the fixed fields collected so far, and for the length that comes after them, which goes to `n`."""
        run = [*self.run, ("n", length_code)] if length_code else self.run
        self.run = []
        if not run:
            return
        packed = struct.Struct(">" + "".join(code for _, code in run))
        targets = ", ".join(target for target, _ in run)
        self.emit(f"{targets}, = {self.constant(packed.unpack_from)}(data, p)", f"p += {packed.size}")
        if length_code == "B":
            self.emit("if n > 127: n, p = read_compact_length(data, p - 1)", "else: n -= 1")

    def read_field(self, declared: Field) -> None:
        target = f"m.{declared.name}"
        kind = declared.type
        nullable = self.version in declared.nullable
        if declared.is_array:
            self.end_run(_length_code(declared, self.flexible))
            self.unless_null(declared, nullable, self.read_array)
        elif isinstance(kind, StructType):
            if nullable:
                self.end_run("b")
                self.unless_null(declared, nullable, self.read_struct)
            else:
                self.end_run()
                self.read_struct(declared)
        elif kind.code:
            self.run.append((target, kind.code))
        else:
            self.end_run(_length_code(declared, self.flexible))
            self.unless_null(declared, nullable or kind.name == "records", self.read_slice)

    def unless_null(self, declared: Field, nullable: bool, read: Callable[[Field], None]) -> None:
        if nullable:
            self.emit(f"if n < 0: m.{declared.name} = None", "else:")
            self.depth += 1
            read(declared)
            self.depth -= 1
        else:
            self.emit(f"if n < 0: raise null_refused('{self.title}: {declared.name}', p)")
            read(declared)

    def read_struct(self, declared: Field) -> None:
        assert isinstance(declared.type, StructType)
        self.emit(f"m.{declared.name}, p = {self.constant(_reader(declared.type, self.version, self.flexible))}(data, p, limit)")

    def read_slice(self, declared: Field) -> None:
        assert isinstance(declared.type, Primitive)
        self.emit("e = p + n", "if e > limit: raise overrun(p, n, limit)")
        value = "data[p:e].decode('utf-8', 'replace')" if declared.type.name == "string" else "data[p:e]"
        self.emit(f"m.{declared.name} = {value}", "p = e")

    def read_array(self, declared: Field) -> None:
        target, kind = f"m.{declared.name}", declared.type
        if isinstance(kind, StructType):
            self.check_count(max(1, _least_size(kind, self.version, self.flexible)))
            reader = self.constant(_reader(kind, self.version, self.flexible))
            self.emit(f"{target} = items = []", "for _ in range(n):")
            self.emit(f"    item, p = {reader}(data, p, limit)", "    items.append(item)")
        elif kind.name == "uuid":
            self.check_count(kind.size)
            self.emit("e = p + n * 16", f"{target} = [data[i : i + 16] for i in range(p, e, 16)]", "p = e")
        elif kind.code:
            self.check_count(kind.size)
            self.emit(f"{target} = list(unpack_from(f'>{{n}}{kind.code}', data, p)) if n else []", f"p += n * {kind.size}")
        else:
            self.read_strings(target)

    def check_count(self, least_size: int) -> None:
        self.emit(f"if n * {least_size} > limit - p: raise overrun(p, n * {least_size}, limit)")

    def read_strings(self, target: str) -> None:
        self.check_count(1 if self.flexible else 2)
        self.emit(f"{target} = items = []", "for _ in range(n):")
        self.depth += 1
        self.end_run("B" if self.flexible else "h")
        self.emit(f"if n < 0: raise null_refused('{self.title}: a string of an array', p)")
        self.emit("e = p + n", "if e > limit: raise overrun(p, n, limit)")
        self.emit("items.append(data[p:e].decode('utf-8', 'replace'))", "p = e")
        self.depth -= 1

    def read_tags(self) -> None:
        if not self.tagged:
            self.run.append(("n", "B"))
            self.end_run()
            self.emit("if n: p = skip_tagged_fields(data, p - 1)")
            return
        self.end_run()
        self.emit("count, p = read_unsigned_varint(data, p)", "for _ in range(count):")
        self.depth += 1
        self.emit("tag, p = read_unsigned_varint(data, p)", "size, p = read_unsigned_varint(data, p)", "end = p + size")
        self.emit("if end > limit: raise overrun(p, size, limit)")
        for index, declared in enumerate(self.tagged):
            self.emit(f"{'elif' if index else 'if'} tag == {declared.tag}:")
            self.depth += 1
            self.read_field(declared)
            self.end_run()
            self.emit(f"if p != end: raise MalformedMessage('{self.title}: {declared.name} is not of the size it claims', p)")
            self.depth -= 1
        self.emit("else: p = end")
        self.depth -= 1


class _WriterSource(_Source):
    """Generates `write(m, add)`, which passes the parts to `add`. `v` is the value in hand, `n` its length."""

    def __init__(self, cls: StructType, version: int, flexible: bool) -> None:
        super().__init__(cls, version, flexible)
        self.run: list[tuple[str, str]] = []

    def compiled(self) -> Writer:
        self.names |= {
            "ONE_BYTE": ONE_BYTE,
            "UnsupportedVersion": UnsupportedVersion,
            "pack": struct.pack,
            "unsigned_varint": unsigned_varint,
        }
        self.lines.append("def write(m, add):")
        for declared in self.absent:
            if not declared.ignorable:
                self.emit(f"if m.{declared.name} != {self.constant(declared.new_default())}: {self.refusal(declared, 'is not in')}")
        for declared in self.untagged:
            self.write_field(declared)
        if self.tagged:
            self.write_tags()
        elif self.flexible:
            self.run.append(("", "x"))
        self.end_run()
        if len(self.lines) == 1:
            self.emit("pass")
        writer: Writer = self.build("write")
        return writer

    def refusal(self, declared: Field, why: str) -> str:
        return f"raise UnsupportedVersion('{self.cls.__name__}.{declared.name} {why} version {self.version}')"

    def end_run(self, length_code: str = "") -> None:
        """One pack for the fixed fields collected so far, and for the length `n` that comes after them."""
        codes = "".join(code for _, code in self.run)
        values = ", ".join(value for value, _ in self.run if value)
        self.run = []
        if length_code == "B":
            packed = self.constant(struct.Struct(f">{codes}B").pack) if codes else ""
            short = f"add({packed}({values}, n))" if codes else "add(ONE_BYTE[n])"
            self.emit(f"if n < 128: {short}", "else:")
            self.depth += 1
            self.emit_pack(codes, values)
            self.emit("add(unsigned_varint(n))")
            self.depth -= 1
        elif length_code:
            self.emit_pack(codes + length_code, f"{values}, n" if values else "n")
        else:
            self.emit_pack(codes, values)

    def emit_pack(self, codes: str, values: str) -> None:
        if codes:
            self.emit(f"add({self.constant(struct.Struct('>' + codes).pack)}({values}))")

    def write_field(self, declared: Field) -> None:
        kind = declared.type
        nullable = self.version in declared.nullable
        if declared.is_optional and not nullable:
            self.emit(f"if m.{declared.name} is None: {self.refusal(declared, 'cannot be null in')}")
        if declared.is_array:
            self.write_sized(declared, nullable, "v", self.write_array)
        elif isinstance(kind, StructType):
            self.write_struct(declared, kind, nullable)
        elif kind.code:
            self.run.append((f"m.{declared.name}", kind.code))
        else:
            encoded = "v.encode()" if kind.name == "string" else "v"
            self.write_sized(declared, nullable or kind.name == "records", encoded, self.write_slice)

    def write_sized(self, declared: Field, nullable: bool, encoded: str, write: Callable[[Field], None]) -> None:
        """The length, in one pack with the run before it, then the value."""
        one_more = " + 1" if self.flexible else ""
        self.emit(f"v = m.{declared.name}")
        if nullable:
            self.emit(f"if v is None: v = b''; n = {0 if self.flexible else -1}", "else:")
            self.depth += 1
        if encoded != "v":
            self.emit(f"v = {encoded}")
        self.emit(f"n = len(v){one_more}")
        if nullable:
            self.depth -= 1
        self.end_run(_length_code(declared, self.flexible))
        write(declared)

    def write_slice(self, declared: Field) -> None:
        self.emit("add(v)")

    def write_array(self, declared: Field) -> None:
        kind = declared.type
        if isinstance(kind, StructType):
            writer = self.constant(_writer(kind, self.version, self.flexible))
            self.emit("for item in v:", f"    {writer}(item, add)")
        elif kind.name == "uuid":
            self.emit("for item in v: add(item)")
        elif kind.code:
            packers = self.constant(small_array_packers(kind.code))
            self.emit("if v:", "    n = len(v)")
            self.emit(f"    add({packers}[n](*v) if n < {SMALL_ARRAY_ITEMS} else pack(f'>{{n}}{kind.code}', *v))")
        else:
            self.emit("for item in v:")
            self.depth += 1
            self.emit("item = item.encode()", f"n = len(item){' + 1' if self.flexible else ''}")
            self.end_run("B" if self.flexible else "h")
            self.emit("add(item)")
            self.depth -= 1

    def write_struct(self, declared: Field, kind: StructType, nullable: bool) -> None:
        writer = self.constant(_writer(kind, self.version, self.flexible))
        if not nullable:
            self.end_run()
            self.emit(f"{writer}(m.{declared.name}, add)")
            return
        # A struct that may be null begins with an INT8, compact or not: -1 for null, else 1.
        self.emit(f"v = m.{declared.name}", "n = -1 if v is None else 1")
        self.end_run("b")
        self.emit(f"if v is not None: {writer}(v, add)")

    def write_tags(self) -> None:
        """Only what differs from its default is sent; each value is written aside first, since its size goes before it."""
        self.end_run()
        self.emit("tags = []", "put = add")
        for declared in self.tagged:
            self.emit(f"if m.{declared.name} != {self.constant(declared.new_default())}:")
            self.depth += 1
            self.emit("parts = []", "add = parts.append")
            self.write_field(declared)
            self.end_run()
            self.emit("body = b''.join(parts)", f"tags += (unsigned_varint({declared.tag}), unsigned_varint(len(body)), body)")
            self.depth -= 1
        self.emit("put(unsigned_varint(len(tags) // 3))", "for part in tags: put(part)")
