"""From somebody's network, images and words to a training loop that can be watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from selffit.errors import UserError
from selffit.hosted.heldout import image_set
from selffit.hosted.loop import Loop, Moments
from selffit.hosted.network import Normalisation, adapted, can_be_copied, device_of, first_of
from selffit.hosted.settings import settings_of


def loop_of(
    model: nn.Module,
    heldout: tuple[Any, Any],
    *,
    eps: float | str,
    method: str,
    data: str,
    class_names: Sequence[str],
    normalize: Normalisation | None,
    steps_per_epoch: int,
    settings: Mapping[str, Any],
) -> tuple[Loop, list[str]]:
    """Return the loop, and what was assumed or cannot be watched, in words.

    The arguments are those of `Monitor`. Raises UserError where they do not fit.
    """
    device = device_of(model)
    images, said = image_set(heldout, data, device, class_names)
    network = adapted(model, first_of(images.held_x), normalize)
    if images.classes > network.classes:
        raise UserError(
            f"heldout: a label is {images.classes - 1}, and the network knows "
            f"{network.classes} classes, 0 to {network.classes - 1}"
        )
    images = replace(images, classes=network.classes)
    config = settings_of(eps, method, len(images.held_x), steps_per_epoch, settings)
    told = [said] if said else []
    if not network.sites():
        config = replace(config, channel_images=0, causal_images=0)
        told.append("no convolution that could be watched: no channel probes")
    if config.self_images and not can_be_copied(network):
        config = replace(config, self_images=0)
        told.append("the network cannot be copied: no self-information")
    return Loop(config, device, images, network, Moments(config, steps_per_epoch)), told
