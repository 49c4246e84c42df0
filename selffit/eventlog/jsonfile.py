"""Small JSON files: written whole or not at all, read as if somebody hostile had written them."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from selffit.eventlog.disk import Disk
from selffit.eventlog.encode import to_json

MAX_BYTES = 1 << 20

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_new(path: Path, data: Mapping[str, Any]) -> None:
    """A new file, its content on the disk.

    Raises OSError: FileExistsError when there is one already.
    """
    text, disk = msgspec.json.format(to_json(data), indent=2) + b"\n", Disk()
    fd = disk.create(path)
    try:
        while text:
            text = text[disk.write(fd, text) :]
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(fd)


def read_small(path: Path) -> dict[str, Any]:
    """A JSON object of a regular file up to MAX_BYTES, never through a link.

    Raises OSError, ValueError.
    """
    fd = os.open(path, _READ)
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
