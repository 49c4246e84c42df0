"""What the reducer keeps of each kind of event: typed, unit-bearing, safe to draw.

Accuracies are in [0, 1], times in seconds (wall clock for `t`), budgets in pixel units of [0, 1].
A number that was missing or not a number in the log is NaN here.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SIGNALS = ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta", "lr", "eps", "alpha")


@dataclass(frozen=True, slots=True)
class StepBlock:
    """A block of consecutive training steps; `cols` maps a signal of `SIGNALS` to its n values."""

    branch: str
    step: int
    n: int
    t: float
    epoch: float
    img_s: float
    cols: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Probe:
    """Robust accuracy on n held-out images; `final_*` at the final budget while eps is still rising, else NaN."""

    branch: str
    step: int
    t: float
    epoch: float
    n: int
    why: str
    eps: float
    clean: float
    fgsm: float
    pgd: float
    pgd_steps: int
    final_eps: float
    final_fgsm: float
    final_pgd: float


@dataclass(frozen=True, slots=True)
class LayerChannels:
    """Channel dominance of one layer: our operational definition, see `selffit.probes.channels`."""

    name: str
    dominance: "array[float]"
    si: "array[float]"
    di: "array[float]"
    rand: "array[float]"
    gini: float
    top10: float
    pr: float


@dataclass(frozen=True, slots=True)
class ChannelProbe:
    """All layers at one step."""

    branch: str
    step: int
    n: int
    layers: tuple[LayerChannels, ...]

    def layer(self, name: str) -> LayerChannels | None:
        """The layer of that name, None where the log has none."""
        return next((layer for layer in self.layers if layer.name == name), None)


@dataclass(frozen=True, slots=True)
class Alert:
    """What the detector said."""

    branch: str
    step: int
    t: float
    level: str
    text: str
    onset_step: int | None
    onset_low: int | None
    confidence: float
    n: int
    evidence: Mapping[str, float]
    healthy_step: int | None
    healthy_pgd: float
    advice: str


@dataclass(frozen=True, slots=True)
class Host:
    """One sample of the machine; NaN where there is no such device. Memory in bytes, shares in [0, 1]."""

    t: float
    cpu: float
    rss: float
    gpu: float
    gpu_mem: float
    gpu_total: float
    gpu_temp: float
    disk_free: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, as the trainer (`end`) or the supervisor (`sup.exit`) recorded it."""

    how: str
    t: float
    text: str
    stderr: tuple[str, ...] = ()
    again: bool = False  # the supervisor starts another attempt


@dataclass(frozen=True, slots=True)
class Notable:
    """An event worth a line in the event list (everything but metrics and heartbeats)."""

    t: float
    step: int
    kind: str
    data: Mapping[str, Any]
