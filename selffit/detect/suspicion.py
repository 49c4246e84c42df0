"""What raises `suspect`: training signals that leave their bands, and the early warnings.

Either asks for a multi-step probe, which decides.
"""

from __future__ import annotations

from selffit.detect import wording
from selffit.detect.ahead import AheadLook, AheadRule
from selffit.detect.alignment import AlignmentRule, Look
from selffit.detect.signal_bands import SignalBands
from selffit.detect.situation import Situation, finite
from selffit.detect.types import SignalBlock
from selffit.eventlog.kinds import Alert


class Suspicion:
    """Takes signals and looks; wants a probe at most once in `cooldown` steps."""

    # names in a checkpoint's state
    PLAIN = ("wants_probe", "_out_since", "_is_out", "_announced", "_last_asked")

    def __init__(self, situation: Situation, cooldown: int) -> None:
        self._situation = situation
        self.cooldown = cooldown
        self.wants_probe = False
        self.bands = SignalBands()
        self.alignment = AlignmentRule()
        self.ahead = AheadRule(situation.rule.chance)
        # first step of the present (or latest) stay outside a band
        self._out_since: int | None = None
        self._is_out = False
        self._announced = False  # an alert has told of this stay
        self._last_asked: int | None = None

    @property
    def out_since(self) -> int | None:
        """The first step of the newest stay outside a band."""
        return self._out_since

    def signals(self, block: SignalBlock) -> list[Alert]:
        """Take the signals of one block of steps; returns at most a few alerts."""
        length = max(
            len(block.abnormal), len(block.pertalign), len(block.acc_adv), len(block.loss_adv)
        )
        alerts: list[Alert] = []
        for i in range(length):
            self.bands.update(block, i)
            alert = self._at(block.step + i)
            if alert is not None:
                alerts.append(alert)
        return alerts

    def _at(self, step: int) -> Alert | None:
        names = self.bands.out()
        if not names:
            if self._is_out and self.bands.calm():
                self._is_out = False
            return None
        if not self._is_out:
            self._is_out = True
            self._announced = False
            self._out_since = step
        if self._situation.onset_open or not self._may_ask(step):
            return None
        self._ask(step)
        if self._announced:
            return None
        self._announced = True
        now, usual = self.bands.now(), self.bands.usual()
        return self._situation.alert(
            "suspect",
            step,
            wording.suspect(names, now, usual),
            evidence=finite({**now, **usual}),
            advice="a multi-step probe decides; nothing to do yet",
        )

    def look(self, look: Look) -> list[Alert]:
        """Take a look at the alignment of input gradients; returns [] or one alert."""
        warned = self.alignment.hear(look)
        if warned is None:
            return []
        evidence = {
            "align": warned.now.align,
            "align_usual": warned.then.align,
            "energy": warned.now.energy,
            "energy_usual": warned.then.energy,
        }
        return self._early(look.step, wording.unaligned(warned), evidence)

    def look_ahead(self, look: AheadLook) -> list[Alert]:
        """Take a look beyond the budget; returns [] or one alert."""
        seen = self.ahead.hear(look)
        if seen is None:
            return []
        evidence = {
            "ahead_eps": seen.eps,
            "ahead_fgsm": seen.single,
            "ahead_pgd": seen.all,
            "z": seen.z,
        }
        return self._early(look.step, wording.ahead(seen), evidence)

    def _early(self, step: int, text: str, evidence: dict[str, float]) -> list[Alert]:
        if self._situation.onset_open:
            return []
        if self._may_ask(step):
            self._ask(step)
        return [
            self._situation.alert(
                "suspect",
                step,
                text,
                evidence=finite(evidence),
                advice="an early warning: a collapse may follow within some hundred steps; a "
                "multi-step probe looks now",
            )
        ]

    def _may_ask(self, step: int) -> bool:
        return self._last_asked is None or step >= self._last_asked + self.cooldown

    def _ask(self, step: int) -> None:
        self.wants_probe = True
        self._last_asked = step
