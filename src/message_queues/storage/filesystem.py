"""The port to a file system, and its two implementations: the disk, and a memory that can crash.

A `File` grows at its end only and is read at any position. Nothing is durable before `sync` of the file and, for a file that is
new, renamed or removed, `sync_directory` of the directory that names it. Errors are OSError; the callers say which file and what it
means.

`MemoryFileSystem` keeps the synced and the unsynced side apart. Every mutating operation has a number: it can be armed to crash at
one of them (the write that is interrupted may have happened in part), or to run out of space. After that each operation raises
CrashedError until `crash` decides, by a seed, what the disk holds: of each file a prefix of what was not synced, with 512-byte
blocks new, old or zero; of each directory entry not synced the old or the new. A process that is killed loses none of that:
`restart`.
"""

import ctypes
import errno
import os
import posixpath
import random
import sys
from collections.abc import Sequence
from typing import Final, Protocol

_MAX_CHUNKS_PER_WRITE: Final = 1024
_BLOCK_BYTES: Final = 512
_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None


class File(Protocol):
    """An open file."""

    @property
    def size(self) -> int: ...

    def read_at(self, position: int, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end of the file."""
        ...

    def append(self, chunks: Sequence[bytes | memoryview]) -> None:
        """All chunks at the end, in one write where the system allows. On OSError some of the bytes may be there: truncate."""
        ...

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


class FileSystem(Protocol):
    """What storage needs of a file system. Paths have slashes."""

    def open(self, path: str, create: bool = False) -> File: ...

    def exists(self, path: str) -> bool: ...

    def list_directory(self, path: str) -> list[str]:
        """The names in it, sorted; FileNotFoundError when there is no such directory."""
        ...

    def make_directories(self, path: str) -> None: ...

    def remove(self, path: str) -> None: ...

    def remove_tree(self, path: str) -> None:
        """The directory and everything in it; nothing happens when there is none."""
        ...

    def rename(self, old_path: str, new_path: str) -> None: ...

    def sync_directory(self, path: str) -> None: ...

    def sync_all(self, path: str) -> bool:
        """Everything below the directory, as if each file and directory were synced; False: the system cannot."""
        ...

    def write_atomically(self, path: str, content: bytes) -> None:
        """After it, or after a crash in it, the file has the old or the new content; when it returns the new one is durable."""
        ...

    def read(self, path: str) -> bytes: ...


class DiskFile:
    """A file descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def read_at(self, position: int, size: int) -> bytes:
        return os.pread(self._fd, size, position)

    def append(self, chunks: Sequence[bytes | memoryview]) -> None:
        if len(chunks) == 1:
            size = len(chunks[0])
            written = os.write(self._fd, chunks[0])
        elif len(chunks) <= _MAX_CHUNKS_PER_WRITE:
            size = sum(map(len, chunks))
            written = os.writev(self._fd, chunks)
        else:
            whole = b"".join(chunks)
            size = len(whole)
            written = os.write(self._fd, whole)
        if written != size:
            # A short write is how a full disk begins; going on gives the error, or finishes.
            self._append_rest(memoryview(b"".join(chunks))[written:])

    def _append_rest(self, rest: memoryview) -> None:
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class DiskFileSystem:
    """The machine's file system."""

    def open(self, path: str, create: bool = False) -> DiskFile:
        return DiskFile(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o644))

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def list_directory(self, path: str) -> list[str]:
        return sorted(os.listdir(path))

    def make_directories(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def remove(self, path: str) -> None:
        os.remove(path)

    def remove_tree(self, path: str) -> None:
        for directory, directories, files in os.walk(path, topdown=False):
            for name in files:
                os.remove(os.path.join(directory, name))
            for name in directories:
                os.rmdir(os.path.join(directory, name))
        if os.path.isdir(path):
            os.rmdir(path)

    def rename(self, old_path: str, new_path: str) -> None:
        os.replace(old_path, new_path)

    def sync_directory(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_all(self, path: str) -> bool:
        if _syncfs is None:
            return False
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # Linux alone; it tells of failed writes since 5.8.
            if _syncfs(fd):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
        finally:
            os.close(fd)
        return True

    def write_atomically(self, path: str, content: bytes) -> None:
        _write_atomically(self, path, content)

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()


def sync_file(file_system: FileSystem, path: str) -> None:
    """Syncs a file by its path: on any thread, whoever else has it open."""
    file = file_system.open(path)
    try:
        file.sync()
    finally:
        file.close()


def write_file(file_system: FileSystem, path: str, content: bytes) -> None:
    """A synced file with this content; the entry in its directory is not synced."""
    file = file_system.open(path, create=True)
    try:
        file.truncate(0)
        file.append([content])
        file.sync()
    finally:
        file.close()


def _write_atomically(file_system: FileSystem, path: str, content: bytes) -> None:
    temporary = path + ".tmp"
    write_file(file_system, temporary, content)
    file_system.rename(temporary, path)
    file_system.sync_directory(posixpath.dirname(path))


class CrashedError(Exception):
    """The simulated machine is down: no OSError, so that no code takes it for a failed write and goes on."""


class _Inode:
    """One file's bytes: as the program sees them and as the disk holds them."""

    __slots__ = ("content", "synced")

    def __init__(self) -> None:
        self.content = bytearray()
        self.synced = b""


class MemoryFile:
    """A handle on a file in memory; dead once the machine has crashed."""

    __slots__ = ("_file_system", "_inode", "_life")

    def __init__(self, file_system: "MemoryFileSystem", inode: _Inode) -> None:
        self._file_system = file_system
        self._inode: _Inode | None = inode
        self._life = file_system.life

    @property
    def size(self) -> int:
        return len(self._open_inode().content)

    def read_at(self, position: int, size: int) -> bytes:
        return bytes(self._open_inode().content[position : position + size])

    def append(self, chunks: Sequence[bytes | memoryview]) -> None:
        inode = self._open_inode()
        data = b"".join(chunks)
        self._file_system.begin(lambda: inode.content.extend(data[: self._file_system.torn_at(len(data))]))
        room = self._file_system.take_space(len(data))
        inode.content += data[:room]
        if room < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def truncate(self, size: int) -> None:
        inode = self._open_inode()
        self._file_system.begin()
        if self._file_system.truncation_fails:
            raise OSError(errno.EIO, "Input/output error")
        if size < len(inode.content):
            self._file_system.give_space(len(inode.content) - size)
            del inode.content[size:]
        else:
            inode.content.extend(bytes(size - len(inode.content)))

    def sync(self) -> None:
        inode = self._open_inode()
        self._file_system.begin()
        if self._file_system.syncing_fails:
            raise OSError(errno.EIO, "Input/output error")
        inode.synced = bytes(inode.content)

    def close(self) -> None:
        self._inode = None

    def _open_inode(self) -> _Inode:
        if self._life != self._file_system.life:
            raise CrashedError("this file was opened before the crash")
        if self._inode is None:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return self._inode


class MemoryFileSystem:
    """Files in memory, with a disk below them that knows only what was synced."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.life = 0
        self.operations = 0
        """How many mutating operations there were since the last crash."""
        self.crash_at: int | None = None
        """The mutating operation, counted from 1, that is interrupted by a crash."""
        self.space_left: int | None = None
        """How many bytes may still be appended; None is no limit."""
        self.truncation_fails = False
        self.syncing_fails = False
        self._is_down = False
        self._files: dict[str, _Inode] = {}
        self._synced_files: dict[str, _Inode] = {}
        self._directories = {"/"}
        self._synced_directories = {"/"}

    def open(self, path: str, create: bool = False) -> MemoryFile:
        inode = self._files.get(path)
        if inode is None:
            if not create or posixpath.dirname(path) not in self._directories:
                self._check_is_up()
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
            self.begin()
            inode = self._files[path] = _Inode()
        self._check_is_up()
        return MemoryFile(self, inode)

    def exists(self, path: str) -> bool:
        self._check_is_up()
        return path in self._files or path in self._directories

    def list_directory(self, path: str) -> list[str]:
        self._check_is_up()
        if path not in self._directories:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return sorted(posixpath.basename(name) for name in (*self._files, *self._directories) if _is_in(name, path))

    def make_directories(self, path: str) -> None:
        missing = []
        while path not in self._directories:
            missing.append(path)
            path = posixpath.dirname(path)
        if missing:
            self.begin()
        self._directories.update(missing)

    def remove(self, path: str) -> None:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        self.begin()
        self.give_space(len(self._files[path].content))
        del self._files[path]

    def remove_tree(self, path: str) -> None:
        for name in [name for name in self._files if name.startswith(path + "/")]:
            self.remove(name)
        self._directories = {name for name in self._directories if name != path and not name.startswith(path + "/")}

    def rename(self, old_path: str, new_path: str) -> None:
        if old_path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", old_path)
        self.begin()
        self._files[new_path] = self._files.pop(old_path)

    def sync_directory(self, path: str) -> None:
        self.begin()
        for name in {*self._files, *self._synced_files}:
            if _is_in(name, path):
                _copy_entry(name, self._files, self._synced_files)
        self._synced_directories = {name for name in self._synced_directories if name in self._directories or not _is_in(name, path)}
        self._synced_directories.update(name for name in self._directories if _is_in(name, path))

    def sync_all(self, path: str) -> bool:
        self.begin()
        if self.syncing_fails:
            raise OSError(errno.EIO, "Input/output error")
        for name in {*self._files, *self._synced_files}:
            if name.startswith(f"{path}/"):
                _copy_entry(name, self._files, self._synced_files)
        for name, inode in self._files.items():
            if name.startswith(f"{path}/"):
                inode.synced = bytes(inode.content)
        self._synced_directories = {
            name for name in self._synced_directories if name in self._directories or not name.startswith(f"{path}/")
        }
        self._synced_directories.update(name for name in self._directories if name.startswith(f"{path}/"))
        return True

    def write_atomically(self, path: str, content: bytes) -> None:
        _write_atomically(self, path, content)

    def read(self, path: str) -> bytes:
        file = self.open(path)
        return file.read_at(0, file.size)

    def flip(self, path: str, position: int, mask: int = 0xFF) -> None:
        """Damages one byte, on the disk and in memory."""
        inode = self._files[path]
        inode.content[position] ^= mask
        inode.synced = bytes(inode.content)

    def restart(self) -> None:
        """The process was killed: what it wrote is there, its handles are not."""
        self.life += 1
        self.operations = 0
        self.crash_at = None
        self._is_down = False

    def crash(self, seed: int | None = None) -> None:
        """The power was cut: what was not synced is lost, wholly, or with a seed in part."""
        self.restart()
        chance = None if seed is None else random.Random(seed)
        for name in sorted({*self._files, *self._synced_files}):
            if chance is None or chance.random() < 0.5:
                _copy_entry(name, self._synced_files, self._files)
        for name in sorted(self._directories - self._synced_directories):
            if chance is None or chance.random() < 0.5:
                self._lose_directory(name)
        for inode in {id(inode): inode for inode in self._files.values()}.values():
            inode.content = bytearray(inode.synced if chance is None else _partly_lost(inode, chance))
            inode.synced = bytes(inode.content)
        self._synced_files = dict(self._files)
        self._synced_directories = set(self._directories)

    def begin(self, partly: "Partly | None" = None) -> None:
        """Counts a mutating operation; the armed one does not happen, or happens in part."""
        self._check_is_up()
        self.operations += 1
        if self.operations == self.crash_at:
            if partly is not None:
                partly()
            self._is_down = True
            raise CrashedError(f"crashed at operation {self.operations}")

    def torn_at(self, size: int) -> int:
        """How much of a write is done when the machine goes down: nothing, all, or anything in between."""
        return self.random.choice((0, size, self.random.randint(0, size)))

    def take_space(self, size: int) -> int:
        if self.space_left is None:
            return size
        room = min(size, self.space_left)
        self.space_left -= room
        return room

    def give_space(self, size: int) -> None:
        if self.space_left is not None:
            self.space_left += size

    def _check_is_up(self) -> None:
        if self._is_down:
            raise CrashedError("the machine is down")

    def _lose_directory(self, path: str) -> None:
        self._directories = {name for name in self._directories if name != path and not name.startswith(path + "/")}
        self._files = {name: inode for name, inode in self._files.items() if not name.startswith(path + "/")}


class Partly(Protocol):
    def __call__(self) -> None: ...


def _is_in(name: str, directory: str) -> bool:
    return name != "/" and posixpath.dirname(name) == directory


def _copy_entry(name: str, source: dict[str, _Inode], target: dict[str, _Inode]) -> None:
    if name in source:
        target[name] = source[name]
    else:
        target.pop(name, None)


def _partly_lost(inode: _Inode, chance: random.Random) -> bytes:
    """What a disk may hold of a file: its length anywhere between the synced and the new one, each changed block new, old or zero."""
    old, new = inode.synced, bytes(inode.content)
    low, high = sorted((len(old), len(new)))
    size = chance.choice((low, high, chance.randint(low, high)))
    longer = max(old, new, key=len)
    result = bytearray(longer[:size])
    intact = _common_bytes(old, new)
    for start in range(intact // _BLOCK_BYTES * _BLOCK_BYTES, size, _BLOCK_BYTES):
        end = min(start + _BLOCK_BYTES, size)
        kept = max(start, intact)
        part = chance.choice((old, new, new, b""))[kept:end]
        result[kept:end] = part.ljust(end - kept, b"\x00")
    return bytes(result)


def _common_bytes(old: bytes, new: bytes) -> int:
    if new.startswith(old):
        return len(old)
    return len(posixpath.commonprefix([old, new]))
