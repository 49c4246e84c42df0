"""What the reducer keeps of each kind of event: typed, unit-bearing, safe to draw.

Accuracies are in [0, 1], times in seconds (wall clock for `t`), budgets in pixel units of [0, 1].
A number that was missing or not a number in the log is NaN here.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StepBlock:
    """A block of consecutive training steps; `cols` maps a signal (`selffit.vocabulary.STEP`) to its n values."""

    branch: str
    step: int
    n: int
    t: float
    epoch: float
    img_s: float
    cols: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Probe:
    """Robust accuracy on n held-out images; `final_*` at the final budget while eps is still
    rising, else NaN.
    """

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
    car: "array[float]"  # the arrays are empty where an older log has none
    rho: float  # Spearman correlation of dominance between the two halves of the probe's images
    agree: float  # share of the 10 % most dominant channels that both halves name


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
class SelfProbe:
    """Self-information: our operational definitions, see `selffit.probes.selfinfo`, where `values`
    are named.

    `full` is the complete set, otherwise the light one. The dose curve is accuracy against the
    multiple of the perturbation, the mix curve against the share of its entries that random signs
    replace; empty in a light set.
    """

    branch: str
    step: int
    t: float
    n: int
    full: bool
    why: str
    eps: float
    attack: str
    reference_step: int | None
    values: Mapping[str, float]
    index: float
    components: Mapping[str, float]
    dose: "tuple[array[float], array[float]]"
    mix: "tuple[array[float], array[float]]"


@dataclass(frozen=True, slots=True)
class StrongProbe:
    """What a strong attack leaves of the PGD accuracy `weak` on the same n images."""

    branch: str
    step: int
    t: float
    n: int
    eps: float
    steps: int
    restarts: int
    pgd: float
    weak: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """A group of channels of one stage set to zero: the `share` with the highest dominance (self),
    the lowest (data), random ones, or those with the largest activation (norm).

    `values` are what is left: clean, fgsm, pgd, carrier, swap.
    """

    stage: str
    group: str
    share: float
    channels: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SingleAblation:
    """One channel set to zero."""

    layer: str
    channel: int
    dominance: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CausalProbe:
    """The causal check of the channel ranking: ranked on n_rank images, reported on n others."""

    branch: str
    step: int
    n: int
    n_rank: int
    eps: float
    base: Mapping[str, float]
    rows: tuple[Ablation, ...]
    single: tuple[SingleAblation, ...]

    def channel(self, layer: str, channel: int) -> SingleAblation | None:
        """What zeroing one channel alone did, None where that was not tried."""
        return next((s for s in self.single if s.layer == layer and s.channel == channel), None)


@dataclass(frozen=True, slots=True)
class StripImage:
    """One held-out image with the network's own perturbation.

    x: H·W·C bytes, 255 = 1.0; delta: as many int8, 127 = eps.
    clean, own, carrier: the predicted class and its probability on x, x + delta and grey + delta.
    """

    y: int
    x: bytes
    delta: bytes
    clean: tuple[int, float]
    own: tuple[int, float]
    carrier: tuple[int, float]


@dataclass(frozen=True, slots=True)
class ImageStrip:
    """Some images of a probe; shape is (C, H, W), `classes` the names of the classes or empty."""

    branch: str
    step: int
    shape: tuple[int, int, int]
    eps: float
    attack: str
    classes: tuple[str, ...]
    images: tuple[StripImage, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which disease it is, and how many steps the self-fitting index moved before the onset
    (`lead`; None: never).
    """

    branch: str
    step: int
    t: float
    disease: str
    text: str
    index: float
    components: Mapping[str, float]
    evidence: Mapping[str, float]
    onset_step: int | None
    index_step: int | None
    lead: int | None


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
    disease: str = ""  # of an onset: self-fitting, gradient masking or undecided


@dataclass(frozen=True, slots=True)
class Host:
    """One sample of the machine; NaN where there is no such device. Memory in bytes, shares in [0,
    1].
    """

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
