"""A folder held by its descriptor: names in it are reached without ever following a link.

Whoever writes into a run holds its folder so, and reaches everything else from there. What a path
means may change at any time; the folder behind a descriptor stays itself wherever it is moved, and
nothing can be made in it any more once it was deleted.
"""

import errno
import fcntl
import hashlib
import io
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER = _ROOT | os.O_NOFOLLOW
# NONBLOCK: a pipe must not hang the opening
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 22  # bytes written, then hashed while they are still in the processor's cache


class Folder:
    """An open folder; use it as a context manager, or hold it. Everything raises OSError."""

    def __init__(self, path: Path | str, inside: "Folder | None" = None) -> None:
        """NotADirectoryError or ELOOP when the last part of `path` is a link."""
        self._fd = -1
        self.name = os.path.basename(path)
        self._fd = os.open(path, _FOLDER, dir_fd=None if inside is None else inside.fd)

    @classmethod
    def root(cls, path: Path | str) -> "Folder":
        """A folder that a person names: the path to it, to its last part, may be of links."""
        return cls.adopt(os.open(path, _ROOT), os.path.basename(os.path.abspath(path)))

    @classmethod
    def adopt(cls, fd: int, name: str) -> "Folder":
        """The folder of an open descriptor, which is closed with it."""
        folder = cls.__new__(cls)
        folder._fd = fd
        folder.name = name
        return folder

    @property
    def fd(self) -> int:
        """The descriptor, for calls that take one."""
        return self._fd

    @property
    def mark(self) -> str:
        """What tells it from every copy of it, as text: its number in its file system.

        A name, and a device after the next boot, may be another; a copy has another number.
        """
        return f"{os.fstat(self._fd).st_ino:x}"

    @property
    def path(self) -> Path:
        """A path to it as of now, for code of others that takes no descriptor."""
        entry = Path(f"/proc/self/fd/{self._fd}")  # Linux: leads there wherever it is moved
        if entry.exists():
            return entry
        command = getattr(fcntl, "F_GETPATH", None)  # macOS
        if command is None:
            raise OSError(errno.ENOTSUP, "this system tells no path of an open folder", self.name)
        return Path(os.fsdecode(fcntl.fcntl(self._fd, command, bytes(1024)).rstrip(b"\0")))

    def again(self) -> "Folder":
        """The same folder with a descriptor of its own."""
        return self.adopt(os.dup(self._fd), self.name)

    def within(self, *names: str) -> "Folder":
        """A folder further down, one name after the other: none of them may be a link."""
        here = self.again()
        for name in names:
            with here:
                here = Folder(name, here)
        return here

    def close(self) -> None:
        """Give the descriptor back; a second time does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of that name, and no link to one."""
        return stat.S_ISDIR(os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode)

    def is_file(self, name: str) -> bool:
        """Whether there is a regular file of that name with no second one, and no link to one."""
        found = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        return stat.S_ISREG(found.st_mode) and found.st_nlink == 1

    def unshare(self, name: str) -> None:
        """Give a regular file that has a second name, as in a copy of links, its own content.

        The second name keeps the old one; nothing is ever written through it.
        """
        found = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink == 1:
            return
        draft = f".{secrets.token_hex(8)}"
        try:
            self.create(draft, self.read(name))
            self.rename(draft, name)
        except OSError:
            with suppress(OSError):
                self.unlink(draft)
            raise

    def make(self, name: str) -> None:
        """Make a folder in it."""
        os.mkdir(name, 0o700, dir_fd=self._fd)

    def ensure(self, name: str) -> "Folder":
        """The folder of that name in it, made where there is none."""
        with suppress(FileExistsError):
            self.make(name)
            self.sync()
        return Folder(name, self)

    def rename(self, old: str, new: str, into: "Folder | None" = None) -> None:
        """Give something in it another name, there or in another folder, in one step."""
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=(into or self)._fd)

    def append(self, name: str) -> int:
        """A descriptor that writes at the end of a regular file, made where there is none.

        Never of a link; nor of a file with a second name, which may lie anywhere.
        """
        fd = os.open(name, _APPEND, 0o600, dir_fd=self._fd)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(fd)
            raise OSError(errno.EMLINK, "not a regular file with one name", name)
        return fd

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

    def written(self, name: str) -> float:
        """When something in it was written last, in seconds by the clock of the file system."""
        return os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mtime

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

    def tail(self, name: str, size: int) -> bytes:
        """The last `size` bytes of a regular file."""
        with self._regular(name) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size)

    def _regular(self, name: str) -> io.FileIO:
        """Checked on the open descriptor: what is looked at is what is read."""
        fd = os.open(name, _READ, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", name)
        return io.FileIO(fd)


Place = Path | Folder  # where a run lies: a path for those who look, a held folder for its writers


def held(place: Place) -> Place:
    """The folder of a run, held from now on; as it was given where there is none."""
    try:
        return root_of(place)
    except OSError:
        return place


def root_of(place: Place) -> Folder:
    """The folder of a run, open, to be closed by the caller. Raises OSError."""
    return place.again() if isinstance(place, Folder) else Folder.root(place)
