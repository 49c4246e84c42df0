"""The CRC-32 that many lines have together, from those that each of them states.

A CRC is linear over bits: that of two texts in a row is the first one's, moved past as many zero
bytes as the second has, XOR the second one's. So one pass over a block of lines and one comparison
say whether all their checksums hold, where checking each by itself costs more than reading them. As
with a single line, no change of one bit or of a run of 32 goes unnoticed; of others, one in 2**32.
"""

from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from selffit.eventlog.framing import suffix

_Sums = NDArray[np.uint32]

_POLYNOMIAL = 0xEDB88320
_BITS = 7  # of a number of zero bytes that are moved past together: each such digit has a table
_DIGITS = 3
LONGEST = 1 << _BITS * _DIGITS  # bytes that lines may be long together
_ENDING = len(suffix(0)) + 1  # bytes behind the body of a line
_BYTES = np.arange(4, dtype=np.int64)


def sum_told(digits: NDArray[np.uint8], behind: NDArray[np.int64]) -> int:
    """Return the CRC-32 of lines, newlines included, if each is as its last 17 bytes say.

    digits: the eight hexadecimal digits that each line states, as numbers, shape [lines, 8].
    behind: bytes that follow on each line, fewer than LONGEST, shape [lines].
    """
    endings, past = _tables()
    sums: _Sums = np.bitwise_xor.reduce(endings.ravel()[digits + 16 * np.arange(8)], axis=1)
    sums ^= np.uint32(crc32(suffix(0) + b"\n"))
    for place in range(_DIGITS):
        sums = _moved(past[place], (behind >> _BITS * place) & ((1 << _BITS) - 1), sums)
    return int(np.bitwise_xor.reduce(sums))


def _moved(past: _Sums, counts: NDArray[np.int64], sums: _Sums) -> _Sums:
    """Sums moved past zeros; `past` of shape [counts, 4, 256]: what each byte of a sum becomes."""
    parts = np.ascontiguousarray(sums, "<u4").view(np.uint8).reshape(-1, 4)
    flat = counts[:, None] * 1024 + _BYTES * 256 + parts
    found: _Sums = np.bitwise_xor.reduce(past.ravel()[flat], axis=1)
    return found


@lru_cache(maxsize=1)
def _tables() -> tuple[_Sums, _Sums]:
    """What each digit of a stated sum adds to that of its line, shape [8, 16]; and `past`."""
    past = np.empty((_DIGITS, 1 << _BITS, 4, 256), np.uint32)
    units = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = _by_bytes(_past_one(units))  # past one byte, then past 2**7, then past 2**14
    for place in range(_DIGITS):
        sums = units
        for count in range(1 << _BITS):
            past[place, count] = _by_bytes(sums)
            sums = _moved(step[None], np.zeros(32, np.int64), sums)
        step = _by_bytes(sums)
    digits = np.arange(16, dtype=np.uint32)
    endings = np.empty((8, 16), np.uint32)
    for place in range(8):
        stated = digits << np.uint32(4 * (7 - place))
        moved = _moved(past[0], np.full(16, _ENDING), stated)
        written = [crc32(suffix(int(value)) + b"\n") for value in stated]
        endings[place] = moved ^ np.array(written, np.uint32)
    endings ^= np.uint32(crc32(suffix(0) + b"\n"))
    return endings, past


def _past_one(sums: _Sums) -> _Sums:
    """Sums moved past one zero byte, a bit at a time."""
    for _ in range(8):
        sums = (sums >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL) * (sums & np.uint32(1))
    return sums


def _by_bytes(units: _Sums) -> _Sums:
    """What becomes of each byte of a sum, shape [4, 256], where its 32 bits become `units`."""
    found = np.zeros((4, 256), np.uint32)
    for bit in range(8):
        half = 1 << bit
        found[:, half : 2 * half] = found[:, :half] ^ units.reshape(4, 8)[:, bit, None]
    return found
