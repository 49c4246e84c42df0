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
from selffit.methods.gradient import input_gradient, logits_at
from selffit.probes.base import batch_of, batches, probing
from selffit.probes.sizes import filled
from selffit.probes.steps import schedule_of, step_sizes
from selffit.probes.subject import Subject, timed


@dataclass(frozen=True, kw_only=True)
class RobustAccuracy:
    """Accuracies in [0,1] on n images, under perturbations of at most eps (pixels, L∞).

    `nonfinite`: images at which the network's logits were NaN or infinite, as they are or under an
    attack. An accuracy is NaN where there was such an image: its prediction would be none.
    """

    n: int
    eps: float
    clean: float
    fgsm: float
    pgd: float
    nonfinite: int = 0


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
        pgd_alpha=step_sizes(now.eps, subject.probe_alpha, 1)[0],
        pgd_schedule=schedule_of(subject.probe_alpha),
        final=kinds.AtFinal(eps=last[0].eps, fgsm=last[0].fgsm, pgd=last[0].pgd) if last else None,
        nonfinite=max(found.nonfinite for found in (now, *last)),
    )


def robust_accuracies(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    budgets: Sequence[tuple[float, float]],
    pgd_steps: int,
    batch_size: int = 0,
    generator: torch.Generator,
) -> list[RobustAccuracy]:
    """Accuracies at several budgets (eps, pgd_alpha), which share the clean pass and its gradient.

    pgd_alpha: pixels; 0: steps that fall from 2·eps to 0 (`step_sizes`).
    images: uint8 [N,C,H,W]; the generator lives on their device and is the only source of
    randomness. FGSM starts at the image, PGD at a uniform point of the ball. Our operational
    definition of PGD accuracy: an image counts only if it is classified correctly clean *and* at
    the start point and every iterate. So a lost image needs no further steps, and the figure is
    never above that of the last iterate alone. eps = 0 gives the clean accuracy.

    The network is in evaluation mode and float32, and is left as it was: running statistics,
    weights, their gradients and torch's own generators.
    """
    batch_size = batch_size or batch_of(images.device, 256)
    clean = Tally(images.device)
    single, multi = ([Tally(images.device) for _ in budgets] for _ in range(2))

    def gradient(x: Tensor, y: Tensor, _: Tensor | None = None) -> Gradient:
        return input_gradient(model, x, y)

    with probing(model), torch.no_grad():
        for x, y in batches(images, labels, batch_size):
            at_x = gradient(x, y)
            right = clean.count(at_x.logits, y)
            for i, (eps, alpha) in enumerate(budgets):
                if eps == 0:
                    single[i].right += right.sum()
                    multi[i].right += right.sum()
                    continue
                budget = Budget(
                    torch.tensor(eps, device=x.device),
                    torch.tensor(alpha, device=x.device),
                    pgd_steps,
                )
                x_adv = fgsm(_known(at_x), x, y, budget, generator).x_adv
                single[i].count(model(x_adv), y)
                # for all images: the noise does not depend on f
                start = uniform_start(x, budget.eps, generator)
                multi[i].right += len(
                    survivors(
                        lambda at, _: logits_at(model, at),
                        gradient,
                        x[right],
                        y[right],
                        start[right],
                        budget.eps,
                        step_sizes(eps, alpha, pgd_steps),
                        multi[i].blanks,
                    )
                )
    n = len(images)
    found = []
    for (eps, _), one, many in zip(budgets, single, multi, strict=True):
        plain, under_one, under_many = (int(tally.blank) for tally in (clean, one, many))
        found.append(
            RobustAccuracy(
                n=n,
                eps=eps,
                clean=_share(clean, n, plain),
                fgsm=_share(one, n, plain + under_one),
                pgd=_share(many, n, plain + under_many),
                nonfinite=max(under_one, plain + under_many),
            )
        )
    return found


class Tally:
    """Right answers, and images without one: a prediction from logits that are not finite is none.

    Both are counted on the device, which nothing waits for.
    """

    def __init__(self, device: torch.device) -> None:
        self.right = torch.zeros((), dtype=torch.int64, device=device)
        self.blank = self.right.clone()

    def count(self, logits: Tensor, y: Tensor) -> Tensor:
        """Take in the logits [B,K] of images with labels y [B]; which of them are right, bool."""
        right = self.blanks(logits) & (logits.argmax(1) == y)
        self.right += right.sum()
        return right

    def blanks(self, logits: Tensor) -> Tensor:
        """Count those without an answer; which images have one, bool [B]."""
        finite = logits.isfinite().all(1)
        self.blank += (~finite).sum()
        return finite


def _share(tally: Tally, n: int, blank: int) -> float:
    """The accuracy on n images, NaN where some gave no answer."""
    return math.nan if blank else tally.right.item() / n


def _known(gradient: Gradient) -> GradientAt:
    """The gradient where it has been taken already: FGSM asks for it at the image only."""
    return lambda _x, _y: gradient


# The gradient at x of images with labels y, which are those with the given indices: int64 [B].
GradientOf = Callable[[Tensor, Tensor, Tensor], Gradient]


def survivors(
    logits: Callable[[Tensor, Tensor], Tensor],
    gradient: GradientOf,
    x: Tensor,
    y: Tensor,
    start: Tensor,
    eps: Tensor,
    alphas: Sequence[float],
    answered: Callable[[Tensor], Tensor] = lambda logits: logits.isfinite().all(1),
) -> Tensor:
    """Which images are right at the start point [B,C,H,W] and after every PGD step: int64 indices.

    logits: the network at x, for images with the given indices, as `gradient` has it. eps: radius,
    in pixels, on the images' device. alphas: the size of each step, in pixels.
    answered: says of logits [B,K] which of them are an answer at all. On a GPU the last image may
    be asked for several times, to fill a batch up.
    """

    def right(logits: Tensor) -> Tensor:
        own = logits[: len(y)]
        return answered(own) & (own.argmax(1) == y)

    def full(*parts: Tensor) -> tuple[Tensor, ...]:
        size = filled(len(y), y.device)
        if size == len(y):
            return parts
        index = torch.arange(size, device=y.device).clamp_(max=len(y) - 1)
        return tuple(part[index] for part in parts)

    alive, x_adv = torch.arange(len(y), device=y.device), start
    for alpha in alphas:
        if len(alive) == 0:
            return alive
        at_point = gradient(*full(x_adv, y, alive))
        # found once: on a GPU that waits for the device
        kept = right(at_point.logits).nonzero()[:, 0]
        alive, x, y = alive[kept], x[kept], y[kept]
        x_adv = project(x_adv[kept] + alpha * at_point.grad[kept].sign(), x, eps)
    return alive[right(logits(*full(x_adv, alive)))] if len(alive) else alive
