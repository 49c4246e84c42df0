"""What a reader of a format gives: a table that is to become a run, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selffit.tables import Row, Table


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table with a row a place in time, as one format has it.

    name: of the run, from the file. format: in words. columns: names by role
    (`detect.columns.ROLES`), where the format tells them. unit: of its accuracies, None to find
    out. settings: of the training, by the names of the log. branches: (parent, base step) by
    name, where the table has a column `branch`. native: an export of selffit's own.
    """

    table: Table
    name: str
    format: str
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    branches: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    native: bool = False


def table_of(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[tuple[int, Sequence[object]]],
    *,
    assumed: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> Table:
    """Return a table of values; rows: the line of each in the file, and a value a column.

    None is an empty cell.
    """
    return Table(
        path=path,
        columns=tuple(columns),
        header_line=0,
        rows=tuple(Row(line, tuple(map(_cell, cells))) for line, cells in rows),
        assumed=tuple(assumed),
        left_out=tuple(left_out),
    )


def by_place(
    path: Path,
    series: Mapping[str, Sequence[tuple[float, float]]],
    place: str = "step",
) -> Table:
    """Return series of (place, value) as a table: a row a place, in order; the later counts."""
    found: dict[float, dict[str, float]] = {}
    for name, points in series.items():
        for at, value in points:
            found.setdefault(at, {})[name] = value
    rows = [
        (number, [at, *(found[at].get(name) for name in series)])
        for number, at in enumerate(sorted(found), 1)
    ]
    return table_of(path, [place, *series], rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
