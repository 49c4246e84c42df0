"""Reads a CSV trace by epoch (epoch, clean_acc, fgsm_acc, pgd_acc) into probe points, strictly."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from selffit.detect.types import ProbePoint
from selffit.errors import UserError

ACCURACIES = ("clean_acc", "fgsm_acc", "pgd_acc")
REQUIRED = ("epoch", *ACCURACIES)


def read_trace(path: Path, n: int) -> list[ProbePoint]:
    """Probe points of a trace, one a row, `step` = epoch.

    Columns in any order, others are ignored; optional `n` (images) and `eps` (pixels of [0,1]).
    Accuracies in [0,1]; an empty or NaN cell is a missing measurement. `n` stands in where the file
    has none.

    Raises UserError, naming file and line, for anything that cannot be read without guessing.
    """
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    columns: dict[str, int] | None = None
    points: list[ProbePoint] = []
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}, line {rows.line_num}"
            if columns is None:
                columns = _columns(cells, where)
                width = len(cells)
                continue
            if len(cells) != width:
                raise UserError(
                    f"{where}: {len(cells)} cells under {width} columns; repair the row"
                )
            point = _point(columns, cells, n, where)
            if points and point.step <= points[-1].step:
                raise UserError(
                    f"{where}: epoch {point.step} after epoch {points[-1].step}; sort the rows, "
                    "one an epoch"
                )
            points.append(point)
    except csv.Error as error:
        where = f"{path}, line {rows.line_num}"
        raise UserError(f"{where}: not a CSV table ({error}); expected {_header()}") from None
    if not points:
        raise UserError(f"{path}: no rows of data; expected a table with the columns {_header()}")
    if all(math.isnan(point.pgd) for point in points):
        raise UserError(f"{path}: pgd_acc is missing in every row; the detector needs it")
    return points


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory; name the CSV files in it") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); check the path"
        ) from None
    except ValueError as error:  # a NUL in the path
        raise UserError(f"{str(path)!r}: not a file name ({error})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: not text; expected a CSV table with {_header()}"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}, line {line}: not text; expected a CSV table with {_header()}")
    if not text.strip():
        raise UserError(f"{path}: is empty; expected a CSV table with {_header()}")
    return text


def _columns(cells: list[str], where: str) -> dict[str, int]:
    names = [cell.strip().lower() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UserError(f"{where}: missing column {', '.join(missing)}; expected {_header()}")
    for name in (*REQUIRED, "n", "eps"):
        if names.count(name) > 1:
            raise UserError(f"{where}: column {name} appears twice; keep one")
    return {name: names.index(name) for name in (*REQUIRED, "n", "eps") if name in names}


def _point(columns: dict[str, int], cells: list[str], n: int, where: str) -> ProbePoint:
    values = {name: _number(cells[i], name, where) for name, i in columns.items()}
    for name in ACCURACIES:
        told = f"{where}: {name} = {values[name]:g}"
        if values[name] > 1.5:
            raise UserError(f"{told} looks like percent; divide accuracies by 100")
        if not (math.isnan(values[name]) or 0.0 <= values[name] <= 1.0):
            raise UserError(
                f"{told} is not an accuracy in [0,1]; correct it or leave the cell empty"
            )
    eps = values.get("eps", math.nan)
    if eps < 0.0 or eps > 1.0:
        raise UserError(f"{where}: eps = {eps:g} is not in pixels of [0,1]; write 8/255 as 0.0314")
    images = values.get("n", math.nan)
    if not math.isnan(images) and (images < 1 or images % 1):
        raise UserError(f"{where}: n = {images:g} is not a number of images")
    if math.isnan(values["epoch"]) or values["epoch"] % 1 or values["epoch"] < 0:
        raise UserError(f"{where}: epoch = {values['epoch']:g} is not a whole number from 0 on")
    return ProbePoint(
        step=int(values["epoch"]),
        clean=values["clean_acc"],
        fgsm=values["fgsm_acc"],
        pgd=values["pgd_acc"],
        n=n if math.isnan(images) else int(images),
        eps=eps,
    )


def _number(cell: str, name: str, where: str) -> float:
    cell = cell.strip()
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        raise UserError(f"{where}: {name} = {cell[:40]!r} is not a number") from None
    if math.isinf(value):
        raise UserError(
            f"{where}: {name} is infinite; leave the cell empty when it was not measured"
        )
    return value


def _header() -> str:
    return ",".join(REQUIRED)
