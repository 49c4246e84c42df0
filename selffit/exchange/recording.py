"""A run as it was read from somebody's log: what was measured, where, and what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

from selffit.detect.answer import Answer
from selffit.detect.divergence import Diverged
from selffit.detect.types import ProbePoint


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was measured at one place.

    step: in the log. epoch: epochs, NaN where the source has none. line: in the source, 0 where it
    has none. point: a probe, None where none was made here, with so many steps of PGD, 0 where that
    is not known. signals: of training, by name.
    """

    step: int
    line: int
    branch: str = "main"
    epoch: float = nan
    point: ProbePoint | None = None
    pgd_steps: int = 0
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A run before it is written.

    name: of the run. unit: what counts time in the source, "epoch" or "step". per_epoch: steps of
    the log that an epoch has, 0 where that is not known. first: 0 where the source counts from 0,
    so that what is said of a step was done after it. branches: (parent, base step) by name.
    columns: names in the source by measure. settings: by the names of the log. answer: of the
    detector; None where there is nothing to judge. diverged: how it ended, in steps of the log.
    """

    name: str
    source: str
    format: str
    unit: str
    per_epoch: int
    first: int
    samples: tuple[Sample, ...]
    branches: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    answer: Answer | None = None
    diverged: Diverged | None = None

    @property
    def probes(self) -> int:
        """How many probes there are."""
        return sum(sample.point is not None for sample in self.samples)

    @property
    def signals(self) -> int:
        """At how many places signals of training were read."""
        return sum(bool(sample.signals) for sample in self.samples)

    def ending(self, step: int) -> int:
        """The steps done after what is said of a step of training."""
        return step + 1 if self.first == 0 else step
