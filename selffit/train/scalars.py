"""The numbers that a step reads from the device, and their values for the steps ahead.

A captured step reads them where they lie, so a new value needs no new graph: the host fills them
before the step. For a block of steps it does so at once, from pinned memory, and no step waits.
"""

from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor

from selffit.config import RunConfig
from selffit.data import step_seed
from selffit.train.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Values:
    """What one step uses: eps and alpha in pixels of [0,1], all others as the optimiser has it."""

    lr: float
    momentum: float
    weight_decay: float
    eps: float
    alpha: float


class Scalars:
    """The same as 0-d tensors on the device; all of them are filled with one copy."""

    lr: Tensor
    momentum: Tensor
    weight_decay: Tensor
    eps: Tensor
    alpha: Tensor

    def __init__(self, device: torch.device) -> None:
        self._all = torch.zeros(len(fields(Values)), device=device)
        for field, place in zip(fields(Values), self._all.unbind(), strict=True):
            setattr(self, field.name, place)

    def fill(self, row: Tensor) -> None:
        """Take the values of a row that `rows` has made."""
        self._all.copy_(row)


def rows(values: list[Values]) -> Tensor:
    """Values as [n,5], on the host."""
    return torch.tensor([astuple(value) for value in values])


@dataclass(frozen=True)
class Planned:
    """What the host gives to a step: its values, the same as a row on the device, and a seed."""

    values: Values
    row: Tensor
    seed: int


class Ahead:
    """Plans steps a block ahead, as functions of the step and the settings in effect."""

    def __init__(self, device: torch.device, length: int) -> None:
        """`length`: how many steps are planned at once."""
        self._device = device
        self._length = length
        self._schedule: Schedule | None = None  # that the plan was made from
        self._first = 0
        self._plan: list[Planned] = []

    def at(self, step: int, schedule: Schedule) -> Planned:
        """The plan of a step; another schedule, which new settings bring, makes a new one."""
        index = step - self._first
        if schedule is not self._schedule or not 0 <= index < len(self._plan):
            self._make(step, schedule)
            index = 0
        return self._plan[index]

    def _make(self, first: int, schedule: Schedule) -> None:
        config = schedule.config
        steps = range(first, first + self._length)
        values = [_values(step, schedule, config) for step in steps]
        table = rows(values)
        if self._device.type == "cuda":
            table = table.pin_memory().to(self._device, non_blocking=True)
        seeds = [step_seed(config.seed, "attack", step) for step in steps]
        self._plan = [Planned(*parts) for parts in zip(values, table.unbind(), seeds, strict=True)]
        self._first = first
        self._schedule = schedule


def _values(step: int, schedule: Schedule, config: RunConfig) -> Values:
    return Values(
        lr=schedule.lr(step),
        momentum=schedule.momentum(step),
        weight_decay=config.weight_decay,
        eps=schedule.eps(step),
        alpha=schedule.alpha(step),
    )
