"""From tables to recordings: probes by the reader of traces, signals of training beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Any

from selffit.detect.columns import ACCURACIES, Columns, find_columns
from selffit.detect.divergence import ASSUMED_CLASSES, OF_ROWS, OF_STEPS, Diverged, judge
from selffit.detect.offline import DEFAULT_N, detect_in
from selffit.detect.robust_rule import RuleThresholds
from selffit.detect.trace_rows import without_summaries
from selffit.detect.traces import Reading, Trace, traces_of
from selffit.detect.types import ProbePoint
from selffit.errors import UserError
from selffit.exchange.columns import Signals, find_signals, read_signals
from selffit.exchange.own import own_samples
from selffit.exchange.recording import Recording, Sample
from selffit.exchange.source import Source
from selffit.tables import Row, Table, bare, number, pivoted

_FACTORS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100)  # steps of an epoch that was divided
_MISSING = ("", "-", "--", "—", "–", "none", "null", "na", "n/a")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What somebody said of how a source is to be read.

    name: of the run, or what the names of several begin with. columns, unit, images, classes: as of
    `detect`; eps: budget, in pixels of [0,1]. per_epoch: optimiser steps of an epoch. settings:
    more of the training, by the names of the log.
    """

    name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    images: int = DEFAULT_N
    classes: int | None = None
    eps: float = nan
    per_epoch: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


def recordings(source: Source, wishes: Wishes) -> list[Recording]:
    """Return the runs in a source. Raises UserError, as `detect.traces.read_traces` does."""
    table = source.table if source.native else without_summaries(pivoted(source.table))
    if not table.rows:
        raise UserError(f"{table.path}: no rows of data")
    source = replace(source, table=table)
    if source.native:
        return [_finished(source, wishes, **own_samples(source))]
    how = Reading(
        n=_images(source, wishes),
        columns={**source.columns, **wishes.columns},
        unit=source.unit or wishes.unit,  # a format that tells it was read by it
    )
    names = table.columns
    if not names:
        return [_one(source, wishes, trace, [], Signals({}, ())) for trace in traces_of(table, how)]
    where = f"{table.path}"
    try:
        columns = find_columns(names, where, how.columns)
    except UserError as no_robust:
        signals = find_signals(names, (), _training_loss(names))
        if not signals.at or "missing column pgd_acc" not in str(no_robust):
            raise
        return [_without_probes(source, wishes, signals)]
    if len(columns) > 1:
        return [_one(source, wishes, trace, [], Signals({}, ())) for trace in traces_of(table, how)]
    found = columns[0]
    losses = found.at.get("loss")
    taken = {place for role, place in found.at.items() if role != "loss"}
    signals = find_signals(names, taken, losses)
    traces = traces_of(replace(table, rows=_probed(table, found)), how)
    several = len(traces) > 1
    rows = [] if several else list(table.rows)
    made = []
    for trace in traces:
        mine = [row for row in table.rows if row.line in set(trace.lines)] if several else rows
        made.append(_one(source, wishes, trace, mine, signals, found))
    return made


def _images(source: Source, wishes: Wishes) -> int:
    told = source.settings.get("images")
    return int(told) if told is not None and wishes.images == DEFAULT_N else wishes.images


def _training_loss(names: Sequence[str]) -> int | None:
    known = ("loss", "train_loss", "training_loss", "train/loss", "loss_adv", "train loss")
    return next((i for i, name in enumerate(names) if name.casefold() in known), None)


def _probed(table: Table, columns: Columns) -> tuple[Row, ...]:
    """The rows in which an accuracy stands, or was computed; all where none does.

    And those in which the loss is not finite: they tell since when training has come apart.
    """
    places = [columns.at[role] for role in ACCURACIES if role in columns.at]
    kept = tuple(
        row
        for row in table.rows
        if any(bare(row.cells[i]).casefold() not in _MISSING for i in places)
        or ("loss" in columns.at and _is_computed(row.cells[columns.at["loss"]]))
    )
    return kept or table.rows


def _is_computed(cell: str) -> bool:
    """Whether a number was computed here, and is none."""
    try:
        return number(cell).computed
    except ValueError:
        return False


