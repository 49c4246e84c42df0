"""What other rules would have said of a recorded run: when, how late, and what that would save.

Every rule hears the same log, branch by branch, each on the line of history that leads to it. What
it is held against is the onset that stands in the log, or, where the log has none, the one that
today's rules find. Our operational definitions: a rule is late by the steps from the first probe of
the fall to when it fires (negative: early), and saves the epochs that the branch went on for after
that, which a person or a policy would not have trained.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selffit.eventlog import kinds
from selffit.run.firing import Firing
from selffit.run.lineage import ActiveLine, line_of
from selffit.run.rerun import Judged, Rules, rerun
from selffit.run.state import RunState
from selffit.vocabulary import MASKED, ONSET, SUSPECT

FALLS = (ONSET.name, MASKED.name)
DROP = 0.20  # PGD accuracy, of the classic rule to stop by
WIDE = 0.20  # FGSM - PGD accuracy

Probes = Sequence[kinds.RobustProbe]


@dataclass(frozen=True, kw_only=True)
class OtherRule:
    """A rule that could have watched the run; `fires` gives the index of a probe, None for none."""

    name: str
    meaning: str
    fires: Callable[[Probes], int | None]


def _first(probes: Probes, falls: Callable[[kinds.RobustProbe, float], bool]) -> int | None:
    """The first probe that has fallen from the best one before it."""
    best = -math.inf
    for index, probe in enumerate(probes):
        if falls(probe, best):
            return index
        best = max(best, probe.pgd) if probe.pgd == probe.pgd else best
    return None


PROBE_RULES = (
    OtherRule(
        name="drop",
        meaning=f"PGD accuracy {100 * DROP:.0f} points below its best: the classic early stop",
        fires=lambda probes: _first(probes, lambda p, best: p.pgd <= best - DROP),
    ),
    OtherRule(
        name="half",
        meaning="PGD accuracy below half its best, whatever the noise",
        fires=lambda probes: _first(probes, lambda p, best: best >= 0.1 and p.pgd < best / 2),
    ),
    OtherRule(
        name="gap",
        meaning=f"FGSM accuracy more than {WIDE:.2f} above PGD accuracy",
        fires=lambda probes: _first(probes, lambda p, best: p.fgsm - p.pgd > WIDE),
    ),
)
TODAY, SIGNALS = "today", "signals"
MEANINGS = {
    TODAY: "the detector as it is today: a lost level and an open gap, both beyond noise",
    SIGNALS: "training signals alone, before any probe looks",
    **{rule.name: rule.meaning for rule in PROBE_RULES},
}
NAMES = tuple(MEANINGS)


def firings(state: RunState, blocks: Sequence[kinds.Steps]) -> tuple[Firing, ...]:
    """Return what each rule would have said first on each branch, in the order of NAMES.

    blocks: as `selffit.run.rerun.blocks_of` has them.
    """
    judged = rerun(state, blocks, Rules.of(state))
    ends = _ends(state, blocks)
    found: list[Firing] = []
    for branch in state.ledger.branches:
        line = line_of(state.ledger, branch)
        told = _Branch(state, branch, line, judged, ends.get(branch, 0))
        found += [*told.today(), *told.signals()]
        for rule in PROBE_RULES:
            found += told.by(rule)
    return tuple(sorted(found, key=lambda one: (NAMES.index(one.rule), one.t)))


def _ends(state: RunState, blocks: Sequence[kinds.Steps]) -> dict[str, int]:
    """How far each branch was trained."""
    ends: dict[str, int] = {}
    for block in blocks:
        ends[block.branch] = max(ends.get(block.branch, 0), block.end)
    for probe in state.all(kinds.RobustProbe):
        ends[probe.branch] = max(ends.get(probe.branch, 0), probe.step)
    return ends


class _Branch:
    """One branch, and what there is to find on the line that leads to it."""

    def __init__(
        self, state: RunState, branch: str, line: ActiveLine, judged: Judged, end: int
    ) -> None:
        self._branch = branch
        self._line = line
        self._judged = judged
        self._end = end
        start = state.start
        self._epoch = start.steps_per_epoch if start is not None else 0
        self._probes = sorted(
            (p for p in state.all(kinds.RobustProbe) if line.holds(p.branch, p.step)),
            key=lambda p: p.step,
        )
        logged = [a for a in state.all(kinds.Alert) if a.level in FALLS and self._on(a)]
        again = [a for a in judged.alerts if a.level in FALLS and self._on(a)]
        self._onset = next(iter((*logged, *again)), None)

    def _on(self, alert: kinds.Alert) -> bool:
        return self._line.holds(alert.branch, alert.about)

    def today(self) -> list[Firing]:
        """The first fall that today's detector finds."""
        mine = [a for a in self._judged.alerts if a.level in FALLS and a.branch == self._branch]
        return [self._firing(TODAY, mine[0].step, mine[0].t)] if mine else []

    def signals(self) -> list[Firing]:
        """The first suspicion after the last healthy probe; without an onset, the first of all."""
        mine = [
            a for a in self._judged.alerts if a.level == SUSPECT.name and a.branch == self._branch
        ]
        low = self._onset.onset_low if self._onset is not None else None
        after = [a for a in mine if low is None or a.step >= low]
        return [self._firing(SIGNALS, after[0].step, after[0].t)] if after else []

    def by(self, rule: OtherRule) -> list[Firing]:
        """The first time that a rule on probes fires, where that is on this branch."""
        index = rule.fires(self._probes)
        if index is None or self._probes[index].branch != self._branch:
            return []
        return [self._firing(rule.name, self._probes[index].step, self._probes[index].t)]

    def _firing(self, rule: str, step: int, t: float) -> Firing:
        onset = self._onset
        late = None if onset is None else step - onset.about
        low = None if onset is None else onset.onset_low
        saved = (self._end - step) / self._epoch if self._epoch else math.nan
        return Firing(
            rule=rule,
            branch=self._branch,
            step=step,
            t=t,
            late=late,
            healthy=low is not None and step < low,
            saved=saved,
        )
