"""The perturbation of a probe: made from the image itself alone, ready to be put on another."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selffit.errors import UserError
from selffit.methods.base import Gradient, project, to_corner
from selffit.methods.gradient import input_gradient

GREY = 0.5  # the image without content, u


@dataclass(frozen=True)
class ProbeAttack:
    """FGSM (steps = 1) or a few steps of PGD from a zero start; eps and alpha in pixels of [0,1].

    alpha: step size of more than one step, 0 = eps. corner: the last step ends in the corner of the
    ball, ±eps in every entry that has moved. Raises UserError for less than one step.
    """

    eps: float
    steps: int = 1
    alpha: float = 0.0
    corner: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"an attack with {self.steps} steps; use at least 1")

    @property
    def name(self) -> str:
        """As logs and screens name it: "fgsm", "pgd-3" or "pgd-3 corners"."""
        return "fgsm" if self.steps == 1 else f"pgd-{self.steps}" + " corners" * self.corner

    def delta(self, model: nn.Module, x: Tensor, y: Tensor, at_x: Gradient | None = None) -> Tensor:
        """The perturbation delta of (x,y;θ), [B,C,H,W], every entry within ±eps.

        One step: eps·sign ∇ₓ ℓ(f(x),y), sign(0) = 0. It is not clipped to [0,1], so that it stays
        whole on another image; `add` clips. k steps: x_k - x of PGD as in `selffit.methods.pgd`,
        which projects after every step; with `corner` eps·sign(x_k - x), again not clipped. at_x:
        the gradient at (x,y) where it is known, which saves the first of `steps` gradients (2U
        each).
        """
        at_point = input_gradient(model, x, y) if at_x is None else at_x
        if self.steps == 1:
            return self.eps * at_point.grad.sign()
        eps, x_k = x.new_tensor(self.eps), x
        for remaining in reversed(range(self.steps)):
            x_k = project(x_k + (self.alpha or self.eps) * at_point.grad.sign(), x, eps)
            if remaining:
                at_point = input_gradient(model, x_k, y)
        return to_corner(x_k - x, self.eps) if self.corner else x_k - x


def add(x: Tensor, delta: Tensor) -> Tensor:
    """The perturbed image clip(x + delta), in [0,1]."""
    return (x + delta).clamp(0, 1)


def grey_like(x: Tensor) -> Tensor:
    """As many images without content: 0.5 in every pixel."""
    return torch.full_like(x, GREY)
