"""Many JSON lists of numbers at once, as arrays.

Most numbers of a log look like `0.0859375` or `-1.25`: one digit, a point, up to eight more. Those
are read together, eight digits as one word; of others each is decoded by itself.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from selffit.eventlog.digits import HIGHEST, leading, words_of

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

_LIST = msgspec.json.Decoder(list[float])
_FEW = 8  # one number of so many may look otherwise; where more do, decoding all is quicker
_ENDS = bytes(chr(code) in ",]" for code in range(256))  # the bytes that end a number
_TOGETHER = 1 << 15  # numbers: what is made of them on the way stays in the processor's cache
_POWERS: _Floats = np.float64(10) ** np.arange(HIGHEST + 1)  # exact


class Lists:
    """Lists of numbers, given as JSON one behind the other: `[0.5,1][2.5]`."""

    def __init__(self, text: bytes) -> None:
        """Raises ValueError where that is no such text."""
        self._text = text
        self._bytes = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(np.frombuffer(text.translate(_ENDS), bool))
        closing = self._bytes[ends] == ord("]")
        if not len(ends) or not closing[-1] or ends[-1] != len(text) - 1:
            raise ValueError("not a list")
        self._ends = ends
        self._starts = np.empty_like(ends)
        self._starts[0] = 1
        self._starts[1:] = ends[:-1] + 1 + closing[:-1]
        self._last = np.flatnonzero(closing)
        openings = self._starts[np.concatenate(([0], self._last[:-1] + 1))] - 1
        if (self._bytes[openings] != ord("[")).any():
            raise ValueError("not a list")

    @property
    def sizes(self) -> _Ints:
        """The number of values of each list, shape [lists]."""
        return np.diff(self._last, prepend=-1)

    def values(self) -> _Floats:
        """All values, one list behind the other. Raises ValueError where one is no number."""
        values = np.empty(len(self._starts))
        for begin in range(0, len(values), _TOGETHER):
            part = slice(begin, begin + _TOGETHER)
            values[part] = self._read(self._starts[part], self._ends[part])
        return values

    def _read(self, starts: _Ints, ends: _Ints) -> _Floats:
        """The numbers between places."""
        minus = self._bytes[starts] == ord("-")
        at = starts + minus
        digits = ends - at - 2
        last = len(self._bytes) - 1
        first = self._bytes[at] - np.uint8(ord("0"))  # of what is less, a high number
        fits = (digits > 0) & (digits <= HIGHEST) & (first < 10)
        fits &= self._bytes[np.minimum(at + 1, last)] == ord(".")
        digits[~fits] = 1
        found, are_digits = leading(words_of(self._text), at + 2, digits)
        fits &= are_digits
        power = _POWERS[digits]
        values: _Floats = (first * power + found) / power
        np.negative(values, out=values, where=minus)
        others = np.flatnonzero(~fits)
        if len(others) * _FEW > len(fits):
            others = np.arange(len(fits))
        if len(others):
            spans = zip(starts[others].tolist(), ends[others].tolist(), strict=True)
            values[others] = _decoded(b",".join([self._text[a:b] for a, b in spans]), len(others))
        return values


def _decoded(text: bytes, number: int) -> list[float]:
    try:
        found = _LIST.decode(b"[%b]" % text)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    if len(found) != number:
        raise ValueError("not as many numbers")
    return found
