"""Self-fitting or gradient masking: the self-information probes as an index, a verdict and a lead.

Two diseases have the same PGD curve. In self-fitting the network has learnt to read its own
single-step perturbation; in gradient masking PGD accuracy falls as well, but the perturbation means
nothing to it. Everything here is our operational definition. The values are those of a `probe.self`
record, shares in [0,1]:

  carrier    carrier_grey: perturbations on plain grey that are read as their own label, above
             guessing.
  conflict   conflict_self / (conflict_self + conflict_data): a perturbation made for another
             image, put on this one, against what the image shows.
  abnormal   images whose loss the attack lowers.
  swap       images that become the label y' which the attack was told to leave, above guessing.

No single one is the index. On the small nets label swap stays near chance while carriers and
conflict are plain; on CIFAR-10 label swap is high at eps 16/255 and weak at 8/255; carriers and
conflict differ by a factor of three and more between seeds of one recipe; the abnormal share also
rises in networks that show nothing else. So the index is their mean, it stands beside its
components wherever it is shown, and the verdict asks for two of them.

How far a threshold can be moved, the others at their values, before one of thirteen measured
networks gets another word: nine that fit themselves, one with masked gradients, and three that must
not be called self-fitting (two healthy ones trained with n-fgsm, one with rs-fgsm that has nothing
but an abnormal share); n = 512, label swap 0.12:

  carrier    0.10   0.05 … 0.16        conflict   0.15   0.01 … 1
  abnormal   0.25   0.01 … 0.74        swap       0.15   0.06 … 1
  absent     0.5    0.15 … 1           usual      0.10   0 … 0.67
  z_clear    3      0 … 11             z_absent   2      0 … 5
  INDEX_CLEAR  0.20   0.15 … 0.25
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from selffit.detect import wording
from selffit.detect.statistics import chance_z, fall_z
from selffit.eventlog import kinds

Disease = Literal["self-fitting", "gradient masking", "undecided"]

INDEX_CLEAR = 0.20  # an index from here on is clear, when it is no sampling noise
WITNESSES = 2  # components that a verdict needs
PATIENCE = 3  # probes in a row after an onset without any sign, until it is called gradient masking
# clear probes that make a stretch more than an outlier, and unclear ones in a row that end it
LASTING = 2


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every number of the verdict.

    The first four are effects, in [0,1], from which a component is clear.
    """

    carrier: float = 0.10
    conflict: float = 0.15
    abnormal: float = 0.25
    swap: float = 0.15
    absent: float = 0.5  # of these: up to here an effect may be absent
    z_clear: float = 3.0  # standard errors above what a network without self-fitting shows
    z_absent: float = 2.0  # standard errors below the effect that would be clear
    usual: float = 0.10  # abnormal share that healthy networks reach, too


DEFAULT = Thresholds()


def components(values: Mapping[str, float], chance: float) -> dict[str, float]:
    """Our operational definition of the index's components, each in [0,1]; only what was measured.

    values: shares of a `probe.self` record, a missing or non-finite one was not measured. chance: 1
    / classes.
    """
    found: dict[str, float] = {}
    if _measured(values, "carrier_grey"):
        found["carrier"] = _above(values["carrier_grey"], chance)
    if _measured(values, "conflict_self", "conflict_data"):
        both = values["conflict_self"] + values["conflict_data"]
        found["conflict"] = values["conflict_self"] / both if both > 0 else 0.0
    if _measured(values, "abnormal"):
        found["abnormal"] = values["abnormal"]
    if _measured(values, "swap"):
        found["swap"] = _above(values["swap"], chance)
    return found


def index(components: Mapping[str, float]) -> float:
    """Our operational definition of a self-fitting index: the mean of the measured components.

    NaN without any.
    """
    return sum(components.values()) / len(components) if components else math.nan


