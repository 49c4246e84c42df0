"""Runs the streaming detector over a CSV trace of epochs: the same code as in a live run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selffit.detect.detector import Detector
from selffit.detect.robust_rule import RuleThresholds
from selffit.detect.traces import read_trace
from selffit.errors import UserError
from selffit.eventlog.fields import without_nan
from selffit.eventlog.kinds import Alert

DEFAULT_N = 1000  # published traces seldom say how many images a probe had
FIRST_EPOCH = 5  # no onset is called earlier: accuracies of the first epochs jump about


@dataclass(frozen=True)
class TraceResult:
    """`onset`: first epoch at which a network that had been healthy is seen fallen, or None.

    A network that never was healthy has an `onset` alert (without onset_step), but no onset epoch.
    """

    trace: str
    onset: int | None
    alerts: tuple[Alert, ...]

    def as_data(self) -> dict[str, Any]:
        """Return {"trace", "onset", "alerts"}: each alert's data with its epoch."""
        alerts = [{"epoch": alert.step, **without_nan(alert.data())} for alert in self.alerts]
        return {"trace": self.trace, "onset": self.onset, "alerts": alerts}


def detect_trace(
    path: str | Path, n: int = DEFAULT_N, thresholds: RuleThresholds | None = None
) -> TraceResult:
    """Detect CO in one trace; `n` = probe images where the file has no column n.

    Raises UserError for a file that cannot be read as a trace (see `traces.read_trace`) or n < 1.
    """
    if n < 1:
        raise UserError(f"n = {n}: the number of probe images must be at least 1")
    path = Path(path)
    detector = Detector(judge_from=FIRST_EPOCH, unit="epoch", thresholds=thresholds)
    alerts = [alert for point in read_trace(path, n) for alert in detector.probe(point)]
    onsets = [a.onset_step for a in alerts if a.level == "onset" and a.onset_step is not None]
    return TraceResult(path.stem, onsets[0] if onsets else None, tuple(alerts))
