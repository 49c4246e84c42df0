"""How every probe looks at a network: evaluation mode, float32, and no trace left behind."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float


@contextmanager
def probing(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no autocast inside; afterwards every module is back in its own mode.

    cuDNN's trial runs are off inside: the batches of a probe come in many sizes, and a trial for
    each costs more than it saves.
    """
    training = [module for module in model.modules() if module.training]
    benchmark = torch.backends.cudnn.benchmark
    device = next((p.device.type for p in model.parameters()), "cpu")
    model.eval()
    torch.backends.cudnn.benchmark = False
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        for module in training:
            module.training = True  # not .train(), which would also switch its children


def batches(images: Tensor, labels: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All of the uint8 images in order, as float32 in [0,1], with their labels."""
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        yield as_float(images[part]), labels[part]


def precision(device: torch.device) -> str:
    """Of float32 convolutions on a device, which is how probes compute: "fp32" or "tf32"."""
    return "tf32" if device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "fp32"


def batch_of(device: torch.device, on_cpu: int) -> int:
    """Images of a pass: on a GPU so many that launching operations is no matter."""
    return 1024 if device.type == "cuda" else on_cpu
