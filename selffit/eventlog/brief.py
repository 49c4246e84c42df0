"""What a sealed file of a log says in brief: the lines that a summary needs of it, beside it.

`log/trainer/000003-000000.brief` is left by whoever wrote `000003-000000.jsonl`, when that is
sealed and goes on in the next file. It is disposable, and not part of the log: a reader takes it
only where it is whole and about the file as it is, and reads the file itself otherwise. A file is
known by its inode, size and time of change; one of the same size that was copied, or touched, by
the CRC-32 of all its bytes.

The first line says what the others are about, see `Head`; the others are lines of the file.
`selffit.eventlog.briefing` makes it.
"""

import os
import stat
from collections.abc import Container, Mapping
from zlib import crc32

import msgspec

from selffit.eventlog.decode import Damaged, NewerFormat, decode, is_plain, skim
from selffit.eventlog.framing import RUN, SUFFIX, id_in, verify
from selffit.eventlog.records import Record, Unread

VERSION = 1
LARGEST = 8 << 20  # bytes of a brief; a file of which more is needed is read itself
_CHUNK = 1 << 20
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Head(msgspec.Struct, kw_only=True):
    """What a brief is about.

    kept: how many of the newest of each kind, of the others all. inode, size, changed (ns), sum:
    of the file, and `run`: the id that its lines tell. first, behind: the number of its first line,
    and of the one that follows its last. body: the checksum of the lines below.
    """

    v: int
    kept: dict[str, int]
    inode: int
    size: int
    changed: int
    sum: int
    run: str
    first: int
    behind: int
    body: int


def name_of(file: str) -> str:
    """The name of the brief of a segment file."""
    return f"{file.removesuffix('.jsonl')}.brief"


class Brief:
    """A brief that can be trusted: the number behind the last line of its file, and its lines."""

    def __init__(self, head: Head, lines: list[Record | Unread]) -> None:
        self.run = head.run
        self.first = head.first
        self.behind = head.behind
        self.lines = lines


def find(
    folder: int,
    file: str,
    fd: int,
    about: tuple[str, int, Container[bytes]],
    kept: Mapping[str, int],
) -> Brief | None:
    """Return the brief of an open segment file, None where there is none that can be trusted.

    folder: descriptor of the stream's folder. about: stream, attempt, and the kinds of which lines
    are given as `Unread`. kept: see `Head`.
    """
    try:
        raw = _read(folder, name_of(file))
        top, _, body = raw.partition(b"\n")
        if not verify(top):
            return None
        head = msgspec.json.decode(top[:-SUFFIX] + b"}", type=Head)
        if (head.v, head.kept, head.body) != (VERSION, kept, crc32(body)):
            return None
        if not _is_about(head, fd):
            return None
        lines = [_line(line, head, about) for line in body.splitlines()]
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError, Damaged, NewerFormat):
        return None
    numbers = [line.q for line in lines]
    if numbers != sorted(set(numbers)) or not lines or numbers[0] < head.first:
        return None
    return Brief(head, lines) if numbers[-1] < head.behind else None


def _line(line: bytes, head: Head, about: tuple[str, int, Container[bytes]]) -> Record | Unread:
    stream, attempt, skimmed = about
    if id_in(line[RUN]) != head.run:
        raise Damaged("a line of another run")
    return skim(line, stream, attempt, skimmed) or decode(line, stream, attempt, is_plain(line))


def _read(folder: int, name: str) -> bytes:
    fd = os.open(name, FLAGS, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise ValueError("not a brief")
        return os.pread(fd, LARGEST, 0)
    finally:
        os.close(fd)


def _is_about(head: Head, fd: int) -> bool:
    found = os.fstat(fd)
    if found.st_size != head.size:
        return False
    if (found.st_ino, found.st_mtime_ns) == (head.inode, head.changed):
        return True
    return sum_of(fd) == head.sum


def sum_of(fd: int) -> int:
    """Return the CRC-32 of all bytes of an open file."""
    total, offset = 0, 0
    while chunk := os.pread(fd, _CHUNK, offset):
        total = crc32(chunk, total)
        offset += len(chunk)
    return total
