"""The charts of a comparison: lines over each other, each with its colour and its letter."""

import math
from collections.abc import Sequence

import numpy as np

from selffit.numbers import budget, count, in_unit, known, share, small
from selffit_tui.draw.format import wrap
from selffit_tui.draw.raster import Raster, Trace, Window, first_at, rasterise
from selffit_tui.draw.spans import Line, Span, crop, framed
from selffit_tui.model.compare.curves import Compared, Curve
from selffit_tui.model.compare.doubts import budgets_differ
from selffit_tui.model.compare.scene import CompareScene, on_axis
from selffit_tui.model.listing.letters import ink_of
from selffit_tui.panels.accuracy import axis_parts, spaced
from selffit_tui.panels.parts.charting import LEFT, RIGHT, Plot, Stamp, plot_row, ruled
from selffit_tui.panels.widget import LineView

EVERY = 15  # cells between two letters on a line
LEAST_LINES = 8  # of a chart among several
TWO_COLUMNS = 110  # cells from which there are two side by side
AXIS = {"step": "step", "epoch": "epoch", "onset": "from onset"}
_SHARES = ("share",)


class CompareCharts(LineView[CompareScene]):
    """One chart, or several."""

    def draw(self, scene: CompareScene, width: int, height: int) -> list[Line]:
        """The charts, `height` lines of `width` cells."""
        return charts_lines(scene, width, height)


def charts_lines(scene: CompareScene, width: int, height: int) -> list[Line]:
    """The charts in rows and columns, as many as there is room for."""
    columns, most = grid(scene, width, height)
    shown = scene.compared(most)
    if len(shown) <= 1:
        return chart_lines(scene, shown[0] if shown else scene.view.compared, width, height)
    rows = math.ceil(len(shown) / columns)
    lines: list[Line] = []
    for row in range(rows):
        high = height // rows + (1 if row < height % rows else 0)
        parts: list[list[Line]] = []
        for column in range(columns):
            wide = width // columns + (1 if column < width % columns else 0)
            place = row * columns + column
            if place < len(shown):
                parts.append(chart_lines(scene, shown[place], wide, high))
            else:
                parts.append([[(" " * wide, "text")] for _ in range(high)])
        lines += [[span for part in parts for span in part[y]] for y in range(high)]
    return lines


