"""Robust accuracy at one budget, and a subject for probes, for tests that need no more."""

from typing import Any

import torch
from torch import Tensor, nn

from selffit.eventlog import kinds
from selffit.probes.attacks import ProbeAttack
from selffit.probes.robust import RobustAccuracy, robust_accuracies
from selffit.probes.subject import Subject


def robust_accuracy(
    model: nn.Module, images: Tensor, labels: Tensor, *, eps: float, pgd_alpha: float, **more: Any
) -> RobustAccuracy:
    """The one figure of `robust_accuracies` with one budget."""
    return robust_accuracies(model, images, labels, budgets=[(eps, pgd_alpha)], **more)[0]


def subject_of(model: nn.Module, images: Tensor, labels: Tensor, eps: float) -> Subject:
    """A network at step 40 with two classes, for probes of the single step."""
    return Subject(
        model=model,  # type: ignore[arg-type]  # probes of the single step ask for no layers
        at=kinds.Place(branch="main", step=40),
        images=images,
        labels=labels,
        classes=2,
        class_names=(),
        eps=eps,
        attack=ProbeAttack(eps),
        probe_steps=2,
        probe_alpha=eps,
        mean=None,
        generator=torch.Generator,
    )