def _one(
    source: Source,
    wishes: Wishes,
    trace: Trace,
    rows: Sequence[Row],
    signals: Signals,
    columns: Columns | None = None,
) -> Recording:
    """A recording of one trace, and of the signals of these rows."""
    names, where = source.table.columns, str(source.table.path)
    percent = (source.unit or wishes.unit) == "percent"
    read, said = read_signals(rows, signals, names, where, percent)
    times = dict(zip(trace.lines, trace.times, strict=True))
    if columns is not None:
        times |= _times(rows, columns, read, times)
    every = sorted({*trace.times, *times.values()})
    steps, per_epoch, placed = _steps(every, trace.unit, wishes.per_epoch)
    points = dict(zip(trace.lines, trace.points, strict=True))
    samples: dict[int, Sample] = {}
    for line, time in sorted(times.items(), key=lambda item: (item[1], item[0])):
        step = steps[time]
        point = points.get(line)
        before = samples.get(step)
        if point is not None and not _measured(point):
            point = None
        samples[step] = Sample(
            step=step,
            line=line,
            epoch=_epoch(time, step, trace.unit, per_epoch),
            point=_placed(point, step, wishes.eps) or (before.point if before else None),
            signals={**(before.signals if before else {}), **read.get(line, {})},
        )
    used = set(signals.at.values())
    result = detect_in(trace, RuleThresholds(), wishes.classes)
    by_step = {p.step: steps[t] for p, t in zip(trace.points, trace.times, strict=True)}
    shown = {**trace.columns, **{name: names[place] for name, place in signals.at.items()}}
    return _finished(
        source,
        wishes,
        name=trace.name.removeprefix(source.table.path.stem).strip(" []"),
        unit=trace.unit,
        per_epoch=per_epoch,
        samples=list(samples.values()),
        columns={
            role: name for role, name in shown.items() if role != "loss" or "loss_adv" not in shown
        },
        assumed=[*_new(trace.assumed, source), *signals.said, *said, *placed],
        left_out=_unread(trace.left_out, [names[i] for i in used] if names else []),
        answer=result.answer,
        diverged=_moved(result.diverged, by_step) if result.answer.verdict == "diverged" else None,
    )


def _without_probes(source: Source, wishes: Wishes, signals: Signals) -> Recording:
    """A recording of signals of training alone."""
    table = source.table
    names = table.columns
    time = next(
        (
            i
            for i, name in enumerate(names)
            if name.casefold() in ("step", "epoch", "iteration", "iter")
        ),
        None,
    )
    percent = (source.unit or wishes.unit) == "percent"
    read, said = read_signals(table.rows, signals, names, str(table.path), percent)
    unit = "epoch" if time is not None and names[time].casefold() == "epoch" else "step"
    times: dict[int, float] = {}
    for index, row in enumerate(table.rows):
        times[row.line] = float(index) if time is None else _time(row, time, names, str(table.path))
    steps, per_epoch, placed = _steps(sorted(set(times.values())), unit, wishes.per_epoch)
    samples = {
        steps[times[line]]: Sample(
            step=steps[times[line]],
            line=line,
            epoch=_epoch(times[line], steps[times[line]], unit, per_epoch),
            signals=values,
        )
        for line, values in sorted(read.items(), key=lambda item: times[item[0]])
    }
    none = "no column of PGD accuracy: there is nothing that the detector could judge by"
    found = _by_loss(samples.values(), unit, wishes.classes)
    if found is not None:
        none += f" but the loss; {found.text(unit)}"
    counted = [] if time is not None else ["no column of steps or epochs: rows counted from 0"]
    return _finished(
        source,
        wishes,
        name="",
        unit=unit,
        per_epoch=per_epoch,
        samples=list(samples.values()),
        columns={name: names[place] for name, place in signals.at.items()},
        assumed=[*table.assumed, *signals.said, *said, *counted, *placed, none],
        left_out=_unread(table.left_out, ()),
        answer=None,
        diverged=found,
    )


def _by_loss(samples: Iterable[Sample], unit: str, classes: int | None) -> Diverged | None:
    """The divergence in which a training ends, as far as its loss alone tells."""
    points = [
        ProbePoint(sample.step, nan, nan, nan, 0, loss=sample.signals.get("loss_adv"))
        for sample in samples
    ]
    how = OF_ROWS if unit == "epoch" else OF_STEPS
    return judge(points, classes or ASSUMED_CLASSES, how, assumed=classes is None)


