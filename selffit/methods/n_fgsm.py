"""N-FGSM (de Jorge et al. 2022, "Make some noise"): noise of twice the budget, then FGSM.

The sum is not clipped to the ball.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selffit.methods.base import Attack, Budget, GradientAt, Method, check_start, uniform_start

if TYPE_CHECKING:
    import torch
    from torch import Tensor

NOISE = 2  # radius of the noise in units of eps


def n_fgsm(
    gradient: GradientAt, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    """x_adv = clip(x + η + alpha·sign g(x + η)) with η ~ U(±2eps), up to 3·eps away.

    The paper takes alpha = eps. x + η is clipped to [0,1] before the gradient is taken. sign(0) =
    0. With start "zero", η = 0.
    """
    check_start(budget)
    start = x if budget.start == "zero" else uniform_start(x, NOISE * budget.eps, generator)
    at_start = gradient(start, y)
    return Attack((start + budget.alpha * at_start.grad.sign()).clamp(0, 1), at_start)


METHOD = Method(
    name="n-fgsm",
    attack=n_fgsm,
    default_alpha=lambda eps, steps: eps,
    uses=("alpha", "start"),
    cost=5,
    source='de Jorge et al., "Make some noise"',
    year=2022,
)
