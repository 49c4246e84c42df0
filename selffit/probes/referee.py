"""A referee from outside: APGD-CE and APGD-T of AutoAttack, beside the project's strong attack.

Croce and Hein 2020 (arXiv 2003.01690), by their own code in the package `pyautoattack`, which is
loaded here only, when somebody asks for it. Nothing is decided by it.
"""

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.extras import needed
from selffit.probes.base import probing
from selffit.probes.subject import Subject, timed

STEPS = 100  # as in AutoAttack's standard version, with one restart
TARGETS = 9
DLR_CLASSES = 4  # the loss of APGD-T compares the four largest logits
LIBRARY, EXTRA = "pyautoattack", "referee"


def check_referee() -> None:
    """Raises UserError, which names the extra, where the library is not installed."""
    needed(LIBRARY, EXTRA, "APGD comes from AutoAttack's own code")


@timed
def referee_probe(subject: Subject, n: int) -> kinds.RefereeProbe:
    """Measure what APGD leaves on the first n images of a subject. Raises UserError (see above)."""
    return referee_accuracy(subject.model, *subject.first(n), eps=subject.eps)


def referee_accuracy(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    steps: int = STEPS,
    targets: int = TARGETS,
    batch_size: int = 256,
) -> kinds.RefereeProbe:
    """Accuracy under APGD-CE, then APGD-T on what it leaves: one restart of each, seed 0.

    images: uint8 [N,C,H,W]; eps in pixels of [0,1]. targets: wrong classes of APGD-T, at most one
    less than there are; 0, and no APGD-T, where there are fewer than four classes. Up to
    3·steps·(1 + targets) forward passes for an image that stands. The network is in evaluation mode
    and float32, and is left as it was, as are torch's generators.

    Raises UserError where the library is not installed.
    """
    check_referee()
    from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted

    device = images.device
    x = as_float(images)
    common = {"n_iter": steps, "n_restarts": 1, "eps": eps, "seed": 0, "device": device}

    def left(alive: Tensor, attack: "APGDAttack") -> Tensor:
        kept = [alive[:0]]  # of no images at all there is nothing to attack
        for part in torch.split(alive, batch_size) if len(alive) else ():
            with torch.enable_grad():
                x_adv = attack.perturb(x[part], labels[part])
            kept.append(part[model(x_adv).argmax(1) == labels[part]])
        return torch.cat(kept)

    devices = [device] if device.type == "cuda" else []
    with probing(model), torch.no_grad(), torch.random.fork_rng(devices):
        everything = torch.arange(len(x), device=device)
        logits = torch.cat([model(x[part]) for part in torch.split(everything, batch_size)])
        alive = everything[logits.argmax(1) == labels]
        classes = logits.shape[1]
        targets = min(targets, classes - 1) if classes >= DLR_CLASSES else 0
        if eps > 0:
            alive = ce = left(alive, APGDAttack(model, **common))
            if targets:
                alive = left(alive, APGDAttack_targeted(model, n_target_classes=targets, **common))
        else:
            ce = alive
    return kinds.RefereeProbe(
        n=len(x),
        eps=eps,
        steps=steps,
        restarts=1,
        targets=targets,
        ce=round(len(ce) / len(x), 5),
        pgd=round(len(alive) / len(x), 5),
    )
