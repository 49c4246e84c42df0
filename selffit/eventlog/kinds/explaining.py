"""Kinds of measurements that explain: what a network reads, which channels do it, and pictures.

Accuracies and shares are in [0, 1], budgets in pixels of [0, 1], `sec` in seconds.
"""

import math
from base64 import b64encode
from collections.abc import Mapping
from math import nan
from typing import Any, ClassVar

import msgspec

from selffit.eventlog.fields import (
    Amount,
    Floats,
    Part,
    Pixels,
    Share,
    Signed,
    UnmeasuredAmount,
    UnmeasuredShare,
    encoded,
    floats,
)
from selffit.eventlog.kinds.base import Event, Kind, measurement

MAX_SIDE = 256  # pixels of an image on show
NO_CURVE = (floats(()), floats(()))


class LayerChannels(Part, frozen=True, kw_only=True):
    """Channel dominance of one layer: our definition, see `selffit.probes.channels`.

    dominance, si, di, rand, car: a value a channel (empty where an older log has none).
    gini, top10, pr: how concentrated the answer to the perturbation is. rho: Spearman correlation
    of dominance between the two halves of the images. agree: share of the 10 % most dominant
    channels that both halves name. Dead channels count in neither (in older logs they do).
    """

    name: str = ""
    dominance: Floats = NO_CURVE[0]
    si: Floats = NO_CURVE[0]
    di: Floats = NO_CURVE[0]
    rand: Floats = NO_CURVE[0]
    car: Floats = NO_CURVE[0]
    gini: Share = nan
    top10: Share = nan
    pr: Amount = nan
    rho: float = nan
    agree: Share = nan


class ChannelProbe(Event, frozen=True, kw_only=True):
    """Which channels answer to the network's own perturbation.

    n: images.
    layers: name; dominance, si, di, rand, car of each channel; gini, top10, pr, rho, agree. In
        training all at the final budget.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.channels", listed=False, enough=1)
    n: int
    layers: tuple[LayerChannels, ...]
    precision: str = ""
    sec: Amount = nan

    def layer(self, name: str) -> LayerChannels | None:
        """Return the layer of that name, None where there is none."""
        return next((layer for layer in self.layers if layer.name == name), None)


class Reference(Part, frozen=True, kw_only=True):
    """Where a network to compare with comes from."""

    step: int = 0
    branch: str = ""


class Dose(Part, frozen=True, kw_only=True):
    """Accuracy `acc` on x + k·delta."""

    k: Floats = NO_CURVE[0]
    acc: Floats = NO_CURVE[0]


class Mix(Part, frozen=True, kw_only=True):
    """Accuracy `acc` when random signs replace a `share` of the perturbation's entries."""

    share: Floats = NO_CURVE[0]
    acc: Floats = NO_CURVE[0]


