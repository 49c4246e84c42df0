"""Reads tables of epochs as people have them into probe points, saying what was assumed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import isnan, nan
from pathlib import Path
from statistics import median

from selffit.detect.columns import ACCURACIES, ROLES, Columns, find_columns, is_percent, run_of
from selffit.detect.trace_rows import Line, runs_of, without_summaries
from selffit.detect.types import ProbePoint
from selffit.errors import UserError
from selffit.numbers import count, plural
from selffit.tables import Number, Table, is_missing, number, pivoted, read_table

STEPS_A_ROW = 50  # nobody measures every fifty epochs: then the column counts training steps
_SCALES = {"percent": 0.01, "fraction": 1.0}
_DECIMAL_COMMA = re.compile(r"[\s\"']*\d*,\d+\D*$")


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
    return traces_of(without_summaries(pivoted(read_table(path))), how)


def traces_of(table: Table, how: Reading) -> list[Trace]:
    """Return the traces in a table, one a run; see `read_traces`. Raises UserError."""
    path = table.path
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
        rows = [Line(row, columns, table, names, commas) for row in table.rows]
        for run, part, said in runs_of(rows, columns, table, names):
            name = path.stem if not run else f"{path.stem} [{run}]"
            traces.append(_Reader(table, columns, names, how, commas).trace(name, part, said))
    return traces


def _has_decimal_commas(table: Table, columns: Columns) -> bool:
    places = [columns.at[role] for role in ACCURACIES if role in columns.at]
    return any(_DECIMAL_COMMA.match(row.cells[i]) for row in table.rows for i in places)


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

    def trace(self, name: str, lines: Sequence[Line], said: Sequence[str]) -> Trace:
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

    def _where(self, line: Line, role: str) -> str:
        index = self.columns.at[role]
        shown = line.row.cells[index][:40] or "nothing"
        return f"{self.table.place(line.row.line)}: {self.names[index]} = {shown}"

    def _number(self, line: Line, role: str) -> Number:
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
        self, cells: Mapping[str, Sequence[Number]], lines: Sequence[Line]
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
        self, cells: Mapping[str, Sequence[Number]], lines: Sequence[Line]
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
        lines: Sequence[Line],
    ) -> list[float]:
        values = [c.value * scale[role] + 0.0 for c in cells]  # no -0.0
        for line, value in zip(lines, values, strict=True):
            if not (isnan(value) or 0.0 <= value <= 1.0):
                unit = "[0,1]" if scale[role] == 1.0 else "percent"
                raise UserError(
                    f"{self._where(line, role)} is not an accuracy in {unit}; correct it or leave "
                    "the cell empty; --percent or --fraction says what all are"
                )
        return [1.0 - value for value in values] if role in self.columns.errors else values

    def _budgets(self, cells: Sequence[Number] | None, lines: Sequence[Line]) -> Sequence[float]:
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

    def _images(self, value: float, line: Line) -> int:
        if isnan(value):
            return self.how.n
        if value < 1 or value % 1:
            raise UserError(f"{self._where(line, 'n')} is not a number of images")
        return int(value)

    def _unit(self, lines: Sequence[Line], whole: bool) -> str:
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

    def _say_what_was_understood(self, lines: Sequence[Line]) -> None:
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
