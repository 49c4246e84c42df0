"""The numbers of a run as arrays that charts can draw.

Extended block by block, never rebuilt while a run goes on.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selffit.eventlog import kinds
from selffit.run.blocks import Blocks
from selffit.run.lineage import ActiveLine
from selffit.run.state import RunState
from selffit.vocabulary import CONCENTRATION
from selffit_tui.draw.raster import Floats, first_at
from selffit_tui.model.marks import MARKED, Mark, marks

PROBES = ("clean", "fgsm", "pgd", "final_pgd", "gap", "eps")
SAME_BUDGET = 1e-9  # pixels


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


class Signals:
    """The signals of the steps of a line of history: parts of the arrays that the state keeps.

    Steps rise; where a part begins at or before a step that is there, it replaces what it repeats.
    """

    def __init__(self) -> None:
        self.names = kinds.DRAWN_SIGNALS
        self.end = np.inf  # the step that its line of history has reached
        self._parts: list[tuple[int, int]] = []  # the first place in the arrays, and one behind
        self._steps: Floats = np.empty(0)
        self._columns: Floats = np.empty((len(self.names), 0))
        self._joined: dict[str, Floats] = {}

    def of(self, arrays: tuple[NDArray[Any], NDArray[Any]]) -> None:
        """Says where its parts lie: steps, shape [n], and values, shape [signals, n]."""
        self._steps, self._columns = arrays
        self._joined = {}

    def add(self, first: int, behind: int) -> None:
        """Adds a part with rising steps."""
        self._cut(float(self._steps[first]))
        if self._parts and self._parts[-1][1] == first:
            first = self._parts.pop()[0]
        self._parts.append((first, behind))
        self._joined = {}

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
    def steps(self) -> Floats:
        """The steps, shape [n]."""
        return self._one("", self._steps)

    def column(self, name: str) -> Floats:
        """The values of one signal, shape [n]; NaN where nothing was measured."""
        return self._one(name, self._columns[self.names.index(name)])

    def _one(self, name: str, values: Floats) -> Floats:
        """The parts of an array as one: a view where there is one part."""
        if len(self._parts) == 1:
            return values[slice(*self._parts[0])]
        if name not in self._joined:
            parts = [values[first:behind] for first, behind in self._parts]
            self._joined[name] = np.concatenate(parts) if parts else values[:0]
        return self._joined[name]

    def at(self, name: str, step: float) -> float:
        """The value at a step or the last one before it, NaN where there is none."""
        return _at(self.steps, self.column(name), step) if step <= self.end else float("nan")


def _at(steps: Floats, values: Floats, step: float) -> float:
    index = first_at(steps, step, after=True) - 1
    return float(values[index]) if index >= 0 else float("nan")


def _step_of(probe: kinds.ChannelProbe) -> int:
    return probe.step


class Track:
    """What was measured on one line of history."""

    def __init__(self) -> None:
        self.signals = Signals()
        self.probes = Table(PROBES)
        self.concentration: dict[str, Table] = {}  # by layer
        self.channels: list[kinds.ChannelProbe] = []
        self._budget = float("nan")  # the final one of the probe before
        # how to take each back: which one it was of all, then what was there before it
        self._probed: list[tuple[int, float, list[Undo]]] = []
        self._looked: list[tuple[int, list[kinds.ChannelProbe], list[tuple[str, Undo]]]] = []

    def add_probe(self, probe: kinds.RobustProbe, number: int = 0) -> None:
        """Adds the row of a probe; before it a gap, where the final budget was changed.

        Accuracies at two budgets are two things: a line between them would look like a fall, or a
        recovery. `number`: which one it is of all branches.
        """
        budget = probe.eps if probe.final is None else probe.final_eps
        undo: list[Undo] = []
        if abs(budget - self._budget) > SAME_BUDGET:  # False while one of them is not known
            undo.append(self.probes.add_row(probe.step - 0.5, *[float("nan")] * len(PROBES)))
        self._probed.append((number, self._budget, undo))
        self._budget = budget
        gap = probe.fgsm - probe.pgd
        accuracies = (probe.clean, probe.fgsm, probe.pgd, probe.final_pgd)
        undo.append(self.probes.add_row(probe.step, *accuracies, gap, probe.eps))

    def add_channels(self, probe: kinds.ChannelProbe, number: int = 0) -> None:
        """Adds a channel probe, and the concentration of each of its layers."""
        repeated: list[kinds.ChannelProbe] = []
        while self.channels and self.channels[-1].step >= probe.step:
            repeated.insert(0, self.channels.pop())
        self.channels.append(probe)
        undo = []
        for layer in probe.layers:
            table = self.concentration.setdefault(layer.name, Table(CONCENTRATION))
            undo.append((layer.name, table.add_row(probe.step, layer.gini, layer.top10, layer.pr)))
        self._looked.append((number, repeated, undo))

    def go_back(self, probes: int, channels: int) -> None:
        """Takes back what was added of probes and of channel probes from those numbers on."""
        while self._probed and self._probed[-1][0] >= probes:
            _, self._budget, rows = self._probed.pop()
            for row in reversed(rows):
                self.probes.undo(row)
        while self._looked and self._looked[-1][0] >= channels:
            _, repeated, layers = self._looked.pop()
            self.channels[-1:] = repeated
            for name, row in reversed(layers):
                self.concentration[name].undo(row)
                if not self.concentration[name].length:
                    del self.concentration[name]

    def extend(self, other: "Track", end: float) -> None:
        """Adds what another track has up to the step `end`.

        That is the steps before it, and what was measured at it.
        """
        self.signals.extend(other.signals, end)
        self.probes.add(*other.probes.rows(-np.inf, end))
        upto = bisect_right(other.channels, end, key=_step_of)
        if upto:
            kept = bisect_left(self.channels, other.channels[0].step, key=_step_of)
            self.channels[kept:] = other.channels[:upto]
        for name, table in other.concentration.items():
            self.concentration.setdefault(name, Table(CONCENTRATION)).add(*table.rows(-np.inf, end))

    def rest(self, begin: float) -> "Track":
        """The signals and probes from a step on."""
        track = Track()
        track.signals = self.signals.rest(begin)
        track.probes.add(*self.probes.rows(begin, np.inf))
        return track


class Columns:
    """Signals and probes of the state that was taken last.

    Those of the active line of its history, and what was abandoned.
    """

    def __init__(self) -> None:
        self.line = ActiveLine()
        self.marks: list[Mark] = []
        self.abandoned: list[Track] = []
        self._tracks: dict[str, Track] = {}  # by branch
        # of the active line: that of a branch, or put together from several
        self._track = self._of("main")
        self._blocks = Blocks()
        self._probes: list[kinds.RobustProbe] = []
        self._channels: list[kinds.ChannelProbe] = []
        self._marked: list[object] = []

    @property
    def signals(self) -> Signals:
        """The signals of every step."""
        return self._track.signals

    @property
    def probes(self) -> Table:
        """The accuracies of every probe."""
        return self._track.probes

    @property
    def channels(self) -> list[kinds.ChannelProbe]:
        """The channel probes."""
        return self._track.channels

    @property
    def concentration(self) -> dict[str, Table]:
        """The concentration at every channel probe, by layer."""
        return self._track.concentration

    @property
    def last_step(self) -> float:
        """The farthest step that anything was measured at, on abandoned parts too."""
        tables: list[Table | Signals] = [
            table for track in self._tracks.values() for table in (track.signals, track.probes)
        ]
        return max((float(table.steps[-1]) for table in tables if table.length), default=0.0)

    @property
    def measured(self) -> Floats:
        """The steps of the probes, without the gaps between two budgets."""
        return self.probes.steps[np.isfinite(self.probes.column("clean"))]

    def take(self, state: RunState) -> None:
        """Brings the arrays to `state`: forth or back, at a cost that goes with the way."""
        turned = state.line != self.line
        self.line = state.line
        back = self._go_back(state)
        touched = self._add(state, keep_line=not (turned or back))
        if turned or back or touched - {self.line.branch}:
            self._draw_line()
        self._track.signals.end = self._track.probes.end = float(state.step)
        marked: list[object] = [
            one for kind in MARKED for one in (state.all(kind).last, len(state.all(kind)))
        ]
        if turned or marked != self._marked:
            self._marked = marked
            self.marks = marks(state, self.line)

    def _go_back(self, state: RunState) -> bool:
        """Takes back what the state does not have; whether there was anything."""
        probes = _common(self._probes, state.all(kinds.RobustProbe))
        channels = _common(self._channels, state.all(kinds.ChannelProbe))
        back = probes < len(self._probes) or channels < len(self._channels)
        if back:
            del self._probes[probes:], self._channels[channels:]
            for track in self._tracks.values():
                track.go_back(probes, channels)
        if len(self._blocks) and not state.blocks.continues(self._blocks):
            # they are parts of arrays that are there: quickly put together anew
            back, self._blocks = True, Blocks()
            for track in self._tracks.values():
                track.signals = Signals()
        return back

    def _add(self, state: RunState, keep_line: bool) -> set[str]:
        """Adds what is new to the tracks of its branches.

        And to the active line unless that is drawn anew.
        """
        active = self.line.branch
        touched: set[str] = set()

        def tracks(branch: str) -> list[Track]:
            touched.add(branch)
            own = self._of(branch)
            return (
                [own, self._track]
                if keep_line and branch == active and own is not self._track
                else [own]
            )

        blocks = state.blocks
        if len(blocks) > len(self._blocks):
            arrays = blocks.arrays()
            for track in (*self._tracks.values(), self._track):
                track.signals.of(arrays)
            for branch, first, behind in blocks.rows(len(self._blocks)):
                for track in tracks(branch):
                    track.signals.of(arrays)
                    track.signals.add(first, behind)
        self._blocks = blocks
        for probe in state.all(kinds.RobustProbe)[len(self._probes) :]:
            for track in tracks(probe.branch):
                track.add_probe(probe, len(self._probes))
            self._probes.append(probe)
        for channels in state.all(kinds.ChannelProbe)[len(self._channels) :]:
            for track in tracks(channels.branch):
                track.add_channels(channels, len(self._channels))
            self._channels.append(channels)
        return touched

    def _draw_line(self) -> None:
        """Puts the active line together from its pieces, and what is not part of it apart."""
        line = self.line
        if len(line.pieces) == 1:
            self._track = self._of(line.pieces[0].branch)
        else:
            self._track = Track()
            for piece in line.pieces:
                self._track.extend(self._of(piece.branch), piece.end)
        rests = [
            track.rest(line.end(branch))
            for branch, track in self._tracks.items()
            if line.end(branch) < np.inf
        ]
        self.abandoned = [track for track in rests if track.signals.length or track.probes.length]

    def _of(self, branch: str) -> Track:
        return self._tracks.setdefault(branch, Track())


def _common(taken: Sequence[object], history: Sequence[object]) -> int:
    """How many of the items that were taken are the first ones of a history.

    All that both have room for, or none: items leave a history only together with all behind them,
    or move up.
    """
    length = min(len(taken), len(history))
    return length if not length or taken[length - 1] is history[length - 1] else 0


def smooth(values: Floats, span: int) -> Floats:
    """The mean of the last `span` values at each point, gaps left out; shape as given."""
    finite = np.isfinite(values)
    total = np.cumsum(np.where(finite, values, 0.0), dtype=np.float64)
    number = np.cumsum(finite)
    if span < len(values):
        total[span:] -= total[:-span].copy()
        number[span:] -= number[:-span].copy()
    return np.where(finite, total / np.maximum(number, 1), np.nan)
