"""Networks by name, with named sites where channels can be watched; each normalises its input.

Importing this package loads no torch, so that `selffit.config` can read the catalogue.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selffit.errors import UserError
from selffit.models.catalogue import MODELS

if TYPE_CHECKING:
    from selffit.models.base import Network

__all__ = ["MODELS", "build"]


def build(
    name: str,
    *,
    shape: tuple[int, int, int],
    classes: int,
    width: int = 0,
    mean: float | Sequence[float] = 0.0,
    scale: float | Sequence[float] = 1.0,
    **options: Any,
) -> "Network":
    """A new network with its starting weights, in channels_last.

    The caller sets torch's seed. shape: [C,H,W] of the images, H and W at least 28. width: channels
    of the first convolution, 0 for the network's own. The network sees (x - mean)·scale, each one
    number or one a channel. options: what only this network has, of its record's `uses`, e.g.
    shortcut="raw". Raises UserError for an unknown name or option, or numbers that do not fit the
    channels.
    """
    import torch

    from selffit.models.base import Normalise

    if name not in MODELS:
        raise UserError(f"unknown model '{name}'; valid: {', '.join(MODELS)}")
    model = MODELS[name]
    if strange := [option for option in options if option not in model.uses]:
        raise UserError(f"a {name} has no {strange[0]}; leave it out")
    normalise = Normalise(shape[0], mean, scale)
    network = model.load()(shape, classes, width or model.width, normalise, **options)
    network.to(memory_format=torch.channels_last)
    return network
