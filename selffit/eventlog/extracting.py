"""Making the extract of a sealed file, of its lines as they are read.

See `selffit.eventlog.extract`.
"""

from zlib import compress, crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from selffit.eventlog.batch import SKIMMED, STEPS, told_by
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.extract import LARGEST, VERSION, Body, Head, Stretch
from selffit.eventlog.framing import seal
from selffit.eventlog.records import Notice, Unread
from selffit.eventlog.tail import Skimmed

_FEWEST = 4  # lines in a row that are worth a stretch of their own
_FASTEST = 1  # compression: heartbeats are much alike
_KINDS = {kind.decode() for kind in SKIMMED}


class Extracting:
    """Takes all lines of a file, verified but not decoded, in order."""

    def __init__(self) -> None:
        self._body: Body = []
        self._begin, self._end = float("inf"), float("-inf")
        self._impossible = False

    def take(self, item: Skimmed) -> None:
        """One more, or many at once."""
        if isinstance(item, Bulk):
            self._see(float(item.t.min()), float(item.t.max()))
            self._take_many(item)
        elif isinstance(item, Unread):
            self._see(item.t, item.t)
            self._body.append(item.line)
        else:
            self._impossible |= isinstance(item, Notice)

    def made(self, *, size: int, sum: int, run: str, first: int, behind: int) -> bytes | None:
        """The extract of a file, see `Head`; None where there can be none."""
        if self._impossible or not any(isinstance(entry, Stretch) for entry in self._body):
            return None
        body = msgspec.msgpack.encode(self._body)
        head = Head(
            v=VERSION,
            size=size,
            sum=sum,
            run=run,
            first=first,
            behind=behind,
            begin=self._begin,
            end=self._end,
            body=crc32(body),
        )
        made = seal(msgspec.json.encode(head)[:-1]) + body
        return made if len(made) <= LARGEST else None

    def _see(self, begin: float, end: float) -> None:
        self._begin, self._end = min(self._begin, begin), max(self._end, end)

    def _take_many(self, bulk: Bulk) -> None:
        """The lines of other kinds by themselves, and the stretches between them."""
        wanted = np.array([kind in _KINDS for kind, _ in bulk.names])[bulk.of]
        begin = 0
        for index in [*np.flatnonzero(~wanted).tolist(), len(bulk)]:
            if index - begin >= _FEWEST:
                self._take_stretch(bulk.part(begin, index))
            else:
                self._body += [bulk.raw(line) for line in range(begin, index)]
            if index < len(bulk):
                self._body.append(bulk.raw(index))
            begin = index + 1

    def _take_stretch(self, bulk: Bulk) -> None:
        kinds = bulk.kinds()
        blocks = bulk.of_kind(STEPS) if STEPS in kinds else []
        told = told_by(bulk, blocks) if blocks else None
        if blocks and told is None:
            self._impossible = True
            return
        known, of = np.unique(bulk.of, return_inverse=True)
        numbers = [of.astype("u1"), bulk.s.astype("<i8"), bulk.t.astype("<f8")]
        signals = b""
        if told is not None:
            numbers += [told.size.astype("<i8"), *map(_floats, (told.timing, told.settings))]
            with np.errstate(over="ignore"):
                signals = told.values.astype("<f4").tobytes()
        others = np.ones(len(bulk), bool)
        others[blocks] = False
        rest = bulk.lines(np.flatnonzero(others).tolist()).text
        lasts = [bulk.of_kind(kind)[-1] for kind in kinds]
        self._body.append(
            Stretch(
                names=[bulk.names[number] for number in known.tolist()],
                lines=len(bulk),
                blocks=len(blocks),
                numbers=compress(b"".join([part.tobytes() for part in numbers]), _FASTEST),
                signals=signals,
                others=compress(rest, _FASTEST) if rest else b"",
                lasts={index: bulk.raw(index) for index in lasts},
            )
        )


def _floats(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(values, "<f8")
