"""A folder held by its descriptor: names in it are reached without ever following a link."""

import errno
import hashlib
import io
import os
import shutil
import stat
from pathlib import Path
from types import TracebackType

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# NONBLOCK: a pipe must not hang the opening
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 22  # bytes written, then hashed while they are still in the processor's cache


class Folder:
    """An open folder; use it as a context manager. Everything raises OSError."""

    def __init__(self, path: Path | str, inside: "Folder | None" = None) -> None:
        """NotADirectoryError or ELOOP when the last part of `path` is a link."""
        self._fd: int = os.open(path, _FOLDER, dir_fd=None if inside is None else inside._fd)

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def names(self) -> list[str]:
        """All names in it, sorted."""
        return sorted(os.listdir(self._fd))

    def holds(self, name: str) -> bool:
        """Whether there is something of that name, be it a broken link."""
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def make(self, name: str) -> None:
        """Make a folder in it."""
        os.mkdir(name, 0o700, dir_fd=self._fd)

    def rename(self, old: str, new: str) -> None:
        """Give something in it another name, in one step."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def sync(self) -> None:
        """Makes the names in the folder survive a power loss."""
        os.fsync(self._fd)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(name, dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """A file, a link, or a folder with all it holds."""
        if stat.S_ISDIR(os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=self._fd)
        else:
            self.unlink(name)

    def create(self, name: str, data: bytes) -> str:
        """Write a new file, force it to the disk; the SHA-256 of what was written."""
        digest = hashlib.sha256()
        fd = os.open(name, _CREATE, 0o600, dir_fd=self._fd)
        try:
            left = memoryview(data)
            while left:
                written = os.write(fd, left[:_CHUNK])
                digest.update(left[:written])
                left = left[written:]
            os.fsync(fd)
        finally:
            os.close(fd)
        return digest.hexdigest()

    def settle(self, name: str) -> tuple[int, str]:
        """Force a file that somebody else wrote to the disk; its size and SHA-256."""
        with self._regular(name) as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()

    def size(self, name: str) -> int:
        """Bytes of a regular file; OSError for any other kind, links included."""
        with self._regular(name) as file:
            return os.fstat(file.fileno()).st_size

    def digest(self, name: str) -> str:
        """SHA-256 of a regular file, read in pieces."""
        with self._regular(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, name: str, limit: int | None = None) -> bytes:
        """All of a regular file; OSError when it is longer than `limit` bytes."""
        with self._regular(name) as file:
            if limit is not None and os.fstat(file.fileno()).st_size > limit:
                raise OSError(errno.EFBIG, "longer than any of ours", name)
            return file.readall()

    def _regular(self, name: str) -> io.FileIO:
        """Checked on the open descriptor: what is looked at is what is read."""
        fd = os.open(name, _READ, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", name)
        return io.FileIO(fd)
