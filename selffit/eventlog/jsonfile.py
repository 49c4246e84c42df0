"""Small JSON files: written whole or not at all, read as if somebody hostile had written them."""

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from selffit.eventlog.disk import Disk
from selffit.eventlog.encode import to_json
from selffit.eventlog.folder import Folder

MAX_BYTES = 1 << 20

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_new(folder: Folder, name: str, data: Mapping[str, Any]) -> None:
    """A new file in a folder, its content on the disk.

    Raises OSError: FileExistsError when there is one already.
    """
    text, disk = msgspec.json.format(to_json(data), indent=2) + b"\n", Disk()
    fd = disk.create(folder, name)
    try:
        while text:
            text = text[disk.write(fd, text) :]
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            folder.unlink(name)
        raise
    finally:
        os.close(fd)


def replace(folder: Folder, name: str, data: Mapping[str, Any]) -> None:
    """Another content for a file, on the disk: at any time it is the old one or the new one.

    Raises OSError.
    """
    draft = f".{name}.{secrets.token_hex(4)}"
    write_new(folder, draft, data)
    try:
        folder.rename(draft, name)
    except OSError:
        with suppress(OSError):
            folder.unlink(draft)
        raise
    folder.sync()


def read_small(name: str, folder: Folder) -> dict[str, Any]:
    """A JSON object of a regular file up to MAX_BYTES, never through a link.

    Raises OSError, ValueError.
    """
    fd = os.open(name, _READ, dir_fd=folder.fd)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"{status.st_size} bytes long")
        raw = os.pread(fd, MAX_BYTES, 0)
    finally:
        os.close(fd)
    try:
        data = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    return data
