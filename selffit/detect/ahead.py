"""The early warning while eps rises: a collapse shows at larger budgets first.

Our operational definition. Every look (`selffit.probes.ahead`) says at 1.4·eps how many images a
single step leaves, and how many of those three more steps leave. The last two looks are taken
together: a warning, where less than half is left, by three standard errors of guessing at one half.
That is the rule by which an onset is judged (PGD accuracy below half of what it could be while FGSM
accuracy stays), at a budget that training reaches later, or never. docs/early-warning.md has leads
and false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selffit.eventlog.kinds import AheadProbe

LOOKS = 2  # that are taken together
SPAN_STEPS = 240
HALF = 0.5
Z = 3.0
CALM = 0.6  # share that is left: from here on, a warning is over


@dataclass(frozen=True)
class AheadLook:
    """One look: images, of them right after the single step, and after all; eps: beyond."""

    step: int
    eps: float
    n: int
    single: float
    all: float


def ahead_of(probe: AheadProbe) -> AheadLook:
    """Return what the rule takes of a logged look."""
    return AheadLook(probe.step, probe.eps, probe.n, probe.fgsm * probe.n, probe.pgd * probe.n)


@dataclass(frozen=True)
class Ahead:
    """What several looks together say: shares of n images at budget eps."""

    eps: float
    n: int
    single: float
    all: float
    z: float


class AheadRule:
    """Takes looks by rising step; `hear` gives a warning once for each stay below half."""

    def __init__(self) -> None:
        self._looks: list[AheadLook] = []
        self.out = False  # a warning stands

    def hear(self, look: AheadLook) -> Ahead | None:
        """Take a look; a warning where too little is left for the first time.

        A look that is not finite, or of no images, changes nothing.
        """
        if not (math.isfinite(look.single) and math.isfinite(look.all) and look.n > 0):
            return None
        first = look.step - SPAN_STEPS
        self._looks = [old for old in (*self._looks, look) if old.step >= first][-LOOKS:]
        single = sum(old.single for old in self._looks)
        if len(self._looks) < LOOKS or not single:
            return None
        left = sum(old.all for old in self._looks)
        z = (HALF * single - left) / math.sqrt(HALF * (1 - HALF) * single)
        if self.out:
            self.out = left < CALM * single
            return None
        self.out = z >= Z
        n = sum(old.n for old in self._looks)
        return Ahead(look.eps, n, single / n, left / n, z) if self.out else None

    def state(self) -> list[object]:
        """What later warnings depend on, as plain JSON values."""
        return [self.out, [list(vars(look).values()) for look in self._looks]]

    def restore(self, state: Sequence[object]) -> None:
        """Go on where `state()` was taken; an empty one begins anew."""
        self._looks, self.out = [], False
        if state:
            out, looks = state
            assert isinstance(looks, Sequence)
            self.out = bool(out)
            self._looks = [AheadLook(*values) for values in looks]
