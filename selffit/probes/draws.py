"""The random choices of a probe, drawn for the whole set of images at once.

So the batch size changes nothing.
"""

import torch
from torch import Tensor


def other_labels(labels: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """y′ [N], uniform over the classes other than the image's own."""
    shift = torch.randint(1, classes, labels.shape, device=labels.device, generator=generator)
    return (labels + shift) % classes


def partners(labels: Tensor, generator: torch.Generator) -> Tensor:
    """For each image i the index j of another, uniform over all images of other classes: y_j ≠ y_i.

    int64 [N]. Drawn with replacement, so it is no permutation: then every class can meet every
    other. Images that are all of one class have no partners of another; there y_j = y_i.
    """
    order = labels.argsort(stable=True)
    by_class = labels[order].contiguous()
    begin, end = (
        torch.searchsorted(by_class, labels),
        torch.searchsorted(by_class, labels, right=True),
    )
    # they follow the image's own class in the circle of the sorted images
    others = len(labels) - (end - begin)
    share = torch.rand(labels.shape, dtype=torch.float64, device=labels.device, generator=generator)
    return order[(end + (share * others).long()) % len(labels)]


def uniform_like(images: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform float32 in [0,1) for every entry of [N,C,H,W], in the memory format of the images."""
    empty = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
    return empty.uniform_(generator=generator)


def random_signs(images: Tensor, generator: torch.Generator) -> Tensor:
    """float32 ±1, a fair coin for every entry of [N,C,H,W]."""
    return 2 * (uniform_like(images, generator) < 0.5).float() - 1


def pixel_orders(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random order of the H·W pixels of each image, int64 [N,H·W]."""
    n, _, height, width = images.shape
    return torch.rand(n, height * width, device=images.device, generator=generator).argsort(dim=1)
