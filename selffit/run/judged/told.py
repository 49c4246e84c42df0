"""What can be said of a run that nothing of ours has measured: judged as a table of it would be.

An imported log, or what a program prints, may be too little to judge by: too few rows, no FGSM
accuracy where PGD falls, a network that never was robust. Then nobody can tell, and where no alert
stands that is what stands (`selffit.run.judged.verdict`), for silence would look like health.
"""

from math import isfinite
from threading import Lock

from selffit.detect.offline import TraceResult, detect_in
from selffit.detect.robust_rule import RuleThresholds
from selffit.detect.traces import Trace
from selffit.detect.types import point_of
from selffit.eventlog import kinds
from selffit.eventlog.history import History
from selffit.numbers import plural
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState, classes_of, is_only_told, unit_of

_About = tuple[ActiveLine, tuple[int, bool], str, int]
_lock = Lock()
_newest: tuple[History[kinds.RobustProbe], _About, TraceResult] | None = None


def as_table(state: RunState) -> Trace:
    """Return the probes of the active line as the rows of a table; of a step the last counts."""
    line, unit = state.line, unit_of(state)
    probes = {
        probe.step: probe
        for probe in state.all(kinds.RobustProbe)
        if line.holds(probe.branch, probe.step)
    }
    rows = [probes[step] for step in sorted(probes)]
    epochs = [probe.epoch for probe in rows]
    whole = unit == "epoch" and all(isfinite(epoch) for epoch in epochs)
    return Trace(
        name=state.run,
        points=tuple(map(point_of, rows)),
        unit=unit if whole else "step",
        times=tuple(epochs if whole else (float(probe.step) for probe in rows)),
        lines=tuple(range(1, len(rows) + 1)),
        columns={"clean": "clean", "fgsm": "FGSM", "pgd": "PGD"},
        failed=sum(probe.nonfinite > 0 for probe in rows),
        assumed=(),
        left_out=(),
    )


def judged(state: RunState, thresholds: RuleThresholds | None = None) -> TraceResult | None:
    """Return what `selffit detect` says of such a table; None for a run that we have measured."""
    global _newest
    if not is_only_told(state):
        return None
    classes, assumed = classes_of(state)
    if thresholds is not None:
        return detect_in(as_table(state), thresholds, None if assumed else classes)
    probes = state.all(kinds.RobustProbe)
    about = (state.line, (classes, assumed), unit_of(state), len(probes))
    with _lock:  # a viewer asks at every redraw
        if _newest is None or not (_newest[1] == about and _newest[0].shares(probes)):
            found = detect_in(as_table(state), RuleThresholds(), None if assumed else classes)
            _newest = (probes, about, found)
        return _newest[2]


def doubts(state: RunState) -> tuple[str, ...]:
    """Return why nobody can tell how a run stands, in words; () where one can, or it is ours."""
    found = judged(state)
    if found is None or not found.answer.reasons:
        return ()
    rows = f"{plural(found.answer.judged, 'row')} judged"
    return (*(reason.text for reason in found.answer.reasons), rows)
