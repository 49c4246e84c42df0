"""What training methods share: the attack's types, the input gradient, and the threat model (L∞
ball, [0,1] box).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from selffit.errors import UserError

ROUNDING = 1e-6  # of a sum of steps that cancel, in pixels of [0,1]
STARTS = ("default", "zero", "random")


@dataclass(frozen=True)
class Gradient:
    """The network at one input point: grad [B,C,H,W] of each image's own loss, loss [B], logits
    [B,K]; detached.
    """

    grad: Tensor
    loss: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Budget:
    """eps and alpha in pixels, 0-d tensors on the images' device, so that a live change needs no
    new graph.

    steps counts gradient steps (multi-step methods only). start: "zero" = the
    image itself, "random" = uniform noise, "default" = the method's own choice.
    corner (multi-step methods only): project the perturbation to the corners of the ball.
    """

    eps: Tensor
    alpha: Tensor
    steps: int = 1
    start: str = "default"
    corner: bool = False


@dataclass(frozen=True)
class Attack:
    """x_adv [B,C,H,W] in [0,1], float32, what the step trains on; start: the first gradient, at the
    start point.
    """

    x_adv: Tensor
    start: Gradient


GradientAt = Callable[[Tensor, Tensor], Gradient]
Method = Callable[[GradientAt, Tensor, Tensor, Budget, torch.Generator], Attack]


def input_gradient(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    autocast: torch.dtype | None = None,
    bn_eval: bool = False,
) -> Gradient:
    """Cross-entropy and its gradient with respect to x, at x itself; weights get no gradient (2 of
    the step's 5U).

    Losses are summed, so an image's gradient does not depend on the batch
    size. Where `autocast` is a dtype, the network runs in it; x and the
    gradient stay float32. x is a leaf: never pass it through a clamp inside
    the graph, whose gradient is 0 at the bound.

    Batch norm: by default layers keep their mode. In training mode this forward
    pass uses the batch's statistics and updates the running ones, so a
    single-step training step updates them twice, as public codes do.
    bn_eval=True uses the running statistics and leaves them alone.
    """
    leaf = x.detach().requires_grad_()
    with torch.enable_grad(), batch_norm_in_eval(model) if bn_eval else nullcontext():
        with torch.autocast(x.device.type, dtype=autocast, enabled=autocast is not None):
            logits = model(leaf)
        loss = F.cross_entropy(logits.float(), y, reduction="none")
        (grad,) = torch.autograd.grad(loss.sum(), leaf)
    return Gradient(grad, loss.detach(), logits.detach().float())


@contextmanager
def batch_norm_in_eval(model: nn.Module) -> Iterator[None]:
    """Batch-norm layers that train use their running statistics inside, without updating them."""
    training = [
        module for module in model.modules() if isinstance(module, _BatchNorm) and module.training
    ]
    for module in training:
        module.eval()
    try:
        yield
    finally:
        for module in training:
            module.train()


def uniform_start(x: Tensor, radius: Tensor, generator: torch.Generator) -> Tensor:
    """x + U(-radius, radius) in every pixel, clipped to [0,1]. The noise follows x's memory format."""
    noise = torch.empty_like(x).uniform_(-1, 1, generator=generator)
    return (x + radius * noise).clamp(0, 1)


def project(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """The nearest point to x_adv that is within eps of x in every pixel and inside [0,1]."""
    return torch.clamp(x_adv, x - eps, x + eps).clamp(0, 1)


def to_corner(delta: Tensor, eps: Tensor | float) -> Tensor:
    """The perturbation eps·sign(delta) in the corner of the ball; 0 where delta is 0 up to
    rounding.
    """
    return eps * delta.sign() * (delta.abs() > ROUNDING)


def check_start(budget: Budget) -> None:
    """Raises UserError for a start that does not exist."""
    if budget.start not in STARTS:
        raise UserError(f"unknown start '{budget.start}'; valid: {', '.join(STARTS)}")
