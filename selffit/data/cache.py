"""Decoded image sets in the user's cache directory: read by mapping a file, without torchvision.

They lie in $XDG_CACHE_HOME or ~/.cache, selffit/images/, a file for each folder of originals. One
that is not whole, or made from other originals (by size and time of change), counts for nothing
and is made anew. All of them may be deleted at any time.
"""

import os
import secrets
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np

from selffit.data.catalogue import DATA_SETS

_FORM = 1  # of the file
_LONGEST = 1 << 16  # bytes of its first line
Split = tuple[np.ndarray, np.ndarray]  # images uint8 [N,C,H,W], labels int64 [N]


class _Head(msgspec.Struct, frozen=True):
    """The first line. prints: name, bytes and time of change (ns) of each original."""

    form: int
    prints: list[tuple[str, int, int]]
    shape: tuple[int, int, int, int]
    crc: int


class Cached:
    """The place of one set's file. It is of the originals as they are when this is made."""

    def __init__(self, name: str, data_dir: str) -> None:
        source = DATA_SETS[name]
        folder = source.root(data_dir) / source.folder
        self._prints = _prints(folder, source.files)
        self._file = _place(f"{name} {os.path.realpath(folder)}") if self._prints else None

    def load(self) -> Split | None:
        """Images, mapped and read-only, and labels; None where there is nothing of use."""
        if self._file is None:
            return None
        try:
            with open(self._file, "rb") as opened:
                line = opened.readline(_LONGEST)
            head = msgspec.json.decode(line, type=_Head)
            body = np.memmap(self._file, np.uint8, "r", offset=len(line))
            count, pixels = head.shape[0], int(np.prod(head.shape))
            whole = len(body) == pixels + 8 * count
            if head.form != _FORM or head.prints != self._prints or not whole:
                return None
            if crc32(body.data) != head.crc:
                return None
            labels = np.frombuffer(body[pixels:].tobytes(), np.dtype("<i8")).astype(np.int64)
            return body[:pixels].reshape(head.shape), labels
        except (OSError, msgspec.MsgspecError, ValueError, OverflowError):
            return None

    def store(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Keep a decoded set; where that is impossible, nothing happens."""
        if self._file is None:
            return
        draft = self._file.with_name(f".{secrets.token_hex(8)}")
        with suppress(OSError):
            parts = [np.ascontiguousarray(images), np.ascontiguousarray(labels.astype("<i8"))]
            crc = 0
            for part in parts:
                crc = crc32(part.data, crc)
            n, channels, height, width = images.shape
            head = _Head(_FORM, self._prints, (n, channels, height, width), crc)
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(fd, "wb") as made:
                    made.write(msgspec.json.encode(head) + b"\n")
                    for part in parts:
                        made.write(part.data)
                os.replace(draft, self._file)
            finally:
                draft.unlink(missing_ok=True)


def _prints(folder: Path, files: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """What tells whether the originals have changed; nothing where one of them is not there."""
    try:
        found = [(file, os.stat(folder / file)) for file in files]
    except OSError:
        return []
    return [(file, stat.st_size, stat.st_mtime_ns) for file, stat in found]


def _place(what: str) -> Path | None:
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        root = os.path.expanduser("~/.cache")
    if not os.path.isabs(root):
        return None
    name = blake2b(os.fsencode(what), digest_size=16).hexdigest()
    return Path(root) / "selffit" / "images" / name
