"""PGD-k (Madry et al. 2018): k steps of size alpha along the gradient's sign, each projected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selffit.errors import UserError
from selffit.methods.base import (
    Attack,
    Budget,
    GradientAt,
    Method,
    check_start,
    project,
    to_corner,
    uniform_start,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def default_alpha(eps: float, steps: int) -> float:
    """The step size of the public codes for as many steps, in proportion to eps.

    eps/4 for 4 to 10 steps, which is the 2/255 at 8/255 of PGD-5, PGD-7 and PGD-10 there. Fewer
    steps must still reach the border of the ball: eps/steps, so eps/2 for PGD-2. More of them need
    less: 2.5·eps/steps.
    """
    return eps * max(1 / steps, min(1 / 4, 2.5 / steps))


def pgd(
    gradient: GradientAt, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    """x₀ = clip(x + U(±eps)); xₜ₊₁ = project(xₜ + alpha·sign g(xₜ)); x_adv = x_k.

    k = budget.steps. sign(0) = 0. With start "zero", x₀ = x. With `corner` the last step ends in
    clip(x + eps·sign(x_k - x)), so that every pixel moves as far as FGSM moves it: few large steps
    then overfit as a single one does. Raises UserError for less than one step.
    """
    check_start(budget)
    if budget.steps < 1:
        raise UserError(f"PGD with {budget.steps} steps; use at least 1")
    x_adv = x if budget.start == "zero" else uniform_start(x, budget.eps, generator)
    at_start = at_point = gradient(x_adv, y)
    for remaining in reversed(range(budget.steps)):
        x_adv = project(x_adv + budget.alpha * at_point.grad.sign(), x, budget.eps)
        if remaining:
            at_point = gradient(x_adv, y)
    if budget.corner:
        x_adv = (x + to_corner(x_adv - x, budget.eps)).clamp(0, 1)
    return Attack(x_adv, at_start)


METHOD = Method(
    name="pgd",
    attack=pgd,
    default_alpha=default_alpha,
    uses=("alpha", "attack_steps", "start", "corner"),
    cost=23,
    source='Madry et al., "Towards deep learning models resistant to adversarial attacks"',
    year=2018,
)
