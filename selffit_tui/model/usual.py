"""What is usual of the signals: the detector's own bands, up to where something was found.

The bands follow what goes on and take it for usual in the end; so once something stands, those are
drawn that were usual before it. They remember some hundred steps: a long run is not read from its
beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from weakref import WeakKeyDictionary

from selffit.detect.signal_bands import SignalBands
from selffit.detect.types import SignalBlock
from selffit.eventlog import kinds
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState
from selffit.run.judged.verdict import Verdict
from selffit.vocabulary import DOUBTFUL, HEALTHY, RECOVERED, ROLLED_BACK, UNMEASURED
from selffit_tui.draw.raster import first_at
from selffit_tui.model.series import Columns
from selffit_tui.model.table import Signals

REACH = 2_000  # steps after which a band has forgotten where it began
WATCHED = ("abnormal", "pertalign")  # that raise a suspicion alone
_CALM = (HEALTHY.name, DOUBTFUL.name, UNMEASURED.name, ROLLED_BACK.name, RECOVERED.name)


@dataclass(frozen=True, kw_only=True)
class Usual:
    """What is usual of a signal: its level, the edge of its band, and on which side it lies.

    direction: +1 where larger values are unusual, −1 where smaller ones are.
    """

    level: float
    edge: float
    direction: int

    def out(self, value: float) -> bool:
        """Whether a value lies beyond the edge."""
        return (value - self.edge) * self.direction > 0


class UsualBands:
    """The bands of a line of history; extended while it goes on."""

    def __init__(self) -> None:
        self._bands = SignalBands()
        self._signals: Signals | None = None
        self._done = 0  # steps of the line that the bands have seen, or passed over
        self._last = -1.0  # the last one

    def upto(self, signals: Signals, step: float) -> Mapping[str, Usual]:
        """What was usual up to a step, by signal; none before the bands are warm."""
        steps = signals.steps
        end = first_at(steps, step, after=True)
        on = (
            signals is self._signals
            and 0 < self._done <= end
            and float(steps[self._done - 1]) == self._last
            and end - self._done <= REACH
        )
        if not on:
            self._bands = SignalBands()
            self._done = max(0, end - REACH)
        if end > self._done:
            names = (name for name in signals.names if name in self._bands.bands)
            part = {name: signals.column(name)[self._done : end].tolist() for name in names}
            block = SignalBlock(0, **part)
            for index in range(end - self._done):
                self._bands.update(block, index)
        self._signals, self._done = signals, end
        self._last = float(steps[end - 1]) if end else -1.0
        return {
            name: Usual(level=band.level, edge=band.edge, direction=band.direction)
            for name, band in self._bands.bands.items()
            if isfinite(band.edge)
        }


_kept: "WeakKeyDictionary[Columns, UsualBands]" = WeakKeyDictionary()


def usual_of(columns: Columns, until: float) -> Mapping[str, Usual]:
    """What was usual of the signals of the active line up to a step, by name."""
    return _kept.setdefault(columns, UsualBands()).upto(columns.signals, until)


def calm_until(state: RunState, stands: Verdict, line: ActiveLine) -> float:
    """The step up to which the signals are taken for usual: before what stands was suspected."""
    if stands.state in _CALM or stands.since is None:
        return float(state.step)
    onset = stands.onset or stands.alert
    healthy = -1 if onset is None or onset.healthy_step is None else onset.healthy_step
    about = [
        alert.about
        for alert in state.all(kinds.Alert)
        if line.holds(alert.branch, alert.about) and healthy <= alert.about <= stands.since
    ]
    moved = onset.evidence.get("signal_step", inf) if onset is not None else inf
    return float(min([*about, moved if moved > 0 else inf, stands.since]))
