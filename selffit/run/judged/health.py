"""The probes of the active line, judged once each: which are healthy, and since when they weaken.

The rule learns from every probe, so what it says of one depends on all before it. A viewer asks
again at every redraw of a run that has thousands: the judgements on the history that was asked
about last are kept, and only what was appended since is judged.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from math import isinf, nan
from threading import Lock

from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.detect.types import point_of
from selffit.detect.weakening import Weakened, Weakening
from selffit.eventlog import kinds
from selffit.eventlog.history import History
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState, classes_of
from selffit.vocabulary import HEALTHY


def healthy_probes(state: RunState) -> list[kinds.RobustProbe]:
    """Return the probes of the active line that the rule finds healthy, in the order of the log."""
    probes = state.all(kinds.RobustProbe)
    with _lock:
        return [probes[index] for index in _judged(state).before(len(probes))]


def weakened(state: RunState) -> Weakened | None:
    """Return since when robust accuracy has fallen without a gap; None where it has not."""
    with _lock:
        return _judged(state).weak(len(state.all(kinds.RobustProbe)))


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a probe at a step was held against, and what the rule said of it.

    best: PGD accuracy that is expected of a healthy network at its budget; alarm: that below which
    it counts as fallen. Both NaN where nothing compares. eps: the budget at which `best` was
    measured, which is not the present one while eps rises; NaN where that is unknown.
    """

    step: int
    best: float
    alarm: float
    state: str
    eps: float = nan


def limits(state: RunState) -> list[Limit]:
    """Return the limits of each measured probe of the active line, in the order of the log."""
    with _lock:
        return _judged(state).limits_before(len(state.all(kinds.RobustProbe)))


def _judged(state: RunState) -> "_Judged":
    """The judgements on the probes of a state; under the lock."""
    global _newest
    classes, _ = classes_of(state)
    line, probes = state.line, state.all(kinds.RobustProbe)
    if not (_newest.about == (line, classes) and _newest.probes.shares(probes)):
        _newest = _Judged((line, classes), RobustRule(RuleThresholds(), _chance(classes)))
    _newest.judge(probes)
    return _newest


def _chance(classes: int) -> float:
    return 1 / classes if classes else 0.0


@dataclass
class _Judged:
    """How far a history of probes was judged."""

    about: tuple[ActiveLine, int]  # and the number of classes
    rule: RobustRule
    probes: History[kinds.RobustProbe] = field(default_factory=History)
    healthy: list[int] = field(default_factory=list)  # their indices
    limits: list[tuple[int, Limit]] = field(default_factory=list)  # with the indices of the probes
    weakening: Weakening = field(default_factory=Weakening)
    # what stands of it from a probe on, where that changed
    weakenings: list[tuple[int, Weakened | None]] = field(default_factory=list)

    def judge(self, probes: History[kinds.RobustProbe]) -> None:
        """Judge what is new of a history; nothing where an older state asks."""
        line = self.about[0]
        for index in range(len(self.probes), len(probes)):
            probe = probes[index]
            point = point_of(probe)
            if not (line.holds(probe.branch, probe.step) and _is_measured(point.pgd, point.n)):
                continue
            self.rule.learn(point)
            if not 0.0 <= point.fgsm <= 1.0:
                continue
            said = self.rule.judge(point)
            if said.state == HEALTHY.name:
                self.healthy.append(index)
            level = said.level
            best, alarm = (nan, nan) if level is None else (level.pgd, self.rule.fall_bound(level))
            eps = nan if level is None or isinf(level.eps) else level.eps
            limit = Limit(step=probe.step, best=best, alarm=alarm, state=said.state, eps=eps)
            self.limits.append((index, limit))
            weak = self.weakening.take(point, self.rule)
            if weak != (self.weakenings[-1][1] if self.weakenings else None):
                self.weakenings.append((index, weak))
        if len(probes) >= len(self.probes):
            self.probes = probes

    def before(self, length: int) -> list[int]:
        """Return the indices of those among the first `length` probes."""
        return self.healthy[: bisect_left(self.healthy, length)]

    def limits_before(self, length: int) -> list[Limit]:
        """Return the limits of the first `length` probes."""
        place = bisect_left(self.limits, length, key=lambda entry: entry[0])
        return [limit for _, limit in self.limits[:place]]

    def weak(self, length: int) -> Weakened | None:
        """Return what the first `length` probes say of a fall without a gap."""
        place = bisect_left(self.weakenings, length, key=lambda change: change[0])
        return self.weakenings[place - 1][1] if place else None


def _is_measured(pgd: float, n: int) -> bool:
    return 0.0 <= pgd <= 1.0 and n > 0


_lock = Lock()
_newest = _Judged((ActiveLine(), 0), RobustRule(RuleThresholds(), 0.0))
