"""Kinds of measurements: training steps, and probes of accuracy.

Accuracies and shares are in [0, 1], budgets and step sizes in pixels of [0, 1], `sec` in seconds.
"""

from math import nan
from typing import ClassVar

import msgspec

from selffit.eventlog.fields import (
    Amount,
    Columns,
    Part,
    Pixels,
    Share,
    UnmeasuredAmount,
)
from selffit.eventlog.kinds.base import Event, Kind, measurement

LONGEST_BLOCK = 1 << 20  # steps of a block: a line has fewer bytes than that
DRAWN_SIGNALS = ("abnormal", "pertalign", "loss_adv", "acc_adv")  # of each step
PACE_BLOCKS = 30  # the newest blocks of steps, from which the pace is taken


class Steps(Event, frozen=True, kw_only=True):
    """A block of training steps; the record's step is the first of them.

    n: number of steps.
    cols: n values of every signal: loss_clean, loss_adv, acc_adv, abnormal, pertalign, delta, lr,
      eps, alpha.
    img_s: images a second.
    sec: that the steps took, probes and pauses apart.
    epoch: epochs done at the end.
    """

    KIND: ClassVar[Kind] = measurement("steps", listed=False, enough=PACE_BLOCKS)
    n: int
    cols: Columns
    img_s: Amount = nan
    sec: Amount = nan
    epoch: Amount = nan

    def __post_init__(self) -> None:
        """Cover no more steps than there are values of."""
        for values in self.cols.values():
            if len(values) >= self.n:
                return
        longest = max(map(len, self.cols.values()), default=LONGEST_BLOCK)
        msgspec.structs.force_setattr(self, "n", min(self.n, longest))

    @property
    def end(self) -> int:
        """The steps done after the block."""
        return self.step + self.n


class AtFinal(Part, frozen=True, kw_only=True):
    """The same probe at the final budget, while eps is still rising."""

    eps: Pixels = nan
    fgsm: Share = nan
    pgd: Share = nan


class RobustProbe(Event, frozen=True, kw_only=True):
    """Robust accuracy on held-out images.

    n: images.
    why: interval, suspicion, start, end, asked or branch.
    epoch: epochs done, or null.
    eps: budget.
    clean: accuracy on the images as they are.
    fgsm: accuracy after one step of attack.
    pgd: accuracy after pgd_steps steps.
    pgd_steps: steps of PGD.
    pgd_alpha: size of its first step.
    pgd_schedule: of its step sizes: constant, or cosine, falling to 0 along a half cosine; older
      logs: constant.
    final: eps, fgsm and pgd at the final budget; null where eps is already that.
    nonfinite: images for which the network's logits were not finite; an accuracy that they would
      have been a part of is NaN.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.robust", listed=True)
    n: int
    why: str = ""
    epoch: UnmeasuredAmount = nan
    eps: Pixels = nan
    clean: Share = nan
    fgsm: Share = nan
    pgd: Share = nan
    pgd_steps: int = 0
    pgd_alpha: Pixels = nan
    pgd_schedule: str = "constant"
    final: AtFinal | None = None
    nonfinite: int = 0
    precision: str = ""
    sec: Amount = nan

    @property
    def final_eps(self) -> float:
        """The final budget while eps is still rising, else NaN."""
        return self.final.eps if self.final is not None else nan

    @property
    def final_fgsm(self) -> float:
        """FGSM accuracy at the final budget while eps is still rising, else NaN."""
        return self.final.fgsm if self.final is not None else nan

    @property
    def final_pgd(self) -> float:
        """PGD accuracy at the final budget while eps is still rising, else NaN."""
        return self.final.pgd if self.final is not None else nan


class AlignProbe(Event, frozen=True, kw_only=True):
    """How straight the loss rises along a single step, see `selffit.probes.align`.

    n: images.
    eps: budget of the step.
    align: mean agreement of the input gradient's signs at both ends of the step, -1 to 1.
    energy: mean rise of the log-sum-exp of the logits along the step.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.align", listed=False)
    n: int
    eps: Pixels = nan
    align: float = nan
    energy: float = nan
    sec: Amount = nan


class AheadProbe(Event, frozen=True, kw_only=True):
    """What stands at a larger budget than the training's, see `selffit.probes.ahead`.

    n: images, as many as it took.
    eps: that budget.
    fgsm: accuracy after a single step.
    pgd: share that is right after it and after a few more steps.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.ahead", listed=False)
    n: int
    eps: Pixels = nan
    fgsm: Share = nan
    pgd: Share = nan
    sec: Amount = nan


class StrongProbe(Event, frozen=True, kw_only=True):
    """What a strong attack leaves of PGD accuracy.

    n: images.
    eps: budget.
    steps: of the strong attack.
    restarts: of each of its losses.
    targets: wrong classes that it aims at, one after the other; older logs: 0.
    pgd: accuracy that it leaves.
    weak: PGD accuracy of an ordinary probe on the same images.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.strong", listed=True)
    n: int
    eps: Pixels = nan
    steps: int = 0
    restarts: int = 0
    targets: int = 0
    pgd: Share = nan
    weak: Share = nan
    precision: str = ""
    sec: Amount = nan

    @property
    def how(self) -> str:
        """What the attack was, in words."""
        if self.targets:
            return f"{self.steps} steps, two losses and {self.targets} targets"
        return f"{self.steps} steps, {self.restarts} restarts of two losses"


class RefereeProbe(Event, frozen=True, kw_only=True):
    """What AutoAttack's APGD leaves, where somebody asked for it; nothing is decided by it.

    n: images.
    eps: budget.
    steps: of each attack.
    restarts: of each of them.
    targets: wrong classes that APGD-T aims at; 0: there was no APGD-T.
    pgd: accuracy that APGD-CE and APGD-T leave together.
    ce: accuracy that APGD-CE leaves alone.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.referee", listed=True)
    n: int
    eps: Pixels = nan
    steps: int = 0
    restarts: int = 0
    targets: int = 0
    pgd: Share = nan
    ce: Share = nan
    sec: Amount = nan

    @property
    def how(self) -> str:
        """What the attack was, in words."""
        if self.targets:
            return f"APGD-CE and APGD-T, {self.steps} steps, {self.targets} targets"
        return f"APGD-CE, {self.steps} steps"
