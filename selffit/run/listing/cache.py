"""What is remembered of logs: files that may be lost or damaged at any time.

Viewers put them outside the runs, into the user's cache directory ($XDG_CACHE_HOME or ~/.cache,
selffit/). A file that is not whole, of another version of the code, or about another state of the
log counts for nothing.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import msgspec

import selffit

LARGEST = 64 << 20  # bytes of a file
MOST = 5000  # files; beyond that the oldest half is removed

T = TypeVar("T")
Print = tuple[str, int, int, int]  # of a file: name, bytes, time of change (ns), inode


def load(run: Path, what: type[T]) -> T | None:
    """Return what was stored of a run, None where there is nothing of use."""
    file = _file(run, what)
    if file is None:
        return None
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as opened:
            return unpacked(opened.read(LARGEST), what)
    except OSError:
        return None


def store(run: Path, value: object) -> None:
    """Remember something of a run; where that is impossible, nothing happens."""
    file = _file(run, type(value))
    if file is None:
        return
    draft = file.with_name(f".{secrets.token_hex(8)}")
    with suppress(OSError, msgspec.MsgspecError, ValueError, OverflowError):
        data = packed(value)
        if len(data) >= LARGEST:
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
                made.write(data)
            os.replace(draft, file)
        finally:
            draft.unlink(missing_ok=True)
        _tidy(str(file.parent))


def packed(value: object) -> bytes:
    """Return the content of a file that remembers a value. Raises what msgspec does."""
    body = msgspec.msgpack.encode(value)
    return _head(body) + b"\n" + body


def unpacked(data: bytes, what: type[T]) -> T | None:
    """Return what a file remembers, None where it is not whole or of another version."""
    head, _, body = data.partition(b"\n")
    if head != _head(body):
        return None
    try:
        return msgspec.msgpack.decode(body, type=what)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def prints(run: Path) -> list[Print]:
    """Return what tells whether the log of a run, or what it is called, has changed."""
    return sorted(_prints(run))


def _prints(run: Path) -> Iterator[Print]:
    with suppress(OSError):
        for name in ("run.json", "attempts"):
            yield _print(name, os.stat(run / name))
    with suppress(OSError), os.scandir(run / "log") as streams:
        for stream in streams:
            yield _print(f"log/{stream.name}", stream.stat(follow_symlinks=False))
            if not stream.is_dir(follow_symlinks=False):
                continue
            with os.scandir(stream.path) as files:
                for file in files:
                    name = f"log/{stream.name}/{file.name}"
                    yield _print(name, file.stat(follow_symlinks=False))


def _print(name: str, found: os.stat_result) -> Print:
    return name, found.st_size, found.st_mtime_ns, found.st_ino


def _file(run: Path, what: type) -> Path | None:
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        root = os.path.expanduser("~/.cache")
    if not os.path.isabs(root):
        return None
    name = blake2b(os.fsencode(os.path.realpath(run)), digest_size=16).hexdigest()
    return Path(root) / "selffit" / f"{name}.{what.__name__.lower()}"


def _head(body: bytes) -> bytes:
    return b"selffit %s %08x" % (_code(), crc32(body))


@lru_cache(maxsize=1)
def _code() -> bytes:
    """What changes when the code does that made of a log what is stored."""
    package, digest = Path(selffit.__file__).parent, blake2b(digest_size=8)
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(b"%b %d " % (os.fsencode(file.relative_to(package)), len(content)))
        digest.update(content)
    return f"{selffit.__version__} {digest.hexdigest()}".encode("ascii", "replace")


@lru_cache(maxsize=1)  # once a process
def _tidy(folder: str) -> None:
    """Remove the oldest half where there are too many."""
    with os.scandir(folder) as entries:
        files = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries]
    if len(files) > MOST:
        for _, path in sorted(files)[: len(files) // 2]:
            with suppress(OSError):
                os.unlink(path)
