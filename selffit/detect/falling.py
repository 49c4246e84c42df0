"""Probes while no onset is open: they add up to an `onset`, or to `transient`.

A fall that is not certain by one probe counts on; a probe that decides nothing although its gap is
wide asks for a strong attack.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from selffit.detect import wording
from selffit.detect.robust_rule import Verdict
from selffit.detect.situation import Situation, finite
from selffit.detect.statistics import fall_z, gap_z, proportion_sd, rule_confidence, upper_tail
from selffit.detect.types import ProbePoint
from selffit.eventlog.kinds import Alert


class Falling:
    """Counts fallen, blind and undecided probes in a row."""

    # names in a checkpoint's state
    PLAIN = (
        "_suspects",
        "_suspect_z",
        "_suspect_state",
        "_first_suspect",
        "_unsure",
        "_looked",
        "_blind",
    )

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._suspects = 0  # fallen (or blind) probes in a row, not yet an onset
        self._suspect_z = 0.0  # sum of their z scores
        self._suspect_state = ""
        self._first_suspect = 0
        self._unsure = 0  # undecided probes with a wide gap in a row
        # the step of the newest of them that a strong attack looked at, its PGD accuracy and images
        self._looked: tuple[int, float, int] | None = None
        self._blind: int | None = None  # the step of the newest blind probe
        self.wants_strong = False  # of the newest probe: a strong attack has to look at it

    @property
    def pending(self) -> int | None:
        """The first of the fallen or blind probes that are not yet an onset, or None."""
        return self._first_suspect if self._suspects else None

    @property
    def unsure(self) -> bool:
        """Whether the newest probe was undecided, with a wide gap."""
        return self._unsure > 0

    def begin(self, state: str = "") -> None:
        """Begin to count probes of this state anew; "" for none."""
        self._suspects = 0
        self._suspect_z = 0.0
        self._suspect_state = state

    def take(self, point: ProbePoint, verdict: Verdict) -> tuple[str, float]:
        """Count a probe with its verdict.

        Returns what it comes to: "onset" or "transient" with the z score of the fall, or "".
        """
        now, t = self._situation, self._situation.thresholds
        self._doubt(point, verdict)
        if verdict.state == "down" and math.isnan(point.fgsm):
            if not self._suspect_state:  # the fall may begin here: the next FGSM accuracy tells
                self.begin("down")
                self._first_suspect = point.step
            return "", 0.0
        if verdict.state in ("healthy", "undecided", "down"):
            self.begin()
            if verdict.state == "healthy":
                now.was_healthy(point.step, point.pgd)
            return "", 0.0
        if verdict.state != self._suspect_state:
            if not (verdict.state == "fallen" and self._suspect_state == "down"):
                self._first_suspect = point.step
            self.begin(verdict.state)
        self._suspects += 1
        self._suspect_z += verdict.z
        # Stouffer: few images take longer, not for ever
        z = self._suspect_z / math.sqrt(self._suspects)
        if verdict.state == "fallen":
            return ("onset", z) if z >= t.z_fall else ("", z)
        last, self._blind = self._blind, point.step
        if now.lasted(self._suspects, self._first_suspect, point.step, t.blind_probes):
            return "onset", 0.0
        # on the brink a network is blind at one probe and not at the next: that is one event as
        # long as it comes back within an epoch, and PGD has not been healthy
        begins = self._suspects == 1 and (last is None or point.step >= last + now.per_epoch)
        return ("transient", 0.0) if begins and now.healthy is None else ("", 0.0)

    def _doubt(self, point: ProbePoint, verdict: Verdict) -> None:
        now = self._situation
        wide = gap_z(point.fgsm, point.pgd, point.n) >= now.thresholds.z_wide
        self._unsure = self._unsure + 1 if verdict.state == "undecided" and wide else 0
        self.wants_strong = now.confirm and self._unsure > 0 and self._looks_again(point)
        if self.wants_strong:
            self._looked = (point.step, point.pgd, point.n)

    def _looks_again(self, point: ProbePoint) -> bool:
        """Whether a strong attack has to look at an undecided probe with a wide gap.

        At the first in a row, then where PGD accuracy has clearly fallen further, else seldom.
        """
        t, per_epoch = self._situation.thresholds, self._situation.per_epoch
        if self._unsure == 1 or self._looked is None:
            return True
        step, pgd, n = self._looked
        if fall_z(pgd, n, point.pgd, point.n) >= t.z_gap:
            return True
        if per_epoch:
            return point.step - step >= t.masked_again * per_epoch
        return self._unsure % t.masked_again == 1

    def transient(self, point: ProbePoint) -> Alert:
        """A collapse before PGD ever was healthy may pass: it is no onset, nor is it nothing."""
        now = self._situation
        evidence = {"clean": point.clean, "fgsm": point.fgsm, "pgd": point.pgd, "eps": point.eps}
        return now.alert(
            "transient",
            point.step,
            wording.early(point),
            n=point.n,
            evidence=finite(evidence),
            advice=f"the next probes decide: {now.in_a_row(now.thresholds.blind_probes)} are an "
            "onset",
        )

    def onset(
        self,
        point: ProbePoint,
        verdict: Verdict,
        z: float,
        signals: Mapping[str, float],
        out_since: int | None,
        since: int | None = None,
    ) -> Alert:
        """The alert of an onset that a probe has shown.

        signals: those of the moment; out_since: the first step outside their bands, if any.
        since: the first fallen step, where it is not that of the probes that were counted.
        """
        now, t = self._situation, self._situation.thresholds
        evidence = {
            "clean": point.clean,
            "fgsm": point.fgsm,
            "pgd": point.pgd,
            "eps": point.eps,
            "gap": point.fgsm - point.pgd,
            "pgd_over_fgsm": point.pgd / point.fgsm,
        }
        level = verdict.level
        if level is not None:
            bound, bound_sd = (
                now.rule.fall_bound(level),
                t.fallen * proportion_sd(level.pgd, level.n),
            )
            ratio = point.pgd / level.pgd
            evidence |= {"best": level.pgd, "ratio": ratio, "z": z, "p_value": upper_tail(z)}
        else:
            bound, bound_sd = t.blind_pgd * point.fgsm, 0.0
        evidence |= signals
        low = now.healthy_step
        if out_since is not None and (low is None or out_since >= low):
            evidence["signal_step"] = out_since
        first = self._first_suspect if since is None else since
        onset_step = first if now.healthy is not None else None
        return now.alert(
            "onset",
            point.step,
            wording.onset(now.place, point, level, low, onset_step),
            onset_step=onset_step,
            onset_low=low,
            confidence=rule_confidence(bound, bound_sd, point.pgd, point.fgsm, point.n, t.gap),
            n=point.n,
            evidence=finite(evidence),
            advice=wording.advice(now.place, low),
        )
