"""What goes into the detector: probe points, and blocks of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from selffit.eventlog.kinds import RobustProbe


@dataclass(frozen=True)
class ProbePoint:
    """One multi-step probe on held-out images; accuracies in [0,1], NaN = not measured.

    `step` counts optimiser steps done before the probe (an epoch number works as well, offline).
    `eps` is the budget in pixels of [0,1] that training uses at this step, NaN when unknown;
    `final_*` repeat the attack at the budget where an eps schedule ends, when that is another one.
    `nonfinite`: images whose logits were not finite. `loss`: mean training loss since the row
    before, in nats; None = not measured, while NaN says that it was not finite.
    """

    step: int
    clean: float
    fgsm: float
    pgd: float
    n: int
    _: KW_ONLY
    eps: float = math.nan
    final_fgsm: float | None = None
    final_pgd: float | None = None
    final_eps: float | None = None
    nonfinite: int = 0
    loss: float | None = None


def point_of(probe: RobustProbe) -> ProbePoint:
    """Return what the detector takes of a logged probe."""
    final = probe.final if not math.isnan(probe.final_eps) else None
    return ProbePoint(
        probe.step,
        probe.clean,
        probe.fgsm,
        probe.pgd,
        probe.n,
        eps=probe.eps,
        final_fgsm=final.fgsm if final is not None else None,
        final_pgd=final.pgd if final is not None else None,
        final_eps=final.eps if final is not None else None,
        nonfinite=probe.nonfinite,
    )


@dataclass(frozen=True)
class SignalBlock:
    """Per-step training signals of the steps `step`, `step + 1`, …; every sequence is optional.

    abnormal: share of the batch whose loss falls after the attack, [0,1]. pertalign: cosine of the
    attack's input gradient and the training step's input gradient, [-1,1]. acc_adv: accuracy on the
    training attack, [0,1]. loss_clean, loss_adv: nats. eps: pixels of [0,1]. A shorter or empty
    sequence means that the rest was not measured; non-finite values are skipped.
    """

    step: int
    _: KW_ONLY
    abnormal: Sequence[float] = ()
    pertalign: Sequence[float] = ()
    acc_adv: Sequence[float] = ()
    loss_clean: Sequence[float] = ()
    loss_adv: Sequence[float] = ()
    eps: Sequence[float] = ()
