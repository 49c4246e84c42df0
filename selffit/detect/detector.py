"""The streaming CO detector: signals and multi-step probes come in, alerts go out.

Signals raise `suspect`; probes raise `onset`, `transient`, `recovered` and `masked`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from selffit.detect import wording
from selffit.detect.alignment import AlignmentRule, Look
from selffit.detect.robust_rule import RobustRule, RuleThresholds, Verdict
from selffit.detect.signal_bands import SignalBands
from selffit.detect.statistics import fall_z, gap_z, proportion_sd, rule_confidence, upper_tail
from selffit.detect.streak import lasted
from selffit.detect.types import ProbePoint, SignalBlock
from selffit.eventlog.kinds import Alert, Healthy, Place
from selffit.numbers import plural

STATE_VERSION = 2


class Detector:
    """Takes blocks of signals and probe points in the order of their steps, and returns new alerts.

    chance: accuracy of guessing, 1 / classes (0 = unknown); PGD accuracy counts as healthy above it
    only. cooldown: least number of steps between two probes on suspicion, and between two `suspect`
    alerts. place: what a step is called in texts ("step 12", "epoch 0.5"). confirm: PGD accuracy
    that has come back is not believed: the detector sets `wants_strong`, and what a strong attack
    leaves (`strong`) decides between `recovered` and `masked`. Without, `recovered` says that it is
    open. per_epoch: steps of an epoch, so that what several probes in a row must show is the same
    however often one looks (`selffit.detect.streak`); 0: probes are counted.

    At most one onset is open at a time; while it is open only `recovered`, which closes it, and
    `masked` can follow. Probes with missing PGD accuracy or no images, and non-finite signals,
    change nothing.
    """

    def __init__(
        self,
        *,
        chance: float = 0.0,
        cooldown: int = 100,
        place: Callable[[int], str] = wording.step,
        confirm: bool = False,
        per_epoch: int = 0,
        thresholds: RuleThresholds | None = None,
    ) -> None:
        self.thresholds = thresholds or RuleThresholds()
        self.cooldown = cooldown
        self.place = place
        self.confirm = confirm
        self.per_epoch = per_epoch
        self.wants_probe = False  # a signal left its band and no multi-step probe has looked since
        self.wants_strong = False  # PGD accuracy is back and no strong attack has looked since
        self.onset_open = False
        self.verdict: Verdict | None = None  # on the newest probe; None while an onset is open
        self.rule = RobustRule(self.thresholds, chance)
        self._bands = SignalBands()
        self._alignment = AlignmentRule()
        # first step of the present (or latest) stay outside a band
        self._out_since: int | None = None
        self._is_out = False
        self._announced = False  # an alert has told of this stay
        self._last_asked: int | None = None
        self._last_probe: int | None = None
        self._healthy: dict[str, float] | None = None
        self._suspects = 0  # fallen (or blind) probes in a row, not yet an onset
        self._suspect_z = 0.0  # sum of their z scores
        self._suspect_state = ""
        self._first_suspect = 0
        self._good = 0  # restored probes in a row while an onset is open, and the first of them
        self._good_since = 0
        self._told_masked = False  # in this row
        self._point: ProbePoint | None = None  # the newest; a strong attack follows at once
        self._unsure = 0  # undecided probes with a wide gap in a row
        # the step of the newest of them that a strong attack looked at, its PGD accuracy and images
        self._looked: tuple[int, float, int] | None = None
        self._restored = False  # the newest of them: PGD back at its level and near FGSM
        # then: the healthy PGD accuracy, and the images behind it
        self._level: tuple[float, int] | None = None

    @property
    def healthy_step(self) -> int | None:
        """The step of the last probe that was healthy, None before the first."""
        return None if self._healthy is None else int(self._healthy["step"])

    @property
    def pending(self) -> int | None:
        """The first probe of a suspicion of fallen or blind ones that is not decided, or None."""
        return self._first_suspect if self._suspects else None

    @property
    def last_healthy(self) -> Healthy | None:
        """The last probe that was healthy, as an alert has it; None before the first."""
        known = self._healthy
        return None if known is None else Healthy(step=int(known["step"]), pgd=known["pgd"])

    # ---- free signals ----------------------------------------------------------------------------
    def signals(self, block: SignalBlock) -> list[Alert]:
        """Take the signals of one block of steps; returns at most a few `suspect` alerts."""
        alerts: list[Alert] = []
        length = max(
            len(block.abnormal), len(block.pertalign), len(block.acc_adv), len(block.loss_adv)
        )
        for i in range(length):
            self._bands.update(block, i)
            alert = self._look(block.step + i)
            if alert is not None:
                alerts.append(alert)
        return alerts

    def _look(self, step: int) -> Alert | None:
        names = self._bands.out()
        if not names:
            if self._is_out and self._bands.calm():
                self._is_out = False
            return None
        if not self._is_out:
            self._is_out = True
            self._announced = False
            self._out_since = step
        if self.onset_open or (
            self._last_asked is not None and step < self._last_asked + self.cooldown
        ):
            return None
        self.wants_probe = True
        self._last_asked = step
        if self._announced:
            return None
        self._announced = True
        return self._alert(
            "suspect",
            step,
            wording.suspect(names, self._bands.now(), self._bands.usual()),
            evidence=_finite({**self._bands.now(), **self._bands.usual()}),
            advice="a multi-step probe decides; nothing to do yet",
        )

    # ---- early warning ---------------------------------------------------------------------------
    def alignment(self, look: Look) -> list[Alert]:
        """Take a look at the alignment of input gradients; returns [] or one `suspect` alert.

        It asks for a probe as the signals do.
        """
        warned = self._alignment.hear(look)
        if warned is None or self.onset_open:
            return []
        if self._last_asked is None or look.step >= self._last_asked + self.cooldown:
            self.wants_probe = True
            self._last_asked = look.step
        evidence = {
            "align": warned.now.align,
            "align_usual": warned.then.align,
            "energy": warned.now.energy,
            "energy_usual": warned.then.energy,
        }
        return [
            self._alert(
                "suspect",
                look.step,
                wording.unaligned(warned),
                evidence=_finite(evidence),
                advice="an early warning: a collapse may follow within some hundred steps; a "
                "multi-step probe looks now",
            )
        ]

    # ---- multi-step probes -----------------------------------------------------------------------
    def probe(self, point: ProbePoint) -> list[Alert]:
        """Take one probe point; returns [] or one alert: `onset`, `recovered` or `transient`.

        `transient` is a collapse before PGD ever was healthy.
        """
        self.wants_probe = False
        self.verdict = None
        if not (_is_accuracy(point.pgd) and point.n > 0) or point.step == self._last_probe:
            return []
        self._last_probe = point.step
        self._point = point
        if not self.onset_open:
            self.rule.learn(point)  # not while an onset is open: masked PGD accuracy is no level
        if self.onset_open:
            return self._follow(point) if _is_accuracy(point.fgsm) else []
        if not _is_accuracy(point.fgsm):
            point = replace(point, fgsm=math.nan)
        self.verdict = self.rule.judge(point)
        return self._decide(point, self.verdict)

    def _decide(self, point: ProbePoint, verdict: Verdict) -> list[Alert]:
        t = self.thresholds
        wide = gap_z(point.fgsm, point.pgd, point.n) >= t.z_wide
        self._unsure = self._unsure + 1 if verdict.state == "undecided" and wide else 0
        self.wants_strong = self.confirm and self._unsure > 0 and self._looks_again(point)
        if self.wants_strong:
            self._looked = (point.step, point.pgd, point.n)
        if verdict.state == "down" and math.isnan(point.fgsm):
            if not self._suspect_state:  # the fall may begin here: the next FGSM accuracy tells
                self._suspect("down")
                self._first_suspect = point.step
            return []
        if verdict.state in ("healthy", "undecided", "down"):
            self._suspect("")
            if verdict.state == "healthy":
                self._healthy = {"step": point.step, "pgd": point.pgd}
            return []
        if verdict.state != self._suspect_state:
            if not (verdict.state == "fallen" and self._suspect_state == "down"):
                self._first_suspect = point.step
            self._suspect(verdict.state)
        self._suspects += 1
        self._suspect_z += verdict.z
        # Stouffer: few images take longer, not for ever
        z = self._suspect_z / math.sqrt(self._suspects)
        if verdict.state == "fallen" and z >= self.thresholds.z_fall:
            return [self._onset(point, verdict, z)]
        blind = self._lasted(self._suspects, self._first_suspect, point.step, t.blind_probes)
        if verdict.state == "blind" and blind:
            return [self._onset(point, verdict, 0.0)]
        if verdict.state == "blind" and self._suspects == 1 and self._healthy is None:
            return [self._early(point)]
        return []

    def _looks_again(self, point: ProbePoint) -> bool:
        """Whether a strong attack has to look at an undecided probe with a wide gap.

        At the first in a row, then where PGD accuracy has clearly fallen further, else seldom.
        """
        t = self.thresholds
        if self._unsure == 1 or self._looked is None:
            return True
        step, pgd, n = self._looked
        if fall_z(pgd, n, point.pgd, point.n) >= t.z_gap:
            return True
        if self.per_epoch:
            return point.step - step >= t.masked_again * self.per_epoch
        return self._unsure % t.masked_again == 1

    def _lasted(self, many: int, since: int, step: int, probes: int) -> bool:
        return lasted(many, since, step, probes, self.per_epoch)

    def _early(self, point: ProbePoint) -> Alert:
        """A collapse before PGD ever was healthy may pass: it is no onset, nor is it nothing."""
        evidence = {"clean": point.clean, "fgsm": point.fgsm, "pgd": point.pgd, "eps": point.eps}
        return self._alert(
            "transient",
            point.step,
            wording.early(point),
            n=point.n,
            evidence=_finite(evidence),
            advice=f"the next probes decide: {self._in_a_row(self.thresholds.blind_probes)} are an "
            "onset",
        )

    def _in_a_row(self, probes: int) -> str:
        """So many probes in a row, in words."""
        if not self.per_epoch:
            return f"{probes} such in a row"
        return f"such in a row for {plural((probes - 1) * self.per_epoch, 'step')}"

    def _suspect(self, state: str) -> None:
        """Begin to count probes of this state anew; "" for none."""
        self._suspects = 0
        self._suspect_z = 0.0
        self._suspect_state = state

    def _onset(self, point: ProbePoint, verdict: Verdict, z: float) -> Alert:
        t = self.thresholds
        evidence = {
            "clean": point.clean,
            "fgsm": point.fgsm,
            "pgd": point.pgd,
            "eps": point.eps,
            "gap": point.fgsm - point.pgd,
            "pgd_over_fgsm": point.pgd / point.fgsm,
        }
        if verdict.level is not None:
            best, best_n = verdict.level.pgd, verdict.level.n
            bound, bound_sd = (
                self.rule.fall_bound(verdict.level),
                t.fallen * proportion_sd(best, best_n),
            )
            evidence |= {"best": best, "ratio": point.pgd / best, "z": z, "p_value": upper_tail(z)}
        else:
            bound, bound_sd = t.blind_pgd * point.fgsm, 0.0
        evidence |= self._bands.now()
        low = None if self._healthy is None else int(self._healthy["step"])
        if self._out_since is not None and (low is None or self._out_since >= low):
            evidence["signal_step"] = self._out_since
        onset_step = self._first_suspect if self._healthy is not None else None
        self.onset_open = True
        self._begin_following()
        self._suspect("")
        return self._alert(
            "onset",
            point.step,
            wording.onset(self.place, point, verdict.level, low, onset_step),
            onset_step=onset_step,
            onset_low=low,
            confidence=rule_confidence(bound, bound_sd, point.pgd, point.fgsm, point.n, t.gap),
            n=point.n,
            evidence=_finite(evidence),
            advice=wording.advice(self.place, low),
        )

    def _follow(self, point: ProbePoint) -> list[Alert]:
        """An onset is open: count probes in which PGD is back at its level *and* near FGSM again.

        With `confirm` the count includes probes in which PGD has climbed out of the fall, above
        half its level: masked gradients seldom bring back more, and a strong attack sees through
        them sooner.
        """
        t = self.thresholds
        level = self.rule.level_at(point.eps, point.fgsm)
        bound = t.level if level is None else t.restored * level.pgd
        near_fgsm = point.pgd >= t.restored * point.fgsm * (1.0 if level is None else level.ratio)
        self._restored = point.pgd >= bound and near_fgsm
        self._level = None if level is None else (level.pgd, level.n)
        climbed = self.confirm and level is not None and point.pgd >= t.fallen * level.pgd
        if not (self._restored or climbed):
            self._begin_following()
        else:
            self._good_since = self._good_since if self._good else point.step
            self._good += 1
        good = self._lasted(self._good, self._good_since, point.step, t.recovered_probes)
        self.wants_strong = self.confirm and good
        if not good or self.confirm:
            return []
        text = wording.recovered(point, t.recovered_probes, None if level is None else level.pgd)
        evidence = {"fgsm": point.fgsm, "pgd": point.pgd, "gap": point.fgsm - point.pgd}
        advice = "confirm with a stronger attack (APGD, restarts) before trusting it"
        return [self._recovered(point.step, point.pgd, point.n, text, evidence, advice)]

    def _begin_following(self) -> None:
        """Begin to count restored probes anew."""
        self._good = 0
        self._told_masked = False

    def _recovered(
        self, step: int, pgd: float, n: int, text: str, evidence: dict[str, float], advice: str
    ) -> Alert:
        if self._level is not None:
            evidence["best"] = self._level[0]
        alert = self._alert("recovered", step, text, n=n, evidence=_finite(evidence), advice=advice)
        self.onset_open = False
        self._begin_following()
        self._healthy = {"step": step, "pgd": pgd}
        return alert

    def _alert(self, level: str, step: int, text: str, **more: Any) -> Alert:
        """An alert with the last healthy probe before it."""
        place = Place(step=step)
        return Alert(at=place, level=level, text=text, healthy=self.last_healthy, **more)

    # ---- a strong attack -------------------------------------------------------------------------
    def strong(self, step: int, strong_pgd: float, weak_pgd: float, n: int) -> list[Alert]:
        """Take what a strong attack leaves of the PGD accuracy `weak_pgd` on the same n images.

        Where an onset is open and `wants_strong` asked for it, returns one `masked` alert, or one
        `recovered` alert if PGD is back at its level; [] while it has only climbed. Where somebody
        else asked: `masked` all the same, once for the probes in a row in which PGD has climbed.
        After `masked` the onset stays open, and the question comes back when PGD has fallen and
        climbed again, or after `masked_again` more such probes. Where none is open,
        whoever asked, returns one `masked` alert if the robust accuracy of a probe that looked well
        was none, or one `onset` if the probe was undecided and this decides it; either is open
        then.

        Our operational definition of masked: the strong attack leaves less than half of the weak
        one's accuracy, or less than half of the healthy level where the weak one is back at it, and
        that is no sampling noise.
        """
        if not self.onset_open:
            self.wants_strong = False
            return self._unmask(step, strong_pgd, weak_pgd, n)
        t = self.thresholds
        asked, climbed = self.wants_strong, self._good > 0 and not self._told_masked
        if not (asked or (self.confirm and climbed)):
            return []
        measured = _is_accuracy(strong_pgd) and _is_accuracy(weak_pgd) and n > 0
        if not asked and not (measured and self._is_masked(strong_pgd, weak_pgd, n)):
            return []
        self.wants_strong = False
        self._begin_following()
        if not measured:
            return []
        best = None if self._level is None else self._level[0]
        evidence = {"strong": strong_pgd, "pgd": weak_pgd}
        if self._is_masked(strong_pgd, weak_pgd, n):
            self._told_masked = True
            more = t.masked_again - t.recovered_probes
            self._good, self._good_since = -more, step
            if self.per_epoch:
                self._good, self._good_since = 2, step + (more + 1) * self.per_epoch
            text = wording.masked(weak_pgd, strong_pgd, n, best)
            advice = wording.advice(self.place, self.healthy_step)
            evidence |= {} if best is None else {"best": best}
            return [self._alert("masked", step, text, n=n, evidence=evidence, advice=advice)]
        if not self._restored:
            return []
        text = wording.confirmed(weak_pgd, strong_pgd, n, best)
        return [
            self._recovered(
                step, weak_pgd, n, text, evidence, "nothing to do; it may collapse again"
            )
        ]

    def _unmask(self, step: int, strong: float, weak: float, n: int) -> list[Alert]:
        """A PGD accuracy that no alert has doubted so far, and a strong attack does.

        The probe looked well: masked. It was undecided, and what is left counts as fallen: the
        onset, before the weaker attack sees it.
        """
        if not (_is_accuracy(strong) and _is_accuracy(weak) and n > 0):
            return []
        self._level = None
        if not (self.rule.is_robust(weak, n) and self._is_masked(strong, weak, n)):
            return []
        point = self._point
        if point is not None and point.step == step and self._unsure:
            level = self.rule.level_at(point.eps, point.fgsm)
            z = 0.0 if level is None else fall_z(level.pgd, level.n, strong, n)
            fallen = level is not None and strong < self.rule.fall_bound(level)
            if not (fallen and z >= self.thresholds.z_fall):
                return []  # it may still come back, or fall for all to see
            self._first_suspect = step
            seen = replace(point, pgd=strong, n=n)
            onset = self._onset(seen, Verdict("fallen", level, z), z)
            text = f"{onset.text}; {wording.seen_by_a_strong_attack(weak)}"
            evidence = {**onset.evidence, "strong": strong}
            return [msgspec.structs.replace(onset, text=text, evidence=evidence)]
        self.onset_open = True
        self._begin_following()
        self._suspect("")
        return [
            self._alert(
                "masked",
                step,
                wording.unmasked(weak, strong, n),
                n=n,
                evidence={"strong": strong, "pgd": weak},
                advice=wording.advice(self.place, None),
            )
        ]

    def _is_masked(self, strong: float, weak: float, n: int) -> bool:
        t = self.thresholds
        if strong < t.fallen * weak and gap_z(weak, strong, n) >= t.z_masked:
            return True
        if self._level is None or not self._restored:
            return False
        level, images = self._level
        return strong < t.fallen * level and fall_z(level, images, strong, n) >= t.z_masked

    # ---- checkpoint ------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """Everything that later alerts depend on, as plain JSON values (no NaN)."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        parts = {
            "bands": self._bands.state(),
            "references": self.rule.state(),
            "alignment": self._alignment.state(),
        }
        return {"version": STATE_VERSION, **parts, **plain}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state()` was taken, in a detector built with the same arguments.

        A state of version 1 knew nothing of strong attacks. Raises ValueError when the state is of
        another version.
        """
        if state.get("version") not in (1, STATE_VERSION):
            raise ValueError(
                f"detector state of version {state.get('version')!r}; this is {STATE_VERSION}"
            )
        later: dict[str, Any] = {"wants_strong": False, "_restored": False, "_level": None}
        later |= {"_unsure": 0, "_looked": None, "_good_since": 0, "_told_masked": False}
        state = {**later, **state}
        self._bands.restore(state["bands"])
        self._alignment.restore(state.get("alignment", ()))
        self.rule.restore(state["references"])
        for name in _PLAIN:
            setattr(self, name, state[name])


_PLAIN = (
    "wants_probe",
    "wants_strong",
    "onset_open",
    "_out_since",
    "_is_out",
    "_announced",
    "_last_asked",
    "_last_probe",
    "_healthy",
    "_suspects",
    "_suspect_z",
    "_suspect_state",
    "_first_suspect",
    "_good",
    "_good_since",
    "_told_masked",
    "_unsure",
    "_looked",
    "_restored",
    "_level",
)


def _is_accuracy(value: float) -> bool:
    return 0.0 <= value <= 1.0  # False for NaN


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
