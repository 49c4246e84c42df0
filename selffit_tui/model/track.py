"""What was measured on one line of history, as arrays that charts can draw."""

from bisect import bisect_left, bisect_right

import numpy as np

from selffit.eventlog import kinds
from selffit.vocabulary import CONCENTRATION
from selffit_tui.model.table import Signals, Table, Undo

PROBES = ("clean", "fgsm", "pgd", "final_pgd", "gap", "eps")
SAME_BUDGET = 1e-9  # pixels


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
