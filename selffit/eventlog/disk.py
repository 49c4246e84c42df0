"""Append-only segment files and the ballast, on a thin layer of system calls.

Tests replace that layer to inject faults.
"""

import os
from collections.abc import Sequence
from contextlib import suppress

from selffit.eventlog.folder import Folder


class Disk:
    """The system calls a log needs. Every method raises OSError as the call does."""

    def create(self, folder: Folder, name: str) -> int:
        """A descriptor of a new file; never of one that exists, never through a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(name, flags, 0o600, dir_fd=folder.fd)

    def write(self, fd: int, data: bytes) -> int:
        """Write to an open file; how many bytes went in, perhaps fewer than asked for."""
        return os.write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        """Cut an open file to `size` bytes."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Force the content of an open file to the disk."""
        getattr(os, "fdatasync", os.fsync)(fd)

    def close(self, fd: int) -> None:
        """Close an open file."""
        os.close(fd)

    def unlink(self, folder: Folder, name: str) -> None:
        """Delete a file."""
        folder.unlink(name)

    def sync_folder(self, folder: Folder) -> None:
        """Makes names created in the folder survive a power loss."""
        folder.sync()


class Segment:
    """One new file that holds whole lines only: a line that did not fit is cut off again."""

    def __init__(self, disk: Disk, folder: Folder, name: str) -> None:
        """Raises OSError: FileExistsError when the name is taken."""
        self.size = 0  # bytes of whole lines in the file
        self.synced = 0  # of those, bytes known to be on the disk
        # False: half a line could not be cut off, or a sync failed: write nothing more
        self.usable = True
        self._disk = disk
        self._fd = disk.create(folder, name)
        try:
            disk.sync_folder(folder)
        except OSError:
            self.close()
            raise

    def append(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Append lines; how many are now whole in the file, and what error stopped the others."""
        data = b"".join(lines)
        written, error = 0, None
        try:
            while written < len(data):
                written += self._disk.write(self._fd, data[written:] if written else data)
        except OSError as fault:
            error = fault
        if error is None:
            self.size += len(data)
            return len(lines), None
        whole, end = 0, 0
        while end + len(lines[whole]) <= written:
            end += len(lines[whole])
            whole += 1
        self.size += end
        if written > end:
            self.cut_back(self.size)
        return whole, error

    def cut_back(self, size: int) -> bool:
        """Shorten the file to `size` bytes; False (and not usable any more) when that fails too."""
        try:
            self._disk.truncate(self._fd, size)
        except OSError:
            self.usable = False
            return False
        self.size = size
        return True

    def sync(self) -> None:
        """Force what was appended to the disk.

        Raises OSError; then nothing may be written or synced here again, for the kernel forgets the
        failure.
        """
        try:
            self._disk.sync(self._fd)
        except OSError:
            self.usable = False
            raise
        self.synced = self.size

    def close(self) -> None:
        """Give the file up."""
        with suppress(OSError):  # whatever was promised has been synced before
            self._disk.close(self._fd)


class Ballast:
    """A file of a fixed size that is deleted when the disk is full.

    So the last critical events still fit.
    """

    def __init__(self, disk: Disk, folder: Folder, name: str, size: int) -> None:
        self._disk = disk
        self._folder = folder
        self._name = name
        self._size = size
        self.held = False

    def lay(self) -> bool:
        """Write it anew; False, and nothing left behind, when there is no room."""
        self.release()
        try:
            fd = self._disk.create(self._folder, self._name)
            try:
                # random: a compressing disk reserves nothing for zeros
                block = os.urandom(min(self._size, 1 << 16))
                left = self._size
                while left > 0:
                    left -= self._disk.write(fd, block[:left])
                self._disk.sync(fd)
            finally:
                self._disk.close(fd)
        except OSError:
            self.release()
            return False
        self.held = True
        return True

    def release(self) -> bool:
        """Delete it; whether room was gained."""
        held, self.held = self.held, False
        with suppress(OSError):  # not there, or the disk refuses: no room gained either way
            self._disk.unlink(self._folder, self._name)
            return held
        return False
