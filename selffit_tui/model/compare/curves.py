"""A run, or a branch of one, as something that can be laid over others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.run.folded.lineage import ActiveLine, line_of
from selffit.run.folded.state import RunState
from selffit.run.judged.verdict import explained, verdict
from selffit.run.judged.wording import sentence
from selffit.run.listing.row import SAME_BUDGET, Scores, best
from selffit.vocabulary import ACCURACY, ONSET, STEP, Measure
from selffit_tui.draw.raster import Floats
from selffit_tui.model.table import Signals

AT_FINAL = Measure(
    name="at_final",
    label="PGD at the final eps",
    short="PGD@final",
    meaning="PGD accuracy at the final budget, also while eps is still rising",
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A measure that runs can be compared by.

    attacked: it is an accuracy under attack, so it is another measure at another budget. probed: it
    comes with the probes, else with every training step.
    """

    measure: Measure
    attacked: bool = False
    probed: bool = True

    @property
    def name(self) -> str:
        """How it is asked for."""
        return self.measure.name


MEASURES: tuple[Compared, ...] = (
    Compared(measure=ACCURACY["pgd"], attacked=True),
    Compared(measure=ACCURACY["fgsm"], attacked=True),
    Compared(measure=ACCURACY["clean"]),
    Compared(measure=AT_FINAL, attacked=True),
    Compared(measure=ACCURACY["gap"], attacked=True),
    *(
        Compared(measure=STEP[name], probed=False)
        for name in ("loss_adv", "acc_adv", "pertalign", "abnormal")
    ),
)
NAMES = tuple(compared.name for compared in MEASURES)
ALIGNED = ("step", "epoch", "onset")  # what lies above each other


