"""Somebody's held-out images as probes take them: uint8, class-balanced in any beginning."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from selffit.data.imageset import ImageSet
from selffit.data.order import balanced_order
from selffit.errors import UserError

FEWEST = 16
_OFF_GRID = 0.02  # of a level of 255: more is no rounding of an 8-bit image


def image_set(
    heldout: object, name: str, device: torch.device, class_names: Sequence[str] = ()
) -> tuple[ImageSet, str]:
    """Return (x, y) as an image set of held-out images, and what was assumed, "" for nothing.

    x: uint8 [N,C,H,W], or floats in [0,1]; y: whole numbers [N]. The classes are those of the
    labels; whoever knows the network corrects them. Its training images, which are asked for their
    mean only, are the held-out ones. Raises UserError for what does not fit.
    """
    try:
        x, y = (torch.as_tensor(part) for part in heldout)  # type: ignore[attr-defined]
    except (TypeError, ValueError, RuntimeError):
        raise UserError("heldout is (x, y): images [N,C,H,W] and labels [N]") from None
    if x.ndim != 4 or y.ndim != 1 or len(x) != len(y):
        raise UserError(
            f"heldout: images {list(x.shape)} and labels {list(y.shape)} do not fit; give images "
            "[N,C,H,W] and as many labels [N]"
        )
    if len(x) < FEWEST:
        raise UserError(f"heldout: {len(x)} images; the probes need at least {FEWEST}")
    if x.shape[1] > min(x.shape[2:]) and x.shape[3] in (1, 3):
        raise UserError(
            f"heldout: images {list(x.shape)} seem to have their channels last; permute them to "
            "[N,C,H,W]"
        )
    if y.is_floating_point() or y.dtype == torch.bool or bool((y < 0).any()):
        raise UserError(f"heldout: labels are {y.dtype}; give class numbers from 0 on")
    images, said = _levels(x.detach().cpu())
    labels = y.detach().cpu().long()
    order = torch.from_numpy(balanced_order(labels.numpy(), 0))
    images, labels = images[order].to(device), labels[order].to(device)
    return (
        ImageSet(
            name=name,
            classes=int(labels.max()) + 1,
            shape=(x.shape[1], x.shape[2], x.shape[3]),
            train_x=images,
            train_y=labels,
            held_x=images,
            held_y=labels,
            class_names=tuple(class_names),
        ),
        said,
    )


def _levels(x: Tensor) -> tuple[Tensor, str]:
    """As uint8. Raises UserError where these are no pixels."""
    if x.dtype == torch.uint8:
        return x, ""
    if not x.is_floating_point():
        raise UserError(f"heldout: images are {x.dtype}; give uint8, or floats in [0,1]")
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"heldout: images from {low:.3g} to {high:.3g}; give pixels in [0,1] (x * std + mean), "
            "and the network's normalisation as normalize=(mean, std)"
        )
    levels = x.float() * 255
    whole = levels.round()
    off = float((levels - whole).abs().max())
    said = "held-out images are no 8-bit images: rounded to 255 levels" if off > _OFF_GRID else ""
    return whole.to(torch.uint8), said
