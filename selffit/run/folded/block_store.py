"""What is kept of blocks of training steps, in columns that all versions of a history share."""

from array import array
from math import nan
from typing import Any

from selffit.eventlog.batch import SETTINGS, TIMING, Batch
from selffit.eventlog.kinds import Steps
from selffit.eventlog.records import num
from selffit.run.folded.packed import Steady, Whole
from selffit.run.folded.step_values import StepValues


class BlockStore:
    """Of every block its place, its timing, and its last settings.

    `until`: the steps of `values` behind each block. `turns`: blocks that do not go on where the
    one before has ended.
    """

    def __init__(self) -> None:
        self.values = StepValues()
        self.size = Whole()
        self.until = Whole()
        self.attempt: Steady[int] = Steady([])
        self.branch: Steady[str] = Steady([])
        self.t = array("d")
        self.timing = array("d")  # TIMING of each block
        self.settings: tuple[Steady[float], ...] = tuple(Steady(array("d")) for _ in SETTINGS)
        self.turns = array("q")
        self.first = Whole()  # it says how many blocks there are

    def add(self, block: Steps) -> None:
        """Take one more block."""
        place, until = len(self.first), self.values.add(block)
        if self.branch.add(place, block.branch) or (place and block.step < self._following()):
            self.turns.append(place)
        self.size.append(block.n)
        self.attempt.add(place, block.at.attempt)
        self.t.append(block.t)
        self.timing.extend(getattr(block, name) for name in TIMING)
        for name, column in zip(SETTINGS, self.settings, strict=True):
            values = block.cols.get(name)
            column.add(place, num(values[-1]) if values else nan)
        self.until.append(until)
        self.first.append(block.step)

    def _following(self) -> int:
        """The first step that can follow the last block: it has as many as it has values."""
        last = len(self.first) - 1
        return self.first[last] + self.until[last] - self.begin(last)

    def begin(self, index: int) -> int:
        """The first step of `values` that is of a block or behind it."""
        return self.until[index - 1] if index else 0

    def extend(self, batch: "Batch") -> None:
        """Take many more blocks."""
        import numpy as np

        place, following = len(self.first), self._following() if len(self.first) else None
        before = self.values.extend(batch)
        ends = batch.first + batch.size
        turned = np.zeros(len(ends), bool)
        turned[1:] = batch.first[1:] < ends[:-1]
        turned[0] = following is not None and batch.first[0] < following
        if len(set(batch.branches)) == 1:
            turned[0] |= self.branch.add(place, batch.branches[0])
        else:
            for index, branch in enumerate(batch.branches):
                turned[index] |= self.branch.add(place + index, branch)
        self.turns.extend((place + turned.nonzero()[0]).tolist())
        self.size.extend(batch.size)
        self.attempt.add(place, batch.attempt)
        self.t.frombytes(batch.t.tobytes())
        self.timing.frombytes(np.ascontiguousarray(batch.timing).tobytes())
        for column, values in zip(self.settings, batch.settings.T, strict=True):
            column.extend(place, values)
        self.until.extend(before + np.cumsum(batch.size))
        self.first.extend(batch.first)

    def copy(self, length: int) -> "BlockStore":
        """Return a store with the first so many blocks."""
        found = BlockStore()
        found.values = self.values.first(self.begin(length))
        for name in ("first", "size", "until", "attempt", "branch"):
            setattr(found, name, getattr(self, name).first(length))
        found.t, found.timing = self.t[:length], self.timing[: 3 * length]
        found.settings = tuple(column.first(length) for column in self.settings)
        found.turns = array("q", [turn for turn in self.turns if turn < length])
        return found

    def data(self, length: int) -> list[object]:
        """Everything that the first so many blocks say, to be compared, with unknown numbers."""
        whole = [col.between(0, length).tobytes() for col in (self.first, self.size, self.until)]
        steady: tuple[Steady[Any], ...] = (self.attempt, self.branch, *self.settings)
        changes = [repr(col.changes(length)) for col in steady]
        return [*whole, *changes, self.t[:length].tobytes(), self.timing[: 3 * length].tobytes()]
