"""The streaming CO detector: signals and multi-step probes come in, alerts go out.

Signals and looks raise `suspect` (`suspicion`). Probes raise `onset` and `transient` while no onset
is open (`falling`), `recovered` and `masked` while one is (`recovering`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from selffit.detect import wording
from selffit.detect.ahead import AheadLook
from selffit.detect.alignment import Look
from selffit.detect.falling import Falling
from selffit.detect.recovering import Recovering
from selffit.detect.robust_rule import RobustRule, RuleThresholds, Verdict
from selffit.detect.situation import Situation, is_accuracy
from selffit.detect.statistics import fall_z
from selffit.detect.suspicion import Suspicion
from selffit.detect.types import ProbePoint, SignalBlock
from selffit.eventlog.kinds import Alert, Healthy

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
        self.rule = RobustRule(thresholds or RuleThresholds(), chance)
        self.wants_strong = False  # a strong attack has to look at the newest probe
        self.verdict: Verdict | None = None  # on the newest probe; None while an onset is open
        self._now = Situation(rule=self.rule, place=place, confirm=confirm, per_epoch=per_epoch)
        self._suspicion = Suspicion(self._now, cooldown)
        self._falling = Falling(self._now)
        self._recovering = Recovering(self._now)
        self._last_probe: int | None = None
        self._point: ProbePoint | None = None  # the newest; a strong attack follows at once
        # what the rule had learnt up to the newest healthy probe: to come back to that is recovery
        self._sound = self.rule.state()

    @property
    def wants_probe(self) -> bool:
        """Whether a signal left its band and no multi-step probe has looked since."""
        return self._suspicion.wants_probe

    @property
    def onset_open(self) -> bool:
        """Whether an onset, or masked accuracy, was told of, and no recovery since."""
        return self._now.onset_open

    @property
    def healthy_step(self) -> int | None:
        """The step of the last probe that was healthy, None before the first."""
        return self._now.healthy_step

    def is_back(self, step: int) -> bool:
        """Whether an onset is open, and the probe of this step, the newest, looks recovered.

        It takes more than one such probe, and a strong attack, to close the onset.
        """
        return self.onset_open and self._recovering.restored and step == self._last_probe

    @property
    def pending(self) -> int | None:
        """The first probe of a suspicion of fallen or blind ones that is not decided, or None."""
        return self._falling.pending

    @property
    def last_healthy(self) -> Healthy | None:
        """The last probe that was healthy, as an alert has it; None before the first."""
        return self._now.last_healthy()

    def signals(self, block: SignalBlock) -> list[Alert]:
        """Take the signals of one block of steps; returns at most a few `suspect` alerts."""
        return self._suspicion.signals(block)

    def alignment(self, look: Look) -> list[Alert]:
        """Take a look at the alignment of input gradients; returns [] or one `suspect` alert.

        It asks for a probe as the signals do.
        """
        return self._suspicion.look(look)

    def ahead(self, look: AheadLook) -> list[Alert]:
        """Take a look beyond the budget; returns [] or one `suspect` alert, as `alignment`."""
        return self._suspicion.look_ahead(look)

    def probe(self, point: ProbePoint) -> list[Alert]:
        """Take one probe point; returns [] or one alert: `onset`, `recovered` or `transient`.

        `transient` is a collapse before PGD ever was healthy; of blind probes that come again
        within an epoch it is said once.
        """
        self._suspicion.wants_probe = False
        self.verdict = None
        if not (is_accuracy(point.pgd) and point.n > 0) or point.step == self._last_probe:
            return []
        self._last_probe = point.step
        self._point = point
        if self.onset_open:
            if not is_accuracy(point.fgsm):
                return []
            alerts = self._recovering.take(point)
            self.wants_strong = self._recovering.wants_strong
            return alerts
        self.rule.learn(point)  # not while an onset is open: masked PGD accuracy is no level
        if not is_accuracy(point.fgsm):
            point = replace(point, fgsm=math.nan)
        self.verdict = self.rule.judge(point)
        if self.verdict.state == "healthy":
            self._sound = self.rule.state()
        said, z = self._falling.take(point, self.verdict)
        self.wants_strong = self._falling.wants_strong
        if said == "onset":
            return [self._onset(point, self.verdict, z)]
        return [self._falling.transient(point)] if said else []

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
        """
        asked, self.wants_strong = self.wants_strong, False
        if self.onset_open:
            return self._recovering.strong(step, strong_pgd, weak_pgd, n, asked)
        return self._unmask(step, strong_pgd, weak_pgd, n)

    def _unmask(self, step: int, strong: float, weak: float, n: int) -> list[Alert]:
        """A PGD accuracy that no alert has doubted so far, and a strong attack does.

        The probe looked well: masked. It was undecided, and what is left counts as fallen: the
        onset, before the weaker attack sees it, or where that one would never have.
        """
        if not (is_accuracy(strong) and is_accuracy(weak) and n > 0):
            return []
        self._recovering.forget_level()
        masked = self._recovering.is_masked(strong, weak, n)
        if not self.rule.is_robust(weak, n):
            return []
        if self._point is not None and self._point.step == step and self._falling.unsure:
            return self._seen(self._point, strong, weak, n, masked)
        if not masked:
            return []
        self._open()
        return [
            self._now.alert(
                "masked",
                step,
                wording.unmasked(weak, strong, n),
                n=n,
                evidence={"strong": strong, "pgd": weak},
                advice=wording.advice(self._now.place, None),
            )
        ]

    def _seen(
        self, probe: ProbePoint, strong: float, weak: float, n: int, masked: bool
    ) -> list[Alert]:
        """An undecided probe, as the strong attack has it: an onset, if that counts as fallen.

        Either it takes half of what the weaker one leaves, or that is near half of its level, so
        that whoever looks at another step may find it fallen or not: then the strong attack
        decides. The level is the weaker one's, and of a healthy network the strong attack leaves
        three quarters.
        """
        level, t = self.rule.level_at(probe.eps, probe.fgsm), self.rule.thresholds
        if level is None or not (masked or self.rule.is_near_half(probe.pgd, probe.n, level)):
            return []
        point = replace(probe, pgd=strong, n=n)
        kept = 1.0 if masked else t.restored
        if point.pgd >= kept * self.rule.fall_bound(level):
            return []  # it may still come back, or fall for all to see
        z = fall_z(kept * level.pgd, level.n, point.pgd, point.n)
        if z < t.z_fall:
            return []
        onset = self._onset(point, Verdict("fallen", level, z), z, since=point.step)
        text = f"{onset.text}; {wording.seen_by_a_strong_attack(weak)}"
        evidence = {**onset.evidence, "strong": point.pgd}
        return [msgspec.structs.replace(onset, text=text, evidence=evidence)]

    def _onset(
        self, point: ProbePoint, verdict: Verdict, z: float, since: int | None = None
    ) -> Alert:
        signals = self._suspicion.bands.now()
        alert = self._falling.onset(point, verdict, z, signals, self._suspicion.out_since, since)
        self._open()
        return alert

    def _open(self) -> None:
        self._now.onset_open = True
        # while eps rises, a probe of the fall would be all that compares with a later budget
        self.rule.restore(self._sound)
        self._recovering.open()
        self._falling.begin()

    # ---- checkpoint ------------------------------------------------------------------------------
    @property
    def _parts(self) -> tuple[tuple[object, tuple[str, ...]], ...]:
        parts = (self._suspicion, self._falling, self._recovering)
        return ((self, ("wants_strong", "_last_probe")), *((part, part.PLAIN) for part in parts))

    def state(self) -> dict[str, Any]:
        """Everything that later alerts depend on, as plain JSON values (no NaN)."""
        plain = {name: getattr(part, name) for part, names in self._parts for name in names}
        parts = {
            "bands": self._suspicion.bands.state(),
            "references": self.rule.state(),
            "sound": self._sound,
            "alignment": self._suspicion.alignment.state(),
            "ahead": self._suspicion.ahead.state(),
            "onset_open": self._now.onset_open,
            "_healthy": self._now.healthy,
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
        later |= {"_blind": None}
        state = {**later, **state}
        self._suspicion.bands.restore(state["bands"])
        self._suspicion.alignment.restore(state.get("alignment", ()))
        self._suspicion.ahead.restore(state.get("ahead", ()))
        self.rule.restore(state["references"])
        self._sound = state.get("sound", self.rule.state())
        self._now.onset_open, self._now.healthy = state["onset_open"], state["_healthy"]
        for part, names in self._parts:
            for name in names:
                setattr(part, name, state[name])
