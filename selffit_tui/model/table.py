"""Measurements over rising steps as arrays: a growing table, and the signals of every step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selffit.eventlog import kinds
from selffit.run.folded.rising import Rising, Runs
from selffit_tui.draw.raster import Floats, Steps, first_at

# where rows were added to a table, and those that were there
Undo = tuple[int, Floats | None] | None


class Table:
    """A growing table of rows with rising steps.

    A row at or before the newest step replaces what it repeats.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.length = 0
        self.end = np.inf  # the step that its line of history has reached
        self._data = np.empty((len(self.names) + 1, 1024), dtype=np.float64)

    def add(self, steps: Floats, values: Floats) -> "Undo":
        """Adds rows: `steps` of shape [n], rising, `values` of shape [columns, n].

        Returns what `undo` needs to take them back.
        """
        return self._put(np.concatenate((steps[None], values))) if len(steps) else None

    def add_row(self, step: float, *values: float) -> "Undo":
        """Adds one row; returns what `undo` needs to take it back."""
        end = self.length
        if end == self._data.shape[1] or (end and step <= self._data[0, end - 1]):
            return self._put(np.array((step, *values))[:, None])
        self._data[:, end] = (step, *values)  # the usual case, many times when a clock is moved
        self.length = end + 1
        return end, None

    def _put(self, rows: Floats) -> "Undo":
        start, step = self.length, rows[0, 0]
        # a resumed attempt does these steps again
        if start and step <= self._data[0, start - 1]:
            start = int(np.searchsorted(self._data[0, : self.length], step))
        repeated = self._data[:, start : self.length].copy()
        end = start + rows.shape[1]
        if end > self._data.shape[1]:
            grown = np.empty((len(rows), max(end, 2 * self._data.shape[1])), dtype=np.float64)
            grown[:, :start] = self._data[:, :start]
            self._data = grown
        self._data[:, start:end] = rows
        self.length = end
        return start, repeated

    def undo(self, what: "Undo") -> None:
        """Takes back what was added last: its rows go, those that they replaced are back."""
        if what is not None:
            self.length, repeated = what
            if repeated is not None:
                start = self.length
                self.length += repeated.shape[1]
                self._data[:, start : self.length] = repeated

    def rows(self, begin: float, end: float, closed: bool = True) -> tuple[Floats, Floats]:
        """Steps, shape [n], and values, shape [columns, n], from one step to another.

        The last one is included where `closed`.
        """
        first = int(np.searchsorted(self.steps, begin))
        last = int(np.searchsorted(self.steps, end, side="right" if closed else "left"))
        return self._data[0, first:last], self._data[1:, first:last]

    @property
    def steps(self) -> Floats:
        """The steps, shape [n]."""
        return self._data[0, : self.length]

    def column(self, name: str) -> Floats:
        """The values of one column, shape [n]; NaN where nothing was measured."""
        return self._data[self.names.index(name) + 1, : self.length]

    def at(self, name: str, step: float) -> float:
        """The value measured last at or before a step, NaN when there is none.

        Nothing was measured at steps that its line of history has not reached.
        """
        return _at(self.steps, self.column(name), step) if step <= self.end else float("nan")


_NO_STEPS = Runs().upto(0)


class Signals:
    """The signals of the steps of a line of history: parts of the arrays that the state keeps.

    Steps rise; where a part begins at or before a step that is there, it replaces what it repeats.
    """

    def __init__(self) -> None:
        self.names = kinds.DRAWN_SIGNALS
        self.end = np.inf  # the step that its line of history has reached
        self._parts: list[tuple[int, int]] = []  # the first place in the arrays, and one behind
        self._steps = _NO_STEPS
        self._columns: Floats = np.empty((len(self.names), 0))
        self._joined: dict[str, Floats] = {}
        self._joined_steps: Rising | None = None

    def of(self, arrays: tuple[Rising, NDArray[Any]]) -> None:
        """Says where its parts lie: steps, shape [n], and values, shape [signals, n]."""
        self._steps, self._columns = arrays
        self._forget()

    def _forget(self) -> None:
        self._joined = {}
        self._joined_steps = None

    def add(self, first: int, behind: int) -> None:
        """Adds a part with rising steps."""
        self._cut(float(self._steps[first]))
        if self._parts and self._parts[-1][1] == first:
            first = self._parts.pop()[0]
        self._parts.append((first, behind))
        self._forget()

    def _cut(self, step: float) -> None:
        """Leaves out what is at a step or behind it."""
        while self._parts:
            first, behind = self._parts.pop()
            end = first + first_at(self._steps[first:behind], step)
            if end > first:
                self._parts.append((first, end))
                return

    def extend(self, other: "Signals", end: float) -> None:
        """Adds what another line has before a step."""
        self.of((other._steps, other._columns))
        for first, behind in other._parts:
            upto = first + first_at(self._steps[first:behind], end)
            if upto > first:
                self.add(first, upto)

    def rest(self, begin: float) -> "Signals":
        """What it has from a step on."""
        found = Signals()
        found.of((self._steps, self._columns))
        for first, behind in self._parts:
            start = first + first_at(self._steps[first:behind], begin)
            if start < behind:
                found.add(start, behind)
        return found

    @property
    def length(self) -> int:
        """The number of steps."""
        return sum(behind - first for first, behind in self._parts)

    @property
    def steps(self) -> Rising:
        """The steps, shape [n]."""
        if self._joined_steps is None:
            parts = [self._steps[first:behind] for first, behind in self._parts]
            self._joined_steps = parts[0] if len(parts) == 1 else Rising.joined(parts)
        return self._joined_steps

    def column(self, name: str) -> Floats:
        """The values of one signal, shape [n]; NaN where nothing was measured.

        A view where there is one part.
        """
        values: Floats = self._columns[self.names.index(name)]
        if len(self._parts) == 1:
            return values[slice(*self._parts[0])]
        if name not in self._joined:
            parts = [values[first:behind] for first, behind in self._parts]
            self._joined[name] = np.concatenate(parts) if parts else values[:0]
        return self._joined[name]

    def at(self, name: str, step: float) -> float:
        """The value at a step or the last one before it, NaN where there is none."""
        return _at(self.steps, self.column(name), step) if step <= self.end else float("nan")


def _at(steps: Steps, values: Floats, step: float) -> float:
    index = first_at(steps, step, after=True) - 1
    return float(values[index]) if index >= 0 else float("nan")
