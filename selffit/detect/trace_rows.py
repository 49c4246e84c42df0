"""The rows of a table in the order of time: which run each belongs to, and which of them count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from math import isnan, nan

from selffit.detect.columns import ACCURACIES, Columns
from selffit.errors import UserError
from selffit.numbers import plural
from selffit.tables import Row, Table, bare, is_missing, number

MIN_ROWS_OF_A_RUN = 3
MIXED = 3  # attempts in a log at most; rows with more restarts are simply not sorted
_SUMMARIES = frozenset(("best", "mean", "avg", "average", "std", "max", "min", "total", "median"))
_OF_HOW_MANY = re.compile(r"[^\d.,+-]*([\d.,]+)\s*(?:/|of)\s*\d+\D*")  # "[3/100]", "Epoch 3 of 9"
_NAMED = re.compile(r"[^\W\d_]+[^\d.,+-]*([\d.,]+)\W*")  # "Epoch 3:"


class Line:
    """A row with its place in time, NaN where it has none."""

    def __init__(
        self, row: Row, columns: Columns, table: Table, names: Sequence[str], commas: bool
    ) -> None:
        self.row = row
        self.commas = commas
        self.apart = False
        self.rewritten = False
        self.time = nan
        if "epoch" in columns.at:
            index = columns.at["epoch"]
            self.time = self._read(row.cells[index], f"{table.place(row.line)}: {names[index]}")

    def with_cells(self, other: Line, places: Collection[int], *, time: bool) -> Line:
        """This row with cells of another one, and with its time where `time`."""
        made = copy(self)
        made.row = Row(
            self.row.line,
            tuple(
                other.row.cells[i] if i in places else cell for i, cell in enumerate(self.row.cells)
            ),
        )
        made.time = other.time if time else self.time
        return made

    def _read(self, cell: str, where: str) -> float:
        match = _OF_HOW_MANY.fullmatch(cell.strip()) or _NAMED.fullmatch(cell.strip())
        self.rewritten = match is not None
        try:
            read = number(match[1] if match else cell, whole=True, commas=self.commas)
        except ValueError:
            raise UserError(
                f"{where} = {cell[:40]!r} is not a number; correct it or delete the row"
            ) from None
        self.apart = read.apart
        if isnan(read.value) or read.value < 0:
            raise UserError(
                f"{where} = {cell[:40] or 'nothing'} is not a number from 0 on; correct it or "
                "delete the row"
            )
        return read.value


def runs_of(
    rows: list[Line], columns: Columns, table: Table, names: Sequence[str]
) -> list[tuple[str, list[Line], list[str]]]:
    """The rows of each run in the order of time, its name, and what was done to them.

    Rows whose time comes again belong to another run where a column says so, or where it begins
    anew; else to a log that was resumed, whose later rows count.
    """
    if "epoch" not in columns.at:
        for index, line in enumerate(rows):
            line.time = float(index)
    by = [columns.at["run"]] if "run" in columns.at else list(columns.split_by)
    if not ("run" in columns.at or len({line.time for line in rows}) < len(rows)):
        by = []
    rows, told = _put_together(rows, columns)
    groups: dict[str, list[Line]] = {}
    varied = [i for i in by if len({line.row.cells[i] for line in rows}) > 1]
    for line in rows:
        key = ", ".join(f"{names[i]} {line.row.cells[i]}".strip() for i in varied)
        groups.setdefault(key, []).append(line)
    if len(groups) > len(rows) / 2 and "run" not in columns.at:
        groups = {"": rows}  # these columns tell rows apart, not runs
    found: list[tuple[str, list[Line], list[str]]] = []
    for key, group in groups.items():
        parts = _begun_anew(group)
        for index, part in enumerate(parts, 1):
            run = ", ".join(filter(None, (columns.run, key, _numbered(index, len(parts)))))
            ordered, said = _ordered(part, table)
            if len(parts) > 1:
                anew = ", ".join(str(later[0].row.line) for later in parts[1:])
                said.insert(0, f"{len(parts)} runs: it begins anew in line {anew}")
            found.append((run, ordered, told + said))
    return found


def _put_together(rows: list[Line], columns: Columns) -> tuple[list[Line], list[str]]:
    """Rows of one probe made one, as dashboards write them: an accuracy in a row of its own.

    They are told by their time, or, where no row has two accuracies, by one that comes again.
    """
    places = [columns.at[role] for role in (*ACCURACIES, "loss") if role in columns.at]
    if not any(is_missing(line.row.cells[i]) for line in rows for i in places):
        return rows, []
    has = [{i for i in places if not is_missing(line.row.cells[i])} for line in rows]
    alone = len(set().union(*has)) > 1 and all(len(found) < 2 for found in has)
    pgd = columns.at["pgd"]
    kept: list[Line] = []
    filled: list[set[int]] = []
    for line, found in zip(rows, has, strict=True):
        joins = kept and not (filled[-1] & found) and (alone or kept[-1].time == line.time)
        if not joins:
            kept.append(line)
            filled.append(set(found))
            continue
        if found:
            kept[-1] = kept[-1].with_cells(line, found, time=pgd in found)
            filled[-1] |= found
    if len(kept) == len(rows):
        return rows, []
    return kept, [f"rows put together that each hold a part: {len(rows)} rows made {len(kept)}"]


def _numbered(index: int, of: int) -> str:
    return f"run {index}" if of > 1 else ""


def _begun_anew(lines: list[Line]) -> list[list[Line]]:
    """The rows of runs that follow one another, each from the first epoch on.

    A part of less than half of the rows is a false start, which what follows replaces.
    """
    parts = [[lines[0]]]
    for before, line in pairwise(lines):
        if line.time < before.time and line.time <= lines[0].time:
            parts.append([])
        parts[-1].append(line)
    if len(parts) > len(lines) / MIN_ROWS_OF_A_RUN:  # not sorted, or the last first
        return [lines]
    longest = max(map(len, parts))
    merged = [parts[0]]
    for part in parts[1:]:
        if len(merged[-1]) < longest / 2:
            merged[-1] = merged[-1] + part
        else:
            merged.append(part)
    return merged


def _ordered(lines: list[Line], table: Table) -> tuple[list[Line], list[str]]:
    """The rows that count, in the order of time, and what was done."""
    back = [(a, b) for a, b in pairwise(lines) if b.time < a.time]
    times = Counter(line.time for line in lines)
    twice = sum(many > 1 for many in times.values())
    if not back and not twice:
        return lines, []
    differ = any(a.time == b.time and a.row.cells != b.row.cells for a, b in pairwise(lines))
    if differ and twice > 2 and len(lines) > 1.5 * len(times) and len(back) < twice / 2:
        raise UserError(
            f"{table.place(lines[1].row.line)}: most epochs have several rows; keep one of each, "
            "or name the column that tells the runs apart: --columns run=NAME"
        )
    said: list[str] = []
    if not twice or len(back) > MIXED:
        said.append("rows sorted by their place in time")
        lines = sorted(lines, key=lambda line: line.time)
    kept: list[Line] = []
    doubled: list[Line] = []
    for line in lines:
        if kept and line.time <= kept[-1].time:
            again = [old for old in kept if old.time >= line.time]
            kept = kept[: len(kept) - len(again)]
            if line.time < again[-1].time:
                told = f"a resumed log: from {line.time:g} on the rows from line "
                told += f"{line.row.line} on count"
                said.append(f"{told}, not lines {again[0].row.line} to {again[-1].row.line}")
            else:
                doubled.append(line)
        kept.append(line)
    if len(doubled) == 1:
        again_in = f"it comes again in line {doubled[0].row.line}"
        said.append(f"the later row of {doubled[0].time:g} counts: {again_in}")
    elif doubled:
        told = _first([line.row.line for line in doubled])
        said.append(f"{len(doubled)} rows come again, and the later ones count (lines {told})")
    return kept, said


def without_summaries(table: Table) -> Table:
    """Rows that sum up the others, such as "best" in place of an epoch, do not count."""
    summed = [r.line for r in table.rows if any(bare(c).casefold() in _SUMMARIES for c in r.cells)]
    if not summed or len(summed) > len(table.rows) / 2:
        return table
    told = f"rows that sum up others ({plural(len(summed), 'line')}: {_first(summed)})"
    return replace(
        table,
        rows=tuple(row for row in table.rows if row.line not in summed),
        left_out=(*table.left_out, told),
    )


def _first(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines[:3])) + (", …" if len(lines) > 3 else "")
