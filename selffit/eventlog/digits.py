"""Decimal digits of many numbers at once: eight of them are a word."""

import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

HIGHEST = 8  # digits of a number, at most: they fit into a word
_ZEROS = np.uint64(0x3030303030303030)
_HIGH = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIX = np.uint64(0x0606060606060606)


def words_of(data: bytes) -> Words:
    """The eight bytes at every place of a text, but for the last seven places."""
    return np.ndarray((max(0, len(data) - 7),), dtype="<u8", buffer=data, strides=(1,))


def leading(words: Words, at: _Ints, digits: _Ints) -> tuple[_Ints, NDArray[np.bool_]]:
    """The numbers of so many digits (1 to 8) each that begin at places of a text, and if they do.

    words: see `words_of`. A word that would reach behind the end of the text counts as none.
    """
    inside = at < len(words)
    found = words[np.minimum(at, len(words) - 1)] if len(words) else np.zeros(len(at), np.uint64)
    return value_of(found, digits, inside)


def value_of(
    words: Words, digits: _Ints, inside: NDArray[np.bool_] | None = None
) -> tuple[_Ints, NDArray[np.bool_]]:
    """The numbers that words begin with, of so many digits (1 to 8) each, and whether they do.

    Eight digits are taken together: neighbours are joined to pairs, pairs to fours, fours to one.
    """
    shift = (8 * (8 - digits)).astype(np.uint64)
    words = (words << shift) | (_ZEROS & ((np.uint64(1) << shift) - np.uint64(1)))
    are = ((words & _HIGH) == _ZEROS) & (((words + _SIX) & _HIGH) == _ZEROS)
    if inside is not None:
        are &= inside
    words = words - _ZEROS
    words = (words * np.uint64(10) + (words >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    words = (words * np.uint64(100) + (words >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    words = (words * np.uint64(10000) + (words >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return words.astype(np.int64), are
