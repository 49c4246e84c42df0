"""Reads tables of epochs as people have them into probe points, saying what was assumed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from statistics import median

from selffit.detect.columns import ACCURACIES, ROLES, Columns, find_columns, is_percent, run_of
from selffit.detect.types import ProbePoint
from selffit.errors import UserError
from selffit.numbers import count, plural
from selffit.tables import Number, Row, Table, bare, is_missing, number, pivoted, read_table

STEPS_A_ROW = 50  # nobody measures every fifty epochs: then the column counts training steps
MIN_ROWS_OF_A_RUN = 3
MIXED = 3  # attempts in a log at most; rows with more restarts are simply not sorted
_SUMMARIES = frozenset(("best", "mean", "avg", "average", "std", "max", "min", "total", "median"))
_SCALES = {"percent": 0.01, "fraction": 1.0}
_DECIMAL_COMMA = re.compile(r"[\s\"']*\d*,\d+\D*$")
_OF_HOW_MANY = re.compile(r"[^\d.,+-]*([\d.,]+)\s*(?:/|of)\s*\d+\D*")  # "[3/100]", "Epoch 3 of 9"
_NAMED = re.compile(r"[^\W\d_]+[^\d.,+-]*([\d.,]+)\W*")  # "Epoch 3:"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How somebody wants a table to be read.

    n: images behind each accuracy, where there is no column n. columns: names, or numbers from 1,
    by role (`columns.ROLES`). unit: "percent" or "fraction", None to find out.
    """

    n: int
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The probe points of one run, in the order of time.

    name: of the file, and of the run where it has several. unit: what counts time, "epoch" or
    "step". times: the place in time of each point as the file has it; `point.step` is the same
    where all are whole, else the number of the row from 0. lines: where each stands in the file.
    columns: their names by role. failed: rows whose robust accuracy was computed and is NaN or
    infinite. assumed, left_out: in words.
    """

    name: str
    points: tuple[ProbePoint, ...]
    unit: str
    times: tuple[float, ...]
    lines: tuple[int, ...]
    columns: Mapping[str, str]
    failed: int
    assumed: tuple[str, ...]
    left_out: tuple[str, ...]

    def time(self, step: int) -> int | float:
        """The place in time of a point's step, as the file has it."""
        value = self._by_step[step]
        return int(value) if value.is_integer() else value

    def place(self, step: int) -> str:
        """The same with its unit: "epoch 12"."""
        value = self.time(step)
        return f"{self.unit} {count(value) if isinstance(value, int) else f'{value:g}'}"

    @cached_property
    def _by_step(self) -> Mapping[int, float]:
        return {p.step: t for p, t in zip(self.points, self.times, strict=True)}


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Return names by role from texts such as "pgd=robust_acc,clean=acc".

    Raises UserError for what is no such text.
    """
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=[\w ]+=)", text):
            role, equals, name = part.partition("=")
            role = role.strip().casefold().removesuffix("_acc")
            if not (equals and name.strip()) or role not in ROLES:
                raise UserError(
                    f"--columns {text}: expected ROLE=NAME[,…], a role being one of "
                    f"{', '.join(ROLES)}"
                )
            found[role] = name.strip()
    return found


def read_traces(path: Path, how: Reading) -> list[Trace]:
    """Return the traces in a file, one a run.

    What a name, a unit or an order was taken for stands in `assumed`, rows and cells that do not
    count in `left_out`.

    Raises UserError, naming line, column, cause and the option that helps, for what would have to
    be guessed.
    """
    table = _without_summaries(pivoted(read_table(path)))
    if not table.columns and "pgd" not in how.columns:
        raise UserError(
            f"{table.place(table.rows[0].line)}: no header line with the names of the columns; "
            "add one, or say where they are: --columns epoch=1,clean=2,fgsm=3,pgd=4"
        )
    names = table.columns or tuple(f"column {i + 1}" for i in range(table.width))
    where = table.place(table.header_line or table.rows[0].line)
    if not table.rows:
        raise UserError(f"{path}: no rows of data under the header in line {table.header_line}")
    traces: list[Trace] = []
    for columns in find_columns(names, where, how.columns):
        commas = _has_decimal_commas(table, columns)
        rows = [_Line(row, columns, table, names, commas) for row in table.rows]
        for run, part, said in _runs(rows, columns, table, names):
            name = path.stem if not run else f"{path.stem} [{run}]"
            traces.append(_Reader(table, columns, names, how, commas).trace(name, part, said))
    return traces


def _has_decimal_commas(table: Table, columns: Columns) -> bool:
    places = [columns.at[role] for role in ACCURACIES if role in columns.at]
    return any(_DECIMAL_COMMA.match(row.cells[i]) for row in table.rows for i in places)


def _without_summaries(table: Table) -> Table:
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


class _Line:
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

    def with_cells(self, other: _Line, places: Collection[int], *, time: bool) -> _Line:
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


def _runs(
    rows: list[_Line], columns: Columns, table: Table, names: Sequence[str]
) -> list[tuple[str, list[_Line], list[str]]]:
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
    groups: dict[str, list[_Line]] = {}
    varied = [i for i in by if len({line.row.cells[i] for line in rows}) > 1]
    for line in rows:
        key = ", ".join(f"{names[i]} {line.row.cells[i]}".strip() for i in varied)
        groups.setdefault(key, []).append(line)
    if len(groups) > len(rows) / 2 and "run" not in columns.at:
        groups = {"": rows}  # these columns tell rows apart, not runs
    found: list[tuple[str, list[_Line], list[str]]] = []
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


def _put_together(rows: list[_Line], columns: Columns) -> tuple[list[_Line], list[str]]:
    """Rows of one probe made one, as dashboards write them: an accuracy in a row of its own.

    They are told by their time, or, where no row has two accuracies, by one that comes again.
    """
    places = [columns.at[role] for role in (*ACCURACIES, "loss") if role in columns.at]
    if not any(is_missing(line.row.cells[i]) for line in rows for i in places):
        return rows, []
    has = [{i for i in places if not is_missing(line.row.cells[i])} for line in rows]
    alone = len(set().union(*has)) > 1 and all(len(found) < 2 for found in has)
    pgd = columns.at["pgd"]
    kept: list[_Line] = []
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


def _begun_anew(lines: list[_Line]) -> list[list[_Line]]:
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


def _ordered(lines: list[_Line], table: Table) -> tuple[list[_Line], list[str]]:
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
    kept: list[_Line] = []
    doubled: list[_Line] = []
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


class _Reader:
    """Makes the points of one run."""

    def __init__(
        self,
        table: Table,
        columns: Columns,
        names: Sequence[str],
        how: Reading,
        commas: bool,
    ) -> None:
        self.commas = commas
        self.table = table
        self.columns = columns
        self.names = names
        self.how = how
        self.assumed = [*table.assumed, *columns.assumed]
        self.left_out = list(table.left_out)
        self.understood: Counter[str] = Counter()

    def trace(self, name: str, lines: Sequence[_Line], said: Sequence[str]) -> Trace:
        self.assumed += said
        cells = {
            role: [self._number(line, role) for line in lines]
            for role in (*ACCURACIES, "loss", "n", "eps")
            if role in self.columns.at
        }
        accuracies = [role for role in ACCURACIES if role in cells]
        scale = self._scale({role: cells[role] for role in accuracies}, lines)
        unknown = [nan] * len(lines)
        values = {role: self._accuracies(role, cells[role], scale, lines) for role in accuracies}
        whole = all(line.time.is_integer() for line in lines)
        eps = self._budgets(cells.get("eps"), lines)
        points = tuple(
            ProbePoint(
                step=int(line.time) if whole else i,
                clean=values.get("clean", unknown)[i],
                fgsm=values.get("fgsm", unknown)[i],
                pgd=values["pgd"][i],
                n=self._images(cells["n"][i].value, line) if "n" in cells else self.how.n,
                eps=eps[i],
                loss=_loss(cells["loss"][i]) if "loss" in cells else None,
            )
            for i, line in enumerate(lines)
        )
        unit = self._unit(lines, whole)
        self._say_what_was_understood(lines)
        used = set(self.columns.at.values())
        used |= {i for i in self.columns.split_by if self.names[i] in name}
        unused = [
            column
            for i, column in enumerate(self.names)
            if i not in used and column and self._is_ours(column)
        ]
        if unused:
            self.left_out.append(f"columns {', '.join(unused)}")
        return Trace(
            name=name,
            points=points,
            unit=unit,
            times=tuple(line.time for line in lines),
            lines=tuple(line.row.line for line in lines),
            columns={role: self.names[i] for role, i in self.columns.at.items()},
            failed=sum(
                any(cells[role][i].computed for role in ("fgsm", "pgd") if role in cells)
                for i in range(len(lines))
            ),
            assumed=tuple(dict.fromkeys(self.assumed)),
            left_out=tuple(dict.fromkeys(self.left_out)),
        )

    def _is_ours(self, column: str) -> bool:
        """Whether a column belongs to this run, or to none."""
        run = run_of(column)
        return not (run and self.columns.run and run != self.columns.run)

    def _where(self, line: _Line, role: str) -> str:
        index = self.columns.at[role]
        shown = line.row.cells[index][:40] or "nothing"
        return f"{self.table.place(line.row.line)}: {self.names[index]} = {shown}"

    def _number(self, line: _Line, role: str) -> Number:
        cell = line.row.cells[self.columns.at[role]]
        try:
            if role == "eps" and "/" in cell and not is_missing(cell):
                over, _, under = cell.partition("/")
                return Number(number(over).value / number(under).value)
            found = number(cell, whole=role == "n", commas=self.commas)
        except (ValueError, ZeroDivisionError):
            raise UserError(
                f"{self._where(line, role)} is not a number; correct it or leave the cell empty"
            ) from None
        for what in ("spread", "comma", "apart"):
            self.understood[what] += getattr(found, what)
        return found

    def _scale(
        self, cells: Mapping[str, Sequence[Number]], lines: Sequence[_Line]
    ) -> Mapping[str, float]:
        """What the accuracies of each column are multiplied with."""
        if self.how.unit is not None:
            return {role: _SCALES[self.how.unit] for role in cells}
        scales: dict[str, float] = {}
        for role, found in cells.items():
            signs = [c.percent for c in found if not isnan(c.value)]
            if any(signs):
                if not all(signs):
                    line = next(
                        line
                        for line, c in zip(lines, found, strict=True)
                        if not (c.percent or isnan(c.value))
                    )
                    raise UserError(
                        f"{self._where(line, role)} has no percent sign, others in this column "
                        "have; --percent or --fraction says what all are"
                    )
                scales[role] = _SCALES["percent"]
        rest = {role: found for role, found in cells.items() if role not in scales}
        if scales:
            self.assumed.append("read as percent: the cells have percent signs")
        return {**scales, **self._scale_without_signs(rest, lines)}

    def _scale_without_signs(
        self, cells: Mapping[str, Sequence[Number]], lines: Sequence[_Line]
    ) -> Mapping[str, float]:
        named = [role for role in cells if is_percent(self.names[self.columns.at[role]])]
        found = {
            role: [c.value for c in column if not isnan(c.value)] for role, column in cells.items()
        }
        everything = [value for column in found.values() for value in column]
        large = sum(value > 1.5 for value in everything)
        if not large:
            if named and any(found[role] for role in named):
                told = f"{self.table.place(lines[0].row.line)}: column "
                told += f"{self.names[self.columns.at[named[0]]]} is headed percent, but no number "
                raise UserError(
                    f"{told}in it is above 1.5; --percent or --fraction says what they are"
                )
            return dict.fromkeys(cells, _SCALES["fraction"])
        if large < max(2, 0.05 * len(everything)):
            role, line = next(
                (role, line)
                for role, column in cells.items()
                for line, c in zip(lines, column, strict=True)
                if c.value > 1.5
            )
            raise UserError(
                f"{self._where(line, role)} is not an accuracy in [0,1] as the others are; "
                "correct it, or say with --percent what all are"
            )
        small = [role for role, c in found.items() if c and 0 < max(c) <= 1.0]
        if small:
            line = next(
                line for line, c in zip(lines, cells[small[0]], strict=True) if not isnan(c.value)
            )
            raise UserError(
                f"{self._where(line, small[0])} and all of its column look like fractions, other "
                "columns like percent; --percent or --fraction says what all are"
            )
        self.assumed.append("read as percent: numbers are above 1.5")
        return dict.fromkeys(cells, _SCALES["percent"])

    def _accuracies(
        self,
        role: str,
        cells: Sequence[Number],
        scale: Mapping[str, float],
        lines: Sequence[_Line],
    ) -> list[float]:
        values = [c.value * scale[role] + 0.0 for c in cells]  # no -0.0
        for line, value in zip(lines, values, strict=True):
            if not (isnan(value) or 0.0 <= value <= 1.0):
                unit = "[0,1]" if scale[role] == 1.0 else "percent"
                raise UserError(
                    f"{self._where(line, role)} is not an accuracy in {unit}; correct it or leave "
                    "the cell empty; --percent or --fraction says what all are"
                )
        return values

    def _budgets(self, cells: Sequence[Number] | None, lines: Sequence[_Line]) -> Sequence[float]:
        """Budgets in pixels of [0,1], NaN where not known."""
        if cells is None:
            return [nan] * len(lines)
        values = [c.value for c in cells]
        for line, value in zip(lines, values, strict=True):
            if value < 0 or value > 255:
                raise UserError(
                    f"{self._where(line, 'eps')} is no budget; write 8/255 or 0.0314, in pixels of "
                    "[0,1]"
                )
        if any(value > 1 for value in values):
            self.assumed.append("eps read in levels of 255")
            return [value / 255 for value in values]
        return values

    def _images(self, value: float, line: _Line) -> int:
        if isnan(value):
            return self.how.n
        if value < 1 or value % 1:
            raise UserError(f"{self._where(line, 'n')} is not a number of images")
        return int(value)

    def _unit(self, lines: Sequence[_Line], whole: bool) -> str:
        gaps = [b.time - a.time for a, b in pairwise(lines)]
        if any(line.rewritten for line in lines):
            index = self.columns.at["epoch"]
            told = f"{self.names[index]} = {lines[0].row.cells[index]} read as {lines[0].time:g}"
            self.assumed.append(told)
        if self.columns.steps:
            return "step"
        if gaps and median(gaps) >= STEPS_A_ROW:
            name = self.names[self.columns.at["epoch"]]
            self.assumed.append(
                f"{name} rises by {median(gaps):g} a row: taken as training steps, a row being one "
                "probe"
            )
            return "step"
        if not whole:
            self.assumed.append("epochs are not whole: a row is one probe, whatever its epoch")
        return "epoch"

    def _say_what_was_understood(self, lines: Sequence[_Line]) -> None:
        if self.understood["comma"]:
            self.assumed.append("decimal commas")
        if self.understood["apart"] or any(line.apart for line in lines):
            self.assumed.append("thousands set apart")
        if self.understood["spread"]:
            self.left_out.append(
                f"deviations after ± in {plural(self.understood['spread'], 'cell')}"
            )


def _loss(cell: Number) -> float | None:
    """None where it was not measured; NaN says that it was not finite."""
    return None if isnan(cell.value) and not cell.computed else cell.value
