"""The list of runs: a line each, of those that are in sight only."""

from selffit.vocabulary import state_of
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, crop, width_of
from selffit_tui.model.listing.query import EXAMPLE
from selffit_tui.model.listing.scene import ListScene
from selffit_tui.panels.runs.columns import Column, fitting
from selffit_tui.panels.widget import LineView

HEAD = 1  # lines above the rows


class RunsTable(LineView[ListScene]):
    """The list."""

    def draw(self, scene: ListScene, width: int, height: int) -> list[Line]:
        """The titles and the rows in sight."""
        return table_lines(scene, width, height)


def table_lines(scene: ListScene, width: int, height: int) -> list[Line]:
    """The titles and the rows in sight, `height` lines of `width` cells."""
    if height <= 0:
        return []
    rows = scene.shown[scene.view.first : scene.view.first + height - HEAD]
    columns = fitting(width, rows, scene)
    lines = [_titles(columns, scene, width)] if rows else []
    here = scene.row
    for row in rows:
        line = _line([(c, n, c.cell(row, scene, n)) for c, n in columns], scene, width)
        if here is not None and row.name == here.name:
            line = [(text, "chosen") for text, _ in line]
        lines.append(line)
    if not rows:
        lines += [[(f"  {text}", style)] for text, style in _empty(scene, width - 4)]
    lines += [[] for _ in range(height - len(lines))]
    return [crop(line, width) for line in lines[:height]]


def _titles(columns: list[tuple[Column, int]], scene: ListScene, width: int) -> Line:
    order = scene.view.order
    arrow = scene.glyphs.symbols["down" if order.falling else "up"]
    cells: list[tuple[Column, int, Line]] = []
    for column, cells_wide in columns:
        sorted_by = column.order and column.order == order.asked.name
        if sorted_by and len(column.title) < cells_wide:
            line: Line = [(column.title, "strong"), (arrow, "strong")]
        else:
            line = [(column.title, "strong" if sorted_by else "dim")]
        cells.append((column, cells_wide, line))
    return _line(cells, scene, width)


def _line(cells: list[tuple[Column, int, Line]], scene: ListScene, width: int) -> Line:
    """Cells side by side, a blank between."""
    ellipsis = scene.glyphs.ellipsis
    line: Line = []
    for index, (column, wide, text) in enumerate(cells):
        if index:
            line.append((" ", "text"))
        free = wide - width_of(text)
        if column.right and free > 0:
            line.append((" " * free, "text"))
        line += crop(text, wide, ellipsis) if free < 0 or not column.right else text
    return crop(line, width)


def _empty(scene: ListScene, width: int) -> list[tuple[str, str]]:
    if not scene.looked:
        told = [("looking for runs", "dim")]
    elif not scene.rows:
        told = [
            (f"there are no runs in {scene.folder}", "text"),
            ("start one with: selffit train", "dim"),
        ]
    else:
        told = [
            ("no run passes the filter", "text"),
            ("esc takes it away; it is written like this:", "dim"),
            (EXAMPLE, "dim"),
        ]
    return [(part, style) for text, style in told for part in wrap(text, max(1, width))]


def living(scene: ListScene) -> int:
    """How many runs go on."""
    return sum(
        row.heard > 0 and not row.ended and not state_of(row.state).left for row in scene.rows
    )
