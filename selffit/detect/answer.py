"""What is said of a trace: an onset, none, another fall, divergence, or that one cannot tell.

"No onset" is said only where there was something to judge: enough rows of enough images, a network
that once was robust, FGSM accuracy wherever PGD is below half its best, measurements to the end,
and accuracies in the order clean >= FGSM >= PGD.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from selffit.detect.checks import CHECKS, LATE, Judged, Reason, exchanged, lost_its_beginning
from selffit.detect.divergence import Diverged
from selffit.detect.types import ProbePoint
from selffit.detect.weakening import Weakened
from selffit.numbers import count, plural, share

Says = Literal["onset", "diverged", "weakened", "no onset", "cannot tell"]


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


def answer(judged: Judged) -> Answer:
    """Return the answer to whether a trace has an onset."""
    trace, rows = judged.trace, judged.rows
    notes = list(_notes(judged))
    weak, passed = _weakened(judged)
    if passed is not None:
        notes.append(f"{_weak_words(passed, judged)}; it came back")
    onset, diverged = judged.onset, judged.diverged
    if (wrong := exchanged(judged)) is not None:
        return _cannot_tell([wrong], notes, judged)
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
    reasons = [found for check in CHECKS if (found := check(judged)) is not None]
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
    if lost_its_beginning(judged):
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
