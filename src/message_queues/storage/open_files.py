"""The open files of all logs together: at most `limit`, the one unused for longest is closed for the next.

Whoever needs a file asks for it each time and keeps no handle. Closing loses nothing: an unsynced file is opened again to be synced.
"""

from collections import OrderedDict

from message_queues.storage.filesystem import File, FileSystem


class OpenFiles:
    """Handles by path, least recently used first."""

    __slots__ = ("_files", "file_system", "limit")

    def __init__(self, file_system: FileSystem, limit: int = 512) -> None:
        self.file_system = file_system
        self.limit = limit
        self._files: OrderedDict[str, File] = OrderedDict()

    def __len__(self) -> int:
        return len(self._files)

    def get(self, path: str, create: bool = False) -> File:
        """The file, opened if need be; valid until the next call."""
        file = self._files.get(path)
        if file is not None:
            self._files.move_to_end(path)
            return file
        while len(self._files) >= self.limit and self._files:
            _, unused = self._files.popitem(last=False)
            unused.close()
        file = self._files[path] = self.file_system.open(path, create)
        return file

    def discard(self, path: str) -> None:
        """Closes the file if it is open: it is about to be replaced, or no longer needed."""
        file = self._files.pop(path, None)
        if file is not None:
            file.close()

    def remove(self, path: str) -> None:
        """Removes the file, open or not; raises OSError."""
        # An open handle would outlive the name: what is written next under this name would go into a file that nobody finds again.
        self.discard(path)
        self.file_system.remove(path)

    def discard_directory(self, directory: str) -> None:
        """Closes all files below the directory, which is about to be removed."""
        for path in [path for path in self._files if path.startswith(f"{directory}/")]:
            self.discard(path)

    def close(self) -> None:
        while self._files:
            _, file = self._files.popitem()
            file.close()
