"""RS-FGSM (Wong, Rice and Kolter 2020, "Fast is better than free"): FGSM from a random start.

The start, and what comes of it, lie inside the ball.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selffit.methods.base import (
    Attack,
    Budget,
    GradientAt,
    Method,
    check_start,
    project,
    uniform_start,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def rs_fgsm(
    gradient: GradientAt, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    """d₀ ~ U(±eps); d = clip_eps(d₀ + alpha·sign g(x + d₀)); x_adv = clip(x + d).

    The paper takes alpha = 1.25·eps. x + d₀ is clipped to [0,1] before the gradient is taken.
    sign(0) = 0. With start "zero", d₀ = 0.
    """
    check_start(budget)
    start = x if budget.start == "zero" else uniform_start(x, budget.eps, generator)
    at_start = gradient(start, y)
    return Attack(project(start + budget.alpha * at_start.grad.sign(), x, budget.eps), at_start)


METHOD = Method(
    name="rs-fgsm",
    attack=rs_fgsm,
    default_alpha=lambda eps, steps: 1.25 * eps,
    uses=("alpha", "start"),
    cost=5,
    source='Wong, Rice and Kolter, "Fast is better than free"',
    year=2020,
)
