"""A look ahead: what stands beyond the budget of the training, where a collapse shows first."""

import torch
from torch import Tensor

from selffit.data.imageset import as_float
from selffit.detect.ahead import STAGES, settled
from selffit.eventlog import kinds
from selffit.methods.gradient import input_gradient, logits_at
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack, add
from selffit.probes.base import probing
from selffit.probes.robust import survivors
from selffit.probes.steps import cosine_steps
from selffit.probes.subject import Subject, timed

BEYOND = 1.4  # of the budget
STEPS = 3  # after the single one


def looks_ahead(attack: ProbeAttack) -> bool:
    """Whether a look says something where this is the attack of the training.

    One of several steps leaves networks that a single step beyond the budget does not fool and a
    few more do, and no collapse follows.
    """
    return attack.steps == 1


@timed
def ahead_probe(subject: Subject, n: int) -> kinds.AheadProbe:
    """Measure what a single step leaves beyond the budget, and what a few more steps leave of that.

    Our operational definitions, with e = 1.4·eps: `fgsm` is the accuracy at x' = clip(x +
    e·sign ∇ₓ ℓ(f(x), y)), whatever the training attack is; `pgd` is the share of images that are
    right at x' and at each of three further steps, of 1.71, 1 and 0.29·e: the last three of four of
    `cosine_steps`. Both in [0, 1].

    It looks at the first 32 images, at 128 and at n only while the answer is not `settled`. Up to
    four input gradients and two forward passes for an image: of 32 a third of an FGSM training step
    of 128, of 256 some two. In evaluation mode; nothing is drawn.
    """
    images, labels = subject.first(n)
    eps, seen, single, left = BEYOND * subject.eps, 0, 0, 0
    with probing(subject.model), torch.no_grad():
        for upto in (*(n for n, _ in STAGES), len(labels)):
            part = slice(seen, upto)
            right, standing = _stand(subject.model, as_float(images[part]), labels[part], eps)
            seen = min(upto, len(labels))
            single, left = single + right, left + standing
            if seen == len(labels) or settled(seen, single, left):
                break
    return kinds.AheadProbe(n=seen, eps=eps, fgsm=single / seen, pgd=left / seen)


def _stand(model: Network, x: Tensor, y: Tensor, eps: float) -> tuple[int, int]:
    """How many images are right after the single step, and how many still are after all."""
    start = add(x, ProbeAttack(eps).delta(model, x, y))
    right = logits_at(model, start).argmax(1) == y
    standing = survivors(
        lambda at, _: logits_at(model, at),
        lambda at, label, _: input_gradient(model, at, label),
        x[right],
        y[right],
        start[right],
        torch.tensor(eps, device=x.device),
        cosine_steps(eps, STEPS + 1)[1:],
    )
    return int(right.sum()), len(standing)
