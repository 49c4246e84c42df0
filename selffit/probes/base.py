"""How every probe looks at a network: evaluation mode, float32, and no trace left behind."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.models.trials import without_trials
from selffit.probes.sizes import SIZES

# What probes compute in, None: float32. What torch.bfloat16 changes of accuracies, and of the time
# they take, `benchmarks/on_card.py` tells.
MIXED: torch.dtype | None = None


@contextmanager
def probing(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and `MIXED` inside; afterwards every module is back in its own mode.

    cuDNN's trial runs are off inside: the batches of a probe come in many sizes.
    """
    training = [module for module in model.modules() if module.training]
    device = next((p.device.type for p in model.parameters()), "cpu")
    model.eval()
    try:
        with without_trials(), _mixed(device):
            yield
    finally:
        for module in training:
            module.training = True  # not .train(), which would also switch its children


def _mixed(device: str) -> torch.autocast:
    return torch.autocast(device, dtype=MIXED, enabled=MIXED is not None)


def batches(images: Tensor, labels: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All of the uint8 images in order, as float32 in [0,1], with their labels."""
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        yield as_float(images[part]), labels[part]


def precision(device: torch.device) -> str:
    """Of the convolutions of probes on a device: "fp32" or "tf32", or "bf16"."""
    if MIXED is not None:
        return "bf16"
    return "tf32" if device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "fp32"


def batch_of(device: torch.device, on_cpu: int) -> int:
    """Images of a pass: on a GPU so many that launching operations is no matter."""
    return SIZES[-1] if device.type == "cuda" else on_cpu
