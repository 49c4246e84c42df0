"""Channels that alone carry FGSM accuracy: without a single one of them much of it is gone.

Our operational definition, of the single channels that a causal check zeroes (the most dominant of
each stage): what zeroing one takes away is at least 0.10 and three standard errors of so many
images; of a paired difference d that is sqrt(d / n) at most.
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
