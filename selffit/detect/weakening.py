"""A fall of robust accuracy without a gap: no catastrophic overfitting, and no health either.

Our operational definition: for `probes` probes in a row

  - PGD accuracy is below 3/4 of its best at this budget or a larger one (less the luck of the best
    of many probes), and that is no sampling noise;
  - FGSM accuracy has lost at least half as much as PGD accuracy has since then, so what was lost is
    not what a gap between the two took, which is the business of `robust_rule`.

It lasts until a probe is back. A budget that rises is no fall: an accuracy is held against those at
the same budget or at a larger one only, and without the allowance that a smaller one would need.
Where the clean accuracy rises meanwhile it is what is called robust overfitting.
"""

from __future__ import annotations

from dataclasses import dataclass

from selffit.detect.robust_rule import Reference, RobustRule
from selffit.detect.statistics import fall_z, proportion_sd
from selffit.detect.types import ProbePoint

LEFT = 0.75  # of the best, as `RuleThresholds.restored`
LUCK = 2.0  # standard errors by which the best of many probes flatters
Z = 5.0  # of the fall, as `RuleThresholds.z_fall`
ALONG = 0.5  # of what PGD lost
PROBES = 2  # in a row


@dataclass(frozen=True, kw_only=True)
class Weakened:
    """That robust accuracy has fallen: `since` which step, and the `best` PGD accuracy before."""

    since: int
    best: float


class Weakening:
    """Follows the probes of a line of history, in the order of their steps."""

    def __init__(self) -> None:
        self._first: int | None = None  # of the weak probes in a row
        self._count = 0

    def take(self, point: ProbePoint, rule: RobustRule) -> Weakened | None:
        """What stands after a probe, whose pgd and fgsm are measured; `rule` has learnt it."""
        best = rule.best_at(point.eps)
        if best is None or not _is_weak(point, best):
            self._first, self._count = None, 0
            return None
        self._first = point.step if self._first is None else self._first
        self._count += 1
        if self._count < PROBES:
            return None
        return Weakened(since=self._first, best=best.pgd)


def _is_weak(point: ProbePoint, best: Reference) -> bool:
    bound = LEFT * max(best.pgd - LUCK * proportion_sd(best.pgd, best.n), 0.0)
    if point.pgd >= bound or fall_z(best.pgd, best.n, point.pgd, point.n) < Z:
        return False
    return best.fgsm - point.fgsm >= ALONG * (best.pgd - point.pgd)  # False where it is NaN
