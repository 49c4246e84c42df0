"""Whether one probe of a network can be judged at all: a verdict needs something to judge."""

from __future__ import annotations

import math

from selffit.detect.robust_rule import RobustRule
from selffit.detect.statistics import chance_z, gap_z
from selffit.detect.types import ProbePoint
from selffit.numbers import count, plural, share


def doubt(point: ProbePoint, rule: RobustRule) -> str:
    """Return why it cannot be told whether robust accuracy has fallen, "" where it can be.

    point: a probe in which the rule, which has learnt what is known of the run before, finds no
    fall; its pgd the least that any attack has left. Our operational definition of something to
    judge: robust accuracy and images enough that its loss would show; a clean accuracy above
    guessing; and an earlier level to compare with, or a PGD accuracy that is robust by itself and
    at least half the FGSM accuracy.
    """
    t = rule.thresholds
    judged = f"n={count(point.n)}"
    if point.n <= 0 or math.isnan(point.pgd) or math.isnan(point.fgsm):
        return "robust accuracy was not measured"
    if chance_z(point.clean, rule.chance, point.n) < t.z_chance:
        return (
            f"clean accuracy {share(point.clean)} is not above guessing ({share(rule.chance)}), so "
            f"there is no accuracy to lose ({judged})"
        )
    level = rule.level_at(point.eps, point.fgsm)
    best = max(point.pgd, point.fgsm if level is None else level.pgd)
    if gap_z(best, 0.0, point.n) < t.z_gap:
        lost = f"the loss of an accuracy of {share(best)}"
        return f"{plural(point.n, 'image')} are too few to show {lost}"
    if level is not None:
        return ""
    alone = "and no healthier network of this run is known to compare with"
    if not rule.is_robust(point.pgd, point.n):
        return f"PGD accuracy {share(point.pgd)} is not clearly above guessing, {alone} ({judged})"
    if point.pgd < t.fallen * point.fgsm:
        split = f"PGD accuracy {share(point.pgd)} is far below FGSM {share(point.fgsm)}"
        return f"{split}, {alone} ({judged})"
    return ""
