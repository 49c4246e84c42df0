"""Rules against the truth, over many recorded runs: hits, false alarms, latency, epochs saved.

What counts as a collapse, a hit and a false alarm is defined in `selffit.run.again.truth`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from selffit.detect import RuleThresholds
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.again.firing import FALSE, HIT, Held
from selffit.run.again.rules import Heard, Rule
from selffit.run.again.truth import collapses_of, held, measured
from selffit.run.folded.state import RunState
from selffit.run.folder.find import Found, survey
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower


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
    firings: tuple[Held, ...] = ()

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


def score(name: str, heard: Heard, rule: Rule) -> Score:
    """How a rule did on one run."""
    collapses = collapses_of(heard)
    firings = held(heard, rule, collapses)
    hits = [one for one in firings if one.what == HIT]
    return Score(
        run=name,
        rule=rule.name,
        collapses=len(collapses),
        hits=len(hits),
        false_alarms=sum(one.what == FALSE for one in firings),
        latencies=tuple(one.late for one in hits if one.late is not None),
        saved=math.fsum(one.saved for one in hits),
        onsets=tuple((branch, collapse.onset) for branch, collapse in collapses.items()),
        firings=firings,
    )


def hear(run: RunDir, thresholds: RuleThresholds) -> Heard:
    """Read a run for the rules. Raises UserError where there is nothing to judge it by."""
    state: RunState = Follower.of(run).read_all()
    if any(notice.kind == "unreadable" for notice in state.notices):
        raise UserError("a part of its log cannot be read")
    if not any(measured(probe) for probe in state.all(kinds.RobustProbe)):
        raise UserError("its log has no multi-step probe")
    return Heard.of(run.place, state, thresholds)


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
