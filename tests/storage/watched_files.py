"""A file system that notes what is read, opened and listed."""

from collections.abc import Sequence

from message_queues.storage.filesystem import File, FileSystem


class WatchedFile:
    def __init__(self, file: File, reads: list[int]) -> None:
        self._file = file
        self._reads = reads

    @property
    def size(self) -> int:
        return self._file.size

    def read_at(self, position: int, size: int) -> bytes:
        data = self._file.read_at(position, size)
        self._reads.append(len(data))
        return data

    def append(self, chunks: Sequence[bytes | memoryview]) -> None:
        self._file.append(chunks)

    def truncate(self, size: int) -> None:
        self._file.truncate(size)

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


class WatchedFileSystem:
    def __init__(self, file_system: FileSystem) -> None:
        self._file_system = file_system
        self.reads: list[int] = []
        """Bytes of each read."""
        self.opened: list[str] = []
        self.listed: list[str] = []

    def open(self, path: str, create: bool = False) -> WatchedFile:
        file = WatchedFile(self._file_system.open(path, create), self.reads)
        self.opened.append(path)
        return file

    def exists(self, path: str) -> bool:
        return self._file_system.exists(path)

    def list_directory(self, path: str) -> list[str]:
        self.listed.append(path)
        return self._file_system.list_directory(path)

    def make_directories(self, path: str) -> None:
        self._file_system.make_directories(path)

    def remove(self, path: str) -> None:
        self._file_system.remove(path)

    def remove_tree(self, path: str) -> None:
        self._file_system.remove_tree(path)

    def rename(self, old_path: str, new_path: str) -> None:
        self._file_system.rename(old_path, new_path)

    def sync_directory(self, path: str) -> None:
        self._file_system.sync_directory(path)

    def sync_all(self, path: str) -> bool:
        return self._file_system.sync_all(path)

    def write_atomically(self, path: str, content: bytes) -> None:
        self._file_system.write_atomically(path, content)

    def read(self, path: str) -> bytes:
        data = self._file_system.read(path)
        self.opened.append(path)
        self.reads.append(len(data))
        return data
