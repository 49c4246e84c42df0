"""What a training shows of itself to be measured: a run of ours (`Setup`), or anybody's loop."""

from collections.abc import Mapping
from typing import Protocol

import torch

from selffit.config import RunConfig
from selffit.data.imageset import ImageSet
from selffit.models.base import Network


class Timeline(Protocol):
    """What holds at each step, counted from 0; eps and alpha are in pixels of [0,1]."""

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""

    def epoch(self, step: int) -> float:
        """Epochs done after so many steps; NaN where that is not known."""

    def ramp(self, step: int) -> float:
        """The share of the final budget that a step uses."""

    def eps(self, step: int) -> float:
        """The budget of a step."""

    def probe_alpha(self, eps: float) -> float:
        """The PGD step size of a probe at budget eps."""

    def columns(self, first: int, n: int) -> Mapping[str, list[float]]:
        """What was set for the n steps from `first` on, by the names of the log's signals."""


class Watched(Protocol):
    """A training: its settings as they are now, its network, and the images to look with.

    Of the settings those about the attack, the probes and `block_steps` are asked for, of the
    images the classes, shape, held-out ones, and the training images for their mean.
    """

    @property
    def config(self) -> RunConfig:
        """The settings in effect."""

    @property
    def device(self) -> torch.device:
        """Where network and images are."""

    @property
    def images(self) -> ImageSet:
        """The images."""

    @property
    def model(self) -> Network:
        """The network as it is now."""

    @property
    def schedule(self) -> Timeline:
        """What holds when."""
