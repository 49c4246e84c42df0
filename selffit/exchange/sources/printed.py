"""Printed training logs, through named rules (`selffit.lines`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from selffit.detect.columns import ACCURACIES
from selffit.errors import UserError
from selffit.exchange.source import Source, table_of
from selffit.exchange.write import run_name
from selffit.lines import LineReader, Row, RuleFile, Said, formats
from selffit.lines.catalogue import GENERAL
from selffit.lines.reader import ABOVE_ONE
from selffit.numbers import plural

FEWEST = 3  # values that make a rule file fit


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a rule file makes of a text: rows, settings, and how many values it read."""

    rules: RuleFile
    rows: tuple[Row, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    values: int = 0
    matched: dict[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    percent: bool = False
    largest: dict[str, float] = field(default_factory=dict)


def fit(text: str, rules: RuleFile, unit: str | None = None, headed: bool = True) -> Fit:
    """Return what a rule file makes of a text.

    unit: of accuracies, where somebody says so. headed: with rows under a header, where the rules
    read these.
    """
    reader = LineReader(rules, unit, headed)
    found = [*reader.feed(text), *reader.close()]
    percent, largest = reader.percent, reader.largest
    if percent:  # from the first row on
        reader = LineReader(rules, "percent", headed)
        found = [*reader.feed(text), *reader.close()]
    settings: dict[str, Any] = {}
    for said in found:
        if isinstance(said, Said):
            settings |= said.settings
    return Fit(
        rules=rules,
        rows=tuple(row for row in found if isinstance(row, Row)),
        settings=settings,
        values=reader.values,
        matched=dict(reader.matched),
        unread=tuple(reader.unread),
        percent=percent,
        largest=largest,
    )


def fits(text: str, unit: str | None = None, headed: bool = True) -> list[Fit]:
    """Return what the rule files of the package make of a text: the best first, none of no use.

    The general one comes last: it would read anything with names and numbers.
    """
    found = [fit(text, rules, unit, headed) for rules in formats().values()]
    useful = [one for one in found if one.values >= FEWEST]
    return sorted(
        useful,
        key=lambda one: (one.rules.name == GENERAL, -one.values, -sum(one.matched.values())),
    )


def printed_source(path: Path, found: Fit, said: Sequence[str] = ()) -> Source:
    """Return a printed log as a source.

    Raises UserError where no measure was read, and where some look like percent, others like
    fractions.
    """
    if not found.rows:
        raise UserError(f"{path}: no line fits the rules of {found.rules.name}")
    small = [
        name
        for name in ACCURACIES
        if found.percent and 0 < found.largest.get(name, 0.0) <= ABOVE_ONE
    ]
    if small:
        raise UserError(
            f"{path}: {' and '.join(small)} accuracies never are above {ABOVE_ONE:g}, others are "
            "and look like percent; --percent or --fraction says what all are"
        )
    measures = list(dict.fromkeys(name for row in found.rows for name in row.values))
    place = "step" if any(row.step is not None for row in found.rows) else "epoch"
    headed = [f"{name}_acc" if name in ACCURACIES else name for name in measures]
    lost = sum(_place(row, place) is None for row in found.rows)
    counted = lost == len(found.rows)
    merged: dict[float, tuple[int, dict[str, float]]] = {}
    before: list[tuple[int, dict[str, float]]] = []
    for index, row in enumerate(found.rows):
        at = float(index) if counted else _place(row, place)
        if at is None:  # the test at the end, or what stands before the first epoch
            at = max(merged, default=-1.0)
            if at < 0:
                before.append((row.line, dict(row.values)))
                continue
        line, values = merged.setdefault(at, (row.line, {}))
        merged[at] = (line, {**values, **row.values})
    rows = [
        (line, [at, *(_shown(values.get(name)) for name in measures)])
        for at, (line, values) in merged.items()
    ]
    rows.sort(key=lambda row: float(str(row[1][0])))
    left = [f"{plural(len(before), 'row')} before the first {place}"] if before else []
    if found.unread:
        left.append(f"what is no number: {'; '.join(found.unread)}")
    roles = {name: f"{name}_acc" for name in ACCURACIES if name in measures}
    roles |= {"n": "n"} if "n" in measures else {}
    told = [*said, f"lines read by the rules of {found.rules.name}"]
    if (anew := _again(found.rows, place)) is not None:
        told.append(
            f"{place}s begin again in line {anew}: of one that is printed twice the last counts; "
            "where these are two runs, cut the file in two"
        )
    if found.percent:
        told.append(f"accuracies read as percent: numbers are above {ABOVE_ONE:g}")
    if counted:
        told.append("no rule reads an epoch or a step: rows counted from 0")
    return Source(
        table=table_of(path, [place, *headed], rows, assumed=told, left_out=left),
        name=run_name(path),
        format=f"printed lines ({found.rules.name})",
        columns={"epoch": place, **roles},
        unit="fraction",
        settings=typed(found.settings),
    )


def _place(row: Row, place: str) -> float | None:
    return row.step if place == "step" else row.epoch


def _again(rows: Sequence[Row], place: str) -> int | None:
    """The line from which on places are told that were told before; None where none is."""
    newest = -1.0
    for row in rows:
        at = _place(row, place)
        if at is not None and at < newest:
            return row.line
        newest = newest if at is None else at
    return None


def _shown(value: float | None) -> object:
    if value is None:
        return None
    return "nan" if isnan(value) else value


def typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with numbers where they are some."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found[name] = value
        if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                continue
            found[name] = int(number) if number.is_integer() and "." not in value else number
    return found
