"""What is said of a trace: an onset, none, another fall, divergence, or that one cannot tell.

"No onset" is said only where there was something to judge: enough rows of enough images, a network
that once was robust, FGSM accuracy wherever PGD is below half its best, measurements to the end,
and accuracies in the order clean >= FGSM >= PGD.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from selffit.detect.divergence import Diverged
from selffit.detect.robust_rule import Reference, RuleThresholds, Verdict
from selffit.detect.statistics import fall_z, gap_z
from selffit.detect.traces import Trace
from selffit.detect.types import ProbePoint
from selffit.detect.weakening import Weakened
from selffit.eventlog.kinds import Alert
from selffit.numbers import count, plural, share

Says = Literal["onset", "diverged", "weakened", "no onset", "cannot tell"]

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
class Fall:
    """A fall of PGD accuracy below half its best where FGSM accuracy was not measured.

    since: its first row. point: the row in which it is no more noise.
    """

    since: int
    best: float
    point: ProbePoint


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer, in a word and in a sentence.

    reasons: of "cannot tell". notes: what belongs to it. rows, judged: how many there are, and in
    how many PGD accuracy was measured. onset_step: of an onset, where the network had been healthy.
    """

    verdict: Says
    text: str
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int
    judged: int
    onset_step: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "text": self.text,
            "reasons": [{"code": reason.code, "text": reason.text} for reason in self.reasons],
            "notes": list(self.notes),
            "rows": self.rows,
            "judged": self.judged,
            **self.more,
        }


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


def answer(judged: Judged) -> Answer:
    """Return the answer to whether a trace has an onset."""
    trace, rows = judged.trace, judged.rows
    notes = list(_notes(judged))
    weak, passed = _weakened(judged)
    if passed is not None:
        notes.append(f"{_weak_words(passed, judged)}; it came back")
    onset, diverged = judged.onset, judged.diverged
    if (exchanged := _exchanged(judged)) is not None:
        return _cannot_tell([exchanged], notes, judged)
    more: dict[str, Any] = {}
    if diverged is not None:
        more["diverged"] = {"since": trace.time(diverged.since), "sign": diverged.sign}
        told = _diverged(diverged, judged)
    if onset is not None:
        text = (
            f"onset at {trace.place(onset.onset_step)}"
            if onset.onset_step is not None
            else (
                f"overfitted to the single step from the start, seen at {trace.place(onset.step)}"
            )
        )
        if diverged is not None:
            notes.append(told)
        return _said("onset", text, notes, judged, onset_step=onset.onset_step, more=more)
    if diverged is not None:
        return _said("diverged", told, notes, judged, more=more)
    reasons = [found for check in _CHECKS if (found := check(judged)) is not None]
    if (fall := _unseen_fall(judged)) is not None:
        reasons.insert(0, _without_fgsm(fall, judged))
        more["fell"] = {"since": trace.time(fall.since), "best": fall.best}
    if reasons:
        return _cannot_tell(reasons, notes, judged, more)
    if weak is not None:
        more["weakened"] = {"since": trace.time(weak.since), "best": weak.best}
        text = f"{_weak_words(weak, judged)}: no catastrophic overfitting, and no health"
        return _said("weakened", text, notes, judged, more=more)
    text = f"no onset in {plural(len(rows), 'row')} of {_images(rows)}"
    return _said("no onset", text, notes, judged)