# ---- parts ---------------------------------------------------------------------------------------
def _finished(
    source: Source, wishes: Wishes, *, name: str, samples: list[Sample], **more: Any
) -> Recording:
    """A recording with what the source and somebody's wishes say of the run."""
    settings: dict[str, Any] = {k: v for k, v in source.settings.items() if k != "images"}
    settings |= wishes.settings
    if wishes.classes is not None:
        settings["classes"] = wishes.classes
    if not isnan(wishes.eps):
        settings["eps"] = wishes.eps
    more["assumed"] = tuple(dict.fromkeys(more["assumed"]))
    more["left_out"] = tuple(dict.fromkeys(more["left_out"]))
    return Recording(
        name="-".join(filter(None, (source.name, name))),
        source=source.table.path.name,
        format=source.format,
        first=more.pop("first", min((sample.step for sample in samples), default=0)),
        samples=tuple(samples),
        settings=settings,
        **more,
    )


def _times(
    rows: Sequence[Row], columns: Columns, read: Mapping[int, Any], known: Mapping[int, float]
) -> dict[int, float]:
    """The places of rows with signals only; rows without a column of time have their number."""
    if "epoch" not in columns.at:
        if len(known) != len(rows):
            raise UserError(
                "rows without accuracies, and no column that tells steps or epochs: name it with "
                "--columns epoch=NAME"
            )
        return {}
    place = columns.at["epoch"]
    found = {}
    for row in rows:
        if row.line in read and row.line not in known:
            try:
                value = number(row.cells[place], whole=True).value
            except ValueError:
                continue  # the reader of traces names what counts
            if value >= 0:
                found[row.line] = value
    return found


def _time(row: Row, place: int, names: Sequence[str], where: str) -> float:
    try:
        value = number(row.cells[place], whole=True).value
    except ValueError:
        value = nan
    if not value >= 0:
        raise UserError(
            f"{where}, line {row.line}: {names[place]} = {row.cells[place][:40] or 'nothing'} is "
            "not a number from 0 on; correct it or delete the row"
        )
    return value


def _steps(
    times: Sequence[float], unit: str, wanted: int
) -> tuple[dict[float, int], int, list[str]]:
    """The step of the log for each place, the steps of an epoch, and what is to be said."""
    if unit == "step":
        whole = all(time.is_integer() for time in times)
        steps = {t: int(t) if whole else i for i, t in enumerate(times)}
        return steps, wanted, [] if whole else ["steps are not whole: rows counted from 0"]
    if wanted:
        steps = {time: round(time * wanted) for time in times}
        if len(set(steps.values())) < len(steps):
            raise UserError(
                f"--steps-per-epoch {wanted}: several epochs would fall on one step; give the true "
                "number, or leave it out"
            )
        return steps, wanted, [f"an epoch has {wanted} steps, as was asked"]
    for factor in _FACTORS:
        if all(abs(time * factor - round(time * factor)) < 1e-6 for time in times):
            steps = {time: round(time * factor) for time in times}
            what = "an epoch" if factor == 1 else f"1/{factor} of an epoch"
            return steps, factor, [f"a step of the log stands for {what}"]
    return {t: i for i, t in enumerate(times)}, 0, ["a step of the log stands for a row"]


def _epoch(time: float, step: int, unit: str, per_epoch: int) -> float:
    if unit == "epoch":
        return time
    return step / per_epoch if per_epoch else nan


def _measured(point: ProbePoint) -> bool:
    return (
        not (isnan(point.clean) and isnan(point.fgsm) and isnan(point.pgd)) or point.nonfinite > 0
    )


def _placed(point: ProbePoint | None, step: int, eps: float) -> ProbePoint | None:
    if point is None:
        return None
    return replace(point, step=step, eps=eps if isnan(point.eps) else point.eps)


def _moved(diverged: Diverged | None, steps: Mapping[int, int]) -> Diverged | None:
    if diverged is None:
        return None
    low = None if diverged.low is None else steps.get(diverged.low, diverged.low)
    since, step = steps.get(diverged.since, diverged.since), steps.get(diverged.step, diverged.step)
    return replace(diverged, since=since, step=step, low=low)


def _new(assumed: Sequence[str], source: Source) -> list[str]:
    """What was assumed, but for what the format itself tells."""
    known = {
        f"column {name} taken as {role}, as was asked" for role, name in source.columns.items()
    }
    return [said for said in assumed if said not in known]


def _unread(left_out: Sequence[str], used: Sequence[str]) -> list[str]:
    """What was left out, but for columns that were read as signals after all."""
    found = []
    for said in left_out:
        if said.startswith("columns "):
            names = [n for n in said.removeprefix("columns ").split(", ") if n not in used]
            said = f"columns {', '.join(names)}" if names else ""
        if said:
            found.append(said)
    return found
