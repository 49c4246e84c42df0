"""The in-memory image set that training and probes work on."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """Training and held-out images of one data set, all resident on one device.

    train_x, held_x: uint8 [N,C,H,W], 255 is white; train_y, held_y: int64 [N]
    with values 0 … classes - 1; shape: [C,H,W] of one image. Held-out images
    are never trained on and never come from a test split. class_names: empty
    where a class has no better name than its number.
    """

    name: str
    classes: int
    shape: tuple[int, int, int]
    train_x: Tensor
    train_y: Tensor
    held_x: Tensor
    held_y: Tensor
    class_names: tuple[str, ...] = ()


def as_float(images: Tensor) -> Tensor:
    """uint8 [B,C,H,W] to float32 pixels in [0,1], channels_last; 0 and 255 become exactly 0, 1."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)
