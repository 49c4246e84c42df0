"""Some images with the network's own perturbation, as bytes for the log and for the terminal."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.probes.attacks import ProbeAttack, add, grey_like
from selffit.probes.base import probing
from selffit.probes.subject import Subject, timed

FULL = 127  # the int8 that stands for eps


@timed
def strip_probe(subject: Subject, count: int) -> kinds.ImageStrip:
    """Look at the first `count` images of a subject."""
    return image_strip(
        subject.model,
        subject.images,
        subject.labels,
        attack=subject.attack,
        count=count,
        class_names=subject.class_names,
    )


def image_strip(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    attack: ProbeAttack,
    count: int = 4,
    class_names: Sequence[str] = (),
) -> kinds.ImageStrip:
    """The first `count` images, uint8 [N,C,H,W], and what the network takes them for.

    Each has x (uint8) and delta(x,y;θ) (int8, 127 = eps) as its rows of pixels [W,C], and the
    predicted class with its probability on x (clean), x + delta (own) and grey + delta (carrier).
    The network is in evaluation mode and float32, and is left as it was.
    """
    shown, y = images[:count], labels[:count]
    x = as_float(shown)
    with probing(model), torch.no_grad():
        delta = attack.delta(model, x, y)
        clean = _guesses(model, x)
        own = _guesses(model, add(x, delta))
        carrier = _guesses(model, add(grey_like(x), delta))
    steps = delta / attack.eps if attack.eps else delta
    small = (FULL * steps).round().to(torch.int8)
    channels, height, width = images.shape[1:]
    return kinds.ImageStrip(
        shape=(channels, height, width),
        eps=attack.eps,
        attack=attack.name,
        classes=tuple(class_names),
        images=tuple(
            kinds.StripImage(
                y=int(y[i]),
                x=_pixels(shown[i]),
                delta=_pixels(small[i]),
                clean=clean[i],
                own=own[i],
                carrier=carrier[i],
            )
            for i in range(len(shown))
        ),
    )


def _guesses(model: nn.Module, x: Tensor) -> list[tuple[int, float]]:
    """The predicted class of every image, and its probability with five digits."""
    best = model(x).softmax(1).max(1)
    return [
        (label, round(probability, 5))
        for label, probability in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _pixels(image: Tensor) -> bytes:
    """The rows [W,C] of an 8-bit image [C,H,W], one after another."""
    return bytes(image.permute(1, 2, 0).cpu().numpy().tobytes())
