"""FGSM (Goodfellow et al. 2015): one step of the whole budget along the gradient's sign.

It starts from the image itself.
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


def fgsm(
    gradient: GradientAt, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    """x_adv = clip(x + eps·sign g(x)).

    sign(0) = 0: a pixel without gradient stays as it is. alpha is not used: the
    step is eps. With start "random" the gradient is taken, and the step made,
    from a uniform point of the ball, then projected into the ball.
    """
    check_start(budget)
    start = uniform_start(x, budget.eps, generator) if budget.start == "random" else x
    at_start = gradient(start, y)
    return Attack(project(start + budget.eps * at_start.grad.sign(), x, budget.eps), at_start)


METHOD = Method(
    name="fgsm",
    attack=fgsm,
    default_alpha=lambda eps, steps: eps,
    uses=("start",),
    cost=5,
    source='Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples"',
    year=2015,
)
