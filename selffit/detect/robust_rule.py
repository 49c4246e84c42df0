"""Judges one multi-step probe: healthy, fallen, down, blind or undecided, like compared to like.

The rule, in words:

  level    the running best PGD accuracy over probes at a comparable budget: what the network
           could do.
  fallen   PGD < 1/2 level, while one-step accuracy stays up (FGSM - PGD > 0.05, and PGD / FGSM
           below 3/4 of what it was at the level: a network of large budgets has a wide gap
           before), and neither is sampling noise: the best of many probes flatters the network, so
           two standard errors are taken off the level first. A level counts from 0.10 on and when
           it lies above guessing, by more than sampling noise and by 0.08 of what there is above
           it: the accuracy of a network that guesses wanders by more than its images explain.
  blind    no level is known (PGD never was healthy at this budget), FGSM accuracy is at least half
           the clean accuracy and yet PGD is not a tenth of FGSM: what a network looks like that was
           overfitted to the single step from its first epochs. An ordinary, merely weak network
           falls to FGSM too.
  down     PGD is below that bound, but no gap shows: FGSM fell with it, or was not measured. A fall
           that is not known to be CO, and no health.
  healthy  neither, and PGD at 3/4 of the level or 3/4 of FGSM.

No probe is excluded for being early. A network has a level to fall from as soon as it once was
robust, PGD accuracy at 0.10 and above guessing; until then it can be blind only.

Why these two conditions. Robust overfitting and a large learning rate lower PGD and FGSM together,
so the gap stays; a network trained with large budgets has a wide gap while PGD keeps its level.
Only CO breaks the level and opens the gap at once. A ratio, not a fixed number of points: 20 points
is all that a hundred-class problem ever has.

An eps schedule. PGD accuracy falls when the budget grows, so a measurement at budget e' bounds the
healthy accuracy at any e <= e' from below: every probe at e' >= e counts, those at the schedule's
final budget too. A probe at a slightly smaller budget, 3/4 e <= e' < e, counts with an allowance:
the expected PGD accuracy shrinks by (FGSM now / FGSM then) squared. Squared, because PGD feels a
larger budget more than one step does: healthy n-fgsm runs to eps 0.35 lost a third of FGSM and two
thirds of PGD accuracy. At CO FGSM accuracy does not fall at all, and the allowance vanishes.

How far a threshold can be moved, the others at their values, before one of the 126 public traces
(CIFAR-10 and CIFAR-100, 21 with an onset, n = 1000) gets a wrong verdict; for the last two, six
recorded runs with an eps schedule (the `patterns` recipe and the small net on MNIST; fgsm, rs-fgsm,
n-fgsm):

  fallen      0.50   0.10 … 0.58            gap         0.05   any below … 0.35
  level       0.10   0 … 0.21               luck        2      0 … 14
  z_fall      5      0 … 35                 z_gap       3      0 … 18
  restored, blind_*: no effect on a verdict in the whole range that was tried (0.2-1, 0-0.9,
              1-5 probes)
  opened      0.75   0.1 … 1 (0.1 moves two onsets by one and two epochs)
  comparable  0.75   0.60 … 0.85            allowance   2      1 … 4
  over_chance 0.08   0 … 0.12, all taken for ten classes; to 0.20 with the true number. From 0.06
              on, what a public run reached that stayed at guessing for 80 epochs (0.151) is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from selffit.detect.statistics import chance_z, fall_z, gap_z, proportion_sd
from selffit.detect.types import ProbePoint

State = Literal["healthy", "undecided", "fallen", "down", "blind"]


@dataclass(frozen=True, kw_only=True)
class RuleThresholds:
    """Every number of the rule."""

    level: float = 0.10  # PGD accuracy from which a network counts as robust at all
    fallen: float = 0.50  # of the level
    gap: float = 0.05  # FGSM - PGD
    opened: float = 0.75  # of PGD / FGSM at the level: what is left of it where a gap has opened
    # standard errors by which the best of some hundred probes flatters the network
    luck: float = 2.0
    z_fall: float = 5.0  # of the fall: a run has hundreds of probes, each a chance of a false alarm
    z_gap: float = 3.0  # of the gap
    z_chance: float = 3.0  # of an accuracy above guessing
    over_chance: float = 0.08  # of what there is above guessing: 0.172 of ten classes
    comparable: float = 0.75  # smallest e' / e that is compared, with the FGSM allowance
    allowance: float = 2.0  # exponent of FGSM now / FGSM then at a smaller budget
    restored: float = 0.75  # of the level, or of FGSM: healthy again
    blind_pgd: float = 0.10  # PGD / FGSM
    blind_fgsm: float = 0.50  # FGSM / clean
    blind_probes: int = 3  # in a row: the first steps of a training can look blind for a moment
    recovered_probes: int = 3  # in a row
    settled_probes: int = 2  # in a row, where a strong attack looks that nobody had to wait for
    z_masked: float = 2.0  # of what a strong attack takes away: asked once, not at every probe
    masked_again: int = 10  # probes in a row after which masked accuracy is looked at once more
    z_wide: float = 5.0  # of the gap of an undecided probe that a strong attack has to look into


class Reference(NamedTuple):
    """A measurement that later probes are compared with.

    eps = inf when unknown: it compares with all.
    """

    eps: float
    pgd: float
    fgsm: float
    n: int


class HealthyLevel(NamedTuple):
    """What a healthy network is expected to reach at a budget, by the best comparable reference."""

    pgd: float
    n: int  # images behind it
    ratio: float  # PGD / FGSM then, at most 1
    eps: float = math.inf  # the budget that it was measured at, inf where unknown
    measured: float = math.nan  # PGD accuracy there


class Verdict(NamedTuple):
    """What the rule says of one probe."""

    state: State
    level: HealthyLevel | None
    z: float  # of the fall from that level


class RobustRule:
    """Keeps the references and judges probes; `chance` = 1 / classes (0 when unknown)."""

    def __init__(self, thresholds: RuleThresholds, chance: float) -> None:
        self.thresholds = thresholds
        self.chance = chance
        self._references: list[Reference] = []

    def learn(self, point: ProbePoint) -> None:
        """Take a probe's measurements, at the current and at the final budget, as references."""
        self._add(
            Reference(
                math.inf if math.isnan(point.eps) else point.eps, point.pgd, point.fgsm, point.n
            )
        )
        if (
            point.final_pgd is not None
            and point.final_eps is not None
            and not math.isnan(point.final_eps)
        ):
            fgsm = math.nan if point.final_fgsm is None else point.final_fgsm
            self._add(Reference(point.final_eps, point.final_pgd, fgsm, point.n))

    def judge(self, point: ProbePoint) -> Verdict:
        """Compare a probe with what was learnt; it must have finite pgd, and n > 0.

        fgsm is NaN where it was not measured: then nothing can be fallen or blind.
        """
        t = self.thresholds
        split = point.fgsm - point.pgd > t.gap and gap_z(point.fgsm, point.pgd, point.n) >= t.z_gap
        level = self.level_at(point.eps, point.fgsm)
        if level is not None:
            z = fall_z(level.pgd, level.n, point.pgd, point.n)
            if point.pgd < self.fall_bound(level):
                opened = split and point.pgd < t.opened * level.ratio * point.fgsm
                return Verdict("fallen" if opened else "down", level, z)
            fit = point.pgd >= t.restored * level.pgd or point.pgd >= t.restored * point.fgsm
            healthy = fit and self.is_robust(point.pgd, point.n)
            return Verdict("healthy" if healthy else "undecided", level, z)
        blind = (
            split
            and point.pgd <= t.blind_pgd * point.fgsm
            and point.fgsm >= t.blind_fgsm * point.clean  # False for a clean accuracy of NaN
            and chance_z(point.fgsm, self.chance, point.n) >= t.z_chance
        )
        return Verdict("blind" if blind else "undecided", None, 0.0)

    def fall_bound(self, level: HealthyLevel) -> float:
        """PGD accuracy below which a probe is fallen.

        Half the level, less what luck may have added to it.
        """
        t = self.thresholds
        return t.fallen * max(level.pgd - t.luck * proportion_sd(level.pgd, level.n), 0.0)

    def is_near_half(self, pgd: float, n: int, level: HealthyLevel) -> bool:
        """Whether a probe's PGD accuracy may be half its level: two standard errors above at most.

        Seen at another step it could have counted as fallen.
        """
        t = self.thresholds
        return pgd < t.fallen * level.pgd + t.luck * proportion_sd(pgd, n)

    def level_at(self, eps: float, fgsm: float) -> HealthyLevel | None:
        """The healthy level at a budget with this one-step accuracy; None when nothing compares."""
        eps = 0.0 if math.isnan(eps) else eps
        best: HealthyLevel | None = None
        for reference in self._references:
            expected = reference.pgd
            if reference.eps < self.thresholds.comparable * eps:
                continue
            if reference.eps < eps:
                if not (reference.fgsm > 0.0 and fgsm >= 0.0):  # nor where one is NaN
                    continue
                expected *= min(1.0, fgsm / reference.fgsm) ** self.thresholds.allowance
            if expected >= self.thresholds.level and (best is None or expected > best.pgd):
                ratio = min(1.0, reference.pgd / reference.fgsm) if reference.fgsm > 0.0 else 1.0
                best = HealthyLevel(expected, reference.n, ratio, reference.eps, reference.pgd)
        return best

    def best_at(self, eps: float) -> Reference | None:
        """The best measurement at this budget or a larger one; None where there is none."""
        eps = 0.0 if math.isnan(eps) else eps
        mine = [r for r in self._references if r.eps >= eps and r.pgd >= self.thresholds.level]
        return max(mine, key=lambda r: r.pgd, default=None)

    def state(self) -> list[list[Any]]:
        """The references as plain JSON values, for a checkpoint."""
        return [
            [
                None if math.isinf(r.eps) else r.eps,
                r.pgd,
                None if math.isnan(r.fgsm) else r.fgsm,
                r.n,
            ]
            for r in self._references
        ]

    def restore(self, state: list[list[Any]]) -> None:
        """Go on where `state()` was taken."""
        self._references = [
            Reference(math.inf if eps is None else eps, pgd, math.nan if fgsm is None else fgsm, n)
            for eps, pgd, fgsm, n in state
        ]

    def is_robust(self, pgd: float, n: int) -> bool:
        """Whether a PGD accuracy is that of a robust network at all: high, and above guessing."""
        t = self.thresholds
        over = self.chance + t.over_chance * (1.0 - self.chance) if self.chance else 0.0
        return pgd >= max(t.level, over) and chance_z(pgd, self.chance, n) >= t.z_chance

    def _add(self, new: Reference) -> None:
        """Keep the front of measurements that no other beats in both budget and accuracy."""
        if not self.is_robust(new.pgd, new.n):
            return
        if any(r.eps >= new.eps and r.pgd >= new.pgd for r in self._references):
            return
        self._references = [r for r in self._references if r.eps > new.eps or r.pgd > new.pgd]
        self._references.append(new)
