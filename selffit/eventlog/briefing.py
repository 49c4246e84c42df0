"""Making the brief of a sealed file: reading it as anybody does, and keeping what a summary needs.

See `selffit.eventlog.brief`.
"""

import os
import secrets
from contextlib import suppress
from zlib import crc32

import msgspec

from selffit.eventlog.brief import FLAGS, LARGEST, VERSION, Head, name_of, sum_of
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.decode import read
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import seal
from selffit.eventlog.records import Notice, Unread
from selffit.eventlog.sieve import ENOUGH, Sieve
from selffit.eventlog.tail import Mark, Place, Skimmed, StreamTail

_SLICE = 10_000  # lines of one read


def leave(folder: Folder, stream: str, attempt: int, number: int) -> None:
    """Leave the brief of a sealed file of a stream beside it; closes `folder`.

    For whoever wrote the file. Where anything is wrong with it, or with the disk, nothing is left.
    """
    with suppress(OSError), folder:
        made = _made(folder.fd, stream, attempt, number)
        if made is None or len(made[1]) > LARGEST:
            return
        draft = f".{secrets.token_hex(8)}"
        try:
            folder.create(draft, made[1])
            folder.rename(draft, name_of(made[0]))
        except OSError:
            with suppress(OSError):
                folder.unlink(draft)


class _Everything:
    def __contains__(self, kind: object) -> bool:
        return True


class _Writer:
    """Whose lines they are: those of one run, whichever it is."""

    mark = ""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def owns(self, id: str) -> bool:
        self.ids.add(id)
        return len(self.ids) == 1


def _made(folder: int, stream: str, attempt: int, number: int) -> tuple[str, bytes] | None:
    """The name of a file and its brief; None where not every line is as a writer makes it."""
    place = Place(attempt=attempt, number=number, start_q=None)
    fd = os.open(place.file, FLAGS, dir_fd=folder)
    try:
        about, sum = os.fstat(fd), sum_of(fd)
    finally:
        os.close(fd)
    writer, sieve = _Writer(), Sieve()
    tail = StreamTail(stream, writer, _Everything())
    tail.mark = Mark(place=place, next_q=None)
    first: int | None = None
    done = False
    while not done:
        done, items = tail.read_sealed(folder, place, _SLICE)
        for item in items:
            sieve.take(item)
        if first is None and items:
            first = _number(items[0])
    lines, behind = sieve.items(), tail.mark.next_q
    whole = place.offset == about.st_size and len(writer.ids) == 1
    if first is None or behind is None or not whole:
        return None
    kept = [line.line for line in lines if isinstance(line, Unread) and read(line) is not None]
    if len(kept) != len(lines):
        return None
    body = b"".join(line + b"\n" for line in kept)
    head = Head(
        v=VERSION,
        kept=ENOUGH,
        inode=about.st_ino,
        size=about.st_size,
        changed=about.st_mtime_ns,
        sum=sum,
        run=writer.ids.pop(),
        first=first,
        behind=behind,
        body=crc32(body),
    )
    return place.file, seal(msgspec.json.encode(head)[:-1]) + body


def _number(item: Skimmed) -> int | None:
    if isinstance(item, Notice):
        return None
    return item.first_q if isinstance(item, Bulk) else item.q
