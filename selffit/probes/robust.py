"""Clean, FGSM and PGD accuracy of a network on held-out images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selffit.eventlog import kinds
from selffit.methods.base import (
    Budget,
    Gradient,
    GradientAt,
    project,
    uniform_start,
)
from selffit.methods.fgsm import fgsm
from selffit.methods.gradient import input_gradient
from selffit.probes.base import batches, probing
from selffit.probes.subject import Subject, timed


@dataclass(frozen=True, kw_only=True)
class RobustAccuracy:
    """Accuracies in [0,1] on n images, under perturbations of at most eps (pixels, L∞)."""

    n: int
    eps: float
    clean: float
    fgsm: float
    pgd: float


@timed
def robust_probe(
    subject: Subject,
    n: int,
    *,
    why: str,
    epoch: float = math.nan,
    final: tuple[float, float] | None = None,
) -> kinds.RobustProbe:
    """Measure robust accuracy on the first n images of a subject.

    final: eps and probe_alpha of the final budget, while the training's is still rising.
    """
    budgets = [(subject.eps, subject.probe_alpha)] + ([] if final is None else [final])
    now, *last = robust_accuracies(
        subject.model,
        *subject.first(n),
        budgets=budgets,
        pgd_steps=subject.probe_steps,
        generator=subject.generator(),
    )
    return kinds.RobustProbe(
        n=now.n,
        why=why,
        epoch=epoch,
        eps=now.eps,
        clean=now.clean,
        fgsm=now.fgsm,
        pgd=now.pgd,
        pgd_steps=subject.probe_steps,
        pgd_alpha=subject.probe_alpha,
        final=kinds.AtFinal(eps=last[0].eps, fgsm=last[0].fgsm, pgd=last[0].pgd) if last else None,
    )


def robust_accuracies(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    budgets: Sequence[tuple[float, float]],
    pgd_steps: int,
    batch_size: int = 256,
    generator: torch.Generator,
) -> list[RobustAccuracy]:
    """Accuracies at several budgets (eps, pgd_alpha), which share the clean pass and its gradient.

    images: uint8 [N,C,H,W]; the generator lives on their device and is the only source of
    randomness. FGSM starts at the image, PGD at a uniform point of the ball. Our operational
    definition of PGD accuracy: an image counts only if it is classified correctly clean *and* at
    the start point and every iterate. So a lost image needs no further steps, and the figure is
    never above that of the last iterate alone. eps = 0 gives the clean accuracy.

    The network is in evaluation mode and float32, and is left as it was: running statistics,
    weights, their gradients and torch's own generators.
    """
    clean = torch.zeros((), dtype=torch.int64, device=images.device)
    single, multi = clean.repeat(len(budgets)), clean.repeat(len(budgets))

    def gradient(x: Tensor, y: Tensor, _: Tensor | None = None) -> Gradient:
        return input_gradient(model, x, y)

    with probing(model), torch.no_grad():
        for x, y in batches(images, labels, batch_size):
            at_x = gradient(x, y)
            right = at_x.logits.argmax(1) == y
            clean += right.sum()
            for i, (eps, alpha) in enumerate(budgets):
                if eps == 0:
                    single[i] += right.sum()
                    multi[i] += right.sum()
                    continue
                budget = Budget(
                    torch.tensor(eps, device=x.device),
                    torch.tensor(alpha, device=x.device),
                    pgd_steps,
                )
                x_adv = fgsm(_known(at_x), x, y, budget, generator).x_adv
                single[i] += (model(x_adv).argmax(1) == y).sum()
                # for all images: the noise does not depend on f
                start = uniform_start(x, budget.eps, generator)
                multi[i] += len(
                    survivors(
                        model,
                        gradient,
                        x[right],
                        y[right],
                        start[right],
                        budget.eps,
                        [alpha] * pgd_steps,
                    )
                )
    n = len(images)
    return [
        RobustAccuracy(
            n=n,
            eps=eps,
            clean=clean.item() / n,
            fgsm=fgsm_right.item() / n,
            pgd=pgd_right.item() / n,
        )
        for (eps, _), fgsm_right, pgd_right in zip(budgets, single, multi, strict=True)
    ]


def _known(gradient: Gradient) -> GradientAt:
    """The gradient where it has been taken already: FGSM asks for it at the image only."""
    return lambda _x, _y: gradient


# The gradient at x of images with labels y, which are those with the given indices: int64 [B].
GradientOf = Callable[[Tensor, Tensor, Tensor], Gradient]


def survivors(
    model: nn.Module,
    gradient: GradientOf,
    x: Tensor,
    y: Tensor,
    start: Tensor,
    eps: Tensor,
    alphas: Sequence[float],
) -> Tensor:
    """Which images are right at the start point [B,C,H,W] and after every PGD step: int64 indices.

    eps: radius, in pixels, on the images' device. alphas: the size of each step, in pixels.
    """
    alive, x_adv = torch.arange(len(y), device=y.device), start
    for alpha in alphas:
        if len(alive) == 0:
            return alive
        at_point = gradient(x_adv, y, alive)
        # found once: on a GPU that waits for the device
        kept = (at_point.logits.argmax(1) == y).nonzero()[:, 0]
        alive, x, y = alive[kept], x[kept], y[kept]
        x_adv = project(x_adv[kept] + alpha * at_point.grad[kept].sign(), x, eps)
    return alive[model(x_adv).argmax(1) == y] if len(alive) else alive
