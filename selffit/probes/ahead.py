"""A look ahead: what stands beyond the budget of the training, where a collapse shows first."""

import torch

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.methods.gradient import input_gradient
from selffit.probes.attacks import ProbeAttack, add
from selffit.probes.base import probing
from selffit.probes.robust import survivors
from selffit.probes.steps import cosine_steps
from selffit.probes.subject import Subject, timed

BEYOND = 1.4  # of the budget
STEPS = 3  # after the single one


@timed
def ahead_probe(subject: Subject, n: int) -> kinds.AheadProbe:
    """Measure what a single step leaves beyond the budget, and what a few more steps leave of that.

    Our operational definitions, on the first n images, with e = 1.4·eps: `fgsm` is the accuracy at
    x' = clip(x + e·sign ∇ₓ ℓ(f(x), y)), whatever the training attack is; `pgd` is the share of
    images that are right at x' and at each of three further steps, which fall from 1.7·e along the
    half cosine of `cosine_steps`. Both in [0, 1]. Up to four input gradients and two forward passes
    for an image, some 1.5 FGSM training steps. In evaluation mode; nothing is drawn.
    """
    images, y = subject.first(n)
    model, x, eps = subject.model, as_float(images), BEYOND * subject.eps
    with probing(model), torch.no_grad():
        single = add(x, ProbeAttack(eps).delta(model, x, y))
        right = model(single).argmax(1) == y
        standing = survivors(
            lambda at, _: model(at),
            lambda at, label, _: input_gradient(model, at, label),
            x[right],
            y[right],
            single[right],
            torch.tensor(eps, device=x.device),
            cosine_steps(eps, STEPS + 1)[1:],
        )
    return kinds.AheadProbe(
        n=len(y), eps=eps, fgsm=float(right.float().mean()), pgd=len(standing) / len(y)
    )
