"""How straight the loss rises along a single step: what bends before a collapse is seen."""

import torch

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.methods.gradient import input_gradient
from selffit.probes.attacks import ProbeAttack, add
from selffit.probes.base import probing
from selffit.probes.subject import Subject, timed

IMAGES = 64  # more of them change nothing that is told


@timed
def align_probe(subject: Subject, n: int) -> kinds.AlignProbe:
    """Measure how far the single step keeps its direction, on the first n images, 64 at most.

    Our operational definitions, with g = ∇ₓ ℓ(f(x), y) and x' = clip(x + eps·sign g), whatever the
    training attack is: `align` is the mean of sign(g)·sign(∇ₓ ℓ(f(x'), y)) over images and entries,
    in [-1,1]: 1 where the loss is straight, 0 where nothing is left of the direction (the local
    linearity of Andriushchenko and Flammarion 2020, by signs, because only they enter the step).
    `energy` is the mean of logsumexp f(x') - logsumexp f(x), in logits: how far the step moves the
    network's confidence. Two input gradients, 4U for an image, four fifths of an FGSM training
    step for as many. In evaluation mode; nothing is drawn.
    """
    images, y = subject.first(min(n, IMAGES))
    x, step = as_float(images), ProbeAttack(subject.eps)
    with probing(subject.model):
        here = input_gradient(subject.model, x, y)
        there = input_gradient(subject.model, add(x, step.delta(subject.model, x, y, here)), y)
    energy = torch.logsumexp(there.logits, 1) - torch.logsumexp(here.logits, 1)
    return kinds.AlignProbe(
        n=len(y),
        eps=subject.eps,
        align=float((here.grad.sign() * there.grad.sign()).mean()),
        energy=float(energy.mean()),
    )
