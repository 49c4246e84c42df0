"""Columns of a long history in as few bytes as they need; they only grow.

One thread adds, others may read what was there before: what says how much there is comes last.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

_CODES = "BHIq"  # of arrays with one, two, four and eight bytes an element; the last one has signs


class Whole(Sequence[int]):
    """Whole numbers, each in as many bytes as the largest needs."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: array[int] = array(_CODES[0])

    def append(self, value: int) -> None:
        """Add a number."""
        while True:
            try:
                self._values.append(value)
                return
            except OverflowError:
                if self._values.typecode == _CODES[-1]:
                    raise
                self._widen(_CODES[_CODES.index(self._values.typecode) + 1])

    def extend(self, values: "NDArray[Any]") -> None:
        """Add numbers, shape [n]."""
        import numpy as np

        if not len(values):
            return
        least, most = int(values.min()), int(values.max())
        for code in _CODES[_CODES.index(self._values.typecode) :]:
            limits = np.iinfo(np.dtype(code))
            if limits.min <= least and most <= limits.max:
                break
        self._widen(code)
        self._values.frombytes(values.astype(np.dtype(code)).tobytes())

    def _widen(self, code: str) -> None:
        if code != self._values.typecode:
            self._values = array(code, self._values)

    def first(self, length: int) -> "Whole":
        """Return a copy of the first so many."""
        found = Whole()
        found._values = self._values[:length]
        return found

    def between(self, begin: int, end: int) -> "NDArray[np.int64]":
        """Return a copy of the numbers from one place to another, shape [end - begin]."""
        import numpy as np

        return np.array(self._values[begin:end], np.int64)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._values[index]


class Steady(Generic[T]):
    """Values that often stay the same from one place to the next: the changes only."""

    __slots__ = ("_since", "_values")

    def __init__(self, values: MutableSequence[T]) -> None:
        """`values`: an empty list, or an array that can hold them."""
        self._since = Whole()  # the place of each change
        self._values = values

    def add(self, place: int, value: T) -> bool:
        """Say what is at the next place; whether that is another value than before."""
        last = self._values[-1] if self._values else None
        if self._values and (value == last or (value != value and last != last)):
            return False
        self._values.append(value)
        self._since.append(place)
        return True

    def extend(self, place: int, values: "NDArray[Any]") -> None:
        """Say what is at the next places, shape [n]."""
        import numpy as np

        before, after = values[:-1], values[1:]
        changed = (before != after) & ~((before != before) & (after != after))
        for index in (0, *(np.flatnonzero(changed) + 1).tolist()) if len(values) else ():
            self.add(place + index, values[index].item())

    def first(self, length: int) -> "Steady[T]":
        """Return a copy of what is at the first so many places."""
        until = bisect_left(self._since, length)
        found = Steady(self._values[:until])
        found._since = self._since.first(until)
        return found

    def changes(self, length: int) -> list[tuple[int, T]]:
        """Return the changes at the first so many places, each with its place."""
        until = bisect_left(self._since, length)
        return [(self._since[index], self._values[index]) for index in range(until)]

    def __getitem__(self, place: int) -> T:
        return self._values[bisect_right(self._since, place) - 1]