def _cannot_tell(
    reasons: Sequence[Reason],
    notes: Sequence[str],
    judged: Judged,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    told = "; ".join(reason.text for reason in reasons)
    text = f"cannot tell: {told} ({plural(len(judged.rows), 'row')} judged)"
    return _said("cannot tell", text, notes, judged, reasons=tuple(reasons), more=more or {})


def _said(says: Says, text: str, notes: Sequence[str], judged: Judged, **more: Any) -> Answer:
    rows, measured = len(judged.trace.points), len(judged.rows)
    return Answer(verdict=says, text=text, notes=tuple(notes), rows=rows, judged=measured, **more)


# ---- falls without a gap -------------------------------------------------------------------------
def _unseen_fall(judged: Judged) -> Fall | None:
    """The first fall below half the level in rows without FGSM accuracy, noise excluded."""
    first: ProbePoint | None = None
    total, many = 0.0, 0
    for point, verdict in zip(judged.trace.points, judged.verdicts, strict=True):
        if verdict is None:
            continue
        if verdict.state != "down" or verdict.level is None or not math.isnan(point.fgsm):
            first, total, many = None, 0.0, 0
            continue
        first = first or point
        total, many = total + verdict.z, many + 1
        if total / math.sqrt(many) >= judged.thresholds.z_fall:
            return Fall(since=first.step, best=verdict.level.pgd, point=point)
    return None


def _weakened(judged: Judged) -> tuple[Weakened | None, Weakened | None]:
    """The fall with FGSM accuracy that stands in the last row, and the last that has passed."""
    told = [found for found in judged.weakened if found is not None]
    standing = judged.weakened[-1] if judged.weakened else None
    passed = [found for found in told if standing is None or found.since != standing.since]
    return standing, passed[-1] if passed else None


def _weak_words(weak: Weakened, judged: Judged) -> str:
    """That robust accuracy fell, without the end: from its best to its lowest since."""
    since = [point for point in judged.rows if point.step >= weak.since]
    low = min(since, key=lambda point: point.pgd)
    return (
        f"robust accuracy weakened from {judged.trace.place(weak.since)} on, PGD from "
        f"{share(weak.best)} to {share(low.pgd)} and FGSM with it to {share(low.fgsm)}"
    )


def _without_fgsm(fall: Fall, judged: Judged) -> Reason:
    trace = judged.trace
    never = all(point.fgsm != point.fgsm for point in trace.points)
    told = "FGSM accuracy was never measured" if never else "FGSM accuracy was not measured there"
    clean = ""
    if fall.point.clean == fall.point.clean:
        clean = f" while clean accuracy is {share(fall.point.clean)}"
    fell = f"PGD accuracy fell by {trace.place(fall.since)} from {share(fall.best)} to "
    fell += f"{share(fall.point.pgd)}{clean}"
    text = f"{fell}, but {told}: without it this may be catastrophic overfitting or another fall"
    return Reason(code="no_fgsm" if never else "not_measured", text=text)


# ---- the checks before "no onset" ----------------------------------------------------------------
def _exchanged(judged: Judged) -> Reason | None:
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
    if not _lost_its_beginning(judged):
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


def _lost_its_beginning(judged: Judged) -> bool:
    rows, trace = judged.rows, judged.trace
    if len(trace.times) < 2 or not rows:
        return False
    usual = median([b - a for a, b in pairwise(trace.times)])
    return trace.time(rows[0].step) > LATE * usual


_CHECKS: tuple[Callable[[Judged], Reason | None], ...] = (
    _nothing_measured,
    _never_above_chance,
    _too_few_rows,
    _too_few_images,
    _ends_in_suspicion,
    _not_measured_at_the_end,
    _most_is_a_gap,
    _begins_late,
)


# ---- what belongs to every answer ----------------------------------------------------------------
def _notes(judged: Judged) -> Iterator[str]:
    rows, trace = judged.rows, judged.trace
    if not rows:
        return
    measured = sum(point.fgsm == point.fgsm for point in rows)
    if not measured:
        yield "judged without FGSM accuracy: only a fall of PGD below half its best shows"
    elif measured < len(rows):
        yield f"FGSM accuracy was measured in {count(measured)} of {plural(len(rows), 'row')}"
    if len(rows) < len(trace.points):
        yield f"PGD accuracy was measured in {count(len(rows))} of {count(len(trace.points))} rows"
    gaps = [(b.step, a.step, b) for a, b in pairwise(rows)]
    spans = [trace.time(b) - trace.time(a) for b, a, _ in gaps]
    usual = median(spans) if spans else 0
    for span, (after, before, _) in zip(spans, gaps, strict=True):
        if span > LATE * usual:
            yield f"nothing was measured between {trace.place(before)} and {trace.place(after)}"
    if _lost_its_beginning(judged):
        yield f"it begins at {trace.place(rows[0].step)}: nothing is known of what came before"
    yield from _early(judged)


def _early(judged: Judged) -> Iterator[str]:
    """A collapse before PGD ever was healthy that passed: neither an onset nor nothing."""
    blind = [
        point
        for point, verdict in zip(judged.trace.points, judged.verdicts, strict=True)
        if verdict is not None and verdict.state == "blind"
    ]
    if blind and judged.level is not None:
        first, place = blind[0], judged.trace.place
        yield (
            f"an early collapse, before PGD ever was healthy: {share(first.pgd)} at "
            f"{place(first.step)} while FGSM was {share(first.fgsm)}; it passed by itself"
        )


def _diverged(found: Diverged, judged: Judged) -> str:
    since = judged.trace.place(found.since)
    if found.of == "loss":
        return f"diverged at {since}: its loss is {found.value:.3g}"
    best = found.evidence.get("best_clean", math.nan)
    guessing = f"guessing among {judged.classes} classes" + (", assumed" if judged.guessed else "")
    return (
        f"diverged at {since}: clean accuracy fell from {share(best)} to {share(found.value)} "
        f"({share(found.bound)} is {guessing})"
    )


def _images(rows: Sequence[ProbePoint]) -> str:
    low, high = min(point.n for point in rows), max(point.n for point in rows)
    return plural(high, "image") if low == high else f"{count(low)} to {plural(high, 'image')}"
