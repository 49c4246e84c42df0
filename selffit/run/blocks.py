"""The blocks of training steps that a state keeps: a `History` of them, in columns.

A long run has millions of steps. As objects they would fill gigabytes, so what is drawn of every
step lies in arrays (float32), and so does what a summary asks of every block. As in a `History`,
all states of a run share one buffer and remember how long their own part of it is.
"""

from array import array
from collections.abc import Iterator, Sequence
from math import nan
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from selffit.eventlog.fields import Columns
from selffit.eventlog.kinds import DRAWN_SIGNALS, Place, Steps
from selffit.eventlog.records import num

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selffit.run.batch import Batch

SETTINGS = ("lr", "eps", "alpha")  # of which a block keeps the last value
_ROOM = 1 << 16  # steps of the first arrays; larger ones are sixteen times as large
_FLUSH = 1 << 14  # steps that wait as plain arrays before they go there


class _Values:
    """The signals of every step, in arrays that grow; memory is used as far as they are filled."""

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

    def first(self, length: int) -> "_Values":
        """Return a copy of the first so many steps."""
        found = _Values()
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


class _Store:
    """The buffer that versions share: of every block its place, its timing, and its last settings.

    `until`: the steps of `values` behind each block.
    """

    def __init__(self) -> None:
        self.values = _Values()
        self.first = array("q")
        self.size = array("q")
        self.until = array("q")
        self.attempt = array("q")
        self.branch = array("l")
        self.t = array("d")
        self.timing = array("f")  # img_s, sec, epoch of each block
        self.settings = array("d")  # of each block
        self.branches: list[str] = []

    def add(self, block: Steps) -> None:
        """Take one more block."""
        until = self.values.add(block)
        if not self.branches or self.branches[-1] != block.branch:
            self.branches.append(block.branch)
        self.branch.append(len(self.branches) - 1)
        self.size.append(block.n)
        self.attempt.append(block.at.attempt)
        self.t.append(block.t)
        self.timing.extend((block.img_s, block.sec, block.epoch))
        cols = block.cols
        for name in SETTINGS:
            values = cols.get(name)
            self.settings.append(num(values[-1]) if values else nan)
        self.until.append(until)
        self.first.append(block.step)  # the last one: it says how many there are

    def extend(self, batch: "Batch") -> None:
        """Take many more blocks."""
        import numpy as np

        before = self.values.extend(batch)
        for branch in batch.branches:
            if not self.branches or self.branches[-1] != branch:
                self.branches.append(branch)
            self.branch.append(len(self.branches) - 1)
        self.size.frombytes(batch.size.astype(np.int64).tobytes())
        self.attempt.extend([batch.attempt] * len(batch.size))
        self.t.frombytes(batch.t.tobytes())
        self.timing.frombytes(batch.timing.astype(np.float32).tobytes())
        self.settings.frombytes(np.ascontiguousarray(batch.settings).tobytes())
        self.until.frombytes((before + np.cumsum(batch.size)).astype(np.int64).tobytes())
        self.first.frombytes(batch.first.astype(np.int64).tobytes())  # says how many there are

    def copy(self, length: int) -> "_Store":
        """Return a buffer with the first so many blocks."""
        found = _Store()
        found.values = self.values.first(self.until[length - 1] if length else 0)
        for name in ("first", "size", "until", "attempt", "branch", "t"):
            setattr(found, name, getattr(self, name)[:length])
        found.timing, found.settings = self.timing[: 3 * length], self.settings[: 3 * length]
        found.branches = list(self.branches)
        return found