def grid(scene: CompareScene, width: int, height: int) -> tuple[int, int]:
    """How many charts lie side by side, and how many there can be in all."""
    if not scene.view.multiples:
        return 1, 1
    columns = 2 if width >= TWO_COLUMNS else 1
    return columns, columns * max(1, height // LEAST_LINES)


def chart_lines(scene: CompareScene, compared: Compared, width: int, height: int) -> list[Line]:
    """One measure of all lines, in a border."""
    title: list[Span] = [(compared.measure.label, "title")]
    inner_width, inner_height = width - 2, height - 2
    drawn = [(curve, curve.points(compared)) for curve in scene.on_axis]
    drawn = [(c, p) for c, p in drawn if np.isfinite(p.values).any()]
    if not drawn or inner_height < 4 or inner_width < LEFT + RIGHT + 8:
        empty = _nothing(scene, compared, inner_width - 2)
        return framed(empty, width, height, scene.glyphs, title)
    low, high = bounds(compared, [points.values for _, points in drawn])
    aligned = scene.view.aligned
    traces = [
        Trace(
            on_axis(curve, aligned, points.steps),
            points.values,
            low=low,
            high=high,
            dotted=not curve.active,
        )
        for curve, points in drawn
    ]
    cells = max(1, inner_width - LEFT - RIGHT)
    window = scene.window(cells * scene.glyphs.across)
    rows, parts = axis_parts(inner_height - 2)
    raster = _lettered(
        rasterise(traces, window, rows, scene.glyphs), [curve.letter for curve, _ in drawn]
    )
    styles = [ink_of(curve.ink) for curve, _ in drawn]
    place = Plot(
        window=window,
        cells=cells,
        across=scene.glyphs.across,
        marks={},
        cursor=_cursor(scene, window, cells),
    )
    ends = _ends(scene, compared, [c for c, _ in drawn], traces, rows, (low, high))
    body: list[Line] = [[] for _ in range(inner_height - 2 - rows)]
    for row in range(rows):
        line = plot_row(raster, row, styles, place, scene)
        axis = _value_axis(row, rows, parts, (low, high), scene)
        body.append([*axis, *line, *ends.get(row, [])])
    body += _place_axis(place, [c for c, _ in drawn], scene)
    note = _readout(scene, compared, [c for c, _ in drawn], traces)
    return framed(body, width, height, scene.glyphs, title, note, _foot(scene, drawn))


def bounds(
    compared: Compared, values: Sequence["np.ndarray[tuple[int], np.dtype[np.float64]]"]
) -> tuple[float, float]:
    """The range of the value axis: [0, 1] for shares, else what there is, from 0 on."""
    if compared.measure.unit in _SHARES and compared.name != "gap":
        return 0.0, 1.0
    found = np.concatenate([part[np.isfinite(part)] for part in values])
    least, most = float(found.min()), float(found.max())
    if compared.measure.unit == "cosine" or compared.name == "gap":
        return (0.0 if least >= -0.05 else -1.0), 1.0
    top = max(most, 1e-9)
    unit = 10.0 ** math.floor(math.log10(top))
    top = next(unit * m for m in (1, 2, 3, 4, 5, 6, 8, 10) if unit * m >= top * (1 - 1e-9))
    return min(0.0, least), top


def _cursor(scene: CompareScene, window: Window, cells: int) -> int | None:
    cursor = scene.view.cursor
    if cursor is None:
        return None
    cell = window.column(cursor) // scene.glyphs.across
    return cell if 0 <= cell < cells else None


def _lettered(raster: Raster, letters: Sequence[str]) -> Raster:
    """The raster with the letter of each line on it every few cells: it can be told without colour.

    The lines take turns, so that no two letters want the same cell.
    """
    rows = [list(row) for row in raster.rows]
    owners = raster.owners
    cells = owners.shape[1] if owners.size else 0
    for index, letter in enumerate(letters):
        begin = 2 + (index * 4) % EVERY
        for start in range(begin, cells, EVERY):
            mine = np.argwhere(owners[:, start : start + 4] == index)
            if len(mine):
                row, cell = min(mine.tolist(), key=lambda place: (place[1], place[0]))
                for offset, character in enumerate(letter):
                    if start + cell + offset < cells:
                        rows[row][start + cell + offset] = character
                        owners[row, start + cell + offset] = index
    return Raster(["".join(row) for row in rows], owners, raster.drawn)


def _value_axis(
    row: int, rows: int, parts: int, limits: tuple[float, float], scene: CompareScene
) -> list[Span]:
    if row * parts % max(1, rows - 1):
        return [(" " * (LEFT - 1), "text"), (scene.glyphs.upright, "frame")]
    low, high = limits
    value = high - (high - low) * row / max(1, rows - 1)
    text = share(value) if high <= 10 else small(value)
    return [(text.rjust(LEFT - 2)[: LEFT - 2] + " ", "dim"), (scene.glyphs.axis, "frame")]


def _ends(
    scene: CompareScene,
    compared: Compared,
    curves: Sequence[Curve],
    traces: Sequence[Trace],
    rows: int,
    limits: tuple[float, float],
) -> dict[int, list[Span]]:
    """The letters and newest values of the lines by row; beside them the budgets where they differ.

    They are moved apart where lines end close together.
    """
    low, high = limits
    tell = compared.attacked and budgets_differ(curves)
    found = []
    for curve, trace in zip(curves, traces, strict=True):
        finite = np.flatnonzero(np.isfinite(trace.y))
        found.append((float(trace.y[finite[-1]]), curve))
    found.sort(key=lambda item: -item[0])
    wanted = [
        round((1 - min(1.0, max(0.0, (value - low) / (high - low)))) * (rows - 1))
        for value, _ in found
    ]
    labels: dict[int, list[Span]] = {}
    for row, (value, curve) in zip(spaced(wanted, rows), found, strict=False):
        text = f" {curve.letter} {in_unit(value, compared.measure.unit)}"
        more = f"@{budget(curve.budget)}" if tell else ""
        labels[row] = [(text, ink_of(curve.ink)), (more, "dim")]
    return {row: crop(line, RIGHT) for row, line in labels.items()}


def _place_axis(plot: Plot, curves: Sequence[Curve], scene: CompareScene) -> list[Line]:
    """The rule with ticks and the onset of each line, and below it the numbers."""
    stamps: list[Stamp] = []
    for curve in curves:
        if curve.onset is None:
            continue
        at = on_axis(curve, scene.view.aligned, np.array([float(curve.onset)]))
        said: Line = [("!!", "alert"), (curve.letter, ink_of(curve.ink))]
        stamps.append((plot.cell(float(at[0])), said))
    aligned = scene.view.aligned
    name = AXIS[aligned] if len(AXIS[aligned]) <= LEFT - 2 else f"by {aligned}"
    return ruled(plot, scene.glyphs, name, stamps)


def _readout(
    scene: CompareScene, compared: Compared, curves: Sequence[Curve], traces: Sequence[Trace]
) -> list[Span]:
    """The values of all lines at the cursor."""
    cursor = scene.view.cursor
    if cursor is None:
        return []
    at = f"{cursor:.2f}" if scene.view.aligned == "epoch" else count(round(cursor))
    spans: list[Span] = [(f"{AXIS[scene.view.aligned]} {at}", "cursor")]
    for curve, trace in zip(curves, traces, strict=True):
        value = value_at(trace, cursor)
        text = in_unit(value, compared.measure.unit) if known(value) else "-"
        spans.append((f"  {curve.letter} {text}", ink_of(curve.ink)))
    return spans


def value_at(trace: Trace, place: float) -> float:
    """The value that a line has at a place on the axis: the last one measured, none beyond it."""
    index = first_at(trace.x, place, after=True) - 1
    if index < 0 or place > float(trace.x[-1]):
        return math.nan
    return float(trace.y[index])


def _foot(scene: CompareScene, drawn: Sequence[tuple[Curve, object]]) -> list[Span]:
    said = []
    if any(not curve.active for curve, _ in drawn):
        said.append("dotted: left behind")
    if scene.view.zoom:
        said.append(f"zoom {2**scene.view.zoom}×")
    if left := scene.left_out:
        why = {"onset": "no onset", "epoch": "epochs unknown"}[scene.view.aligned]
        said.append(f"not drawn ({why}): {', '.join(curve.letter for curve in left)}")
    return [("  ".join(said), "faint")] if said else []


def _nothing(scene: CompareScene, compared: Compared, width: int) -> list[Line]:
    if scene.loading:
        told = "the logs are being read"
    elif scene.curves and not scene.on_axis:
        told = "none of these lines has an onset to align by; a: align by something else"
    else:
        told = f"nothing was measured of {compared.measure.label} here; m: the next measure"
    return [[], *([(f"  {part}", "dim")] for part in wrap(told, max(1, width - 2)))]
