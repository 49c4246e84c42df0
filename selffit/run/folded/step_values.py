"""The signals of every training step, in arrays that grow.

What is drawn of each step, as float32, and which steps they are, as runs. A block adds its own.
"""

import mmap
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from selffit.eventlog.kinds import DRAWN_SIGNALS, Steps
from selffit.eventlog.records import num
from selffit.run.folded.rising import Rising, Runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selffit.eventlog.batch import Batch

_ROOM = 1 << 16  # steps of the first arrays; larger ones are sixteen times as large
_FLUSH = 1 << 14  # steps that wait as plain arrays before they go there


class StepValues:
    """Steps and their signals; memory is used as far as the arrays are filled."""

    def __init__(self) -> None:
        self.steps = Runs()
        self.columns: NDArray[np.float32] | None = None
        self.filled = 0  # steps in the columns
        self._waiting: list[list[Any]] = [[] for _ in DRAWN_SIGNALS]  # what goes there next
        self._lock = Lock()

    def add(self, block: Steps) -> int:
        """Take the values of a block; how many steps there are by now."""
        n, cols = length_of(block), block.cols
        with self._lock:
            self.steps.add(block.step, n)
            for name, waiting in zip(DRAWN_SIGNALS, self._waiting, strict=True):
                values = cols.get(name, ())
                waiting += values if len(values) == n else padded(values, n)
            length = self.filled + len(waiting)
            if len(waiting) >= _FLUSH:
                self._flush()
            return length

    def extend(self, batch: "Batch") -> int:
        """Take the values of many blocks; how many steps there were before."""
        import numpy as np

        with self._lock:
            self._flush()
            before = self.filled
            self.steps.extend(batch.first, batch.size)
            end = len(self.steps)
            columns = self._make_room(end)
            with np.errstate(over="ignore"):
                columns[:, before:end] = batch.values
            self.filled = end
            return before

    def arrays(self, length: int) -> "tuple[Rising, NDArray[np.float32]]":
        """Return steps, shape [length], and signals, shape [DRAWN_SIGNALS, length]: views."""
        with self._lock:
            self._flush()
            assert self.columns is not None
            return self.steps.upto(length), self.columns[:, :length]

    def first(self, length: int) -> "StepValues":
        """Return a copy of the first so many steps."""
        found = StepValues()
        found.columns = self.arrays(length)[1].copy()
        found.steps = self.steps.first(length)
        found.filled = length
        return found

    def _flush(self) -> None:
        import numpy as np

        end = len(self.steps)
        columns = self._make_room(end)
        for row, waiting in enumerate(self._waiting):
            with np.errstate(over="ignore"):
                columns[row, self.filled : end] = _numbers(waiting)
            waiting.clear()
        self.filled = end

    def _make_room(self, end: int) -> "NDArray[np.float32]":
        import numpy as np

        columns = self.columns
        if columns is None:
            columns = np.empty((len(DRAWN_SIGNALS), 0), np.float32)
        if end > columns.shape[1]:
            room = max(_ROOM, columns.shape[1])
            while room < end:
                room *= 16
            more = _room(room)
            more[:, : self.filled] = columns[:, : self.filled]
            columns = more
        self.columns = columns
        return columns


def _room(n: int) -> "NDArray[np.float32]":
    """Columns for so many steps, whose memory is used page by page as they are filled.

    For arrays of this size numpy asks for pages of 2 MiB, of which each column would begin some.
    """
    import numpy as np

    size = len(DRAWN_SIGNALS) * n * np.dtype(np.float32).itemsize
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.float32).reshape(len(DRAWN_SIGNALS), n)


def padded(values: Sequence[Any], n: int) -> list[Any]:
    """Exactly n values: None for those that lack."""
    return [*values[:n], *[None] * (n - len(values))]


def _numbers(raw: list[Any]) -> "NDArray[np.float64]":
    """The values as numbers; what is missing or none is NaN."""
    import numpy as np

    try:
        values = np.array(raw, dtype=np.float64)  # also takes None, "NaN" and "Infinity"
        if values.ndim == 1:
            return values
    except (ValueError, TypeError, OverflowError):
        pass  # something that is no number is among them: look at each
    return np.array([num(value) for value in raw], dtype=np.float64)


def length_of(block: Steps) -> int:
    """Return the steps of a block that any drawn signal has a value for."""
    n, cols = block.n, block.cols
    longest = 0
    for name in DRAWN_SIGNALS:
        length = len(cols.get(name, ()))
        if length >= n:
            return n
        longest = max(longest, length)
    return longest
