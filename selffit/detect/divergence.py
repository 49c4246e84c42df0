"""Divergence: a training that has come apart, judged by losses and probes. Without torch.

Our operational definition, each sign enough alone:

  not finite    the training loss is NaN or infinite for `nonfinite` values in a row, or the network
                answers an image of a probe with logits that are not finite. Weights that are not
                finite never come back by themselves.
  far loss      the training loss stays above `far_factor` · ln K for `far` values in a row, before
                and after the attack. A network that ignores its input and guesses among K classes
                has ln K: whatever is far worse is confidently wrong.
  at chance     for `at_chance` probes in a row no accuracy lies above guessing, 1/K, after the
                clean one clearly had. What fell to guessing answers the clean image no better than
                the attacked one: catastrophic overfitting leaves the clean or the FGSM accuracy.

What is not called so: the steps of a warm-up above ln K and a spike of the loss that passes
(recorded runs stay above 2 ln K for 10 steps in a row at most, 50 are asked for); a network that
never was above guessing, which has not diverged but not learnt; one bad probe.

A row of a table counts as a probe, and its loss, a mean over an epoch, as many steps.

Where nobody says how many classes there are (somebody else's log), ten are assumed, for most tables
are of ten; then a finite loss tells nothing, and accuracies are at chance only where they are alike
besides: the attacked image is answered as the clean one is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from selffit.detect.statistics import chance_z, fall_z
from selffit.detect.types import ProbePoint
from selffit.eventlog.kinds import Alert, Healthy, Place
from selffit.numbers import count, share
from selffit.vocabulary import DIVERGED, RECOVERED

Sign = Literal["not finite", "far loss", "at chance"]


@dataclass(frozen=True, kw_only=True)
class DivergenceThresholds:
    """The numbers of the rule, as it is explained above."""

    nonfinite: int = 3  # values of the loss in a row: after the first the weights seldom are finite
    far_factor: float = 2.0  # of ln K
    far: int = 50  # values of the loss in a row
    at_chance: int = 2  # probes in a row: public runs have single epochs at guessing and go on
    z_above: float = 5.0  # of an accuracy clearly above guessing
    above: float = 0.10  # of what there is above guessing: 0.19 of ten classes
    z_chance: float = 3.0  # of an accuracy that is not above guessing, and of the fall to there
    near: float = 0.02  # of what there is above guessing: with many images z says too much
    over: int = 2  # probes in a row clearly above guessing: it has caught itself


ASSUMED_CLASSES = 10  # with more classes guessing is less than is assumed
ALIKE = 0.02  # accuracies of a network that ignores its input
OF_STEPS = DivergenceThresholds()
OF_ROWS = DivergenceThresholds(nonfinite=1, far=2)  # the mean loss of an epoch is no spike


@dataclass(frozen=True, kw_only=True)
class Diverged:
    """That a training has diverged.

    sign: which of the three. since: the step since when. step: where it was noticed. low: the last
    step that showed nothing of it, None where none did. value: the loss (NaN or infinite where it
    is not finite), or the clean accuracy in [0,1], or the number of images with logits that are not
    finite. bound: what it was held against: 2 ln K, or 1/K. of: what the value is. n: images of the
    deciding probe. evidence: the finite numbers by name.
    """

    sign: Sign
    since: int
    step: int
    low: int | None
    of: Literal["loss", "logits", "accuracy"]
    value: float
    bound: float = math.nan
    n: int = 0
    evidence: Mapping[str, float] = field(default_factory=dict)

    def text(self, unit: str = "step") -> str:
        """That it is so in a sentence; `unit`: what a step is called."""
        since = f"since {unit} {count(self.since)}"
        if self.of == "logits":
            images = f"{count(int(self.value))} of {count(self.n)} images"
            return f"training has diverged: answers not finite for {images} {since}"
        if self.sign == "not finite":
            return f"training has diverged: its loss is {_spelled(self.value)} {since}"
        if self.of == "loss":
            guess = f"{self.bound:.3g}, twice that of guessing"
            return f"training has diverged: its loss is {self.value:.3g} {since}, above {guess}"
        best = share(self.evidence.get("best_clean", math.nan))
        told = f"clean accuracy {share(self.value)} (guessing {share(self.bound)}) {since}"
        return f"training has diverged: {told}, from {best} (n={count(self.n)})"

    def alert(self, unit: str = "step", healthy: Healthy | None = None) -> Alert:
        """That it is so as an alert; `healthy`: the last healthy probe, None without one."""
        known = healthy if healthy is not None and (healthy.step or 0) < self.since else None
        back = (
            "start again"
            if self.low is None
            else f"roll back to {unit} {count(self.low)} or before"
        )
        return Alert(
            at=Place(step=self.step),
            level=DIVERGED.name,
            text=self.text(unit),
            onset_step=self.since,
            onset_low=self.low,
            n=self.n,
            evidence=self.evidence,
            healthy=known,
            advice=f"{back}, with a smaller learning rate or --clip-grad",
        )


def _spelled(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


@dataclass(frozen=True, kw_only=True)
class Caught:
    """That a training that had diverged is clearly above guessing again."""

    step: int
    clean: float
    n: int

    def alert(self) -> Alert:
        """That it is so as an alert."""
        return Alert(
            at=Place(step=self.step),
            level=RECOVERED.name,
            text=f"training has caught itself: clean accuracy {share(self.clean)} is clearly above "
            f"guessing again (n={count(self.n)})",
            n=self.n,
            evidence={"clean": self.clean},
            advice="a checkpoint from before the divergence may still be the better one",
        )


class DivergenceRule:
    """Takes losses and probes in the order of their steps; says when training has diverged.

    classes: K, 0 where it is not known: then only what is not finite tells. assumed: K is a guess,
    see above. A divergence is told once; it is `open` until probes are clearly above guessing
    again.
    """

    def __init__(
        self, classes: int, thresholds: DivergenceThresholds = OF_STEPS, *, assumed: bool = False
    ) -> None:
        self.classes = classes
        self.assumed = assumed
        self.thresholds = thresholds
        self.open = False
        self._low: int | None = None  # the last step that showed nothing
        self._bad = 0  # losses in a row that are not finite, and the first of them
        self._bad_since = 0
        self._far = 0  # losses in a row that are far above guessing, or not finite
        self._far_since = 0
        self._best: list[float] | None = None  # highest clean accuracy above guessing, its images
        self._low_probe: int | None = None  # the last probe that was not at chance
        self._chance = 0  # probes in a row at chance, and the first of them
        self._chance_since = 0
        self._good = 0  # probes in a row clearly above guessing, while it is open
        self._open_low: int | None = None  # what the open divergence says of the last sound step

    @property
    def doubtful(self) -> bool:
        """Whether probes are at chance, but too few of them: another one would decide."""
        return not self.open and self._chance > 0

    @property
    def sound_until(self) -> int | None:
        """The last sound step, where what came after it has diverged or may have; else None."""
        if self.open:
            return self._open_low
        if self._far:
            return self._before(self._far_since)
        return self._low_probe if self._chance else None

    @property
    def far_bound(self) -> float:
        """Nats above which a loss is far from guessing; infinite where K is not known."""
        if self.classes < 2 or self.assumed:
            return math.inf
        return self.thresholds.far_factor * math.log(self.classes)

    # ---- losses ----------------------------------------------------------------------------------
    def losses(
        self, step: int, after: Sequence[float], before: Sequence[float] = ()
    ) -> Diverged | None:
        """Take the training losses of the steps `step`, `step + 1`, …, in nats.

        after: on what was trained on, after the attack. before: where the attack started; empty
        where it was not measured.
        """
        found = None
        for i, loss in enumerate(after):
            start = before[i] if i < len(before) else loss
            found = found or self._loss(step + i, loss, start)
        return found

    def _loss(self, step: int, loss: float, start: float) -> Diverged | None:
        finite = math.isfinite(loss)
        far = not finite or min(loss, start) > self.far_bound
        if not finite and not self._bad:
            self._bad_since = step
        if far and not self._far:
            self._far_since = step
        self._bad = 0 if finite else self._bad + 1
        self._far = self._far + 1 if far else 0
        if not far:
            self._low = step
        if self.open:
            return None
        if self._bad >= self.thresholds.nonfinite:
            return self._found(
                sign="not finite", since=self._bad_since, step=step, of="loss", value=loss
            )
        if self._far >= self.thresholds.far and finite:
            bound = self.far_bound
            return self._found(
                sign="far loss",
                since=self._far_since,
                step=step,
                of="loss",
                value=loss,
                bound=bound,
                evidence={"loss_adv": loss, "loss_clean": start, "loss_bound": bound},
            )
        return None

    # ---- probes ----------------------------------------------------------------------------------
    def probe(self, point: ProbePoint) -> Diverged | Caught | None:
        """Take a probe or a row of a table. What was not measured, NaN, says nothing."""
        found = None if point.loss is None else self._loss(point.step, point.loss, point.loss)
        if found is None and point.nonfinite > 0 and not self.open:
            found = self._found(
                sign="not finite",
                since=self._bad_since if self._bad else point.step,  # the loss tells since when
                step=point.step,
                of="logits",
                value=point.nonfinite,
                n=point.n,
                evidence={"nonfinite": point.nonfinite},
            )
        if found is not None or not self._can_judge(point):
            return found
        return self._accuracies(point)

    def _can_judge(self, point: ProbePoint) -> bool:
        return (
            self.classes > 1
            and point.n > 0
            and not point.nonfinite
            and 0.0 <= point.clean <= 1.0  # False for NaN
        )

    def _accuracies(self, point: ProbePoint) -> Diverged | Caught | None:
        if self.open:
            return self._caught(point)
        if not self._is_at_chance(point):
            self._chance = 0
            self._low_probe = point.step
            above = self._is_above(point.clean, point.n)
            if above and (self._best is None or point.clean > self._best[0]):
                self._best = [point.clean, point.n]
            return None
        if self._best is None:
            return None
        if not self._chance:
            self._chance_since = point.step
        self._chance += 1
        if self._chance < self.thresholds.at_chance:
            return None
        values = {"clean": point.clean, "fgsm": point.fgsm, "pgd": point.pgd}
        return self._found(
            sign="at chance",
            since=self._chance_since,
            step=point.step,
            of="accuracy",
            value=point.clean,
            bound=1 / self.classes,
            n=point.n,
            evidence={**values, "best_clean": self._best[0], "chance": 1 / self.classes},
        )

    def _is_at_chance(self, point: ProbePoint) -> bool:
        """Whether no accuracy lies above guessing, and the clean one has really fallen."""
        measured = [value for value in (point.clean, point.fgsm, point.pgd) if value == value]
        if any(not self._is_guess(value, point.n) for value in measured):
            return False
        if self.assumed and (len(measured) < 2 or max(measured) - min(measured) > ALIKE):
            return False
        if self._best is None:
            return True
        z = fall_z(self._best[0], int(self._best[1]), point.clean, point.n)
        return z >= self.thresholds.z_chance

    def _is_guess(self, accuracy: float, n: int) -> bool:
        chance = 1 / self.classes
        near = accuracy < chance + self.thresholds.near * (1 - chance)
        return near or chance_z(accuracy, chance, n) < self.thresholds.z_chance

    def _is_above(self, accuracy: float, n: int) -> bool:
        chance = 1 / self.classes
        far = accuracy >= chance + self.thresholds.above * (1 - chance)
        return far and chance_z(accuracy, chance, n) >= self.thresholds.z_above

    def _caught(self, point: ProbePoint) -> Caught | None:
        good = self._is_above(point.clean, point.n) and not self._far
        self._good = self._good + 1 if good else 0
        if self._good < self.thresholds.over:
            return None
        self.open = False
        self._good = 0
        self._low_probe = point.step
        return Caught(step=point.step, clean=point.clean, n=point.n)

    def _found(
        self, *, since: int, evidence: Mapping[str, float] | None = None, **rest: Any
    ) -> Diverged:
        self.open = True
        self._good = 0
        self._chance = 0
        # the loss of a network that guesses need not show it
        guesses = rest["sign"] == "at chance"
        self._open_low = self._low_probe if guesses else self._before(since)
        finite = {name: v for name, v in (evidence or {}).items() if math.isfinite(v)}
        return Diverged(since=since, low=self._open_low, evidence=finite, **rest)

    def _before(self, step: int) -> int | None:
        """The last step before this one that showed nothing."""
        known = [low for low in (self._low, self._low_probe) if low is not None and low < step]
        return max(known, default=None)

    # ---- checkpoint ------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """Everything that later answers depend on, as plain JSON values."""
        return {name: getattr(self, name) for name in _PLAIN}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken."""
        for name in _PLAIN:
            setattr(self, name, state[name])


_PLAIN = (
    "open",
    "_low",
    "_bad",
    "_bad_since",
    "_far",
    "_far_since",
    "_best",
    "_low_probe",
    "_chance",
    "_chance_since",
    "_good",
    "_open_low",
)


def judge(
    points: Iterable[ProbePoint],
    classes: int,
    thresholds: DivergenceThresholds = OF_ROWS,
    *,
    assumed: bool = False,
) -> Diverged | None:
    """Return the divergence in which the rows of a table end, None where they end in none.

    points: in the order of their epochs; `loss` where the table has one (None: not measured, NaN or
    infinite: it was not finite). classes, assumed: as of `DivergenceRule`.
    """
    rule = DivergenceRule(classes, thresholds, assumed=assumed)
    standing: Diverged | None = None
    for point in points:
        found = rule.probe(point)
        if isinstance(found, Diverged):
            standing = found
        elif found is not None:
            standing = None
    return standing
