"""The signals of every training step, in arrays that grow.

What is drawn of each step, as float32. A block of steps adds its own at the end.
"""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from selffit.eventlog.kinds import DRAWN_SIGNALS, Steps
from selffit.eventlog.records import num

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selffit.run.folded.batch import Batch

_ROOM = 1 << 16  # steps of the first arrays; larger ones are sixteen times as large
_FLUSH = 1 << 14  # steps that wait as plain arrays before they go there


class StepValues:
    """Steps and their signals; memory is used as far as the arrays are filled."""

    def __init__(self) -> None:
        self.steps: NDArray[Any] | None = None
        self.columns: NDArray[np.float32] | None = None
        self.filled = 0  # steps in the arrays
        self._waiting: list[list[Any]] = [[] for _ in DRAWN_SIGNALS]  # what goes there next
        self._blocks: list[tuple[int, int]] = []  # first step and length of what waits
        self._lock = Lock()

    def add(self, block: Steps) -> int:
        """Take the values of a block; how many steps there are by now."""
        n, cols = length_of(block), block.cols
        with self._lock:
            self._blocks.append((block.step, n))
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
            steps = _repeated(batch.first, batch.size)
            end = before + len(steps)
            self._make_room(end, steps)
            assert self.steps is not None and self.columns is not None
            self.steps[before:end] = steps
            with np.errstate(over="ignore"):
                self.columns[:, before:end] = batch.values
            self.filled = end
            return before

    def arrays(self, length: int) -> "tuple[NDArray[Any], NDArray[np.float32]]":
        """Return steps, shape [length], and signals, shape [DRAWN_SIGNALS, length]: views."""
        with self._lock:
            self._flush()
            assert self.steps is not None and self.columns is not None
            return self.steps[:length], self.columns[:, :length]

    def first(self, length: int) -> "StepValues":
        """Return a copy of the first so many steps."""
        found = StepValues()
        steps, columns = self.arrays(length)
        found.steps, found.columns = steps.copy(), columns.copy()
        found.filled = length
        return found

    def _flush(self) -> None:
        import numpy as np

        steps = _steps(self._blocks)
        end = self.filled + len(steps)
        self._make_room(end, steps)
        assert self.steps is not None and self.columns is not None
        self.steps[self.filled : end] = steps
        for row, waiting in enumerate(self._waiting):
            with np.errstate(over="ignore"):
                self.columns[row, self.filled : end] = _numbers(waiting)
            waiting.clear()
        self._blocks.clear()
        self.filled = end

    def _make_room(self, end: int, new: "NDArray[np.int64]") -> None:
        import numpy as np

        steps, columns = self.steps, self.columns
        if steps is None or columns is None:
            steps, columns = np.empty(0, np.uint32), np.empty((len(DRAWN_SIGNALS), 0), np.float32)
        if len(new) and new.max() > np.iinfo(np.uint32).max:
            steps = steps.astype(np.int64)
        if end > len(steps):
            room = max(_ROOM, len(steps))
            while room < end:
                room *= 16
            more = np.empty(room, steps.dtype), np.empty((len(columns), room), np.float32)
            more[0][: self.filled] = steps[: self.filled]
            more[1][:, : self.filled] = columns[:, : self.filled]
            steps, columns = more
        self.steps, self.columns = steps, columns


def _steps(blocks: Sequence[tuple[int, int]]) -> "NDArray[np.int64]":
    """Every step of blocks, given as first step and length."""
    import numpy as np

    if not blocks:
        return np.empty(0, np.int64)
    first, each = np.array(blocks, dtype=np.int64).T
    return _repeated(first, each)


def _repeated(first: "NDArray[np.int64]", each: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Every step of blocks that begin at a step and have so many."""
    import numpy as np

    return np.repeat(first - (np.cumsum(each) - each), each) + np.arange(each.sum())


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
