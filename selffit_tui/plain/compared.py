"""A comparison as plain lines: results, doubts, and the settings in which the runs differ."""

from collections.abc import Sequence

from rich.cells import cell_len

from selffit_tui.model.compare.curves import Compared, Curve
from selffit_tui.model.compare.doubts import doubts
from selffit_tui.model.compare.table import RESULTS, as_text, differences, results


def comparison_lines(curves: Sequence[Curve], compared: Compared) -> list[str]:
    """All that the screen says in its tables."""
    titles = ["", *(title.upper() for title, _ in RESULTS)]
    rows = [[c.letter, *row] for c, row in zip(curves, results(curves), strict=True)]
    lines = _aligned([titles, *rows])
    lines += [f"! {text}" for text in doubts(curves, [compared])]
    lines += [f"{curve.letter}: {curve.stands}" for curve in curves if curve.stands]
    found = differences(curves)
    if len(curves) > 1:
        lines.append("")
        if found:
            head = ["DIFFERS IN", *(curve.letter for curve in curves)]
            table = [[name, *(as_text(name, v) for v in values)] for name, values in found]
            lines += _aligned([head, *table])
        else:
            lines.append("the settings of all lines are the same")
    return lines


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(cell_len(line[i]) for line in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in table
    ]
