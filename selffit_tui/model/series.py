"""The numbers of a run as arrays that charts can draw.

Extended block by block, never rebuilt while a run goes on.
"""

from collections.abc import Sequence

import numpy as np

from selffit.eventlog import kinds
from selffit.run.folded.blocks import Blocks
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState
from selffit_tui.draw.raster import Floats
from selffit_tui.model.marks import MARKED, Mark, marks
from selffit_tui.model.table import Signals as Signals
from selffit_tui.model.table import Table as Table
from selffit_tui.model.track import Track


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
        track = self._tracks.get(branch)
        if track is None:
            track = self._tracks[branch] = Track()
        return track


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
