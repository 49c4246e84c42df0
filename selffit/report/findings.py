"""The lines of a diagnosis, one JSON object each, gathered by network as events."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import msgspec

from selffit.eventlog import kinds
from selffit.eventlog.clean import clean, clean_data
from selffit.eventlog.fields import EMPTY, items, mapping, text, whole
from selffit.eventlog.records import num
from selffit.vocabulary import ACCURACY

E = TypeVar("E", bound=kinds.Event)

# the accuracies of a network, in the order of a table
MEASURED = {name: ACCURACY[name] for name in ("clean", "fgsm", "pgd", "strong")}


@dataclass(frozen=True)
class Findings:
    """All that was measured of one network; a property is None where that probe is missing."""

    id: str
    branch: str
    step: int
    events: Mapping[type[kinds.Event], kinds.Event] = field(default_factory=dict, repr=False)

    def of(self, kind: type[E]) -> E | None:
        """The newest event of a kind."""
        return cast(E | None, self.events.get(kind))

    @property
    def robust(self) -> kinds.RobustProbe | None:
        """Robust accuracy under FGSM and PGD."""
        return self.of(kinds.RobustProbe)

    @property
    def strong(self) -> kinds.StrongProbe | None:
        """What a strong attack leaves of PGD accuracy."""
        return self.of(kinds.StrongProbe)

    @property
    def referee(self) -> kinds.RefereeProbe | None:
        """What APGD leaves, where it was asked for."""
        return self.of(kinds.RefereeProbe)

    @property
    def selfinfo(self) -> kinds.SelfProbe | None:
        """The self-information probes."""
        return self.of(kinds.SelfProbe)

    @property
    def channels(self) -> kinds.ChannelProbe | None:
        """Channel differentiation."""
        return self.of(kinds.ChannelProbe)

    @property
    def causal(self) -> kinds.CausalProbe | None:
        """What zeroing channels does."""
        return self.of(kinds.CausalProbe)

    @property
    def strip(self) -> kinds.ImageStrip | None:
        """Images with the network's own perturbation."""
        return self.of(kinds.ImageStrip)

    @property
    def diagnosis(self) -> kinds.Diagnosis | None:
        """None for a network whose robust accuracy has not fallen."""
        return self.of(kinds.Diagnosis)

    def accuracy(self, name: str) -> float:
        """clean, fgsm, pgd or strong; NaN where it was not measured."""
        if name == "strong":
            return self.strong.pgd if self.strong is not None else math.nan
        return float(getattr(self.robust, name)) if self.robust is not None else math.nan

    def value(self, name: str) -> float:
        """A value of self-information, "index" among them; NaN where it was not measured."""
        if self.selfinfo is None:
            return math.nan
        return self.selfinfo.index if name == "index" else self.selfinfo.values.get(name, math.nan)

    def component(self, name: str) -> float:
        """A component of the index; NaN where it was not measured."""
        return (
            self.selfinfo.components.get(name, math.nan) if self.selfinfo is not None else math.nan
        )


class Report:
    """What was diagnosed (`about`, see the "target" line) and what was found, in its order."""

    def __init__(self) -> None:
        self.about: Mapping[str, Any] = EMPTY
        self._found: dict[str, Findings] = {}

    @classmethod
    def read(cls, lines: Iterable[str | bytes]) -> "Report":
        """The report of these lines; raises as `add` does."""
        report = cls()
        for line in lines:
            report.add(line)
        return report

    def add(self, line: str | bytes) -> None:
        """Take in one line.

        Raises msgspec.DecodeError, and `Refused` for one that breaks the limits of a log.
        """
        content = clean_data(msgspec.json.decode(line, type=dict[str, Any]))
        kind = text(content.get("k"))
        data = dict(mapping(content.get("d")))
        if kind == "target":
            self.about = data
            return
        id = text(content.get("checkpoint"))
        at = kinds.Place(text(content.get("branch")), whole(content.get("step")))
        event = kinds.of_data(kind, data, at)
        before = self._found.get(id) or Findings(id, at.branch, at.step)
        self._found[id] = replace(before, events={**before.events, type(event): event})

    @property
    def found(self) -> list[Findings]:
        """What was found of every network, in the order in which it came."""
        return list(self._found.values())

    @property
    def name(self) -> str:
        """The name of what was diagnosed."""
        return clean(text(self.about.get("name")))

    @property
    def stands(self) -> str:
        """What stands in the run that was diagnosed, in a sentence; "" where it was no run."""
        return clean(text(mapping(self.about.get("verdict")).get("text")))

    @property
    def done(self) -> list[str]:
        """What was done to somebody else's file, in words; [] for a run."""
        return [text(said) for said in items(mapping(self.about.get("file")).get("said"))]

    @property
    def chance(self) -> float:
        """The accuracy of guessing; NaN where it is not known."""
        classes = whole(self.about.get("classes"))
        return 1 / classes if classes else math.nan

    def series(self, kind: str) -> dict[str, dict[str, list[float]]]:
        """The run's own "probes", "selfs" or "onsets", by branch.

        probes: step, clean, fgsm, pgd; selfs: step, index; onsets: step.
        """
        columns = mapping(mapping(self.about.get("past")).get(kind))
        names = [name for name in columns if name != "branch"]
        found: dict[str, dict[str, list[float]]] = {}
        for branch, *row in zip(
            items(columns.get("branch")), *(items(columns[name]) for name in names), strict=False
        ):
            of = found.setdefault(text(branch), {name: [] for name in names})
            for name, value in zip(names, row, strict=True):
                of[name].append(num(value))
        return found
