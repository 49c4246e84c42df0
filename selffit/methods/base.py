"""What training methods share: their record and types, and the threat model (L∞ ball, [0,1] box).

Nothing here needs torch to be imported: `selffit.config` reads the methods' records, and helpers
use tensors' own methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Protocol

from selffit.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ROUNDING = 1e-6  # of a sum of steps that cancel, in pixels of [0,1]
STARTS = ("default", "zero", "random")


@dataclass(frozen=True)
class Gradient:
    """The network at one input point, detached.

    grad [B,C,H,W] of each image's own loss, loss [B], logits [B,K].
    """

    grad: Tensor
    loss: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Budget:
    """eps and alpha in pixels, 0-d tensors on the images' device: a change needs no new graph.

    steps counts gradient steps (multi-step methods only). start: "zero" = the
    image itself, "random" = uniform noise, "default" = the method's own choice.
    corner (multi-step methods only): project the perturbation to the corners of the ball.
    """

    eps: Tensor
    alpha: Tensor
    steps: int = 1
    _: KW_ONLY
    start: str = "default"
    corner: bool = False


@dataclass(frozen=True)
class Attack:
    """What an attack has made.

    x_adv [B,C,H,W] in [0,1], float32, is what the step trains on; start is the first gradient of
    the cross-entropy, at the start point.
    """

    x_adv: Tensor
    start: Gradient


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a training loss is made of: the network, the images x with labels y, and their attack.

    model: images [B,C,H,W] → logits float32 [B,K], under the step's autocast, with the graph of the
    weights. attack.x_adv is a leaf; where it requires a gradient, the signals read it. eps: budget
    of this step in pixels, 0-d. generator: the step's random numbers, after those of the attack.
    """

    model: Callable[[Tensor], Tensor]
    x: Tensor
    y: Tensor
    attack: Attack
    eps: Tensor
    generator: torch.Generator


@dataclass(frozen=True)
class Objective:
    """What a training step descends on.

    mean: 0-d with its graph. logits: [B,K] at x_adv, which the signals read.
    """

    mean: Tensor
    logits: Tensor


PerImage = Callable[["Tensor", "Tensor"], "Tensor"]  # logits [B,K], y [B] → what grows, [B]
GradientAt = Callable[["Tensor", "Tensor"], Gradient]
DefaultAlpha = Callable[[float, int], float]
Loss = Callable[[Batch], Objective]


class GradientOracle(Protocol):
    """A method's only sight of the network.

    The gradient of the cross-entropy at x, or of another objective of the logits.
    """

    def __call__(self, x: Tensor, y: Tensor, objective: PerImage | None = None, /) -> Gradient:
        """The gradient of each image's own objective at x [B,C,H,W], by default cross-entropy."""


AttackFunction = Callable[["GradientOracle", "Tensor", "Tensor", Budget, "torch.Generator"], Attack]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A training method: its file is all that it takes, everything else reads this record.

    attack: from a batch to what the step trains on. loss: what the step descends on, None for the
    mean cross-entropy at x_adv. default_alpha: eps, steps → the step size of the literature, in
    pixels. uses: names of the settings that mean something to this method and nothing to some
    others (alpha, attack_steps, start, corner). cost: forward passes that a training step is worth,
    of a multi-step method with ten steps. source, year: the paper.
    """

    name: str
    attack: AttackFunction
    loss: Loss | None = None
    default_alpha: DefaultAlpha
    uses: tuple[str, ...]
    cost: int
    source: str
    year: int


def uniform_start(x: Tensor, radius: Tensor, generator: torch.Generator) -> Tensor:
    """The image plus U(-radius, radius) in every pixel, clipped to [0,1].

    The noise follows x's memory format.
    """
    noise = x.detach().clone().uniform_(-1, 1, generator=generator)
    return (x + radius * noise).clamp(0, 1)


def project(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """The nearest point to x_adv that is within eps of x in every pixel and inside [0,1]."""
    return x_adv.clamp(x - eps, x + eps).clamp(0, 1)


def to_corner(delta: Tensor, eps: Tensor | float) -> Tensor:
    """The perturbation eps·sign(delta) in the corner of the ball.

    0 where delta is 0 up to rounding.
    """
    return eps * delta.sign() * (delta.abs() > ROUNDING)


def check_start(budget: Budget) -> None:
    """Raises UserError for a start that does not exist."""
    if budget.start not in STARTS:
        raise UserError(f"unknown start '{budget.start}'; valid: {', '.join(STARTS)}")
