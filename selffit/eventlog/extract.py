"""An extract of a sealed file of a log: all that it says, with its blocks of steps in columns.

`log/trainer/000003-000000.extract` is left beside `000003-000000.jsonl` as its brief is, and is
disposable like that (`selffit.eventlog.brief`). Whoever reads the whole log takes it instead of the
lines, where all bytes of the file have the CRC-32 that it tells: they are the bytes that were read,
line by line, when it was made, so damage is found as ever.

The first line says what it is about, see `Head`; behind it comes a `Body` in MessagePack.
`selffit.eventlog.extracting` makes it.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32, decompressobj
from zlib import error as Corrupt

import msgspec
import numpy as np
from numpy.typing import NDArray

from selffit.eventlog.batch import SKIMMED, STEPS, Told
from selffit.eventlog.brief import FLAGS, sum_of
from selffit.eventlog.bulk import Bulk, Lines
from selffit.eventlog.framing import SUFFIX, verify
from selffit.eventlog.kinds import DRAWN_SIGNALS, LONGEST_BLOCK

VERSION = 1
LARGEST = 1 << 27  # bytes of an extract; a file of which more would be needed is read itself
_BRANCH = re.compile("[A-Za-z0-9._-]{1,64}")
_KINDS = {kind.decode() for kind in SKIMMED}
_MOST_STEPS = 2**53
_LATEST = 1e11  # as of any clock in a log

Wanted = Callable[[int, float, float], bool]  # of an attempt, from one clock to another


def always(attempt: int, begin: float, end: float) -> bool:
    """Whoever reads needs no single line of any stretch."""
    return True


class Head(msgspec.Struct, kw_only=True):
    """What an extract is about.

    size, sum: of the file, and `run`: the id that its lines tell. first, behind: the number of its
    first line, and of the one that follows its last. begin, end: its first and its last clock.
    body: the checksum of what is below.
    """

    v: int
    size: int
    sum: int
    run: str
    first: int
    behind: int
    begin: float
    end: float
    body: int


class Stretch(msgspec.Struct, array_like=True, kw_only=True):
    """Many lines in a row, as a `Bulk` has them; numbers as their bytes, little-endian.

    lines, blocks: how many lines there are, and blocks of steps. numbers: compressed, one behind
    the other: of each line its class (uint8), then of each its step (int64) and its clock
    (float64); of each block its steps (int64), TIMING and SETTINGS (float64). signals: the drawn
    ones of all steps, one behind the other (float32). others: the lines that are no blocks,
    compressed. lasts: the last line of each kind, by its index.
    """

    names: list[tuple[str, str]]
    lines: int
    blocks: int
    numbers: bytes
    signals: bytes
    others: bytes
    lasts: dict[int, bytes]


Body = list[Stretch | bytes]  # lines that are to be read by themselves are as they were written
_BODY: msgspec.msgpack.Decoder[Body] = msgspec.msgpack.Decoder(Body)


class Extracted(Bulk):
    """Many verified lines of which only some are at hand: the last of each kind."""

    __slots__ = ("_kept", "_packed", "told")

    def __init__(self, stretch: Stretch, stream: str, attempt: int, first_q: int) -> None:
        """Raises ValueError where it is none that our writer makes."""
        self.stream = stream
        self.a = attempt
        self.first_q = first_q
        self.names = stretch.names
        n, blocks = stretch.lines, stretch.blocks
        if not 0 <= blocks <= n <= LARGEST:
            raise ValueError("too many lines")
        numbers = decompressobj().decompress(stretch.numbers, 17 * n + 56 * blocks + 1)
        self.of, behind = _read(numbers, "u1", n, 0)
        self.s, behind = _read(numbers, "<i8", n, behind)
        self.t, behind = _read(numbers, "<f8", n, behind)
        size, behind = _read(numbers, "<i8", blocks, behind)
        timing, behind = _read(numbers, "<f8", 3 * blocks, behind)
        settings, _ = _read(numbers, "<f8", 3 * blocks, behind)
        proper = [kind in _KINDS and _BRANCH.fullmatch(branch) for kind, branch in self.names]
        if not n or not all(proper) or int(self.of.max()) >= len(proper):
            raise ValueError("other kinds of lines")
        if self.s.min() < 0 or self.s.max() > _MOST_STEPS:
            raise ValueError("impossible steps")
        if not (self.t.min() >= 0 and self.t.max() <= _LATEST):
            raise ValueError("impossible clocks")
        if blocks != (len(self.of_kind(STEPS)) if STEPS in self.kinds() else 0):
            raise ValueError("not as many blocks")
        if blocks and (size.min() < 1 or size.max() > LONGEST_BLOCK):
            raise ValueError("blocks of impossible length")
        steps = int(size.sum())
        signals, _ = _read(stretch.signals, "<f4", len(DRAWN_SIGNALS) * steps, 0)
        self.told = Told(
            size=size,
            timing=timing.reshape(-1, 3),
            settings=settings.reshape(-1, 3),
            values=signals.reshape(len(DRAWN_SIGNALS), steps),
        )
        self._packed = stretch.others
        self._kept = stretch.lasts
        if {self.of_kind(kind)[-1] for kind in self.kinds()} - {*self._kept}:
            raise ValueError("a line is missing")

    def raw(self, index: int) -> bytes:
        """The bytes of the last line of a kind; of others nobody may ask."""
        return self._kept[index]

    def lines(self, indices: list[int]) -> Lines:
        """All lines that are no blocks of steps."""
        return Lines(self.stream, self.a, len(indices), self._packed, True)


def _read(data: bytes, kind: str, n: int, begin: int) -> tuple[NDArray[Any], int]:
    """So many numbers, and the place behind them. Raises ValueError where there are fewer."""
    found = np.frombuffer(data, kind, n, begin)
    return found, begin + found.nbytes


def name_of(file: str) -> str:
    """The name of the extract of a segment file."""
    return f"{file.removesuffix('.jsonl')}.extract"


class Extract:
    """An extract that can be trusted: what it is about, and what the file says."""

    def __init__(self, head: Head, items: list[Extracted | bytes]) -> None:
        self.head = head
        self.items = items


def find(folder: int, file: str, fd: int, about: tuple[str, int], wanted: Wanted) -> Extract | None:
    """Return the extract of an open segment file, None where there is none that can be trusted.

    folder: descriptor of the stream's folder. about: stream and attempt. wanted: whether whoever
    reads can do without the single lines of it.
    """
    try:
        raw = _all_of(folder, name_of(file))
        end = raw.find(b"\n") + 1
        top, body = raw[: max(0, end - 1)], memoryview(raw)[end:]
        if not verify(top):
            return None
        head = msgspec.json.decode(top[:-SUFFIX] + b"}", type=Head)
        known = head.v == VERSION and head.body == crc32(body)
        if not known or not wanted(about[1], head.begin, head.end):
            return None
        if (os.fstat(fd).st_size, sum_of(fd)) != (head.size, head.sum):
            return None
        return Extract(head, list(_items(head, _BODY.decode(body), about)))
    except (OSError, msgspec.MsgspecError, Corrupt, ValueError, TypeError, RecursionError):
        return None


def _items(head: Head, body: Body, about: tuple[str, int]) -> Iterator[Extracted | bytes]:
    number = head.first
    for entry in body:
        if isinstance(entry, bytes):
            yield entry
            number += 1
            continue
        bulk = Extracted(entry, *about, number)
        if not head.begin <= float(bulk.t.min()) <= float(bulk.t.max()) <= head.end:
            raise ValueError("clocks that were not told")
        yield bulk
        number += len(bulk)
    if number != head.behind:
        raise ValueError("not as many lines")


def _all_of(folder: int, name: str) -> bytes:
    fd = os.open(name, FLAGS, dir_fd=folder)
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            raise ValueError("not an extract")
        return os.pread(fd, about.st_size, 0)
    finally:
        os.close(fd)
