"""Kinds of what was made of the measurements: the detector's alerts, and diagnoses."""

from collections.abc import Mapping
from math import nan
from typing import ClassVar

from selffit.eventlog.fields import MaybeSigned, Part, Share
from selffit.eventlog.former import sentence_today
from selffit.eventlog.kinds.base import Event, Kind, today
from selffit.vocabulary import level_of


class Healthy(Part, frozen=True, kw_only=True):
    """The last healthy probe: its step, and its PGD accuracy."""

    step: int | None = None
    pgd: Share = nan


class Alert(Event, frozen=True, kw_only=True):
    """What the detector has to say.

    level: suspect (older logs: watch), onset, recovered, masked or diverged.
    text: in a sentence.
    onset_step: first probe of the fall: the onset lies in (onset_low, onset_step]; null where the
      run never was healthy. Of a divergence the step since when. Null for other levels.
    onset_low: the last probe that still was healthy, or null. Of a divergence the last step that
      showed nothing of it.
    confidence: of an onset, see `selffit.detect.statistics.rule_confidence`; else null.
    n: images of the deciding probe, 0 for a suspicion.
    evidence: numbers by name.
    healthy: step and PGD accuracy of the last healthy probe, or null.
    advice: what a person could do now.
    disease: of an onset: the cause as it was first known.
    """

    KIND: ClassVar[Kind] = Kind(
        name="alert", critical=True, important=True, kept="all", on_branch=True
    )
    level: str
    text: str
    onset_step: int | None = None
    onset_low: int | None = None
    confidence: float | None = None
    n: int = 0
    evidence: Mapping[str, float] = {}
    healthy: Healthy | None = None
    advice: str = ""
    disease: str = ""

    def __post_init__(self) -> None:
        """Call the level as it is called now, and write its sentence so."""
        today(self, level=level_of(self.level).name, text=sentence_today(self.text))

    @property
    def healthy_step(self) -> int | None:
        """The step of the last healthy probe, None where there was none."""
        return self.healthy.step if self.healthy is not None else None

    @property
    def healthy_pgd(self) -> float:
        """PGD accuracy of the last healthy probe, NaN where there was none."""
        return self.healthy.pgd if self.healthy is not None else nan

    @property
    def about(self) -> int:
        """The step that it is about: the onset rather than when it was noticed."""
        return self.step if self.onset_step is None else self.onset_step


class Diagnosis(Event, frozen=True, kw_only=True):
    """Why it collapsed, first and whenever that has become clearer.

    disease: self-fitting, gradient masking, undecided; diverged or weakened, which are no collapse.
    text: in a sentence.
    index: the self-fitting index.
    components: effects of the signs that the index is made of.
    signs: those that are clear; older logs do not say.
    evidence: of every sign its effect, z score, control, images (n) and standard error (sd).
    onset_step: the onset that it is about.
    index_step: since when the index has been clear, or null.
    lead: how many steps before the onset that was (negative: after it), or null.
    leads: the same for each sign that became clear.
    """

    KIND: ClassVar[Kind] = Kind(
        name="diagnosis", critical=True, important=True, kept="all", on_branch=True
    )
    disease: str
    text: str
    index: float = nan
    components: Mapping[str, float] = {}
    signs: tuple[str, ...] = ()
    evidence: Mapping[str, float] = {}
    onset_step: int | None = None
    index_step: int | None = None
    lead: MaybeSigned = None
    leads: Mapping[str, int] = {}

    def __post_init__(self) -> None:
        """Write its sentence as it is written now."""
        today(self, text=sentence_today(self.text))
