"""Bands around the free training signals: at which step one of them leaves its own recent level.

Each signal is followed by two exponential averages. The fast one (10 steps) removes the noise of
single batches; the slow one (200 steps) is the level, and beside it the mean absolute deviation of
single steps from the fast average: noise without trend. A signal is out when fast - level passes
max(3 deviations, floor) in the direction that CO pushes it, and calm again below half of that
(hysteresis). What the level learns from one step is clipped to the band, so a wild batch moves it
little, CO (some dozens to some hundreds of steps) leaves it behind, and yet a shift that stays,
such as a new learning rate, is absorbed in a few hundred steps instead of raising suspicion for
ever.

The floors are the size of change worth a multi-step probe:

  abnormal   up 0.05: near 0 before CO, 0.1-0.3 within dozens of steps at CO.
  pertalign  down 0.20: from 0.6-0.9 to near 0 at CO; an eps schedule lowers it, too, by 0.05-0.18
             in the 200 steps that the level remembers.
  acc_adv    up 0.10 while loss_adv falls by 15 % and loss_clean does not: the network has begun to
             recognise its own attack. When it simply learns (the first epochs, a smaller learning
             rate) both losses fall.

A signal that is wrong costs one probe, so the floors are low; only a probe can raise an onset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from selffit.detect.types import SignalBlock

FAST_STEPS = 10
SLOW_STEPS = 200
WARM_UP_STEPS = 100  # the first steps of a training are wild, and the level is not known yet
DEVIATIONS = 3.0  # of single steps: about ten of the fast average's own
CALM = 0.5  # of the band's width
MIN_WIDTH = 1e-9  # of a signal that stands still at 0


class Band:
    """One signal's level and band; `excess` is 1 at the edge of the band on the watched side."""

    __slots__ = (
        "count",
        "deviation",
        "direction",
        "excess",
        "fast",
        "floor",
        "level",
        "relative_floor",
    )

    def __init__(self, direction: int, floor: float, relative_floor: float = 0.0) -> None:
        self.direction = direction
        self.floor = floor
        self.relative_floor = relative_floor
        self.count = 0
        self.fast = 0.0
        self.level = 0.0
        self.deviation = 0.0
        self.excess = 0.0

    def update(self, value: float) -> None:
        """Follow one step; a non-finite value is skipped.

        Runs every training step, so it is kept flat.
        """
        if not math.isfinite(value):
            return
        self.count = count = self.count + 1
        if count == 1:
            self.fast = self.level = value
            return
        off, noise = value - self.level, abs(value - self.fast)
        width = 0.0
        if count > WARM_UP_STEPS:
            width = self.width
            if off > width:
                off = width
            elif off < -width:
                off = -width
            noise = min(noise, width)
        self.level += off / min(count, SLOW_STEPS)
        self.deviation += (noise - self.deviation) / min(count, SLOW_STEPS)
        self.fast += (value - self.fast) / min(count, FAST_STEPS)
        if width:
            self.excess = self.direction * (self.fast - self.level) / width

    @property
    def width(self) -> float:
        """How far from its level a signal may be."""
        return max(
            DEVIATIONS * self.deviation,
            self.floor + self.relative_floor * abs(self.level),
            MIN_WIDTH,
        )

    @property
    def edge(self) -> float:
        """The value beyond which the fast average is out; NaN while the level is not known yet."""
        if self.count <= WARM_UP_STEPS:
            return math.nan
        return self.level + self.direction * self.width

    def state(self) -> list[float]:
        """The numbers of the band, for a checkpoint."""
        return [self.count, self.fast, self.level, self.deviation, self.excess]

    def restore(self, state: Sequence[float]) -> None:
        """Go on where `state()` was taken."""
        self.count = int(state[0])
        self.fast, self.level, self.deviation, self.excess = state[1:]


class SignalBands:
    """The watched signals together; `update` takes one step of a block."""

    def __init__(self) -> None:
        self.bands = {
            "abnormal": Band(+1, 0.05),
            "pertalign": Band(-1, 0.20),
            "acc_adv": Band(+1, 0.10),
            "loss_adv": Band(-1, 0.0, relative_floor=0.15),
            "loss_clean": Band(-1, 0.0, relative_floor=0.15),
        }

    def update(self, block: SignalBlock, i: int) -> None:
        """Follow step `i` of the block (0-based)."""
        bands = self.bands
        for name, values in (
            ("abnormal", block.abnormal),
            ("pertalign", block.pertalign),
            ("acc_adv", block.acc_adv),
            ("loss_adv", block.loss_adv),
            ("loss_clean", block.loss_clean),
        ):
            if i < len(values):
                bands[name].update(values[i])

    def out(self, edge: float = 1.0) -> list[str]:
        """Names of the signals beyond their band; acc_adv counts together with the losses only."""
        bands = self.bands
        names = [name for name in ("abnormal", "pertalign") if bands[name].excess >= edge]
        learning = bands["loss_clean"].excess > CALM
        if not learning and bands["acc_adv"].excess >= edge and bands["loss_adv"].excess >= edge:
            names.append("acc_adv")
        return names

    def calm(self) -> bool:
        """Whether every signal that was out has come back to its level."""
        return not self.out(CALM)

    def now(self) -> dict[str, float]:
        """Fast averages of the signals seen so far."""
        return {name: band.fast for name, band in self.bands.items() if band.count}

    def usual(self) -> dict[str, float]:
        """Their levels: what was usual over the last few hundred steps."""
        return {f"{name}_usual": band.level for name, band in self.bands.items() if band.count}

    def state(self) -> dict[str, list[float]]:
        """The numbers of every band, for a checkpoint."""
        return {name: band.state() for name, band in self.bands.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state()` was taken."""
        for name, band in self.bands.items():
            band.restore(state[name])
