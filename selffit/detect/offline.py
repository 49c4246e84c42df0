"""Runs the streaming detector over tables of epochs: the same code as in a live run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selffit.detect.answer import Answer, answer
from selffit.detect.checks import Judged
from selffit.detect.detector import Detector
from selffit.detect.divergence import ASSUMED_CLASSES, Diverged, judge
from selffit.detect.robust_rule import RuleThresholds, Verdict
from selffit.detect.traces import Reading, Trace, read_traces
from selffit.detect.weakening import Weakened, Weakening
from selffit.errors import UserError
from selffit.eventlog.fields import without_nan
from selffit.eventlog.kinds import Alert

DEFAULT_N = 1000  # published traces seldom say how many images a probe had


@dataclass(frozen=True, kw_only=True)
class TraceResult:
    """What the detector says of one trace.

    onset: place in time, in the file's own unit, of the first row at which a network that had been
    healthy is seen fallen, or None. A network that never was healthy has an `onset` alert (without
    onset_step), but no onset. alerts: none where one cannot tell. diverged: None where it has not.
    """

    trace: str
    onset: int | float | None
    alerts: tuple[Alert, ...]
    answer: Answer
    table: Trace
    diverged: Diverged | None = None

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain JSON values; alerts have their place in time as `epoch`."""
        images = sorted({point.n for point in self.table.points})
        return {
            "trace": self.trace,
            "verdict": self.answer.verdict,
            "onset": self.onset,
            **self.answer.data(),
            "images": [images[0], images[-1]] if images else [],
            "unit": self.table.unit,
            "columns": dict(self.table.columns),
            "assumed": list(self.table.assumed),
            "left_out": list(self.table.left_out),
            "alerts": [self._alert(alert) for alert in self.alerts],
        }

    def _alert(self, alert: Alert) -> dict[str, Any]:
        data = without_nan(alert.data())
        for name in ("onset_step", "onset_low"):
            if data.get(name) is not None:
                data[name] = self.table.time(data[name])
        if alert.healthy_step is not None:
            data["healthy"] = {**data["healthy"], "step": self.table.time(alert.healthy_step)}
        return {"epoch": self.table.time(alert.step), **data}


def detect_traces(
    path: str | Path,
    n: int = DEFAULT_N,
    thresholds: RuleThresholds | None = None,
    *,
    classes: int | None = None,
    how: Reading | None = None,
) -> list[TraceResult]:
    """Detect CO in every run of a table.

    n: probe images where the file has no column n. classes: None where it is not known. how: which
    columns and units are meant.

    Raises UserError for a file that cannot be read as a trace (see `traces.read_traces`), n < 1 or
    fewer than two classes.
    """
    if n < 1:
        raise UserError(f"n = {n}: the number of probe images must be at least 1")
    if classes is not None and classes < 2:
        raise UserError(f"classes = {classes}: there must be at least 2")
    how = replace(how, n=n) if how is not None else Reading(n=n)
    rule = thresholds or RuleThresholds()
    return [detect_in(trace, rule, classes) for trace in read_traces(Path(path), how)]


def detect_trace(
    path: str | Path,
    n: int = DEFAULT_N,
    thresholds: RuleThresholds | None = None,
    *,
    classes: int | None = None,
    how: Reading | None = None,
) -> TraceResult:
    """Detect CO in a table of one run; see `detect_traces`.

    Raises UserError also where there are several.
    """
    results = detect_traces(path, n, thresholds, classes=classes, how=how)
    if len(results) > 1:
        raise UserError(f"{path}: holds {len(results)} runs; expected one")
    return results[0]


def detect_in(trace: Trace, thresholds: RuleThresholds, classes: int | None) -> TraceResult:
    """Detect CO in a trace; `classes`: None where it is not known."""
    known = classes or ASSUMED_CLASSES
    detector = Detector(chance=1 / known, place=trace.place, thresholds=thresholds)
    alerts: list[Alert] = []
    verdicts: list[Verdict | None] = []
    weakening = Weakening()
    weak: list[Weakened | None] = []
    for point in trace.points:
        alerts += detector.probe(point)
        verdicts.append(detector.verdict)
        if detector.verdict is not None and not math.isnan(point.fgsm):
            weak.append(weakening.take(point, detector.rule))
    diverged = judge(trace.points, known, assumed=classes is None)
    judged = Judged(
        trace=trace,
        alerts=tuple(alerts),
        verdicts=tuple(verdicts),
        pending=detector.pending,
        level=detector.rule.best_at(math.nan),
        weakened=tuple(weak),
        diverged=diverged,
        classes=known,
        guessed=classes is None,
        thresholds=thresholds,
    )
    found = answer(judged)
    onset = None if found.onset_step is None else trace.time(found.onset_step)
    return TraceResult(
        trace=trace.name,
        onset=onset,
        alerts=() if found.reasons else tuple(alerts),
        answer=found,
        table=trace,
        diverged=diverged,
    )
