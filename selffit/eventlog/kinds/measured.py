"""Kinds of measurements: training steps and probes.

Accuracies and shares are in [0, 1], budgets and step sizes in pixels of [0, 1], `sec` in seconds.
"""

import math
from base64 import b64encode
from collections.abc import Mapping
from math import nan
from typing import Any, ClassVar

import msgspec

from selffit.eventlog.fields import (
    Amount,
    Columns,
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
from selffit.eventlog.kinds.base import Event, Kind

LONGEST_BLOCK = 1 << 20  # steps of a block: a line has fewer bytes than that
MAX_SIDE = 256  # pixels of an image on show
NO_CURVE = (floats(()), floats(()))


DRAWN_SIGNALS = ("abnormal", "pertalign", "loss_adv", "acc_adv")  # of each step
PACE_BLOCKS = 30  # the newest blocks of steps, from which the pace is taken


def _kept(name: str, *, listed: bool, enough: int = 0) -> Kind:
    return Kind(name=name, listed=listed, kept="all", on_branch=True, enough=enough)


class Steps(Event, frozen=True, kw_only=True):
    """A block of training steps; the record's step is the first of them.

    n: number of steps.
    cols: n values of every signal: loss_clean, loss_adv, acc_adv, abnormal, pertalign, delta, lr,
      eps, alpha.
    img_s: images a second.
    sec: that the steps took, probes and pauses apart.
    epoch: epochs done at the end.
    """

    KIND: ClassVar[Kind] = _kept("steps", listed=False, enough=PACE_BLOCKS)
    n: int
    cols: Columns
    img_s: Amount = nan
    sec: Amount = nan
    epoch: Amount = nan

    def __post_init__(self) -> None:
        """Cover no more steps than there are values of."""
        for values in self.cols.values():
            if len(values) >= self.n:
                return
        longest = max(map(len, self.cols.values()), default=LONGEST_BLOCK)
        msgspec.structs.force_setattr(self, "n", min(self.n, longest))

    @property
    def end(self) -> int:
        """The steps done after the block."""
        return self.step + self.n


class AtFinal(Part, frozen=True, kw_only=True):
    """The same probe at the final budget, while eps is still rising."""

    eps: Pixels = nan
    fgsm: Share = nan
    pgd: Share = nan


class RobustProbe(Event, frozen=True, kw_only=True):
    """Robust accuracy on held-out images.

    n: images.
    why: interval, suspicion, start, end, asked or branch.
    epoch: epochs done, or null.
    eps: budget.
    clean: accuracy on the images as they are.
    fgsm: accuracy after one step of attack.
    pgd: accuracy after pgd_steps steps.
    pgd_steps: steps of PGD.
    pgd_alpha: size of its first step.
    pgd_schedule: of its step sizes: constant, or cosine, falling to 0 along a half cosine; older
      logs: constant.
    final: eps, fgsm and pgd at the final budget; null where eps is already that.
    nonfinite: images for which the network's logits were not finite; an accuracy that they would
      have been a part of is NaN.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.robust", listed=True)
    n: int
    why: str = ""
    epoch: UnmeasuredAmount = nan
    eps: Pixels = nan
    clean: Share = nan
    fgsm: Share = nan
    pgd: Share = nan
    pgd_steps: int = 0
    pgd_alpha: Pixels = nan
    pgd_schedule: str = "constant"
    final: AtFinal | None = None
    nonfinite: int = 0
    precision: str = ""
    sec: Amount = nan

    @property
    def final_eps(self) -> float:
        """The final budget while eps is still rising, else NaN."""
        return self.final.eps if self.final is not None else nan

    @property
    def final_fgsm(self) -> float:
        """FGSM accuracy at the final budget while eps is still rising, else NaN."""
        return self.final.fgsm if self.final is not None else nan

    @property
    def final_pgd(self) -> float:
        """PGD accuracy at the final budget while eps is still rising, else NaN."""
        return self.final.pgd if self.final is not None else nan


class AlignProbe(Event, frozen=True, kw_only=True):
    """How straight the loss rises along a single step, see `selffit.probes.align`.

    n: images.
    eps: budget of the step.
    align: mean agreement of the input gradient's signs at both ends of the step, -1 to 1.
    energy: mean rise of the log-sum-exp of the logits along the step.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.align", listed=False)
    n: int
    eps: Pixels = nan
    align: float = nan
    energy: float = nan
    sec: Amount = nan


class AheadProbe(Event, frozen=True, kw_only=True):
    """What stands at a larger budget than the training's, see `selffit.probes.ahead`.

    n: images.
    eps: that budget.
    fgsm: accuracy after a single step.
    pgd: share that is right after it and after a few more steps.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.ahead", listed=False)
    n: int
    eps: Pixels = nan
    fgsm: Share = nan
    pgd: Share = nan
    sec: Amount = nan


class LayerChannels(Part, frozen=True, kw_only=True):
    """Channel dominance of one layer: our definition, see `selffit.probes.channels`.

    dominance, si, di, rand, car: a value a channel (empty where an older log has none).
    gini, top10, pr: how concentrated the answer to the perturbation is. rho: Spearman correlation
    of dominance between the two halves of the images. agree: share of the 10 % most dominant
    channels that both halves name.
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
    layers: name; dominance, si, di, rand, car of each channel; gini, top10, pr, rho, agree.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.channels", listed=False, enough=1)
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

    KIND: ClassVar[Kind] = _kept("probe.self", listed=False)
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


class StrongProbe(Event, frozen=True, kw_only=True):
    """What a strong attack leaves of PGD accuracy.

    n: images.
    eps: budget.
    steps: of the strong attack.
    restarts: of each of its losses.
    targets: wrong classes that it aims at, one after the other; older logs: 0.
    pgd: accuracy that it leaves.
    weak: PGD accuracy of an ordinary probe on the same images.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.strong", listed=True)
    n: int
    eps: Pixels = nan
    steps: int = 0
    restarts: int = 0
    targets: int = 0
    pgd: Share = nan
    weak: Share = nan
    precision: str = ""
    sec: Amount = nan

    @property
    def how(self) -> str:
        """What the attack was, in words."""
        if self.targets:
            return f"{self.steps} steps, two losses and {self.targets} targets"
        return f"{self.steps} steps, {self.restarts} restarts of two losses"


class RefereeProbe(Event, frozen=True, kw_only=True):
    """What AutoAttack's APGD leaves, where somebody asked for it; nothing is decided by it.

    n: images.
    eps: budget.
    steps: of each attack.
    restarts: of each of them.
    targets: wrong classes that APGD-T aims at; 0: there was no APGD-T.
    pgd: accuracy that APGD-CE and APGD-T leave together.
    ce: accuracy that APGD-CE leaves alone.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.referee", listed=True)
    n: int
    eps: Pixels = nan
    steps: int = 0
    restarts: int = 0
    targets: int = 0
    pgd: Share = nan
    ce: Share = nan
    sec: Amount = nan

    @property
    def how(self) -> str:
        """What the attack was, in words."""
        if self.targets:
            return f"APGD-CE and APGD-T, {self.steps} steps, {self.targets} targets"
        return f"APGD-CE, {self.steps} steps"


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
    largest activation (norm); `channels`: how many. Random ones were drawn `draws` times: clean and
    fgsm are means over the draws, clean_sd and fgsm_sd their spread, the rest is of the first draw.
    `quantile` of any other group: share of those draws that leave no more FGSM accuracy than it.
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
    rows: stage, group, share, channels, and what is left of each accuracy.
    single: layer, channel, dominance, and what is left.
    budget: seconds that it was given, or null for as many as it needs.
    left: groups of channels that there was no time for.
    precision: of the network, such as fp32 or tf32.
    sec: that it took.
    """

    KIND: ClassVar[Kind] = _kept("probe.causal", listed=True)
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

    KIND: ClassVar[Kind] = _kept("probe.images", listed=False, enough=1)
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
