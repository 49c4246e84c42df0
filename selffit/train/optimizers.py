"""SGD and Adam on torch's fused kernels, with their whole state in named tensors.

Why not torch.optim: making its first optimiser imports torch's compiler, which takes twice as long as importing
torch itself and would be the larger part of a short run's start. The kernels are the same, so the numbers are too.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from selffit.config import RunConfig


class Optimizer(Protocol):
    """What a training step needs: `lr` is a 0-d tensor on the parameters' device, so that a new value needs no new
    graph; `state` names every tensor that a checkpoint must hold beside the weights."""

    lr: Tensor

    @property
    def state(self) -> dict[str, list[Tensor]]: ...

    def step(self) -> None:
        """One update of the parameters from their gradients, which are left alone."""


class SGD:
    """buffer ← momentum·buffer + g + weight_decay·w;  w ← w - lr·buffer."""

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.lr = torch.zeros((), device=self.parameters[0].device)
        self.buffers = _zeros(self.parameters) if momentum else []

    @property
    def state(self) -> dict[str, list[Tensor]]:
        return {"momentum": self.buffers}

    @torch.no_grad()
    def step(self) -> None:
        torch._fused_sgd_(
            self.parameters,
            _gradients(self.parameters),
            self.buffers,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,  # the buffers begin as zeros, so the first step is like every other
        )


class Adam:
    """Adam (Kingma and Ba 2015) with betas 0.9, 0.999 and epsilon 1e-8; weight decay is added to the gradient."""

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        self.lr = torch.zeros((), device=self.parameters[0].device)
        self.first, self.second = _zeros(self.parameters), _zeros(self.parameters)
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]

    @property
    def state(self) -> dict[str, list[Tensor]]:
        return {"first_moment": self.first, "second_moment": self.second, "steps": self.steps}

    @torch.no_grad()
    def step(self) -> None:
        torch._foreach_add_(self.steps, 1)
        torch._fused_adam_(
            self.parameters,
            _gradients(self.parameters),
            self.first,
            self.second,
            [],
            self.steps,
            lr=self.lr,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=self.weight_decay,
            amsgrad=False,
            maximize=False,
        )


def make_optimizer(config: RunConfig, model: nn.Module) -> Optimizer:
    """The optimiser of a run, for all parameters of a network that is on its device already."""
    if config.optimizer == "adam":
        return Adam(model.parameters(), config.weight_decay)
    return SGD(model.parameters(), config.momentum, config.weight_decay)


def _zeros(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [torch.zeros_like(p, memory_format=torch.preserve_format) for p in parameters]


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]
