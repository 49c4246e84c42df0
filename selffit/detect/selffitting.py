"""Self-fitting or gradient masking: the signs of self-fitting as an index, a verdict and a lead.

Two diseases have the same PGD curve. In self-fitting the network has learnt to read its own
single-step perturbation; in gradient masking PGD accuracy falls as well, but the perturbation means
nothing to it. Everything here is our operational definition; `selffit.detect.signs` has the signs
that it rests on, with their controls.

No single sign is the index. On the small nets label swap stays near chance while carriers and
conflict are plain; on CIFAR-10 at full width it is the other way round with the self gap, the dip
of the dose curve and the channels; carriers and conflict differ by a factor of three and more
between seeds of one recipe; the abnormal share also rises in networks that show nothing else. So
the verdict asks for two independent witnesses and says which, and the index is the mean of the two
strongest families of signs.

How far a threshold can be moved, the others at their values, before one of the measured networks in
tests/detect/test_selffitting.py gets another word stands there, as a test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from selffit.detect import signs, wording
from selffit.detect.signs import DEFAULT, FAMILIES, Sign, Thresholds
from selffit.detect.stretches import Stretches
from selffit.eventlog import kinds

Disease = Literal["self-fitting", "gradient masking", "undecided"]

INDEX_CLEAR = 0.20  # an index from here on is clear, when it is no sampling noise
WITNESSES = 2  # independent families of signs that a verdict needs
PATIENCE = 3  # probes in a row after an onset without any sign, until it is called gradient masking
INDEX = "index"  # among the names of what a tracker follows
MASKING_NEEDS = ("gap", "abnormal")  # signs whose absence gradient masking rests on


def index(effects: Mapping[str, float]) -> float:
    """Our operational definition of a self-fitting index, in [0,1].

    effects: of the signs that were measured, by name. The strongest sign of each family stands for
    it, and the index is the mean of the two strongest families, as many as a verdict asks for; of
    one where only one was measured. NaN without any.
    """
    families: dict[str, float] = {}
    for name, effect in effects.items():
        family = FAMILIES[name]
        families[family] = max(effect, families.get(family, 0.0))
    strongest = sorted(families.values(), reverse=True)[:WITNESSES]
    return sum(strongest) / len(strongest) if strongest else math.nan


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The disease, and one sentence with the numbers.

    signs: all that were measured; clear: the names of those that are there. index_clear: at least
    INDEX_CLEAR, and not by sampling noise.
    """

    disease: Disease
    text: str
    signs: Mapping[str, Sign]
    clear: tuple[str, ...]
    index: float
    index_clear: bool

    @property
    def evidence(self) -> dict[str, float]:
        """Effect, z score, control, images and standard error of every sign, by name."""
        told: dict[str, float] = {}
        for name, sign in self.signs.items():
            told |= {
                name: sign.effect,
                f"{name}_z": sign.z,
                f"{name}_control": sign.control,
                f"{name}_n": float(sign.n),
                f"{name}_sd": sign.sd,
            }
        return {name: round(value, 5) for name, value in told.items() if math.isfinite(value)}


def verdict(
    values: Mapping[str, float],
    chance: float,
    n: int,
    *,
    dose: kinds.Dose | None = None,
    channels: Sign | None = None,
    thresholds: Thresholds = DEFAULT,
) -> Verdict:
    """Our operational definition of the disease of a network whose PGD accuracy has fallen.

    A sign is clear when its effect reaches its threshold and lies `z_clear` standard errors above
    its control. It is absent when the effect is less than half of that threshold and the images are
    enough to rule the threshold out. Clear signs of two independent witnesses are self-fitting
    (`selffit.detect.signs.witnesses`). Gradient masking is evidence of absence: all signs absent,
    the self gap and the abnormal share among them, and that of the channels not clear. Anything
    else is undecided.

    values, chance, n and dose of a `probe.self` record; channels: of a causal check of the same
    collapse (`selffit.detect.signs.of_channels`).
    """
    found = signs.measure(values, chance, n, dose=dose, channels=channels, thresholds=thresholds)
    clear = signs.clear(found, thresholds)
    absent = signs.absent(found, thresholds)
    seen = signs.witnesses(clear, found, thresholds)
    disease: Disease = "undecided"
    if seen >= WITNESSES:
        disease = "self-fitting"
    elif set(absent) == set(found) - {"channels"} >= set(MASKING_NEEDS) and not clear:
        disease = "gradient masking"
    height = index({name: sign.effect for name, sign in found.items()})
    return Verdict(
        disease=disease,
        text=wording.disease(disease, found, clear, values, chance),
        signs=found,
        clear=tuple(clear),
        index=height,
        index_clear=height >= INDEX_CLEAR
        and any(sign.z >= thresholds.z_clear for sign in found.values()),
    )


def of_probe(probe: kinds.SelfProbe, chance: float, channels: Sign | None = None) -> Verdict:
    """The verdict on the network of a self-information probe."""
    return verdict(probe.values, chance, probe.n, dose=probe.dose, channels=channels)


def too_early(verdict: Verdict) -> Verdict:
    """Gradient masking as "undecided": the first probes after an onset cannot know.

    Self-fitting often follows the fall: on `patterns` the index becomes clear up to some epochs
    after it. Our operational definition: masking is named after `PATIENCE` probes in a row without
    a sign of self-fitting.
    """
    return replace(verdict, disease="undecided", text=wording.too_early(verdict.text))


class Tracker:
    """Since when the index and each sign have been clear.

    It is fed with the verdict of every self-information probe, in order of steps.
    """

    def __init__(self) -> None:
        self._of: dict[str, Stretches] = {}

    def add(self, step: int, verdict: Verdict) -> None:
        """Take the verdict of the probe at `step`.

        A second one of a step, one without an index, and a sign that was not measured change
        nothing.
        """
        if math.isnan(verdict.index):
            return
        for name in (INDEX, *verdict.signs):
            clear = verdict.index_clear if name == INDEX else name in verdict.clear
            self._of.setdefault(name, Stretches()).add(step, clear)

    @property
    def _index(self) -> Stretches:
        return self._of.get(INDEX, Stretches())

    @property
    def index_step(self) -> int | None:
        """First probe of the present stretch: since then the index has been clear.

        None while it is not.
        """
        return self._index.since

    def index_step_for(self, onset_step: int | None) -> int | None:
        """Where the stretch began that tells about an onset, None when there is none."""
        return self._index.since_for(onset_step)

    def lead(self, onset_step: int | None) -> int | None:
        """How many steps before the onset the index became clear; negative: after it.

        None when it never did.
        """
        return self._index.lead(onset_step)

    def leads(self, onset_step: int | None) -> dict[str, int]:
        """The same for every sign that became clear, by name."""
        found = {
            name: series.lead(onset_step) for name, series in self._of.items() if name in FAMILIES
        }
        return {name: lead for name in FAMILIES if (lead := found.get(name)) is not None}

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
            signs=says.clear,
            evidence=says.evidence,
            onset_step=onset_step,
            index_step=self.index_step_for(onset_step),
            lead=self.lead(onset_step),
            leads=self.leads(onset_step),
        )

    def state(self) -> dict[str, Any]:
        """Everything that later answers depend on, as plain JSON values."""
        return {name: series.state() for name, series in self._of.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; an empty state is the beginning.

        Checkpoints of older versions know of the index alone.
        """
        series = {INDEX: state} if "clear" in state else state
        self._of = {name: Stretches.restored(one) for name, one in series.items()}
