"""Long tables, a row a measurement, made wide: a row an epoch and a column a measure."""

from __future__ import annotations

from dataclasses import replace

from selffit.tables.grid import Row, Table

_KEYS = ("tag", "metric", "measure", "variable", "key", "quantity")
_VALUES = ("value", "values", "val")
_CLOCKS = ("wall time", "wall_time", "walltime", "timestamp", "time", "relative time")


def pivoted(table: Table) -> Table:
    """Return a long table made wide, and any other as it is.

    Long is a table with a column of names (tag, metric, variable …) and one called value, as
    TensorBoard's readers and data frames write them. Rows belong together where all other columns
    but clocks agree; each keeps the line of its first measurement.
    """
    names = [name.casefold() for name in table.columns]
    key = next((names.index(name) for name in _KEYS if name in names), None)
    value = next((names.index(name) for name in _VALUES if name in names), None)
    if key is None or value is None:
        return table
    same = [i for i, name in enumerate(names) if i not in (key, value) and name not in _CLOCKS]
    measures = list(dict.fromkeys(row.cells[key] for row in table.rows))
    found: dict[tuple[str, ...], dict[str, str]] = {}
    lines: dict[tuple[str, ...], int] = {}
    for row in table.rows:
        about = tuple(row.cells[i] for i in same)
        cells = found.setdefault(about, {})
        lines.setdefault(about, row.line)
        cells[row.cells[key]] = row.cells[value]
    told = f"a row a measurement: {table.columns[key]} names the columns"
    return replace(
        table,
        columns=(*(table.columns[i] for i in same), *measures),
        rows=tuple(
            Row(lines[about], (*about, *(cells.get(name, "") for name in measures)))
            for about, cells in found.items()
        ),
        assumed=(*table.assumed, told),
    )
