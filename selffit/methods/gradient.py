"""The input gradient that attacks see, and the modes of batch norm while it is taken."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from selffit.methods.base import Gradient, PerImage


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """The loss [B] of each image."""
    return F.cross_entropy(logits, y, reduction="none")


def input_gradient(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    objective: PerImage | None = None,
    autocast: torch.dtype | None = None,
    bn_eval: bool = False,
) -> Gradient:
    """Cross-entropy and its gradient with respect to x, at x itself; weights get no gradient.

    It costs 2 of the step's 5 units. Losses are summed, so an image's gradient does not depend on
    the batch size. `objective` may take the place of cross-entropy. Where `autocast` is a dtype,
    the network runs in it, and otherwise as it is outside; all else has the type of x, float32. x
    is a leaf: never pass it through a clamp inside the graph, whose gradient is 0 at the bound.

    Batch norm: by default layers keep their mode. In training mode this forward
    pass uses the batch's statistics and updates the running ones, so a
    single-step training step updates them twice, as public codes do.
    bn_eval=True uses the running statistics and leaves them alone.

    A network may know a quicker way of its own (`Network.passes`), for the plain gradient.
    """
    quick = getattr(model, "passes", None)
    if quick is not None and objective is None and autocast is None:
        known: Gradient | None = quick.gradient(x, y)
        if known is not None:
            return known
    leaf = x.detach().requires_grad_()
    with (
        torch.enable_grad(),
        image_only(model),
        batch_norm_in_eval(model) if bn_eval else nullcontext(),
    ):
        with torch.autocast(x.device.type, dtype=autocast) if autocast else nullcontext():
            logits = model(leaf)
        loss = (objective or cross_entropy)(logits.to(x.dtype), y)
        (grad,) = torch.autograd.grad(loss.sum(), leaf)
    return Gradient(grad, loss.detach(), logits.detach().to(x.dtype))


def input_gradients(model: nn.Module, x: Tensor, *labels: Tensor) -> list[Gradient]:
    """`input_gradient` at x for each of several labels [B] of the images: one forward pass for all.

    It costs 1U and another one for each. With a quicker way of the network's own, 2U for each.
    """
    quick = getattr(model, "passes", None)
    if quick is not None and (first := quick.gradient(x, labels[0])) is not None:
        return [first, *(input_gradient(model, x, y) for y in labels[1:])]
    leaf = x.detach().requires_grad_()
    with torch.enable_grad(), image_only(model):
        return back_to(leaf, model(leaf), *labels)


def back_to(leaf: Tensor, logits: Tensor, *labels: Tensor) -> list[Gradient]:
    """The gradient of cross-entropy for each of several labels [B], from logits made of a leaf."""
    found = []
    known = logits.to(leaf.dtype)
    for number, y in enumerate(labels, start=1):
        loss = cross_entropy(known, y)
        (grad,) = torch.autograd.grad(loss.sum(), leaf, retain_graph=number < len(labels))
        found.append(Gradient(grad, loss.detach(), known.detach()))
    return found


def logits_at(model: nn.Module, x: Tensor) -> Tensor:
    """The network at x, [B,K], without a graph; by a quicker way of its own where it knows one."""
    quick = getattr(model, "passes", None)
    known: Tensor | None = None if quick is None else quick.logits(x)
    if known is not None:
        return known
    with torch.no_grad():
        logits: Tensor = model(x)
    return logits


def image_only(model: nn.Module) -> AbstractContextManager[None]:
    """What a network of ours can leave out where no weight's gradient is asked for."""
    alone: AbstractContextManager[None] = getattr(model, "image_only", nullcontext)()
    return alone


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
