"""What must hold before it is said that a trace has no onset: that there was something to judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from selffit.detect.divergence import Diverged
from selffit.detect.robust_rule import Reference, RuleThresholds, Verdict
from selffit.detect.statistics import fall_z, gap_z
from selffit.detect.traces import Trace
from selffit.detect.types import ProbePoint
from selffit.detect.weakening import Weakened
from selffit.eventlog.kinds import Alert
from selffit.numbers import count, plural, share

MIN_ROWS = 3  # two rows show no more than a difference
MOST_ROWS = 5  # of a fall to 0, until sampling noise is excluded; with fewer images it takes more
ORDER = 0.02  # accuracies of other images, or of an attack with random starts, cross by less
FAR_OUT_OF_ORDER = 0.10
FAR_ROWS = 3  # so far out of order: one may be a misprint
LATE = 3.0  # usual gaps between rows: a table that begins later has lost its first rows


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why one cannot tell: a code for programs, and in words."""

    code: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A trace that the detector has been through.

    verdicts: the rule's, by point; None where nothing was measured or an onset was open. weakened:
    what stood of a fall without a gap after each row with FGSM accuracy. pending: first row of a
    suspicion in which the trace ends. level: the best measurement, None where PGD never was above
    guessing. classes: `guessed` where nobody said how many.
    """

    trace: Trace
    alerts: tuple[Alert, ...]
    verdicts: tuple[Verdict | None, ...]
    weakened: tuple[Weakened | None, ...]
    pending: int | None
    level: Reference | None
    diverged: Diverged | None
    classes: int
    guessed: bool
    thresholds: RuleThresholds

    @cached_property
    def rows(self) -> list[ProbePoint]:
        """The points in which PGD accuracy was measured."""
        return [point for point in self.trace.points if point.pgd == point.pgd and point.n > 0]

    @property
    def onset(self) -> Alert | None:
        """The first onset, one with a step before one of a network that never was healthy."""
        onsets = [alert for alert in self.alerts if alert.level == "onset"]
        dated = [alert for alert in onsets if alert.onset_step is not None]
        return next(iter([*dated, *onsets]), None)


def exchanged(judged: Judged) -> Reason | None:
    """The order clean >= FGSM >= PGD is broken for most rows, or far in some."""
    trace = judged.trace
    onset = judged.onset
    until = math.inf if onset is None else onset.about  # afterwards FGSM may lie above clean
    above = _out_of_order(trace.points, "fgsm", "pgd")
    if above is None and judged.level is not None:  # a network that never was healthy may read so
        before = [point for point in trace.points if point.step < until]
        above = _out_of_order(before, "clean", "fgsm", far=False)
    if above is None:
        above = _out_of_order(trace.points, "clean", "pgd")
    if above is None:
        return None
    larger, smaller, rows, of = above
    names = {"clean": "clean", "fgsm": "FGSM", "pgd": "PGD"}
    told = f"{names[smaller]} accuracy lies above {names[larger]} accuracy in {count(rows)} of "
    columns = ", ".join(trace.columns[role] for role in names if role in trace.columns)
    told += f"{plural(of, 'row')}: are columns exchanged ({columns}), or accuracies measured on "
    told += "different images?"
    return Reason(code="exchanged", text=told + _pgd_alone(judged))


def _pgd_alone(judged: Judged) -> str:
    values = [point.pgd for point in judged.rows]
    return f" PGD as it stands: best {share(max(values))}, last {share(values[-1])}"


def _out_of_order(
    points: Sequence[ProbePoint], larger: str, smaller: str, *, far: bool = True
) -> tuple[str, str, int, int] | None:
    both = [
        (getattr(point, smaller) - getattr(point, larger), point)
        for point in points
        if not math.isnan(getattr(point, smaller) - getattr(point, larger))
    ]
    broken = [
        over
        for over, point in both
        if over > ORDER and gap_z(getattr(point, smaller), getattr(point, larger), point.n) >= 3.0
    ]
    many = len(broken) > len(both) / 2
    wide = far and sum(over > FAR_OUT_OF_ORDER for over in broken) >= FAR_ROWS
    return (larger, smaller, len(broken), len(both)) if many or wide else None


def _nothing_measured(judged: Judged) -> Reason | None:
    if judged.rows:
        return None
    text = "PGD accuracy was measured in no row"
    if judged.trace.failed:
        text = f"PGD accuracy is NaN in {plural(judged.trace.failed, 'row')}, and measured in none"
    return Reason(code="nothing_measured", text=text)


def _never_above_chance(judged: Judged) -> Reason | None:
    if judged.level is not None or not judged.rows:
        return None
    best = max(judged.rows, key=lambda point: point.pgd)
    guessing = f"guessing {share(1 / judged.classes)} among {judged.classes} classes"
    if judged.guessed:
        guessing += ", assumed: --classes"
    return Reason(
        code="never_above_chance",
        text=f"PGD accuracy never was clearly above {share(judged.thresholds.level)} or guessing: "
        f"{share(best.pgd)} at best ({guessing})",
    )


def _too_few_rows(judged: Judged) -> Reason | None:
    rows = judged.rows
    if rows and len(rows) < MIN_ROWS:
        return Reason(code="too_few_rows", text="too few rows")
    return None


def _too_few_images(judged: Judged) -> Reason | None:
    """Whether a fall to 0 would have stood out at all."""
    level, rows = judged.level, judged.rows
    if level is None or not rows:
        return None
    t = judged.thresholds
    n = min(point.n for point in rows)
    z = fall_z(level.pgd, level.n, 0.0, n)
    needed = math.ceil((t.z_fall / z) ** 2) if z > 0 else MOST_ROWS + 1
    if needed <= MOST_ROWS and gap_z(level.pgd, 0.0, n) >= t.z_gap:
        return None
    return Reason(
        code="too_few_images",
        text=f"{plural(n, 'image')} are too few to tell a fall from {share(level.pgd)} to 0 from "
        "sampling noise",
    )


def _ends_in_suspicion(judged: Judged) -> Reason | None:
    if judged.pending is None:
        return None
    trace, last = judged.trace, judged.rows[-1]
    return Reason(
        code="ends_too_early",
        text=f"it ends in a suspicion: from {trace.place(judged.pending)} on PGD accuracy is "
        f"{share(last.pgd)} with FGSM at {share(last.fgsm)}; more rows or images decide",
    )


def _not_measured_at_the_end(judged: Judged) -> Reason | None:
    points = judged.trace.points
    at = [i for i, point in enumerate(points) if point.pgd == point.pgd and point.n > 0]
    if not at:
        return None
    usual = median([b - a for a, b in pairwise(at)]) if len(at) > 1 else 1
    missing = len(points) - 1 - at[-1]
    if missing < 2 * usual:
        return None
    trace = judged.trace
    since = trace.place(points[at[-1] + 1].step)
    why = ": its cells are NaN" if trace.failed >= missing else ""
    return Reason(
        code="not_measured",
        text=f"PGD accuracy was not measured from {since} on ({plural(missing, 'row')}{why}); no "
        "onset until then",
    )


def _most_is_a_gap(judged: Judged) -> Reason | None:
    """Most of the training lies between two rows that follow one another."""
    rows, trace = judged.rows, judged.trace
    times = [trace.time(point.step) for point in rows]
    if len(times) < MIN_ROWS:
        return None
    spans = [b - a for a, b in pairwise(times)]
    widest = max(range(len(spans)), key=lambda i: spans[i])
    if spans[widest] <= max(LATE * median(spans), (times[-1] - times[0]) / 2):
        return None
    before, after = (trace.place(point.step) for point in rows[widest : widest + 2])
    return Reason(
        code="not_measured",
        text=f"nothing was measured between {before} and {after}, most of the training; no onset "
        "in the rest",
    )


def _begins_late(judged: Judged) -> Reason | None:
    """The first rows are missing, and the first of those there may follow a fall."""
    rows = judged.rows
    if not lost_its_beginning(judged):
        return None
    near = judged.thresholds.restored
    if any(point.pgd >= near * point.fgsm for point in rows) or all(
        point.fgsm != point.fgsm for point in rows
    ):
        return None
    trace, first = judged.trace, rows[0]
    return Reason(
        code="begins_late",
        text=f"it begins at {trace.place(first.step)}, with PGD accuracy {share(first.pgd)} far "
        f"below FGSM {share(first.fgsm)}: an onset may lie before",
    )


def lost_its_beginning(judged: Judged) -> bool:
    """Whether the first measurement comes later than the usual gap between rows explains."""
    rows, trace = judged.rows, judged.trace
    if len(trace.times) < 2 or not rows:
        return False
    usual = median([b - a for a, b in pairwise(trace.times)])
    return trace.time(rows[0].step) > LATE * usual


CHECKS: tuple[Callable[[Judged], Reason | None], ...] = (
    _nothing_measured,
    _never_above_chance,
    _too_few_rows,
    _too_few_images,
    _ends_in_suspicion,
    _not_measured_at_the_end,
    _most_is_a_gap,
    _begins_late,
)
