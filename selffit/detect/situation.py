"""What every part of the detector knows: the rule, how to count, and the last healthy probe."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.detect.streak import lasted
from selffit.eventlog.kinds import Alert, Healthy, Place
from selffit.numbers import plural


@dataclass(kw_only=True)
class Situation:
    """Settings of a detector (see there), and what holds now.

    onset_open: an onset or masked accuracy was told of, and no recovery since.
    healthy: step and PGD accuracy of the last healthy probe, None before the first.
    """

    rule: RobustRule
    place: Callable[[int], str]
    confirm: bool
    per_epoch: int
    onset_open: bool = False
    healthy: dict[str, float] | None = None

    @property
    def thresholds(self) -> RuleThresholds:
        """Those of the rule."""
        return self.rule.thresholds

    @property
    def healthy_step(self) -> int | None:
        """The step of the last healthy probe, None before the first."""
        return None if self.healthy is None else int(self.healthy["step"])

    def was_healthy(self, step: int, pgd: float) -> None:
        """Take a healthy probe."""
        self.healthy = {"step": step, "pgd": pgd}

    def lasted(self, many: int, since: int, step: int, probes: int) -> bool:
        """Whether so many probes in a row, from `since` to `step`, are as much as `probes` are."""
        return lasted(many, since, step, probes, self.per_epoch)

    def in_a_row(self, probes: int) -> str:
        """So many probes in a row, in words."""
        if not self.per_epoch:
            return f"{probes} such in a row"
        return f"such in a row for {plural((probes - 1) * self.per_epoch, 'step')}"

    def last_healthy(self) -> Healthy | None:
        """The last healthy probe, as an alert has it; None before the first."""
        known = self.healthy
        return None if known is None else Healthy(step=int(known["step"]), pgd=known["pgd"])

    def alert(self, level: str, step: int, text: str, **more: Any) -> Alert:
        """An alert with the last healthy probe before it."""
        place = Place(step=step)
        return Alert(at=place, level=level, text=text, healthy=self.last_healthy(), **more)


def is_accuracy(value: float) -> bool:
    """Whether a value is a measured accuracy."""
    return 0.0 <= value <= 1.0  # False for NaN


def finite(values: dict[str, float]) -> dict[str, float]:
    """Evidence without what was not measured."""
    return {name: value for name, value in values.items() if math.isfinite(value)}
