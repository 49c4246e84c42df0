"""Rules against the truth, over many recorded runs: hits, false alarms, latency, epochs saved.

Our operational definition of the truth, in hindsight and without any statistics: a branch has
collapsed where its last probes are all fallen (three, or as many as it has; of a branch that a
roll-back has left, the last one), and its onset is the first of the fallen probes that lead to its
end without a break. A probe is fallen where PGD accuracy is below half of the best that an earlier
probe of its line measured at this budget or a larger one, while FGSM accuracy is higher than PGD
accuracy by more than 0.05 and PGD / FGSM below 3/4 of what it was at that best; before PGD accuracy
ever was 0.10, where PGD is not a tenth of FGSM and FGSM at least half of clean. What fell and came
back by itself counts as no collapse.

A hit is the first firing on a collapsed branch after its last well probe, whose PGD accuracy was
3/4 of that best: what is said between that probe and the onset is early, not wrong. Its latency are
the steps from the onset (negative: before it), and it would have saved the epochs from there to the
end of the branch. Every firing at or before the last well probe, and every one on a branch that did
not collapse, is a false alarm.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from selffit.detect import RuleThresholds
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.find import Found, survey
from selffit.run.follow import Follower
from selffit.run.rules import Firing, Heard, Rule
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState

FINAL = 3  # last probes of a branch
FALLEN = 0.5  # of the best
WELL = 0.75  # of the best
GAP = 0.05  # FGSM - PGD
OPENED = 0.75  # of PGD / FGSM at the best
ROBUST = 0.10  # PGD accuracy from which there is something to fall from
SAME_BUDGET = 1e-4


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """That a branch collapsed: the onset, and the last probe before it that was well."""

    onset: int
    low: int


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a rule did on one run.

    collapses, hits, false_alarms: numbers; latencies: of the hits, in steps; saved: epochs, all
    hits together.
    """

    run: str
    rule: str
    collapses: int
    hits: int
    false_alarms: int
    latencies: tuple[int, ...]
    saved: float
    onsets: tuple[tuple[str, int], ...] = ()
    firings: tuple[Firing, ...] = ()

    def data(self) -> dict[str, Any]:
        """As plain JSON values; unknown numbers are null."""
        return {
            "run": self.run,
            "rule": self.rule,
            "collapses": self.collapses,
            "hits": self.hits,
            "false_alarms": self.false_alarms,
            "latency": median(self.latencies) if self.latencies else None,
            "epochs_saved": round(self.saved, 2) if math.isfinite(self.saved) else None,
        }


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What became of all runs: scores by run and rule, and those of which nothing can be told."""

    scores: tuple[Score, ...]
    unread: tuple[tuple[str, str], ...]  # name and reason

    def total(self, rule: str) -> Score:
        """The sum over all runs."""
        mine = [score for score in self.scores if score.rule == rule]
        return Score(
            run=f"all {len(mine)} runs",
            rule=rule,
            collapses=sum(score.collapses for score in mine),
            hits=sum(score.hits for score in mine),
            false_alarms=sum(score.false_alarms for score in mine),
            latencies=tuple(step for score in mine for step in score.latencies),
            saved=sum(score.saved for score in mine if math.isfinite(score.saved)),
        )


def truth(heard: Heard, branch: str) -> Collapse | None:
    """Return the collapse of a branch as its final probes have it, None where it has none."""
    own = [probe for probe in heard.own(branch) if _measured(probe)]
    line = [probe for probe in heard.line(branch) if _measured(probe)]
    if not own:
        return None
    fallen = [_fallen(probe, line) for probe in own]
    left = branch != heard.state.branch
    if not all(fallen[-1 if left else -FINAL :]):
        return None
    first = len(fallen)
    while first and fallen[first - 1]:
        first -= 1
    if first == len(fallen):
        return None
    before = [
        probe.step
        for probe in line
        if probe.step < own[first].step and probe.pgd >= WELL * _best(probe, line).pgd
    ]
    return Collapse(onset=own[first].step, low=max(before, default=-1))


def _measured(probe: kinds.RobustProbe) -> bool:
    return math.isfinite(probe.pgd) and math.isfinite(probe.fgsm)


class _Reached(NamedTuple):
    """What a line of probes reached at a budget."""

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


def score(name: str, heard: Heard, rule: Rule) -> Score:
    """How a rule did on one run."""
    state = heard.state
    per_epoch = state.start.steps_per_epoch if state.start is not None else 0
    firings = sorted(rule.fires(heard), key=lambda firing: firing.step)
    hits, false_alarms, saved = [], 0, 0.0
    found: list[tuple[str, int]] = []
    for branch in state.ledger.branches:
        mine = [firing for firing in firings if firing.branch == branch]
        collapse = truth(heard, branch)
        if collapse is None:
            false_alarms += len(mine)
            continue
        found.append((branch, collapse.onset))
        false_alarms += sum(firing.step <= collapse.low for firing in mine)
        hit = next((firing for firing in mine if firing.step > collapse.low), None)
        if hit is not None:
            hits.append(hit.step - collapse.onset)
            end = max(probe.step for probe in heard.own(branch))
            saved += (end - hit.step) / per_epoch if per_epoch else math.nan
    return Score(
        run=name,
        rule=rule.name,
        collapses=len(found),
        hits=len(hits),
        false_alarms=false_alarms,
        latencies=tuple(hits),
        saved=saved,
        onsets=tuple(found),
        firings=tuple(firings),
    )


def hear(run: RunDir, thresholds: RuleThresholds) -> Heard:
    """Read a run for the rules. Raises UserError where there is nothing to judge it by."""
    state: RunState = Follower.of(run).read_all()
    if any(notice.kind == "unreadable" for notice in state.notices):
        raise UserError("a part of its log cannot be read")
    if not any(_measured(probe) for probe in state.all(kinds.RobustProbe)):
        raise UserError("its log has no multi-step probe")
    return Heard.of(run, state, thresholds)


def sweep(root: Any, rules: Sequence[Rule], thresholds: RuleThresholds) -> Sweep:
    """Judge all runs below a folder, by name. Raises UserError where there are none."""
    found: list[Found] = sorted(survey(root), key=lambda one: one.name)
    if not found:
        raise UserError(f"there are no runs in {root}; give a folder that holds some")
    scores: list[Score] = []
    unread: list[tuple[str, str]] = []
    for one in found:
        try:
            if one.state:
                raise UserError(one.why)
            heard = hear(one.run, thresholds)
        except UserError as error:
            unread.append((one.name, str(error)))
            continue
        scores += [score(one.name, heard, rule) for rule in rules]
    return Sweep(scores=tuple(scores), unread=tuple(unread))
