"""cuDNN's trial runs, which find the fastest kernels for a size of batches that comes often."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def without_trials() -> Iterator[None]:
    """None of them inside: for sizes that come seldom they cost seconds and save nothing."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