class Blocks(Sequence[Steps]):
    """An immutable sequence of blocks; `append` returns the longer one and leaves this one alone.

    The newest block is the one that was logged. Of older ones the drawn signals are kept, as
    float32, and the last value of the settings that follow schedules.
    """

    __slots__ = ("_last", "_length", "_store")

    def __init__(
        self, store: _Store | None = None, length: int = 0, last: Steps | None = None
    ) -> None:
        self._store = _Store() if store is None else store
        self._length = length
        self._last = last

    def append(self, block: Steps) -> "Blocks":
        """Return these blocks and one more."""
        store = self._own()
        store.add(block)
        return Blocks(store, self._length + 1, block)

    def extend(self, batch: "Batch", last: Steps) -> "Blocks":
        """Return these blocks and many more; `last`: the last of those."""
        store = self._own()
        store.extend(batch)
        return Blocks(store, self._length + len(batch.size), last)

    def _own(self) -> _Store:
        """The buffer to go on in."""
        # somebody continued from here already: this is another line of history
        return (
            self._store
            if len(self._store.first) == self._length
            else self._store.copy(self._length)
        )

    def without(self, branch: str, first: int) -> "Blocks":
        """Return the blocks but for those of a branch that begin at a step or later."""
        kept = [
            index
            for index in range(self._length)
            if self._store.first[index] < first or self.branch_of(index) != branch
        ]
        if len(kept) == self._length:
            return self
        if not kept or kept[-1] == len(kept) - 1:
            return Blocks(self._store, len(kept))
        found = Blocks()
        for index in kept:
            found = found.append(self[index])
        return found

    def continues(self, other: "Blocks") -> bool:
        """Whether these are the other blocks and perhaps more, as far as that is known at once."""
        return self._store is other._store and self._length >= other._length

    def branch_of(self, index: int) -> str:
        """The line of history of a block."""
        return self._store.branches[self._store.branch[index]]

    def timing(self, index: int) -> tuple[int, str, int, float]:
        """The attempt and the branch of a block, its steps, and the seconds that they took."""
        store = self._store
        sec = store.timing[3 * index + 1]
        return store.attempt[index], self.branch_of(index), store.size[index], sec

    def rows(self, begin: int) -> Iterator[tuple[str, int, int]]:
        """Blocks from an index on, put together as long as their steps rise and the branch stays.

        As branch, and the first step and the one behind the last in `arrays`.
        """
        store = self._store
        start = before = self._until(begin)
        branch, following = None, 0
        for index in range(begin, self._length):
            first, until = store.first[index], store.until[index]
            if branch != store.branch[index] or first < following:
                if branch is not None and before > start:
                    yield store.branches[branch], start, before
                branch, start = store.branch[index], before
            following, before = first + until - before, until
        if branch is not None and before > start:
            yield store.branches[branch], start, before

    def arrays(self) -> "tuple[NDArray[Any], NDArray[np.float32]]":
        """Return every step, shape [n], and its DRAWN_SIGNALS, shape [signals, n], in order."""
        return self._store.values.arrays(self._until(self._length))

    def _until(self, index: int) -> int:
        return self._store.until[index - 1] if index else 0

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Steps: ...
    @overload
    def __getitem__(self, index: slice) -> list[Steps]: ...
    def __getitem__(self, index: int | slice) -> Steps | list[Steps]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        if index == self._length - 1 and self._last is not None:
            return self._last
        return self._made(index)

    def _made(self, index: int) -> Steps:
        store = self._store
        n = store.size[index]
        _, columns = self.arrays()
        values = columns[:, self._until(index) : store.until[index]]
        cols = {name: row.tolist() for name, row in zip(DRAWN_SIGNALS, values, strict=True)}
        settings = store.settings[3 * index : 3 * index + 3]
        cols |= {name: [value] * n for name, value in zip(SETTINGS, settings, strict=True)}
        img_s, sec, epoch = store.timing[3 * index : 3 * index + 3]
        at = Place(self.branch_of(index), store.first[index], store.t[index], store.attempt[index])
        return Steps(at=at, n=n, cols=Columns(cols), img_s=img_s, sec=sec, epoch=epoch)

    @property
    def last(self) -> Steps | None:
        """The newest block, None when empty."""
        return self[self._length - 1] if self._length else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocks) or self._length != other._length:
            return NotImplemented if not isinstance(other, Blocks) else False
        return self._data() == other._data()

    def _data(self) -> list[bytes | list[str]]:
        """Everything, so that it can be compared, with unknown numbers."""
        store, n = self._store, self._length
        parts = [array[:n].tobytes() for array in (store.first, store.size, store.until, store.t)]
        parts += [store.timing[: 3 * n].tobytes(), store.settings[: 3 * n].tobytes()]
        parts += [store.attempt[:n].tobytes(), self.arrays()[1].tobytes()]
        return [*parts, [self.branch_of(index) for index in range(n)]]

    __hash__ = None  # type: ignore[assignment]
