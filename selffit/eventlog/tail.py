"""Follows the segment files of one stream, whatever state they are in.

It never holds them open between two reads.
"""

import os
import re
import stat
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from selffit.eventlog import brief
from selffit.eventlog.bulk import Bulk, Items
from selffit.eventlog.clean import clean
from selffit.eventlog.decode import Damaged, NewerFormat, decode, is_plain, skim
from selffit.eventlog.framing import MAX_LINE, RUN, id_in
from selffit.eventlog.records import FORMAT_VERSION, Notice, Record, Unread

if TYPE_CHECKING:
    from selffit.eventlog.extract import Wanted

SEGMENT_NAME = re.compile(r"([0-9]{6})-([0-9]{6})\.jsonl")
# no link, and no FIFO that would block
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_BLOCK = 1 << 16  # bytes of one read; a longer line gets a second one
_LARGE = 1 << 21  # bytes of one read where many lines are looked at together
_WORTH = 4 << 20  # bytes still to be read of a file from which that is worth loading numpy
_HEAD = 256  # bytes by which a file is known again
_LISTED = 100  # damaged lines reported of one file
_SKIPS = 64  # blocks of an endless line skipped in one read

Item = Record | Notice
Skimmed = Record | Notice | Unread | Bulk


class Home(Protocol):
    """The run that is read; `mark`: of its folder (`Folder.mark`)."""

    mark: str

    def owns(self, id: str) -> bool:
        """Whether a line with that id of a run is its own."""


@dataclass(kw_only=True)
class Place:
    """Where we are in a stream, and what the file looked like so far."""

    attempt: int
    number: int
    start_q: int | None  # the sequence number that the file should begin with
    offset: int = 0  # behind the last whole line taken
    head: bytes = b""
    long_from: int | None = None  # start of the endless line that is being skipped
    damaged: int = 0
    complaint: bool = False  # said already that the file cannot be read
    newer: bool = False  # written by a newer version: the rest is left out
    foreign: bool = False  # said already that it holds lines of another run

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.attempt:06d}-{self.number:06d}.jsonl"

    def restart(self) -> None:
        """Back to the beginning of the file."""
        self.offset = 0
        self.head = b""
        self.long_from = None
        self.damaged = 0
        self.newer = False
        self.foreign = False


@dataclass(kw_only=True)
class Mark:
    """How far a stream was read: whoever keeps it can go on from there."""

    place: Place | None = None
    next_q: int | None = 1  # None: anything goes, after a file of a newer version


