"""Verifies many lines at once: those of kinds that are not decoded, which most of a long log is.

A block of whole lines is looked at with arrays, a column of bytes of all lines at a time. It is
taken only where every line is exactly what our writer makes: its numbers follow each other, its
checksum holds, its head is as `decode.skim` has it. Anything else, and any doubt, is left to the
reader that goes line by line and can say what is wrong.
"""

import re
from collections.abc import Container
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from selffit.eventlog.digits import HIGHEST, Words, value_of, words_of
from selffit.eventlog.framing import RUN, RUN_HEAD, SUFFIX, id_in
from selffit.eventlog.records import FORMAT_VERSION
from selffit.eventlog.sums import LONGEST, sum_told

_Ints = NDArray[np.int64]

_LEAST = 64  # bytes of a line with a head and a frame
_KINDS = 32  # different pairs of kind and branch in one block; with more it goes line by line
_KIND = re.compile(rb'([a-z.]{1,40})","b":"([A-Za-z0-9._-]{1,64})","s":')
_TIME = re.compile(rb'[0-9]{1,8}(?=[0-9]{2}\.[0-9]{3},"k":")|[0-9]{1,2}(?=\.[0-9]{3},"k":")')
_ENDING = int.from_bytes(b'"}\n', "little")
_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


class Block:
    """Whole lines that were looked at together; `skimmed` says which of them are verified.

    The others have a proper head and may be anything behind it.
    """

    def __init__(self, data: bytes, stream: str, attempt: int, first_q: int) -> None:
        self.data = data
        self.stream = stream
        self.attempt = attempt
        self.first_q = first_q
        self.names: list[tuple[str, str]] = []
        self.ends: _Ints = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        self.starts: _Ints = np.concatenate(([0], self.ends + 1))[:-1]
        self.of: _Ints
        self.s: _Ints
        self.t: NDArray[np.float64]
        self.skimmed: NDArray[np.bool_]
        self._words = words_of(data)

    def __len__(self) -> int:
        return len(self.ends)

    def look(self, kinds: Container[bytes]) -> bool:
        """Look at all lines; False where they have to be read one by one."""
        if not len(self) or int((self.ends - self.starts).min()) < _LEAST:
            return False
        behind = self._numbers(self.starts)
        if behind is None or (behind := self._times(behind)) is None:
            return False
        if (behind := self._classes(behind)) is None or not self._steps(behind):
            return False
        wanted = [name[0].encode() in kinds for name in self.names]
        self.skimmed = np.array(wanted, bool)[self.of]
        return self._same_run() and self._sums()

    def others(self) -> list[int]:
        """The indices of the lines that have to be decoded."""
        indices: list[int] = np.flatnonzero(~self.skimmed).tolist()
        return indices

    def raw(self, index: int) -> bytes:
        """The bytes of one of the lines, without its newline."""
        return self.data[self.starts[index] : self.ends[index]]

    @property
    def run(self) -> str:
        """The id of the run that all lines tell, "" where none does."""
        return id_in(self.data[self.starts[0] : self.ends[0]][RUN])

    def _numbers(self, at: _Ints) -> _Ints | None:
        """Check version, attempt and number; the places behind them."""
        prefix = b'{"v":%d,"a":%d,"q":' % (FORMAT_VERSION, self.attempt)
        if not self._have(at, prefix):
            return None
        expected = self.first_q + np.arange(len(self), dtype=np.int64)
        if expected[-1] >= 10**HIGHEST:
            return None
        digits = np.searchsorted(_POWERS, expected, side="right")
        at = at + len(prefix)
        values = _value(self._word(at), digits)
        return None if values is None or (values != expected).any() else at + digits

    def _times(self, at: _Ints) -> _Ints | None:
        """Read the clocks, which have as many digits in all lines; the places behind them."""
        head = b',"t":'
        if not self._have(at, head):
            return None
        at = at + len(head)
        found = _TIME.match(self.data, int(at[0]))
        if found is None:
            return None
        first = len(found[0])
        seconds = _value(self._word(at), np.full(len(self), first))
        at = at + first
        more = 2 if self.data[at[0]] != ord(".") else 0
        rest = _value(self._word(at), np.full(len(self), more)) if more else np.zeros(len(self))
        at = at + more
        if seconds is None or rest is None or not self._have(at, b"."):
            return None
        millis = _value(self._word(at + 1), np.full(len(self), 3))
        if millis is None:
            return None
        # the quotient of two whole numbers is rounded as the text would be
        self.t = ((seconds * 10**more + rest) * 1000 + millis) / 1000.0
        return at + 4

    def _classes(self, at: _Ints) -> _Ints | None:
        """Tell kinds and branches apart; the places of the steps."""
        head = b',"k":"'
        if not self._have(at, head):
            return None
        at = at + len(head)
        self.of = np.full(len(self), -1)
        behind = at.copy()
        left = np.arange(len(self))
        while len(left):
            found = _KIND.match(self.data, int(at[left[0]]))
            if found is None or len(self.names) == _KINDS:
                return None
            same = self._are(at[left], found[0])
            self.of[left[same]] = len(self.names)
            behind[left[same]] += len(found[0])
            self.names.append((found[1].decode(), found[2].decode()))
            left = left[~same]
        return behind

    def _steps(self, at: _Ints) -> bool:
        words = self._word(at)
        digits = np.zeros(len(self), np.int64)
        for place in range(1, HIGHEST):
            byte = (words >> np.uint64(8 * place)) & np.uint64(255)
            digits[(digits == 0) & (byte == ord(","))] = place
        values = _value(words, digits) if digits.all() else None
        if values is None or not self._have(at + digits, b',"d":{'):
            return False
        self.s = values
        return bool((at + digits + 6 <= self.ends - SUFFIX).all())

    def _same_run(self) -> bool:
        """Whether all lines tell the same id, or none does."""
        at = self.ends + RUN.start
        if self.run:
            return self._have(at, self.data[at[0] : at[0] + RUN.stop - RUN.start])
        return not self._are(at, RUN_HEAD).any()

    def _sums(self) -> bool:
        """Whether the checksums of all lines hold."""
        at = self.ends
        last = self._word(at - 7) >> np.uint64(40)  # three bytes, the newline among them
        if not self._have(at - SUFFIX, b',"c":"') or (last != _ENDING).any():
            return False
        digits = _HEX[self._word(at - 10).view(np.uint8).reshape(len(at), 8)]
        end = int(at[-1]) + 1
        if (digits == 255).any() or end > LONGEST:
            return False
        return sum_told(digits, end - 1 - at) == crc32(memoryview(self.data)[:end])

    def _word(self, at: _Ints) -> Words:
        """Eight bytes each; behind the end, where no line has anything to look for, others."""
        return self._words[np.minimum(at, len(self._words) - 1)]

    def _have(self, at: _Ints, text: bytes) -> bool:
        return bool(self._are(at, text).all())

    def _are(self, at: _Ints, text: bytes) -> NDArray[np.bool_]:
        """Where a text stands, a word of it at a time."""
        found = np.ones(len(at), bool)
        for place in range(0, len(text), 8):
            piece = text[place : place + 8]
            mask = np.uint64((1 << 8 * len(piece)) - 1)
            wanted = np.uint64(int.from_bytes(piece, "little"))
            found &= (self._word(at + place) & mask) == wanted
        return found


_POWERS = np.array([0, *(10**n for n in range(1, HIGHEST))], np.int64)


def _value(words: Words, digits: _Ints) -> _Ints | None:
    """The numbers that begin words, of so many digits (1 to 8) each; None where one is none."""
    found, are = value_of(words, digits)
    return found if are.all() else None
