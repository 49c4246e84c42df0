"""Sizes of the steps of a multi-step attack."""

import math

FALLING, CONSTANT = "cosine", "constant"


def cosine_steps(eps: float, steps: int) -> list[float]:
    """Step sizes in pixels, falling from 2·eps to 0: eps·(1 + cos(pi·t/steps)), t = 0 … steps-1.

    Large steps leave the small places in which a masked gradient points nowhere, small ones end on
    the best point.
    """
    return [eps * (1 + math.cos(math.pi * t / steps)) for t in range(steps)]


def step_sizes(eps: float, alpha: float, steps: int) -> list[float]:
    """The sizes of a probe's PGD steps, in pixels: all alpha, or where it is 0 `cosine_steps`.

    docs/strong-attack.md has what both leave of healthy and of masked networks.
    """
    return [alpha] * steps if alpha else cosine_steps(eps, steps)


def schedule_of(alpha: float) -> str:
    """What a log calls the schedule of step size alpha."""
    return CONSTANT if alpha else FALLING
