"""The records of a diagnosis, one JSON object a line, gathered by network.

They are typed by the reducer of the event log.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from selffit.eventlog.clean import clean, clean_data
from selffit.eventlog.entries import (
    CausalProbe,
    ChannelProbe,
    Diagnosis,
    ImageStrip,
    Probe,
    SelfProbe,
    StrongProbe,
)
from selffit.eventlog.records import FORMAT_VERSION, Record, num
from selffit.eventlog.values import EMPTY, items, mapping, text, whole
from selffit.run.state import RunState, reduce
from selffit.vocabulary import ACCURACY

# the accuracies of a network, in the order of a table
MEASURED = {name: ACCURACY[name] for name in ("clean", "fgsm", "pgd", "strong")}


@dataclass(frozen=True)
class Findings:
    """All that was measured of one network; a property is None where that probe is missing."""

    id: str
    branch: str
    step: int
    state: RunState = field(default_factory=RunState, repr=False)

    @property
    def robust(self) -> Probe | None:
        """Robust accuracy under FGSM and PGD."""
        return self.state.probes.last

    @property
    def strong(self) -> StrongProbe | None:
        """What a strong attack leaves of PGD accuracy."""
        return self.state.strongs.last

    @property
    def selfinfo(self) -> SelfProbe | None:
        """The self-information probes."""
        return self.state.selfs.last

    @property
    def channels(self) -> ChannelProbe | None:
        """Channel differentiation."""
        return self.state.channels.last

    @property
    def causal(self) -> CausalProbe | None:
        """What zeroing channels does."""
        return self.state.causals.last

    @property
    def strip(self) -> ImageStrip | None:
        """Images with the network's own perturbation."""
        return self.state.strips.last

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

    @property
    def diagnosis(self) -> Diagnosis | None:
        """None for a network whose robust accuracy has not fallen."""
        return self.state.diagnoses.last


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
        kind, id, data = (
            text(content.get("k")),
            text(content.get("checkpoint")),
            dict(mapping(content.get("d"))),
        )
        if kind == "target":
            self.about = data
            return
        branch, step = text(content.get("branch")), whole(content.get("step"))
        record = Record(FORMAT_VERSION, 0, 0, 0.0, kind, branch, step, data)
        before = self._found.get(id) or Findings(id, branch, step)
        self._found[id] = Findings(id, branch, step, reduce(before.state, record))

    @property
    def found(self) -> list[Findings]:
        """What was found of every network, in the order in which it came."""
        return list(self._found.values())

    @property
    def name(self) -> str:
        """The name of what was diagnosed."""
        return clean(text(self.about.get("name")))

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
