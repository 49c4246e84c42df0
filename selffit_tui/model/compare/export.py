"""What is seen in a comparison as data: the drawn rows, the results, the differences."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from selffit.eventlog.fields import without_nan
from selffit.numbers import THOUSANDS
from selffit_tui.model.compare.curves import Compared, Curve
from selffit_tui.model.compare.doubts import doubts
from selffit_tui.model.compare.scene import on_axis
from selffit_tui.model.compare.table import differences

COLUMNS = ("line", "run", "branch", "measure", "x", "step", "epoch", "value", "eps", "n")


def points(
    curves: Sequence[Curve],
    compared: Sequence[Compared],
    aligned: str,
    span: tuple[float, float] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row for each point that is drawn, within `span` of the axis where one is given."""
    for one in compared:
        for curve in curves:
            if curve.shift(aligned) is None:
                continue
            found = curve.points(one)
            places = on_axis(curve, aligned, found.steps)
            per_epoch = curve.steps_per_epoch
            columns = (places, found.steps, found.values, found.eps, found.n)
            for x, step, value, eps, n in zip(*(c.tolist() for c in columns), strict=True):
                if math.isnan(value) or (span and not span[0] <= x <= span[1]):
                    continue
                yield {
                    "line": curve.letter,
                    "run": curve.run,
                    "branch": curve.branch,
                    "measure": one.name,
                    "x": round(x, 6),
                    "step": int(step),
                    "epoch": round(step / per_epoch, 4) if per_epoch else None,
                    "value": value,
                    "eps": None if math.isnan(eps) else eps,
                    "n": None if math.isnan(n) else int(n),
                }


def as_csv(rows: Iterator[dict[str, Any]]) -> str:
    """The rows as a table with a line of titles; a spreadsheet must not take a name for a sum."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value


def as_data(
    curves: Sequence[Curve],
    compared: Sequence[Compared],
    aligned: str,
    span: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Everything as JSON can hold it: unknown numbers are null."""
    said = [text.replace(THOUSANDS, "") for text in doubts(curves, compared)]
    found: dict[str, Any] = without_nan(
        {
            "aligned": aligned,
            "measures": [one.name for one in compared],
            "lines": [_line(curve) for curve in curves],
            "differences": [
                {"setting": name, "values": dict(zip(_letters(curves), values, strict=True))}
                for name, values in differences(curves)
            ],
            "doubts": said,
            "points": list(points(curves, compared, aligned, span)),
        }
    )
    return found


def _letters(curves: Sequence[Curve]) -> list[str]:
    return [curve.letter for curve in curves]


def _line(curve: Curve) -> dict[str, Any]:
    final, scores = curve.final, curve.best
    names = ("step", "clean", "fgsm", "pgd", "eps", "n", "pgd_steps")
    return {
        "line": curve.letter,
        "run": curve.run,
        "branch": curve.branch,
        "active": curve.active,
        "state": curve.word,
        "verdict": curve.stands.replace(THOUSANDS, "") or None,
        "onset_step": curve.onset,
        "cause": curve.cause or None,
        "final": None if final is None else {name: getattr(final, name) for name in names},
        "best_at_that_eps": {"clean": scores.clean, "fgsm": scores.fgsm, "pgd": scores.pgd},
    }
