"""What the charts share: plot lines with marks and cursor, and the steps axis below them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from selffit.numbers import count
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.raster import Raster, Window
from selffit_tui.draw.spans import Line, Span
from selffit_tui.model.marks import INTERVENTION, Mark
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import Picture

LEFT = 10  # cells left of the plot in every chart, so that steps line up across them
RIGHT = 13  # cells right of it
Stamp = tuple[int, Line]  # a cell of the rule, and what is written over it from there on


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot's place on the steps axis: window, width in cells, marks and cursor by cell."""

    window: Window
    cells: int
    across: int
    marks: dict[int, Mark]
    cursor: int | None

    def cell(self, step: float) -> int:
        """The cell of a step; outside 0 … cells−1 when it is not shown."""
        return self.window.column(step) // self.across


def plot(scene: Scene, width: int, right: int = RIGHT) -> Plot:
    """The plot of a panel that is `width` cells wide inside its border, `right` cells beside it."""
    cells = max(1, width - LEFT - right)
    across = scene.glyphs.across
    window = scene.window(cells * across)
    placed: dict[int, Mark] = {}
    for mark in sorted(scene.columns.marks, key=_weight):
        cell = window.column(mark.step) // across
        if 0 <= cell < cells:
            placed[cell] = mark
    cursor = None if scene.view.cursor is None else window.column(scene.view.cursor) // across
    return Plot(
        window=window,
        cells=cells,
        across=across,
        marks=placed,
        cursor=cursor if cursor is not None and 0 <= cursor < cells else None,
    )


def _weight(mark: Mark) -> tuple[bool, int]:
    """Of marks that share a cell the last is seen: live ones come after those left behind."""
    return mark.live, mark.rank


def plot_row(
    raster: Raster, row: int, styles: Sequence[str], plot: Plot, scene: Picture
) -> list[Span]:
    """One row of a raster as spans; marks and cursor show where no line is drawn."""
    glyphs = scene.glyphs
    spans: list[Span] = []
    for cell, (character, owner) in enumerate(
        zip(raster.rows[row], raster.owners[row].tolist(), strict=True)
    ):
        style = styles[owner] if owner >= 0 else "text"
        if cell == plot.cursor:
            character, style = (glyphs.upright if owner < 0 else character), "cursor"
        elif owner < 0 and cell in plot.marks and plot.marks[cell].live:
            acted = plot.marks[cell].level == INTERVENTION
            character, style = glyphs.mark, "act" if acted else "mark"
        elif character == " " and spans:
            style = spans[-1][1]  # a blank has no ink: a change of it would cost bytes
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + character, style)
        else:
            spans.append((character, style))
    return spans


def axis_rows(plot: Plot, scene: Scene) -> list[Line]:
    """The rule with ticks and marks, and below it the step numbers."""
    stamps: list[Stamp] = [
        (cell, [(scene.glyphs.symbols[mark.symbol], mark.style if mark.live else "faint")])
        for cell, mark in sorted(plot.marks.items())
    ]
    return ruled(plot, scene.glyphs, "step", stamps)


def ruled(plot: Plot, glyphs: Glyphs, name: str, stamps: Iterable[Stamp]) -> list[Line]:
    """The rule with ticks and what is stamped over it from a cell on; below it the numbers.

    `name`: of the axis, in at most LEFT - 2 cells.
    """
    rule: list[Span] = [(glyphs.rule, "frame") for _ in range(plot.cells)]
    labels = [" "] * plot.cells
    free = 0
    for step in ticks(plot):
        cell, text = plot.cell(step), count(step)
        start = min(cell, plot.cells - len(text))
        if start >= free and 0 <= cell < plot.cells:
            rule[cell] = (glyphs.tick, "frame")
            labels[start : start + len(text)] = text
            free = start + len(text) + 2
    for cell, line in stamps:
        inked = [(character, style) for text, style in line for character in text]
        for offset, span in enumerate(inked):
            if 0 <= cell + offset < plot.cells:
                rule[cell + offset] = span
    if plot.cursor is not None:
        rule[plot.cursor] = (glyphs.symbols["up"], "cursor")
    corner = (glyphs.corner, "frame")
    return [
        [(" " * (LEFT - 1), "text"), corner, *rule],
        [(name.rjust(LEFT - 2), "faint"), ("  ", "text"), ("".join(labels), "dim")],
    ]


def ticks(plot: Plot) -> list[int]:
    """Round steps for labels, about one every twelve cells."""
    window = plot.window
    span = max(window.end - window.start, 1.0)
    wanted = max(1.0, span * 12 / max(plot.cells, 1))
    scale = 1
    while scale * 10 <= wanted:
        scale *= 10
    gap = next((scale * m for m in (1, 2, 5, 10) if scale * m >= wanted), scale * 10)
    first = -(-int(window.start) // gap) * gap
    return list(range(first, int(window.end) + 1, gap))
