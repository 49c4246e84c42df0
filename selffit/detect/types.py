"""What goes into the detector (probe points, blocks of signals) and what comes out (alerts)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["suspect", "onset", "recovered", "masked"]


@dataclass(frozen=True)
class ProbePoint:
    """One multi-step probe on held-out images; accuracies in [0,1], NaN = not measured.

    `step` counts optimiser steps done before the probe (an epoch number works as well, offline).
    `eps` is the budget in pixels of [0,1] that training uses at this step, NaN when unknown;
    `final_*` repeat the attack at the budget where an eps schedule ends, when that is another one.
    """

    step: int
    clean: float
    fgsm: float
    pgd: float
    n: int
    eps: float = math.nan
    final_fgsm: float | None = None
    final_pgd: float | None = None
    final_eps: float | None = None


@dataclass(frozen=True)
class SignalBlock:
    """Per-step training signals of the steps `step`, `step + 1`, …; every sequence is optional.

    abnormal: share of the batch whose loss falls after the attack, [0,1]. pertalign: cosine of the
    attack's input gradient and the training step's input gradient, [-1,1]. acc_adv: accuracy on the
    training attack, [0,1]. loss_clean, loss_adv: nats. eps: pixels of [0,1]. A shorter or empty
    sequence means that the rest was not measured; non-finite values are skipped.
    """

    step: int
    abnormal: Sequence[float] = ()
    pertalign: Sequence[float] = ()
    acc_adv: Sequence[float] = ()
    loss_clean: Sequence[float] = ()
    loss_adv: Sequence[float] = ()
    eps: Sequence[float] = ()


@dataclass(frozen=True)
class Alert:
    """One thing the detector has to say, raised at `step`.

    onset_step: first probe of the fall, so the onset lies in (onset_low, onset_step]; None in a
    `suspect` alert and in an `onset` of a run that never was healthy (its beginning is not known).
    onset_low: the last probe that still was healthy; None when there is none. confidence: see
    `statistics.rule_confidence`; None for all but `onset`. n: images of the deciding probe (0 for
    `suspect`). evidence: finite numbers only. healthy: {"step", "pgd"} of the last healthy probe, or
    None. advice: what a person could do now. disease: of an `onset`, when self-information was
    measured: see `selffitting.verdict`.
    """

    level: Level
    step: int
    text: str
    onset_step: int | None = None
    onset_low: int | None = None
    confidence: float | None = None
    n: int = 0
    evidence: Mapping[str, float] = field(default_factory=dict)
    healthy: Mapping[str, float] | None = None
    advice: str = ""
    disease: str = ""

    def as_data(self) -> dict[str, Any]:
        """The data of an `alert` record; the step travels in the record's own field."""
        return {
            "level": self.level,
            "text": self.text,
            "onset_step": self.onset_step,
            "onset_low": self.onset_low,
            "confidence": self.confidence,
            "n": self.n,
            "evidence": dict(self.evidence),
            "healthy": None if self.healthy is None else dict(self.healthy),
            "advice": self.advice,
            "disease": self.disease,
        }