class SelfProbe(Event, frozen=True, kw_only=True):
    """Self-information: our operational definitions, see `selffit.probes.selfinfo`.

    n: images.
    full: whether it is the complete set; otherwise the light one.
    eps: budget.
    attack: such as "fgsm", "pgd-3" or "pgd-3 corners".
    values: a number a measure.
    dose: k and acc: accuracy on x + k·delta; null in a light set.
    mix: share and acc: accuracy when random signs replace a share; null in a light set.
    why: as of a robust probe.
    reference: step and branch of the healthy network to compare with, or null.
    index: the self-fitting index.
    components: effects of the signs that the index is made of, see `selffit.detect.signs`.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.self", listed=False)
    n: int
    full: bool = False
    eps: Pixels = nan
    attack: str = ""
    values: Mapping[str, float] = {}
    dose: Dose | None = None
    mix: Mix | None = None
    why: str = ""
    reference: Reference | None = None
    index: float = nan
    components: Mapping[str, float] = {}
    precision: str = ""
    sec: Amount = nan

    @property
    def reference_step(self) -> int | None:
        """The step of the network to compare with, None where there was none."""
        return self.reference.step if self.reference is not None else None

    @property
    def doses(self) -> tuple[Floats, Floats]:
        """The dose curve as (k, accuracy), both empty in a light set."""
        return _curve(self.dose.k, self.dose.acc) if self.dose is not None else NO_CURVE

    @property
    def mixes(self) -> tuple[Floats, Floats]:
        """The mix curve as (share, accuracy), both empty in a light set."""
        return _curve(self.mix.share, self.mix.acc) if self.mix is not None else NO_CURVE


def _curve(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    n = min(len(x), len(y))
    return Floats(x[:n]), Floats(y[:n])


class Effects(Part, frozen=True, kw_only=True):
    """Accuracies of a network in which some channels are set to zero; NaN: not measured."""

    clean: UnmeasuredShare = nan
    fgsm: UnmeasuredShare = nan
    pgd: UnmeasuredShare = nan
    carrier: UnmeasuredShare = nan
    swap: UnmeasuredShare = nan

    def data(self) -> dict[str, Any]:
        """Return its data as JSON has them: first what was zeroed, then what is left."""
        data = encoded(self)
        effects = {name: data.pop(name) for name in Effects.__struct_fields__}
        return {**data, **effects}

    def value(self, name: str) -> float:
        """Return what is left of a measure by its name, NaN where that was not measured."""
        return float(getattr(self, name)) if name in Effects.__struct_fields__ else nan


class Ablation(Effects, frozen=True, kw_only=True):
    """A group of channels of one stage set to zero.

    The `share` with the highest dominance (self), the lowest (data), random ones, or those with the
    largest activation (norm); `channels`: how many. Random groups are `draws` drawn ones, or all
    there are of that size where those are no more: clean and fgsm are means over them, clean_sd and
    fgsm_sd the spread of one of them; the rest is of a single one, the first. `quantile` of any
    other group: share of the random ones that leave no more FGSM accuracy than it.
    """

    stage: str = ""
    group: str = ""
    share: Share = nan
    channels: int = 0
    draws: int = 1
    clean_sd: UnmeasuredAmount = nan
    fgsm_sd: UnmeasuredAmount = nan
    quantile: UnmeasuredShare = nan


class SingleAblation(Effects, frozen=True, kw_only=True):
    """One channel of a layer set to zero."""

    layer: str = ""
    channel: int = 0
    dominance: float = nan


class CausalProbe(Event, frozen=True, kw_only=True):
    """The causal check of the channel ranking: what zeroing channels does.

    n: images that are reported on.
    n_rank: other images, on which the channels were ranked.
    eps: budget.
    pgd_steps: steps of PGD.
    attack: that of the training.
    base: clean, fgsm, pgd, carrier, swap of the whole network.
    rows: stage, group, share, channels (how many), and what is left of each accuracy. Random groups
        are `draws` drawn ones, or all there are of that size: clean and fgsm are means, clean_sd
        and fgsm_sd the spread of one, the rest is of a single one, the first. quantile, of the
        others: share of the random groups that leave no more FGSM accuracy.
    single: layer, channel, dominance, and what is left.
    budget: seconds that it was given, or null for as many as it needs.
    left: groups of channels that there was no time for.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.causal", listed=True)
    n: int
    n_rank: int = 0
    eps: Pixels = nan
    pgd_steps: int = 0
    attack: str = ""
    base: Effects = Effects()
    rows: tuple[Ablation, ...] = ()
    single: tuple[SingleAblation, ...] = ()
    budget: UnmeasuredAmount = nan
    left: int = 0
    precision: str = ""
    sec: Amount = nan

    def channel(self, layer: str, channel: int) -> SingleAblation | None:
        """Return what zeroing one channel alone did, None where that was not tried."""
        return next((s for s in self.single if s.layer == layer and s.channel == channel), None)


Guess = tuple[Signed, Share]  # the predicted class and its probability


class StripImage(Part, frozen=True, kw_only=True):
    """One held-out image with the network's own perturbation.

    y: its class. x: H·W·C bytes, 255 = 1.0. delta: as many int8, 127 = eps. clean, own, carrier:
    the predicted class and its probability on x, x + delta and grey + delta.
    """

    y: int = 0
    x: bytes = b""
    delta: bytes = b""
    clean: Guess = (-1, nan)
    own: Guess = (-1, nan)
    carrier: Guess = (-1, nan)


class ImageStrip(Event, frozen=True, kw_only=True):
    """Some images, their perturbations, and what the network takes each for.

    shape: [C, H, W].
    eps: budget.
    attack: that of the training.
    classes: names of the classes, or none.
    rows: y; x and delta as H base64 strings of a row [W, C] (x uint8, 255 = 1.0; delta int8,
      127 = eps); clean, own, carrier: [class, probability].
    sec: that it took.
    """

    KIND: ClassVar[Kind] = measurement("probe.images", listed=False, enough=1)
    shape: tuple[int, int, int] = (0, 0, 0)
    eps: Pixels = nan
    attack: str = ""
    classes: tuple[str, ...] = ()
    images: tuple[StripImage, ...] = msgspec.field(name="rows", default=())
    sec: Amount = nan

    def __post_init__(self) -> None:
        """Leave out images that do not fit the shape."""
        shape = self.shape if all(0 < side <= MAX_SIDE for side in self.shape) else (0, 0, 0)
        size = math.prod(shape)
        fit = tuple(i for i in self.images if size and len(i.x) == len(i.delta) == size)
        msgspec.structs.force_setattr(self, "shape", shape)
        msgspec.structs.force_setattr(self, "images", fit)

    def data(self) -> dict[str, Any]:
        """Return its data; pixels as one base64 string a row of the image."""
        rows = []
        for image in self.images:
            row: dict[str, Any] = {"y": image.y}
            for name in ("x", "delta"):
                row[name] = self._pixel_rows(getattr(image, name))
            for name in ("clean", "own", "carrier"):
                row[name] = list(getattr(image, name))
            rows.append(row)
        return {**super().data(), "rows": rows}

    def _pixel_rows(self, pixels: bytes) -> list[str]:
        width = self.shape[0] * self.shape[2]
        rows = range(0, len(pixels), width) if width else ()
        return [b64encode(pixels[start : start + width]).decode("ascii") for start in rows]
