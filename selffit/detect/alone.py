"""Channels that alone carry FGSM accuracy: without a single one of them much of it is gone.

Our operational definition, of the single channels that a causal check zeroes (the most dominant of
each stage): what zeroing one takes away is at least 0.10 and three standard errors of so many
images. For a paired difference d that is sqrt(d / n) where zeroing wins no image back; the log does
not say how many it does, and a few make it a little larger (measured: .035 in place of .031).
"""

import math

from selffit.eventlog import kinds

LEAST = 0.10  # FGSM accuracy lost
DEVIATIONS = 3.0


def alone(probe: kinds.CausalProbe) -> list[kinds.SingleAblation]:
    """The channels of a check that alone carry FGSM accuracy, those that carry most first."""
    found = [one for one in probe.single if carries(one, probe)]
    return sorted(found, key=lambda one: one.fgsm)


def carries(one: kinds.SingleAblation, probe: kinds.CausalProbe) -> bool:
    """Whether a channel of this check is one of them; False where it was not measured."""
    lost = probe.base.fgsm - one.fgsm
    if not (lost >= LEAST and probe.n > 0):
        return False
    return lost >= DEVIATIONS * math.sqrt(lost / probe.n)
