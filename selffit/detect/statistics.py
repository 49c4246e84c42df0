"""The few sampling formulas behind an alert: accuracies are proportions of n held-out images."""

from __future__ import annotations

import math


def normal_cdf(z: float) -> float:
    """P(Z <= z) of a standard normal variable."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def upper_tail(z: float) -> float:
    """P(Z >= z): the one-sided p-value of a z score."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def proportion_sd(p: float, n: int) -> float:
    """Standard error of an accuracy `p` measured on n images."""
    return math.sqrt(p * (1.0 - p) / n)


def fall_z(before: float, n_before: int, now: float, n_now: int) -> float:
    """The z score of a fall from `before` to `now`: two-proportion test with the pooled variance.

    Positive when the accuracy fell; 0 when nothing can be said (no images, both 0 or both 1). Each
    set of images is treated as a fresh sample. Probes that share their images vary less than that,
    so the score errs on the side of silence.
    """
    if n_before <= 0 or n_now <= 0:
        return 0.0
    pooled = (before * n_before + now * n_now) / (n_before + n_now)
    variance = pooled * (1.0 - pooled) * (1.0 / n_before + 1.0 / n_now)
    return (before - now) / math.sqrt(variance) if variance > 0.0 else 0.0


def gap_z(fgsm: float, pgd: float, n: int) -> float:
    """The z score of FGSM accuracy lying above PGD accuracy on the same n images.

    McNemar's test: the multi-step attack almost never leaves an image correct that one step already
    breaks, so the discordant images are the gap itself and (b - c) / sqrt(b + c) = sqrt(n * gap).
    """
    return math.sqrt(n * (fgsm - pgd)) if fgsm > pgd and n > 0 else 0.0


def chance_z(accuracy: float, chance: float, n: int) -> float:
    """The z score of an accuracy above guessing.

    chance: 1 / classes; 0 = not known, then the score is infinite.
    """
    if chance <= 0.0:
        return math.inf
    if chance >= 1.0 or n <= 0:
        return -math.inf
    return (accuracy - chance) / math.sqrt(chance * (1.0 - chance) / n)


def rule_confidence(
    bound: float, bound_sd: float, pgd: float, fgsm: float, n: int, gap_bound: float
) -> float:
    """Our operational definition of an alert's confidence, in [0,1].

    The probability, as far as sampling n images goes, that the network itself (not only these
    images) meets both conditions of the rule: PGD accuracy below `bound` (known up to the standard
    deviation `bound_sd`) and FGSM minus PGD accuracy above `gap_bound`. Normal approximations with
    the usual "plus four" correction for proportions near 0, the two taken as independent. 0.25
    means that both conditions are met with no margin at all; it says nothing of attacks that were
    not tried.
    """
    soft = (pgd * n + 2.0) / (n + 4.0)
    below = (bound - pgd) / math.hypot(bound_sd, math.sqrt(soft * (1.0 - soft) / (n + 4.0)))
    gap = fgsm - pgd
    soft_gap = min(max((gap * n + 2.0) / (n + 4.0), 0.0), 1.0)
    above = (gap - gap_bound) / math.sqrt(max(soft_gap * (1.0 - soft_gap), 1e-12) / (n + 4.0))
    return normal_cdf(below) * normal_cdf(above)
