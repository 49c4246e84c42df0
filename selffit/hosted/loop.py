"""Somebody's training loop as the trainer's monitor sees it: `selffit.train.watched.Watched`."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import torch

from selffit.config import RunConfig
from selffit.data.imageset import ImageSet
from selffit.hosted.network import Adapted


@dataclass
class Moments:
    """What the loop has said of its steps: a `Timeline` that knows the past and the present only.

    lr, eps, alpha: of the step under way, NaN where that was not said.
    """

    config: RunConfig
    steps_per_epoch: int = 0
    lr: float = math.nan
    now_eps: float = math.nan
    now_alpha: float = math.nan
    _first: int = 0  # of the steps below
    _past: list[tuple[float, float, float]] = field(default_factory=list)

    def tell(self, *, step: int, lr: float, eps: float | None, alpha: float | None) -> None:
        """Keep what holds at a step, which follows the last one; None: as before."""
        self.lr = lr
        self.now_eps = self.now_eps if eps is None else eps
        self.now_alpha = self.now_alpha if alpha is None else alpha
        if step != self._first + len(self._past):
            self._first, self._past = step, []
        self._past.append((self.lr, self.eps(step), self._alpha))

    def forget(self, names: Collection[str]) -> None:
        """The settings say anew what these are, until the next step does."""
        self.now_eps = math.nan if "eps" in names else self.now_eps
        self.now_alpha = math.nan if {"eps", "alpha"} & set(names) else self.now_alpha

    def columns(self, first: int, n: int) -> dict[str, list[float]]:
        """What was noted of the n steps from `first` on; it is asked for once."""
        start = first - self._first
        rows, self._past = self._past[start : start + n], self._past[start + n :]
        self._first = first + n
        found = dict(zip(("lr", "eps", "alpha"), map(list, zip(*rows, strict=True)), strict=False))
        return {name: values for name, values in found.items() if not any(map(math.isnan, values))}

    def epoch(self, step: int) -> float:
        """Epochs done; NaN where nobody has said what an epoch is."""
        return step / self.steps_per_epoch if self.steps_per_epoch else math.nan

    def eps(self, step: int) -> float:
        """The budget now."""
        return self.config.eps if math.isnan(self.now_eps) else self.now_eps

    @property
    def _alpha(self) -> float:
        return self.config.alpha if math.isnan(self.now_alpha) else self.now_alpha

    def ramp(self, step: int) -> float:
        """The share of the final budget, which is that of the settings."""
        return min(1.0, self.eps(step) / self.config.eps) if self.config.eps else 1.0

    def probe_alpha(self, eps: float) -> float:
        """The PGD step size of a probe at budget eps."""
        config = self.config
        return config.probe_alpha * (eps / config.eps) if config.eps else config.probe_alpha


@dataclass
class Loop:
    """A training loop: what probes and signals need to know of it."""

    config: RunConfig
    device: torch.device
    images: ImageSet
    model: Adapted
    schedule: Moments
