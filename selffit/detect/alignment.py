"""The early warning: the single step loses its direction while the budget stays the same.

Our operational definition. Every look (`selffit.probes.align`) gives the sign alignment of the
input gradient at both ends of the single step, and the energy that the step moves. The means of the
last 2 looks are compared with where alignment stood highest in the last 240 steps at this budget:
alignment has to be lower by 20 %, and energy to have moved farther by 20 %, at once. Before a
collapse both happen for some dozens to hundreds of steps while every accuracy still looks well; in
healthy training alignment wanders, and energy does not follow it. docs/early-warning.md has leads
and false alarms.

Both change with the budget by themselves, so while eps rises nothing can be told, and nothing is
said. Nor is it in the first 400 steps: a network that has learnt nothing is nearly linear, and on
CIFAR-10 alignment goes from .87 to .60 in 330 steps of training that stays sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from selffit.eventlog.kinds import AlignProbe

START = 400  # the first step that counts
LOOKS = 2  # that are averaged
SPAN_STEPS = 240
FALL = 0.20  # of alignment, as a share of where it stood
RISE = 0.20  # of the energy's size
CALM = 0.5  # of the fall: below, a warning is over
SAME_EPS = 1.02


@dataclass(frozen=True)
class Look:
    """One look, or the mean of several that end at `step`; eps in pixels of [0,1]."""

    step: int
    eps: float
    align: float
    energy: float


def look_of(probe: AlignProbe) -> Look:
    """Return what the rule takes of a logged look."""
    return Look(probe.step, probe.eps, probe.align, probe.energy)


@dataclass(frozen=True)
class Warned:
    """How things stand, and where they stood."""

    now: Look
    then: Look


class AlignmentRule:
    """Takes looks by rising step; `hear` gives a warning once for each stay outside."""

    def __init__(self) -> None:
        self._looks: list[Look] = []  # the newest, at one budget
        self._means: list[Look] = []  # over the last steps, at one budget
        self.out = False  # a warning stands

    def hear(self, look: Look) -> Warned | None:
        """Take a look; a warning where the direction has just been lost.

        A look that is not finite, or of the first steps, changes nothing.
        """
        if look.step < START or not (
            math.isfinite(look.align) and math.isfinite(look.energy) and look.eps > 0
        ):
            return None
        if self._looks and not same_budget(look.eps, self._looks[-1].eps):
            self._begin()
        first = look.step - SPAN_STEPS

        def near(looks: list[Look]) -> list[Look]:
            # at this budget: one that creeps differs little from look to look, and is another
            return [old for old in looks if old.step >= first and same_budget(old.eps, look.eps)]

        self._looks = [*near(self._looks), look][-LOOKS:]
        if len(self._looks) < LOOKS:
            return None
        now = Look(
            look.step,
            look.eps,
            mean([old.align for old in self._looks]),
            mean([old.energy for old in self._looks]),
        )
        self._means = [*near(self._means), now]
        then = max(self._means, key=lambda old: old.align)
        fall = 1 - now.align / then.align if then.align > 0 else 0.0
        if self.out:
            self.out = fall > CALM * FALL
            return None
        self.out = fall >= FALL and abs(now.energy) >= (1 + RISE) * abs(then.energy)
        return Warned(now, then) if self.out else None

    def _begin(self) -> None:
        self._looks, self._means, self.out = [], [], False

    def state(self) -> list[object]:
        """What later warnings depend on, as plain JSON values."""
        return [self.out, *([list(vars(m).values()) for m in part] for part in self._parts)]

    @property
    def _parts(self) -> tuple[list[Look], list[Look]]:
        return self._looks, self._means

    def restore(self, state: Sequence[object]) -> None:
        """Go on where `state()` was taken; an empty one begins anew."""
        self._begin()
        if state:
            out, looks, means = state
            assert isinstance(looks, Sequence) and isinstance(means, Sequence)
            self.out = bool(out)
            self._looks = [Look(*values) for values in looks]
            self._means = [Look(*values) for values in means]


def same_budget(a: float, b: float) -> bool:
    """Whether looks at these budgets can be compared."""
    return max(a, b) <= SAME_EPS * min(a, b)
