"""Strong accuracy: what a better attack leaves of a PGD accuracy.

Better by more steps, a step size that falls, losses that cannot saturate, and targets.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.methods.base import Gradient, uniform_start
from selffit.methods.gradient import image_only, input_gradient
from selffit.probes.base import batch_of, probing
from selffit.probes.robust import survivors
from selffit.probes.steps import cosine_steps, step_sizes
from selffit.probes.subject import Subject, timed

# The gradient at x of images with labels y: the third says which of all images they are, int64 [B].
Loss = Callable[[Tensor, Tensor, Tensor], Gradient]

TARGETS = 5  # wrong classes, the most likely first, that images are driven to one after the other


@timed
def strong_probe(subject: Subject, n: int) -> kinds.StrongProbe:
    """Measure what the strong attack leaves of PGD accuracy on the first n images of a subject."""
    return strong_accuracy(
        subject.model,
        *subject.first(n),
        eps=subject.eps,
        generator=subject.generator(),
        weak_steps=subject.probe_steps,
        weak_alpha=subject.probe_alpha,
    )


def strong_accuracy(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    steps: int = 50,
    targets: int = TARGETS,
    generator: torch.Generator,
    weak_steps: int,
    weak_alpha: float,
    batch_size: int = 0,
) -> kinds.StrongProbe:
    """Accuracy under PGD from random starts, with several losses one after the other.

    images: uint8 [N,C,H,W]; the generator lives on their device and is the only source of
    randomness. `weak` is the PGD accuracy of `robust_accuracies` with weak_steps of weak_alpha
    (pixels, 0: falling). The losses: the margin, cross-entropy, and the margin of each of the
    `targets` most likely wrong classes (of the clean image). Our operational definition of `pgd`:
    an image counts only if it is right clean, at every iterate of that weak attack, and at every
    iterate of every run; so pgd ≤ weak. A lost image is attacked no further: up to
    3·steps·(2 + targets) forward passes for an image that stands, few for a network without
    robustness. The step size falls from 2·eps to 0 (`cosine_steps`). A constant step of eps/4 left
    up to five times as much of masked networks as APGD-CE and APGD-T do (Croce and Hein 2020);
    docs/strong-attack.md compares.

    A network whose cross-entropy has no useful gradient (saturated, or noise) keeps its accuracy
    under the weak attack alone: gradient masking. The network is in evaluation mode and float32,
    and is left as it was.
    """
    batch_size = batch_size or batch_of(images.device, 256)
    x = as_float(images)
    radius = torch.tensor(eps, device=x.device)

    def stand(alive: Tensor, loss: Loss, alphas: Sequence[float]) -> Tensor:
        # for all images: the noise does not depend on the network
        start = uniform_start(x, radius, generator)

        def survive(part: Tensor) -> Tensor:
            def gradient(at: Tensor, y: Tensor, which: Tensor) -> Gradient:
                return loss(at, y, part[which])

            return part[
                survivors(
                    lambda at, _: model(at),
                    gradient,
                    x[part],
                    labels[part],
                    start[part],
                    radius,
                    alphas,
                )
            ]

        return torch.cat([survive(part) for part in torch.split(alive, batch_size)])

    def entropy(at: Tensor, y: Tensor, _: Tensor) -> Gradient:
        return input_gradient(model, at, y)

    def margin(at: Tensor, y: Tensor, _: Tensor) -> Gradient:
        return margin_gradient(model, at, y)

    def towards(rival: Tensor) -> Loss:
        return lambda at, y, which: margin_gradient(model, at, y, rival[which])

    with probing(model), torch.no_grad():
        everything = torch.arange(len(x), device=x.device)
        logits = torch.cat([model(x[part]) for part in torch.split(everything, batch_size)])
        rivals = logits.scatter(1, labels[:, None], -torch.inf).argsort(1, descending=True)
        targets = min(targets, logits.shape[1] - 1)
        right = everything[logits.argmax(1) == labels]
        alive = weak = stand(right, entropy, step_sizes(eps, weak_alpha, weak_steps))
        for loss in (margin, entropy, *(towards(rivals[:, i]) for i in range(targets))):
            alive = stand(alive, loss, cosine_steps(eps, steps))
    return kinds.StrongProbe(
        n=len(x),
        eps=eps,
        steps=steps,
        restarts=1,
        targets=targets,
        pgd=round(len(alive) / len(x), 5),
        weak=round(len(weak) / len(x), 5),
    )


def margin_gradient(model: nn.Module, x: Tensor, y: Tensor, to: Tensor | None = None) -> Gradient:
    """The margin max_{j≠y} z_j - z_y of each image, with its gradient at x.

    It takes the place of cross-entropy. to: int64 [B], the class that stands for the largest other.

    Positive where the image is misclassified. Its gradient does not vanish when the softmax
    saturates, nor change with the scale of the logits but in size (Carlini and Wagner 2017).
    """
    leaf = x.detach().requires_grad_()
    with torch.enable_grad(), image_only(model):
        logits = model(leaf)
        if to is None:
            theirs = logits.scatter(1, y[:, None], -torch.inf).amax(1)
        else:
            theirs = logits.gather(1, to[:, None])[:, 0]
        margin = theirs - logits.gather(1, y[:, None])[:, 0]
        (grad,) = torch.autograd.grad(margin.sum(), leaf)
    return Gradient(grad, margin.detach(), logits.detach())
