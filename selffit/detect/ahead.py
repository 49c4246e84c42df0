"""The early warning while eps rises: a collapse shows at larger budgets first.

Our operational definition. Every look (`selffit.probes.ahead`) says at 1.4·eps how many images a
single step leaves, and how many of those three more steps leave. A warning, where less than four in
ten are left: by two and a half standard errors in the last two looks together, or by three in one
alone. The single step has to leave more than guessing would, by three as well. That is the kind of
rule by which an onset is judged (PGD accuracy below half of what it could be while FGSM accuracy
stays), at a budget that training reaches later, or never. docs/early-warning.md has leads and false
alarms, and what half instead of four in ten would tell.

A look takes as many images as that needs: it ends as soon as it is `settled`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selffit.detect.statistics import chance_z
from selffit.eventlog.kinds import AheadProbe

LOOKS = 2  # that are taken together
SPAN_STEPS = 240
SHARE = 0.4
Z = 2.5
Z_ALONE = 3.0  # of one look
Z_CHANCE = 3.0  # of the single step above guessing
# Images after which a look ends, where more than that share is left by so many standard errors.
STAGES = ((32, 2.0), (128, 0.0))
CALM = 0.6  # share that is left: from here on, a warning is over


def settled(n: int, single: float, left: float) -> bool:
    """Whether a look at n images, a number of `STAGES`, need not go on.

    single: images that are right after the single step; left: those that still are after all. It
    warns by itself, or enough is left.
    """
    z = _short(single, left)
    return z >= Z_ALONE or z <= -dict(STAGES).get(n, math.inf)


def _short(single: float, left: float) -> float:
    """The z score of less than that share being left."""
    spread = math.sqrt(SHARE * (1 - SHARE) * single)
    return (SHARE * single - left) / spread if spread else 0.0


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
    """Takes looks by rising step; `hear` gives a warning once for each stay below the share.

    chance: of guessing right, 1 / classes; 0: not known, then no single step is doubted.
    """

    def __init__(self, chance: float = 0.0) -> None:
        self.chance = chance
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
        together = _together(self._looks) if len(self._looks) == LOOKS else None
        if self.out:
            self.out = together is None or together.all < CALM * together.single
            return None
        for seen, z in ((_together([look]), Z_ALONE), (together, Z)):
            if seen is not None and seen.z >= z and self._knows(seen):
                self.out = True
                return seen
        return None

    def _knows(self, seen: Ahead) -> bool:
        return chance_z(seen.single, self.chance, seen.n) >= Z_CHANCE

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


def _together(looks: Sequence[AheadLook]) -> Ahead:
    n, single = sum(look.n for look in looks), sum(look.single for look in looks)
    left = sum(look.all for look in looks)
    return Ahead(looks[-1].eps, n, single / n, left / n, _short(single, left))