@dataclass(frozen=True, kw_only=True)
class Points:
    """What was measured of one thing: steps, rising, values, budgets and images, shape [n] each.

    A value that is not a number is a gap: where the final budget was changed there is no line.
    """

    steps: Floats
    values: Floats
    eps: Floats
    n: Floats


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of every chart.

    letter: of its run, with a number where a run has several lines. ink: the letter that its
    colour belongs to. active: whether it is the line that stands, not one that was left behind.
    onset: the step of the first onset on it. final: its newest probe; best: the highest accuracies
    at the budget of that one. settings: those that its last steps were trained with.
    """

    letter: str
    ink: str
    run: str
    branch: str
    active: bool
    word: str
    stands: str
    steps_per_epoch: int
    onset: int | None
    cause: str
    final: kinds.RobustProbe | None
    best: Scores
    settings: Mapping[str, Any]
    probes: tuple[kinds.RobustProbe, ...]
    signals: Signals

    @property
    def label(self) -> str:
        """The run, and the branch where that is not the only one."""
        return f"{self.run}:{self.branch}" if self.branch != "main" or not self.active else self.run

    @property
    def budget(self) -> float:
        """The budget of its newest probe, NaN before one."""
        return self.final.eps if self.final is not None else float("nan")

    def points(self, compared: Compared) -> Points:
        """What was measured of a measure on this line."""
        name = compared.name
        if not compared.probed:
            steps = np.asarray(self.signals.steps, dtype=np.float64)
            values = np.asarray(self.signals.column(name), dtype=np.float64)
            blank = np.full(len(steps), np.nan)
            return Points(steps=steps, values=values, eps=blank, n=blank)
        rows: list[tuple[float, float, float, float]] = []
        before = float("nan")
        for probe in self.probes:
            value, eps = _value(probe, name)
            towards = probe.eps if probe.final is None else probe.final_eps
            if compared.attacked and abs(towards - before) > SAME_BUDGET:  # False for the first
                rows.append((probe.step - 0.5, np.nan, eps, np.nan))
            before = towards
            rows.append((float(probe.step), value, eps, float(probe.n)))
        table = np.array(rows, dtype=np.float64).reshape(-1, 4)
        return Points(steps=table[:, 0], values=table[:, 1], eps=table[:, 2], n=table[:, 3])

    def shift(self, aligned: str) -> tuple[float, float] | None:
        """What a step is multiplied by, after what was taken from it; None where that is unknown.

        The place on the axis of a step s is (s - first) * factor.
        """
        if aligned == "epoch":
            return (0.0, 1.0 / self.steps_per_epoch) if self.steps_per_epoch > 0 else None
        if aligned == "onset":
            return (float(self.onset), 1.0) if self.onset is not None else None
        return 0.0, 1.0


def _value(probe: kinds.RobustProbe, name: str) -> tuple[float, float]:
    """The value of a measure in a probe, and the budget that it was measured at."""
    if name == AT_FINAL.name:
        rising = probe.final is not None
        return (probe.final_pgd, probe.final_eps) if rising else (probe.pgd, probe.eps)
    if name == "gap":
        return probe.fgsm - probe.pgd, probe.eps
    return float(getattr(probe, name)), probe.eps


def curves_of(
    letter: str, run: str, state: RunState, word: str, branches: Sequence[str] | None = None
) -> list[Curve]:
    """The line of a run that stands; or a line for each of these branches, `()` for all."""
    ledger, active = state.ledger, state.line.branch
    if branches is None:
        return [_curve(letter, letter, run, state, word, state.line, active=True)]
    names = [name for name in ledger.branches if not branches or name in branches]
    several = len(names) > 1
    return [
        _curve(
            f"{letter}{number}" if several else letter,
            letter,
            run,
            state,
            word,
            state.line if name == active else line_of(ledger, name),
            active=name == active,
        )
        for number, name in enumerate(names, 1)
    ]


def _curve(
    letter: str,
    ink: str,
    run: str,
    state: RunState,
    word: str,
    line: ActiveLine,
    active: bool,
) -> Curve:
    probes = _probes(state, line)
    onset = next(
        (
            alert
            for alert in state.all(kinds.Alert)
            if alert.level == ONSET.name and line.holds(alert.branch, alert.about)
        ),
        None,
    )
    return Curve(
        letter=letter,
        ink=ink,
        run=clean(run),
        branch=line.branch,
        active=active,
        word=word if active else "left behind",
        stands=sentence(state, verdict(state)) if active else "",
        steps_per_epoch=state.start.steps_per_epoch if state.start is not None else 0,
        onset=None if onset is None else onset.about,
        cause="" if onset is None else explained(state, onset)[0],
        final=probes[-1] if probes else None,
        best=best(probes),
        settings=settings_on(state, line),
        probes=probes,
        signals=_signals(state, line),
    )


def _probes(state: RunState, line: ActiveLine) -> tuple[kinds.RobustProbe, ...]:
    """The probes of a line, one a step: a later one at the same step counts."""
    ends = {piece.branch: piece.end for piece in line.pieces}
    found = {
        probe.step: probe
        for probe in state.all(kinds.RobustProbe)
        if probe.step <= ends.get(probe.branch, -np.inf)
    }
    return tuple(found[step] for step in sorted(found))


def _signals(state: RunState, line: ActiveLine) -> Signals:
    own: dict[str, Signals] = {}
    if len(state.blocks):
        arrays = state.blocks.arrays()
        for branch, first, behind in state.blocks.rows(0):
            signals = own.setdefault(branch, Signals())
            signals.of(arrays)
            signals.add(first, behind)
    whole = Signals()
    for piece in line.pieces:
        if piece.branch in own:
            whole.extend(own[piece.branch], piece.end)
    return whole


def settings_on(state: RunState, line: ActiveLine) -> dict[str, Any]:
    """The settings at the end of a line: as configured, with what was changed on its way."""
    settings = dict(state.config)
    for change in state.ledger.history:
        if not change.failed and line.holds(change.branch, change.step):
            settings |= change.new
    return settings
