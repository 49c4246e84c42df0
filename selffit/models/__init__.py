"""Networks by name. Each has named sites where its channels can be watched, and normalises its
input itself.
"""

from collections.abc import Callable, Sequence

import torch

from selffit.errors import UserError
from selffit.models.base import Network, Normalise
from selffit.models.preact_resnet import PreActResNet18
from selffit.models.resnet import ResNet18
from selffit.models.small import Small

__all__ = ["MODELS", "Network", "build"]

# name: (constructor, channels of its first convolution)
MODELS: dict[str, tuple[Callable[..., Network], int]] = {
    "small": (Small, 16),
    "preact-resnet18": (PreActResNet18, 64),
    "resnet18": (ResNet18, 64),
}


def build(
    name: str,
    *,
    shape: tuple[int, int, int],
    classes: int,
    width: int = 0,
    mean: float | Sequence[float] = 0.0,
    scale: float | Sequence[float] = 1.0,
) -> Network:
    """A new network with torch's default initialisation, in channels_last; the caller sets torch's
    seed.

    shape: [C,H,W] of the images, H and W at least 28. width: channels of the
    first convolution, 0 for the network's own. The network sees
    (x - mean)·scale, each one number or one a channel. Raises UserError for an
    unknown name or numbers that do not fit the channels.
    """
    if name not in MODELS:
        raise UserError(f"unknown model '{name}'; valid: {', '.join(MODELS)}")
    constructor, own_width = MODELS[name]
    network = constructor(shape, classes, width or own_width, Normalise(shape[0], mean, scale))
    network.to(memory_format=torch.channels_last)
    return network
