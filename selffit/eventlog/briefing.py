"""Making the brief and the extract of a sealed file: reading it as anybody does, once.

See `selffit.eventlog.brief` and `selffit.eventlog.extract`.
"""

import os
import secrets
from contextlib import suppress
from zlib import crc32

import msgspec

from selffit.eventlog import extract
from selffit.eventlog.brief import FLAGS, LARGEST, VERSION, Head, name_of, sum_of
from selffit.eventlog.decode import Damaged, read, skim
from selffit.eventlog.extracting import Extracting
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import MAX_LINE, seal
from selffit.eventlog.records import Unread
from selffit.eventlog.sieve import ENOUGH, Sieve
from selffit.eventlog.tail import Mark, Place, StreamTail

_SLICE = 10_000  # lines of one read
_WORTH = 4 << 20  # bytes of a file from which reading an extract is quicker than reading the file


def leave(folder: Folder, stream: str, attempt: int, number: int) -> None:
    """Leave the brief of a sealed file of a stream beside it, and its extract; closes `folder`.

    For whoever wrote the file. Where anything is wrong with it, or with the disk, nothing is left.
    """
    with suppress(OSError, Damaged), folder:
        for name, made in _made(folder.fd, stream, attempt, number).items():
            draft = f".{secrets.token_hex(8)}"
            try:
                folder.create(draft, made)
                folder.rename(draft, name)
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


def _made(folder: int, stream: str, attempt: int, number: int) -> dict[str, bytes]:
    """What is left, by name; nothing where not every line is as a writer makes it."""
    place = Place(attempt=attempt, number=number, start_q=None)
    fd = os.open(place.file, FLAGS, dir_fd=folder)
    try:
        about, sum = os.fstat(fd), sum_of(fd)
        line = os.pread(fd, MAX_LINE, 0).partition(b"\n")[0]
    finally:
        os.close(fd)
    begun = skim(line, stream, attempt, _Everything())
    if begun is None:
        return {}
    writer, sieve = _Writer(), Sieve()
    extracting = Extracting() if about.st_size >= _WORTH else None
    tail = StreamTail(stream, writer, _Everything())
    tail.mark = Mark(place=place, next_q=begun.q)
    done = False
    while not done:
        done, items = tail.read_sealed(folder, place, _SLICE)
        for item in items:
            sieve.take(item)
            if extracting is not None:
                extracting.take(item)
    lines, behind = sieve.items(), tail.mark.next_q
    whole = place.offset == about.st_size and len(writer.ids) == 1
    if behind is None or not whole:
        return {}
    run = writer.ids.pop()
    found = {}
    if extracting is not None:
        made = extracting.made(size=about.st_size, sum=sum, run=run, first=begun.q, behind=behind)
        if made is not None:
            found[extract.name_of(place.file)] = made
    kept = [line.line for line in lines if isinstance(line, Unread) and read(line) is not None]
    if len(kept) != len(lines):
        return found
    body = b"".join(line + b"\n" for line in kept)
    head = Head(
        v=VERSION,
        kept=ENOUGH,
        inode=about.st_ino,
        size=about.st_size,
        changed=about.st_mtime_ns,
        sum=sum,
        run=run,
        first=begun.q,
        behind=behind,
        body=crc32(body),
    )
    brief = seal(msgspec.json.encode(head)[:-1]) + body
    return found if len(brief) > LARGEST else {**found, name_of(place.file): brief}