class Finding(NamedTuple):
    """One component: its effect in [0,1] and two z scores.

    The scores are those of the effect above what is usual, and above the effect that is clear.
    """

    effect: float
    z: float
    z_to_clear: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The disease, and one sentence with the numbers. evidence: effects and z scores by name."""

    disease: Disease
    text: str
    evidence: Mapping[str, float]
    index: float
    index_clear: bool  # at least INDEX_CLEAR, and not by sampling noise


def verdict(
    values: Mapping[str, float], chance: float, n: int, thresholds: Thresholds = DEFAULT
) -> Verdict:
    """Our operational definition of the disease of a network whose PGD accuracy has fallen.

    A component is clear when its effect reaches the threshold and lies `z_clear` standard errors
    above what a network without self-fitting shows. It is absent when the effect is less than half
    of that threshold and n images are enough to rule the threshold out. Two clear ones are
    self-fitting; all absent (and two measured at least) are gradient masking; anything else, and a
    network with one sign only, is undecided. The carrier has to beat the perturbations of the
    reference network (control_grey), too, where there is one.

    values and chance as for `components`; n: images that were measured.
    """
    t = thresholds
    found = _findings(values, chance, n, t)
    level = {"carrier": t.carrier, "conflict": t.conflict, "abnormal": t.abnormal, "swap": t.swap}
    clear = [name for name, f in found.items() if f.effect >= level[name] and f.z >= t.z_clear]
    absent = [
        name
        for name, f in found.items()
        if f.effect <= t.absent * level[name] and f.z_to_clear <= -t.z_absent
    ]
    disease: Disease = "undecided"
    if len(clear) >= WITNESSES:
        disease = "self-fitting"
    elif len(absent) == len(found) >= WITNESSES:
        disease = "gradient masking"
    height = index(components(values, chance))
    evidence = {name: f.effect for name, f in found.items()} | {
        f"{name}_z": f.z for name, f in found.items()
    }
    return Verdict(
        disease=disease,
        text=wording.disease(disease, values, list(found), len(clear), chance, n),
        evidence=evidence,
        index=height,
        index_clear=height >= INDEX_CLEAR and any(f.z >= t.z_clear for f in found.values()),
    )


def too_early(verdict: Verdict) -> Verdict:
    """Gradient masking as "undecided": the first probes after an onset cannot know.

    Self-fitting often follows the fall: on `patterns` the index becomes clear up to some epochs
    after it. Our operational definition: masking is named after `PATIENCE` probes in a row without
    a sign of self-fitting.
    """
    return replace(verdict, disease="undecided", text=wording.too_early(verdict.text))


def _findings(
    values: Mapping[str, float], chance: float, n: int, t: Thresholds
) -> dict[str, Finding]:
    """What n images say about every component that was measured."""
    found: dict[str, Finding] = {}
    effects = components(values, chance) if n > 0 else {}
    if "carrier" in effects:
        share, control = values["carrier_grey"], values.get("control_grey", math.nan)
        beaten = control > chance  # False for NaN
        usual = control if beaten else chance
        z = fall_z(share, n, control, n) if beaten else chance_z(share, chance, n)
        to_clear = chance_z(share, usual + t.carrier * (1.0 - usual), n)
        found["carrier"] = Finding(_above(share, usual), z, to_clear)
    if "conflict" in effects:
        mine, data = values["conflict_self"], values["conflict_data"]
        # A wrong answer that ignores the perturbation names its label no more often than any other
        # wrong label.
        usual = (1.0 - data) * chance / (1.0 - chance)
        z = chance_z(mine, usual, n) if 0.0 < usual < 1.0 else 0.0
        told = round((mine + data) * n)  # images that followed either of the two
        to_clear = chance_z(effects["conflict"], t.conflict, told) if told else 0.0
        found["conflict"] = Finding(effects["conflict"], z, to_clear)
    if "abnormal" in effects:
        share = values["abnormal"]
        found["abnormal"] = Finding(
            share, chance_z(share, t.usual, n), chance_z(share, t.abnormal, n)
        )
    if "swap" in effects:
        share = values["swap"]
        to_clear = chance_z(share, chance + t.swap * (1.0 - chance), n)
        found["swap"] = Finding(effects["swap"], chance_z(share, chance, n), to_clear)
    return found


def _measured(values: Mapping[str, float], *names: str) -> bool:
    return all(math.isfinite(values.get(name, math.nan)) for name in names)


def _above(share: float, usual: float) -> float:
    """The part of what lies above `usual` that is reached, in [0,1]."""
    return min(max((share - usual) / (1.0 - usual), 0.0), 1.0) if usual < 1.0 else 0.0


class Tracker:
    """Since when the index has been clear.

    It is fed with the verdict of every self-information probe, in order of steps.

    Our operational definition: a stretch begins with a clear probe. A second clear one makes it
    last; until then the next unclear probe ends it, so that an outlier is forgotten at once. A
    lasting stretch bears one unclear probe and ends with two in a row. Lasting stretches are
    remembered, because a network that fitted itself when the onset came may stop doing so later,
    and yet the index moved first.
    """

    def __init__(self) -> None:
        # first and last clear step of the lasting stretches that are over
        self._ended: list[list[int]] = []
        self._now: list[int] | None = None  # of the present one
        self._clear = 0  # probes of the present stretch
        self._unclear = 0  # in a row, at its end
        self._step: int | None = None  # of the newest probe

    def add(self, step: int, verdict: Verdict) -> None:
        """Take the verdict of the probe at `step`.

        A second one of a step and one without an index change nothing.
        """
        if step == self._step or math.isnan(verdict.index):
            return
        self._step = step
        if verdict.index_clear:
            self._now = [step, step] if self._now is None else [self._now[0], step]
            self._clear += 1
            self._unclear = 0
            return
        self._unclear += 1
        if self._now is None or (self._clear >= LASTING and self._unclear < LASTING):
            return
        if self._clear >= LASTING:
            self._ended.append(self._now)
        self._now = None
        self._clear = 0

    @property
    def index_step(self) -> int | None:
        """First probe of the present stretch: since then the index has been clear.

        None while it is not.
        """
        return None if self._now is None else self._now[0]

    def index_step_for(self, onset_step: int | None) -> int | None:
        """Where the stretch began that tells about an onset, None when there is none.

        It is the stretch in which the onset lies, otherwise the first one after it; for an onset
        whose step is not known, the present stretch.
        """
        if onset_step is None:
            return self.index_step
        for first, last in self._ended:
            if last >= onset_step:
                return first
        return self.index_step

    def lead(self, onset_step: int | None) -> int | None:
        """How many steps before the onset the index became clear; negative: after it.

        None when it never did.
        """
        began = self.index_step_for(onset_step)
        return None if began is None or onset_step is None else onset_step - began

    def diagnosis(
        self, says: Verdict, probe: kinds.SelfProbe, onset_step: int | None
    ) -> kinds.Diagnosis:
        """What the log is told of an onset after a probe: the verdict, and when the index moved."""
        return kinds.Diagnosis(
            at=probe.at,
            disease=says.disease,
            text=says.text,
            index=probe.index,
            components=probe.components,
            evidence=says.evidence,
            onset_step=onset_step,
            index_step=self.index_step_for(onset_step),
            lead=self.lead(onset_step),
        )

    def state(self) -> dict[str, Any]:
        """Everything that later answers depend on, as plain JSON values."""
        return {
            "ended": [list(stretch) for stretch in self._ended],
            "now": self._now,
            "clear": self._clear,
            "unclear": self._unclear,
            "step": self._step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; an empty state is the beginning.

        Older checkpoints have none.
        """
        self._ended = [list(stretch) for stretch in state.get("ended", [])]
        self._now = state.get("now")
        self._clear = state.get("clear", 0)
        self._unclear = state.get("unclear", 0)
        self._step = state.get("step")
