"""Robust accuracy at one budget, for tests that need no more."""

from typing import Any

from torch import Tensor, nn

from selffit.probes.robust import RobustAccuracy, robust_accuracies


def robust_accuracy(
    model: nn.Module, images: Tensor, labels: Tensor, *, eps: float, pgd_alpha: float, **more: Any
) -> RobustAccuracy:
    """The one figure of `robust_accuracies` with one budget."""
    return robust_accuracies(model, images, labels, budgets=[(eps, pgd_alpha)], **more)[0]