class StreamTail:
    """Reads one stream in (attempt, sequence number) order.

    Which file it is in, and how far, is its whole state.
    """

    def __init__(
        self,
        stream: str,
        home: Home,
        skimmed: Container[bytes] = frozenset(),
        briefs: Mapping[str, int] | None = None,
        extracts: "Wanted | None" = None,
    ) -> None:
        """Lines of the kinds in `skimmed` are verified, and given as `Unread`.

        With `briefs`, of sealed files only those lines are given that their briefs have, where
        there are briefs that keep as much: see `selffit.eventlog.brief`. With `extracts`, what
        sealed files say is taken from their extracts, where there are any and that allows it: see
        `selffit.eventlog.extract`.
        """
        self.stream = stream
        self._home = home
        self._own = b""  # where the newest line had the id of the run
        self._skimmed = skimmed
        self._briefs = briefs
        self._extracts = extracts
        self._place: Place | None = None
        self._next_q: int | None = 1  # None: anything goes, after a file of a newer version
        self._in_bulk = False  # whether many lines are looked at together
        self._odd_until = 0  # where bytes of the present file end that have to be read line by line

    @property
    def mark(self) -> Mark:
        """How far it has read; setting it makes the next read go on from there."""
        return Mark(place=self._place, next_q=self._next_q)

    @mark.setter
    def mark(self, mark: Mark) -> None:
        self._place, self._next_q = mark.place, mark.next_q
        self._odd_until = 0

    def read(self, folder: int, limit: float, out: Items) -> None:
        """Append what is new to `out`, from the open stream folder.

        Stops at `limit` items in `out` or lines read, or with the last of many that were looked at
        together.
        """
        # Listed before anything is read: when a later file is in the list, an earlier one is not
        # written any more.
        names = sorted(
            (int(m[1]), int(m[2])) for m in map(SEGMENT_NAME.fullmatch, os.listdir(folder)) if m
        )
        while out.size < limit:
            place = self._place
            later = (
                names
                if place is None
                else [name for name in names if name > (place.attempt, place.number)]
            )
            if place is not None and not self._read_file(folder, place, bool(later), limit, out):
                return
            if not later:
                return
            if place is None or later[0][0] != place.attempt:
                self._next_q = 1
            attempt, number = later[0]
            self._place = Place(attempt=attempt, number=number, start_q=self._next_q)
            self._odd_until = 0

    def read_sealed(self, folder: int, place: Place, limit: float) -> tuple[bool, Items]:
        """Read on in one file that nobody writes to; whether that is all, and what was read."""
        out = Items()
        return self._read_file(folder, place, True, limit, out), out

    def _read_file(self, folder: int, place: Place, final: bool, limit: float, out: Items) -> bool:
        """Read on in the present file; whether everything in it has been taken."""
        fd = self._open(folder, place, out)
        if fd is None:
            return True
        try:
            self._check_same(fd, place, out)
            if self._briefs is not None and final and place.offset == 0:
                self._take_brief(folder, fd, place, out)
            if self._extracts is not None and final and place.offset == 0:
                self._take_extract(folder, fd, place, out)
            if self._skimmed and os.fstat(fd).st_size - place.offset >= _WORTH:
                self._in_bulk = True
            done = self._read_blocks(fd, place, final, limit, out)
            if len(place.head) < _HEAD:
                place.head = os.pread(fd, min(_HEAD, place.offset), 0)
            return done
        except OSError as error:
            self._complain(place, f"cannot be read: {error.strerror}", out)
            return True
        finally:
            os.close(fd)

    def _open(self, folder: int, place: Place, out: Items) -> int | None:
        try:
            fd = os.open(place.file, OPEN_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(place, f"cannot be read: {error.strerror}", out)
            return None
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        self._complain(place, "not a regular file", out)
        return None

    def _check_same(self, fd: int, place: Place, out: Items) -> None:
        if os.fstat(fd).st_size >= place.offset and os.pread(fd, len(place.head), 0) == place.head:
            return
        self._say(
            out,
            "restarted",
            place,
            0,
            "the file shrank or was replaced; it is read again from its start",
        )
        self._next_q = place.start_q
        self._odd_until = 0
        place.restart()

    def _take_brief(self, folder: int, fd: int, place: Place, out: Items) -> None:
        """Take what the brief of the present file says, where there is one to be trusted."""
        about = (self.stream, place.attempt, self._skimmed)
        found = brief.find(folder, place.file, fd, about, self._briefs or {})
        if found is None or not self._home.owns(found.run) or self._next_q != found.first:
            return
        for line in found.lines:
            if isinstance(line, Record) and line.k == "open":
                self._opened(place, line, out)
            out.append(line)
        place.offset = os.fstat(fd).st_size
        self._next_q = found.behind

    def _take_extract(self, folder: int, fd: int, place: Place, out: Items) -> None:
        """Take what the extract of the present file says, where there is one to be trusted."""
        size = os.fstat(fd).st_size
        if self._extracts is None or size < _WORTH:
            return
        from selffit.eventlog import extract

        found = extract.find(folder, place.file, fd, (self.stream, place.attempt), self._extracts)
        if found is None or self._next_q != found.head.first or not self._home.owns(found.head.run):
            return
        for item in found.items:
            if isinstance(item, bytes):
                self._line(item, is_plain(item), place, out)
            else:
                out.append(item)
                self._next_q = item.first_q + len(item)
            place.offset = size

    def _read_blocks(self, fd: int, place: Place, final: bool, limit: float, out: Items) -> bool:
        lines_read = skips = 0
        while out.size < limit and lines_read < limit:
            if place.newer:
                return True
            if self._in_bulk and place.offset >= self._odd_until and place.long_from is None:
                lines_read += self._read_together(fd, place, out)
                if place.offset >= self._odd_until:
                    continue
            block = os.pread(fd, _BLOCK, place.offset)
            end = block.rfind(b"\n")
            if end < 0 and len(block) == _BLOCK:
                block = os.pread(fd, MAX_LINE, place.offset)
                end = block.rfind(b"\n")
            if end < 0 and block and (len(block) == MAX_LINE or place.long_from is not None):
                place.long_from = place.offset if place.long_from is None else place.long_from
                place.offset += len(block)
                skips += 1
                if skips == _SKIPS:
                    return False
                continue
            if end < 0:
                self._tail(place, len(block), final, out)
                return True
            if place.long_from is not None:
                self._end_of_long_line(place, block, out)
                continue
            lines = block[:end]
            plain = is_plain(lines)  # mostly; else those that are not must not slow down the others
            for line in lines.split(b"\n"):
                self._line(line, plain or is_plain(line), place, out)
                place.offset += len(line) + 1
                lines_read += 1
                if out.size >= limit or lines_read >= limit or place.newer:
                    break
        return False

    def _read_together(self, fd: int, place: Place, out: Items) -> int:
        """Take a block of lines that are all as they should be; how many lines were taken.

        Where one is not, or there are few, the block is marked to be read line by line.
        """
        from selffit.eventlog.survey import Block

        data = os.pread(fd, _LARGE, place.offset)
        first, begin, taken = self._next_q, place.offset, 0
        self._odd_until = begin + max(1, data.rfind(b"\n") + 1)
        if first is None or len(data) < _BLOCK:
            return 0
        block = Block(data, self.stream, place.attempt, first)
        if not block.look(self._skimmed) or not self._home.owns(block.run):
            return 0
        for index in [*block.others(), len(block)]:
            if index > taken:
                out.append(Bulk(block, taken, index))
                self._next_q = first + index
                place.offset = begin + int(block.ends[index - 1]) + 1
            if index < len(block):
                self._line(block.raw(index), is_plain(block.raw(index)), place, out)
                place.offset = begin + int(block.ends[index]) + 1
                if self._next_q != first + index + 1:  # it was none that counts
                    return index + 1
            taken = index + 1
        self._odd_until = place.offset
        return len(block)

    def _line(self, line: bytes, plain: bool, place: Place, out: Items) -> None:
        try:
            record = (
                skim(line, self.stream, place.attempt, self._skimmed) if self._skimmed else None
            ) or decode(line, self.stream, place.attempt, plain)
        except Damaged as error:
            self._damaged(place, place.offset, f"a damaged line of {len(line)} bytes: {error}", out)
            return
        except NewerFormat as error:
            text = (
                f"written in format {error}, newer than {FORMAT_VERSION}: upgrade selffit to read "
                "this file"
            )
            self._say(out, "version", place, place.offset, text)
            place.newer = True
            self._next_q = None
            return
        part = line[RUN]
        if part != self._own:  # quick, for nearly every line
            if not self._home.owns(id := id_in(part)):
                self._strange(place, id, out)
                return
            self._own = part
        if place.offset == 0 and isinstance(record, Record) and record.k == "open":
            self._opened(place, record, out)
        expected = self._next_q
        if record.q != expected and expected is not None:
            if record.q < expected:
                text = f"the line repeats number {record.q}; the next one should be {expected}"
                self._damaged(place, place.offset, text, out)
                return
            missing = record.q - expected
            text = (
                f"{missing} event{'s' * (missing > 1)} missing: {expected} was due, {record.q} came"
            )
            self._say(out, "gap", place, place.offset, text)
        self._next_q = record.q + 1
        out.append(record)

    def _strange(self, place: Place, id: str, out: Items) -> None:
        if not place.foreign:
            place.foreign = True
            text = f"lines of another run ({clean(id)}) are left out"
            self._damaged(place, place.offset, text, out)

    def _opened(self, place: Place, record: Record, out: Items) -> None:
        """Whoever writes this file has the run in a folder that is another one than ours."""
        folder = record.d.get("folder")
        if isinstance(folder, str) and folder not in ("", self._home.mark):
            text = f"attempt {place.attempt} was begun in another folder: this one is a copy"
            self._say(out, "elsewhere", place, 0, text)

    def _end_of_long_line(self, place: Place, block: bytes, out: Items) -> None:
        start, size = place.long_from or 0, block.index(b"\n") + 1
        place.offset += size
        place.long_from = None
        self._damaged(
            place, start, f"a line of {place.offset - start} bytes is too long and was skipped", out
        )

    def _tail(self, place: Place, size: int, final: bool, out: Items) -> None:
        """The file ends without a newline: wait for the rest, unless nobody writes to it now."""
        if place.long_from is not None:
            size += place.offset - place.long_from
        if final and size:
            text = f"the file ends in {size} byte{'s' * (size > 1)} of an unfinished line"
            self._say(out, "torn", place, place.offset + size, text)

    def _damaged(self, place: Place, offset: int, text: str, out: Items) -> None:
        place.damaged += 1
        if place.damaged <= _LISTED:
            more = "; more damage in this file is not listed" if place.damaged == _LISTED else ""
            self._say(out, "damaged", place, offset, text + more)

    def _complain(self, place: Place, text: str, out: Items) -> None:
        if not place.complaint:
            place.complaint = True
            self._say(out, "unreadable", place, 0, f"{text}; the file is left out")

    def _say(self, out: Items, kind: str, place: Place, offset: int, text: str) -> None:
        out.append(Notice(kind, self.stream, place.file, offset, text))
