"""Probes while an onset is open: they add up to `recovered`, or a strong attack says `masked`."""

from __future__ import annotations

from selffit.detect import wording
from selffit.detect.robust_rule import HealthyLevel
from selffit.detect.situation import Situation, finite, is_accuracy
from selffit.detect.statistics import fall_z, gap_z
from selffit.detect.types import ProbePoint
from selffit.eventlog.kinds import Alert


class Recovering:
    """Counts restored probes in a row, and judges what a strong attack leaves of them.

    Our operational definition of masked: the strong attack leaves less than half of the weak one's
    accuracy, or less than half of the healthy level where the weak one is back at it, and that is
    no sampling noise.
    """

    # names in a checkpoint's state
    PLAIN = ("_good", "_good_since", "_told_masked", "_restored", "_level")

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._good = 0  # restored probes in a row, and the first of them
        self._good_since = 0
        self._told_masked = False  # in this row
        self._restored = False  # the newest of them: PGD back at its level and near FGSM
        # then: the healthy PGD accuracy, and the images behind it
        self._level: tuple[float, int] | None = None
        self.wants_strong = False  # of the newest probe: a strong attack has to look at it

    def open(self) -> None:
        """An onset begins: nothing has come back since."""
        self.begin()
        self._restored = False

    @property
    def restored(self) -> bool:
        """Whether the newest probe shows PGD at its level and near FGSM again, unmasked so far."""
        return self._restored and not self._told_masked

    def begin(self) -> None:
        """Begin to count restored probes anew."""
        self._good = 0
        self._told_masked = False

    def forget_level(self) -> None:
        """Take no healthy level for known."""
        self._level = None

    def take(self, point: ProbePoint) -> list[Alert]:
        """Count probes in which PGD is back at its level *and* near FGSM again.

        With `confirm` the count includes probes in which PGD has climbed out of the fall, above
        half its level: masked gradients seldom bring back more, and a strong attack sees through
        them sooner.
        """
        now, t = self._situation, self._situation.thresholds
        level = now.rule.level_at(point.eps, point.fgsm)
        self._restored = self._is_back(point, level)
        self._level = None if level is None else (level.pgd, level.n)
        climbed = now.confirm and level is not None and point.pgd >= t.fallen * level.pgd
        if not (self._restored or climbed):
            self.begin()
        else:
            self._good_since = self._good_since if self._good else point.step
            self._good += 1
        good = now.lasted(self._good, self._good_since, point.step, t.recovered_probes)
        self.wants_strong = now.confirm and good
        if not good or now.confirm:
            return []
        text = wording.recovered(point, t.recovered_probes, None if level is None else level.pgd)
        evidence = {"fgsm": point.fgsm, "pgd": point.pgd, "gap": point.fgsm - point.pgd}
        advice = "confirm with a stronger attack (APGD, restarts) before trusting it"
        return [self._recovered(point.step, point.pgd, point.n, text, evidence, advice)]

    def _is_back(self, point: ProbePoint, level: HealthyLevel | None) -> bool:
        t = self._situation.thresholds
        bound = t.level if level is None else t.restored * level.pgd
        near_fgsm = point.pgd >= t.restored * point.fgsm * (1.0 if level is None else level.ratio)
        return point.pgd >= bound and near_fgsm

    def strong(
        self, step: int, strong_pgd: float, weak_pgd: float, n: int, asked: bool
    ) -> list[Alert]:
        """Take what a strong attack leaves of the PGD accuracy `weak_pgd` on the same n images.

        asked: it was wanted. Where it was not, at the end or because somebody else wanted it,
        `masked` is said all the same, once a row, and `recovered` after `settled_probes`: a run
        that ends has no more probes to wait for.
        """
        now = self._situation
        climbed = now.confirm and self._good > 0 and not self._told_masked
        if not (asked or climbed):
            return []
        measured = is_accuracy(strong_pgd) and is_accuracy(weak_pgd) and n > 0
        masked = measured and self.is_masked(strong_pgd, weak_pgd, n)
        settled = now.lasted(self._good, self._good_since, step, now.thresholds.settled_probes)
        back = measured and self._restored and settled
        if not (asked or masked or back):
            return []
        self.begin()
        if masked:
            return [self._masked(step, strong_pgd, weak_pgd, n)]
        if not (measured and self._restored):
            return []
        text = wording.confirmed(weak_pgd, strong_pgd, n, self._best)
        evidence = {"strong": strong_pgd, "pgd": weak_pgd}
        advice = "nothing to do; it may collapse again"
        return [self._recovered(step, weak_pgd, n, text, evidence, advice)]

    def is_masked(self, strong: float, weak: float, n: int) -> bool:
        """Whether PGD accuracy is masked: see the class."""
        t = self._situation.thresholds
        if strong < t.fallen * weak and gap_z(weak, strong, n) >= t.z_masked:
            return True
        if self._level is None or not self._restored:
            return False
        level, images = self._level
        return strong < t.fallen * level and fall_z(level, images, strong, n) >= t.z_masked

    @property
    def _best(self) -> float | None:
        return None if self._level is None else self._level[0]

    def _masked(self, step: int, strong: float, weak: float, n: int) -> Alert:
        """The alert; the question comes back after `masked_again` more probes of this kind."""
        now, t = self._situation, self._situation.thresholds
        self._told_masked = True
        more = t.masked_again - t.recovered_probes
        self._good, self._good_since = -more, step
        if now.per_epoch:
            self._good, self._good_since = 2, step + (more + 1) * now.per_epoch
        evidence = {"strong": strong, "pgd": weak}
        evidence |= {} if self._best is None else {"best": self._best}
        return now.alert(
            "masked",
            step,
            wording.masked(weak, strong, n, self._best),
            n=n,
            evidence=evidence,
            advice=wording.advice(now.place, now.healthy_step),
        )

    def _recovered(
        self, step: int, pgd: float, n: int, text: str, evidence: dict[str, float], advice: str
    ) -> Alert:
        now = self._situation
        evidence |= {} if self._best is None else {"best": self._best}
        alert = now.alert("recovered", step, text, n=n, evidence=finite(evidence), advice=advice)
        now.onset_open = False
        self.begin()
        now.was_healthy(step, pgd)
        return alert
