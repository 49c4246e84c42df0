"""Results of what is compared, and the settings in which it differs, as a scrolling table."""

from collections.abc import Sequence

from rich.cells import cell_len

from selffit.config import HOST
from selffit_tui.draw.format import fit, fit_middle, wrap
from selffit_tui.draw.spans import Line, framed
from selffit_tui.model.compare.curves import Curve
from selffit_tui.model.compare.doubts import doubts
from selffit_tui.model.compare.scene import CompareScene
from selffit_tui.model.compare.table import RESULTS, as_text, differences, results
from selffit_tui.model.listing.letters import ink_of
from selffit_tui.panels.widget import LineView

WIDEST_NAME, WIDEST_VALUE, LEAST_VALUE = 24, 22, 8
# left out first where there is little room, by their titles
SPARED = ("n", "step", "state", "cause", "clean", "FGSM", "eps", "best PGD")


class CompareTable(LineView[CompareScene]):
    """The table in its border."""

    def draw(self, scene: CompareScene, width: int, height: int) -> list[Line]:
        """The lines of it that are in sight."""
        lines = table_lines(scene, width - 4)
        first = min(scene.view.scroll, max(0, len(lines) - (height - 2)))
        below = len(lines) - first - (height - 2)
        foot: Line = [(f"{below} more lines: j or down", "dim")] if below > 0 else []
        body: list[Line] = [[(" ", "text"), *line] for line in lines[first:]]
        title: Line = [("results and differences", "title")]
        return framed(body, width, height, scene.glyphs, title, (), foot)


def table_lines(scene: CompareScene, width: int) -> list[Line]:
    """All lines of the table in `width` cells."""
    curves = scene.curves
    if not curves:
        return [[("the logs are being read" if scene.loading else "nothing is compared", "dim")]]
    lines = _results(curves, width, scene)
    lines.append([])
    found = differences(curves)
    if len(curves) < 2:
        return lines[:-1]
    if not found:
        lines.append([("the settings of all lines are the same", "dim")])
        return lines
    lines += _differences(curves, found, width, scene)
    return lines


def _results(curves: Sequence[Curve], width: int, scene: CompareScene) -> list[Line]:
    """A line for each curve; columns that there is no room for are left out."""
    titles = [title for title, _ in RESULTS]
    rows = results(curves)
    kept = list(range(len(titles)))
    widths = [
        min(WIDEST_NAME, max(cell_len(titles[i]), *(cell_len(row[i]) for row in rows)))
        for i in kept
    ]
    spared = [titles.index(title) for title in SPARED]
    while spared and sum(widths[i] + 2 for i in kept) + 3 > width:
        kept.remove(spared.pop(0))
    room = max(6, width - 3 - sum(widths[i] + 2 for i in kept if i))
    widths[0] = min(widths[0], room)
    ellipsis = scene.glyphs.ellipsis

    def cells(values: Sequence[str]) -> str:
        told = []
        for i in kept:
            free = widths[i] - cell_len(values[i])
            right = i > 1 and titles[i] != "cause" and free > 0
            cut = fit if i else fit_middle  # of a run the branch stands at the end of its name
            told.append(" " * free + values[i] if right else cut(values[i], widths[i], ellipsis))
        return "  ".join(told)

    lines: list[Line] = [[("    ", "text"), (cells(titles), "dim")]]
    for curve, row in zip(curves, rows, strict=True):
        style = "text" if curve.active else "past"
        lines.append([(f"{curve.letter:<3} ", ink_of(curve.ink)), (cells(row), style)])
    return lines


def _differences(
    curves: Sequence[Curve],
    found: Sequence[tuple[str, list[object]]],
    width: int,
    scene: CompareScene,
) -> list[Line]:
    """A line for each setting, a column for each curve; as many columns as there is room for."""
    texts = [[as_text(name, value) for value in values] for name, values in found]
    name_cells = max(len("differs in"), *(cell_len(name) for name, _ in found))
    name_cells = min(name_cells, max(8, width // 3))
    wide = max(cell_len(text) for row in texts for text in row)
    share = (width - name_cells) // len(curves) - 2  # so that values stand beside each other
    wide = min(max(3, wide), WIDEST_VALUE, max(LEAST_VALUE, share))
    columns = max(1, (width - name_cells) // (wide + 2))
    ellipsis = scene.glyphs.ellipsis
    lines: list[Line] = []
    for first in range(0, len(curves), columns):
        part = range(first, min(len(curves), first + columns))
        head: Line = [(fit("differs in" if not first else "", name_cells), "dim")]
        head += [(f"  {fit(curves[i].letter, wide)}", ink_of(curves[i].ink)) for i in part]
        lines.append(head)
        for (name, values), row in zip(found, texts, strict=True):
            style = "faint" if name in HOST else "text"
            line: Line = [(fit(name, name_cells, ellipsis), "dim")]
            for i in part:
                other = values[i] != values[0]
                ink = "strong" if other and style == "text" else style
                line.append((f"  {fit(row[i], wide, ellipsis)}", ink))
            lines.append(line)
    return lines


def doubt_lines(scene: CompareScene, width: int, room: int) -> list[Line]:
    """What must not be taken for the same, in at most `room` lines."""
    shown = scene.compared(99)
    told = [f"! {text}" for text in doubts(scene.curves, shown)]
    lines: list[Line] = [
        [(f" {part}", "warn")] for text in told for part in wrap(text, max(1, width - 2))
    ]
    if len(lines) > room > 0:
        more = fit(lines[room - 1][0][0].rstrip() + scene.glyphs.ellipsis, width, "")
        lines = [*lines[: room - 1], [(more, "warn")]]
    return lines[:room]
