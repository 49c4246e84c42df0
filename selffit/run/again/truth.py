"""What became of a run in hindsight, and how the firings of a rule are held against that.

Our operational definition of the truth, without any statistics: a branch has collapsed where its
last probes are all fallen (three, or as many as it has; of a branch that a roll-back has left, and
of one whose training has not ended, the last one), and its onset is the first of the fallen probes
that lead to its end without a break. A probe is fallen where PGD accuracy is below half of the best
that an earlier probe of its line measured at this budget or a larger one, while FGSM accuracy is
higher than PGD accuracy by more than 0.05 and PGD / FGSM below 3/4 of what it was at that best;
before PGD accuracy ever was 0.10, where PGD is not a tenth of FGSM and FGSM at least half of clean.
What fell and came back by itself counts as no collapse.

A hit is the first firing on a collapsed branch after its last well probe, whose PGD accuracy was
3/4 of that best: what is said between that probe and the onset is early, not wrong. It is late by
the steps from the onset (negative: before it), and saves the epochs from there to the end of the
branch. Every firing at or before the last well probe, and every one on a branch that did not
collapse, is a false alarm; what a rule says after its hit counts for nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from selffit.eventlog import kinds
from selffit.run.again.firing import AGAIN, FALSE, HIT, Held
from selffit.run.again.rules import ROBUST, RULES, SAME_BUDGET, Heard, Rule

FINAL = 3  # last probes of a branch
FALLEN = 0.5  # of the best
WELL = 0.75  # of the best
GAP = 0.05  # FGSM - PGD
OPENED = 0.75  # of PGD / FGSM at the best


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """That a branch collapsed: the onset, and the last probe before it that was well."""

    onset: int
    low: int


def collapses_of(heard: Heard) -> dict[str, Collapse]:
    """The branches that have collapsed, in their order."""
    found = {branch: truth(heard, branch) for branch in heard.state.ledger.branches}
    return {branch: collapse for branch, collapse in found.items() if collapse is not None}


def held(heard: Heard, rule: Rule, collapses: Mapping[str, Collapse]) -> tuple[Held, ...]:
    """What a rule says, by the steps, each firing held against the collapse of its branch."""
    start = heard.state.start
    per_epoch = start.steps_per_epoch if start is not None else 0
    found: list[Held] = []
    hit: set[str] = set()
    for firing in sorted(rule.fires(heard), key=lambda firing: firing.step):
        branch, collapse = firing.branch, collapses.get(firing.branch)
        what, saved = FALSE, 0.0
        if collapse is not None and firing.step > collapse.low:
            what = AGAIN if branch in hit else HIT
            hit.add(branch)
        if what == HIT:
            rest = heard.end(branch) - firing.step
            saved = rest / per_epoch if per_epoch else math.nan
        late = None if collapse is None else firing.step - collapse.onset
        found.append(Held(rule=rule.name, firing=firing, what=what, late=late, saved=saved))
    return tuple(found)


def held_by_all(heard: Heard) -> tuple[Held, ...]:
    """What all rules say, in the order in which they stand in `selffit.run.again.rules`."""
    collapses = collapses_of(heard)
    return tuple(one for rule in RULES.values() for one in held(heard, rule, collapses))


def truth(heard: Heard, branch: str) -> Collapse | None:
    """Return the collapse of a branch as its final probes have it, None where it has none."""
    own = [probe for probe in heard.own(branch) if measured(probe)]
    line = [probe for probe in heard.line(branch) if measured(probe)]
    cut = branch != heard.state.branch or heard.state.ending is None
    final = own[-1 if cut else -FINAL :]
    if not final or not all(_fallen(probe, line) for probe in final):
        return None
    rest = own[: -len(final)]  # only as many as need be: each looks at all before it
    while rest and _fallen(rest[-1], line):
        final, rest = [rest[-1]], rest[:-1]
    onset = final[0].step
    before = (
        probe.step
        for probe in reversed(line)
        if probe.step < onset and probe.pgd >= WELL * _best(probe, line).pgd
    )
    return Collapse(onset=onset, low=next(before, -1))


def measured(probe: kinds.RobustProbe) -> bool:
    """Whether both accuracies that tell a collapse are there."""
    return math.isfinite(probe.pgd) and math.isfinite(probe.fgsm)


class _Reached(NamedTuple):
    """What a probe reached at a budget."""

    pgd: float
    fgsm: float


def _fallen(probe: kinds.RobustProbe, line: Sequence[kinds.RobustProbe]) -> bool:
    best = _best(probe, line)
    if best.pgd >= ROBUST:
        as_before = probe.pgd * best.fgsm >= OPENED * best.pgd * probe.fgsm
        return probe.pgd < FALLEN * best.pgd and probe.fgsm - probe.pgd > GAP and not as_before
    blind = probe.pgd <= probe.fgsm / 10 and probe.fgsm >= probe.clean / 2
    return blind and probe.fgsm > ROBUST + GAP


def _best(probe: kinds.RobustProbe, line: Sequence[kinds.RobustProbe]) -> _Reached:
    """The best PGD accuracy that an earlier probe measured at this budget or a larger one."""
    eps = probe.eps if math.isfinite(probe.eps) else 0.0
    earlier = [one for one in line if one.step < probe.step]
    reached = (what for one in earlier for at, what in _budgets(one) if at > eps - SAME_BUDGET)
    return max(reached, default=_Reached(0.0, 0.0))


def _budgets(probe: kinds.RobustProbe) -> Iterator[tuple[float, _Reached]]:
    at = probe.eps if math.isfinite(probe.eps) else math.inf
    yield at, _Reached(probe.pgd, probe.fgsm)
    if probe.final is not None and math.isfinite(probe.final.pgd):
        yield probe.final.eps, _Reached(probe.final.pgd, probe.final.fgsm)
