"""Whole numbers that mostly rise by one, as the runs that they form: the steps of a long log.

Ten million steps in a row are one run. Reading them is like reading an array, without its memory.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray


class Runs:
    """Runs of whole numbers, each one more than the one before; they only grow.

    Where a run ends is where the next one starts. What was taken by `upto` stays as it was.
    """

    def __init__(self) -> None:
        self._starts = array("q")  # the place at which each run begins
        self._firsts = array("q")  # and the number there
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, first: int, n: int) -> None:
        """Add n numbers that rise from the first one."""
        if n > 0 and not (self._length and self._following() == first):
            self._starts.append(self._length)
            self._firsts.append(first)
        self._length += n

    def extend(self, first: "NDArray[np.int64]", size: "NDArray[np.int64]") -> None:
        """Add many such groups, shape [groups], each of one number at least."""
        import numpy as np

        if not len(first):
            return
        places = self._length + np.cumsum(size) - size
        new = np.ones(len(first), bool)
        new[1:] = first[1:] != first[:-1] + size[:-1]
        new[0] = not (self._length and self._following() == first[0])
        self._starts.frombytes(places[new].astype(np.int64).tobytes())
        self._firsts.frombytes(first[new].astype(np.int64).tobytes())
        self._length += int(size.sum())

    def _following(self) -> int:
        return self._firsts[-1] + self._length - self._starts[-1]

    def first(self, length: int) -> "Runs":
        """Return a copy of the first so many numbers."""
        found, runs = Runs(), bisect_left(self._starts, length)
        found._starts, found._firsts = self._starts[:runs], self._firsts[:runs]
        found._length = length
        return found

    def upto(self, length: int) -> "Rising":
        """Return the first so many numbers, which later ones leave alone."""
        import numpy as np

        runs = bisect_left(self._starts, length)
        starts = np.array(self._starts[:runs], np.int64)
        return Rising(starts, np.array(self._firsts[:runs], np.int64), 0, length)


class Rising:
    """Whole numbers that are read like an array of int64, shape [n]; parts of it are views.

    Searching needs them to rise all the way, as in any array.
    """

    __slots__ = ("_begin", "_end", "_firsts", "_starts")

    def __init__(
        self, starts: "NDArray[np.int64]", firsts: "NDArray[np.int64]", begin: int, end: int
    ) -> None:
        """The numbers from one place to another, of runs; see `Runs`."""
        self._starts = starts
        self._firsts = firsts
        self._begin = begin
        self._end = max(begin, end)

    @classmethod
    def joined(cls, parts: "Sequence[Rising]") -> "Rising":
        """Return parts one behind the other."""
        import numpy as np

        starts, firsts, length = [], [], 0
        for part in parts:
            found = part._runs()
            starts.append(part._starts[found] - part._begin + length)
            firsts.append(part._firsts[found].copy())
            if len(starts[-1]):  # its first run may begin before it does
                firsts[-1][0] -= min(0, starts[-1][0] - length)
                starts[-1][0] = max(length, starts[-1][0])
            length += len(part)
        none = np.empty(0, np.int64)
        return cls(np.concatenate([none, *starts]), np.concatenate([none, *firsts]), 0, length)

    @property
    def dtype(self) -> "np.dtype[np.int64]":
        """Of the array that it is like."""
        import numpy as np

        return np.dtype(np.int64)

    def __len__(self) -> int:
        return self._end - self._begin

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> "Rising": ...
    def __getitem__(self, key: int | slice) -> "int | Rising":
        if isinstance(key, slice):
            begin, end, stride = key.indices(len(self))
            if stride != 1:
                raise ValueError("parts are without gaps")
            return Rising(self._starts, self._firsts, self._begin + begin, self._begin + end)
        place = self._begin + int(key) + (len(self) if key < 0 else 0)
        if not self._begin <= place < self._end:
            raise IndexError(key)
        run = int(self._starts.searchsorted(place, side="right")) - 1
        return int(self._firsts[run]) + place - int(self._starts[run])

    def __array__(
        self, dtype: "DTypeLike | None" = None, copy: bool | None = None
    ) -> "NDArray[Any]":
        import numpy as np

        found = np.arange(self._begin, self._end)
        runs = self._runs()
        edges = np.clip(self._starts[runs], self._begin, self._end)
        sizes = np.diff(edges, append=self._end)
        found += np.repeat(self._firsts[runs] - self._starts[runs], sizes)
        return found if dtype is None else found.astype(dtype, copy=False)

    def tolist(self) -> list[int]:
        """Return all of them."""
        import numpy as np

        found: list[int] = np.asarray(self).tolist()
        return found

    def searchsorted(self, values: Any, side: str = "left", sorter: None = None) -> Any:
        """Return the places at which values belong, as `numpy.searchsorted` does."""
        import numpy as np

        runs = self._runs()
        starts, firsts = self._starts[runs], self._firsts[runs]
        asked = np.asarray(values)
        if not len(starts):
            return np.zeros(asked.shape, np.int64)[()]
        if not np.issubdtype(asked.dtype, np.integer):
            asked = np.ceil(asked) if side == "left" else np.floor(asked)
        behind = firsts[-1] + self._end - starts[-1]
        # what belongs there is the place of the first number that is no less
        least = np.clip(asked, firsts[0] - 1.0, behind).astype(np.int64) + (side == "right")
        run = np.maximum(np.searchsorted(firsts, least, side="right") - 1, 0)
        ends = np.append(starts[1:], self._end)
        places = np.minimum(starts[run] + np.maximum(least - firsts[run], 0), ends[run])
        return (np.clip(places, self._begin, self._end) - self._begin)[()]

    def _runs(self) -> slice:
        """Which runs have numbers here."""
        import numpy as np

        if self._begin == self._end:
            return slice(0, 0)
        first = int(np.searchsorted(self._starts, self._begin, side="right")) - 1
        return slice(first, int(np.searchsorted(self._starts, self._end)))
