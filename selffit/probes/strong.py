"""Strong accuracy: what many steps, several restarts and a loss that cannot saturate leave of a PGD
accuracy.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.methods.base import Budget, Gradient, uniform_start
from selffit.methods.gradient import input_gradient
from selffit.probes.base import probing
from selffit.probes.robust import survivors


@dataclass(frozen=True)
class StrongAccuracy:
    """Accuracies in [0,1] on n images at eps (pixels, L∞): pgd = what the strong attack leaves,
    weak = ordinary PGD.
    """

    n: int
    eps: float
    steps: int
    restarts: int
    pgd: float
    weak: float

    def as_data(self) -> dict[str, Any]:
        """Fields of a `probe.strong` record; accuracies with five digits."""
        return asdict(self) | {"pgd": round(self.pgd, 5), "weak": round(self.weak, 5)}


def strong_accuracy(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    steps: int = 50,
    restarts: int = 2,
    generator: torch.Generator,
    weak_steps: int,
    weak_alpha: float,
    batch_size: int = 256,
) -> StrongAccuracy:
    """Accuracy under PGD with `restarts` random starts of cross-entropy and as many of the margin
    loss.

    images: uint8 [N,C,H,W]; the generator lives on their device and is the only
    source of randomness. `weak` is the PGD accuracy of `robust_accuracies` with
    weak_steps of weak_alpha (pixels). Our operational definition of `pgd`: an
    image counts only if it is right clean, at every iterate of that weak attack,
    and at every iterate of every restart; so pgd ≤ weak. A lost image is
    attacked no further: up to 4·steps·restarts forward passes for an image that
    stands, few for a network without robustness. The step size is eps/4, as in
    the usual PGD-50-10 (2/255 at 8/255): of the sizes tried on the embedded
    sets it left least, before and after a collapse.

    A network whose cross-entropy has no useful gradient (saturated, or noise)
    keeps its accuracy under the weak attack alone: gradient masking. The
    network is in evaluation mode and float32, and is left as it was.
    """
    x = as_float(images)
    radius = torch.tensor(eps, device=x.device)

    def stand(
        alive: Tensor,
        gradient: Callable[[nn.Module, Tensor, Tensor], Gradient],
        alpha: float,
        k: int,
    ) -> Tensor:
        budget = Budget(radius, torch.tensor(alpha, device=x.device), k)
        # for all images: the noise does not depend on the network
        start = uniform_start(x, radius, generator)
        return torch.cat(
            [
                part[
                    survivors(
                        model,
                        lambda a, b: gradient(model, a, b),
                        x[part],
                        labels[part],
                        start[part],
                        budget,
                    )
                ]
                for part in alive.split(batch_size)
            ]
        )

    with probing(model), torch.no_grad():
        everything = torch.arange(len(x), device=x.device)
        right = [model(x[part]).argmax(1) == labels[part] for part in everything.split(batch_size)]
        alive = weak = stand(everything[torch.cat(right)], input_gradient, weak_alpha, weak_steps)
        for gradient in (margin_gradient, input_gradient) * restarts:
            alive = stand(alive, gradient, eps / 4, steps)
    return StrongAccuracy(len(x), eps, steps, restarts, len(alive) / len(x), len(weak) / len(x))


def margin_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Gradient:
    """The margin max_{j≠y} z_j - z_y of each image in place of its cross-entropy, with the gradient
    at x.

    Positive where the image is misclassified. Its gradient does not vanish when
    the softmax saturates, nor change with the scale of the logits but in size
    (Carlini and Wagner 2017).
    """
    leaf = x.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(leaf)
        theirs = logits.scatter(1, y[:, None], -torch.inf).amax(1)
        margin = theirs - logits.gather(1, y[:, None])[:, 0]
        (grad,) = torch.autograd.grad(margin.sum(), leaf)
    return Gradient(grad, margin.detach(), logits.detach())
