"""The dose curve: accuracy against the amount of the network's own perturbation.

Beside it that when random signs replace the perturbation.

Our operational definition of "sufficient self-information" (see `selffit.probes.selfinfo`): after
self-fitting the accuracy is high at the full dose, with a dip before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selffit.eventlog import kinds
from selffit.numbers import count, narrow, share
from selffit_tui.draw.raster import Trace, Window, rasterise
from selffit_tui.draw.spans import Line, Span, crop, framed
from selffit_tui.model.marks import Mark
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.panels.parts.charting import Plot, plot_row
from selffit_tui.panels.parts.empty import no_full_set

MARGIN = 8  # cells left of a plot: the labels of its axis
BESIDE = 76  # cells from which both curves stand side by side
TWO_HIGH = 18  # lines from which they stand one below the other; below that the second is a table
FINE = 110  # cells from which the dose is printed in quarters
ROOMY = 14  # lines from which that table also has what was before
FEWEST_ROWS = 3  # of a plot
VALUE = 4  # cells of a printed value
NOW, BEFORE = "fgsm", "past"


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """The horizontal axis of one of the curves, and where its values are printed.

    `mark`: a vertical line.
    """

    words: str
    label: str
    end: float
    ticks: tuple[float, ...]
    mark: float | None = None


@dataclass(frozen=True)
class _Curve:
    """One curve of the set of a step."""

    step: int
    x: Sequence[float]
    y: Sequence[float]
    style: str

    @property
    def trace(self) -> Trace:
        """The line of the curve; what was before is dotted."""
        x, y = (np.array(values, dtype=np.float64) for values in (self.x, self.y))
        return Trace(x, y, dotted=self.style == BEFORE)

    def at(self, x: float) -> float:
        """The value at x, NaN where none was measured."""
        return next(
            (y for here, y in zip(self.x, self.y, strict=True) if abs(here - x) < 1e-3), math.nan
        )


class DosePanel(Panel):
    """How much of its own perturbation the network needs."""

    name = "dose"
    title = "dose"
    help = "dose alone: accuracy against the size of the perturbation"
    keys = ("7", "o")

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """Both curves in their border."""
        return dose_lines(scene, width, height)


def dose_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """Both curves in their border."""
    glyphs = scene.glyphs
    title: list[Span] = [(DosePanel.title, "title")]
    sets = scene.full_sets()
    if not sets:
        measured = any(probe.full for probe in scene.state.all(kinds.SelfProbe))
        body = no_full_set(scene, width - 2, "full set", measured)
        return framed(body, width, height, glyphs, title)
    now, before = sets[-1], scene.compared(sets)
    title.append(("  x + k·delta", "dim"))
    note: list[Span] = [(f"step {count(now.step)}", "dim")]
    body = _curves(now, before, width - 2, height - 2, scene)
    return framed(body, width, height, glyphs, title, note, _foot(before, scene, width - 2))


def _foot(before: kinds.SelfProbe | None, scene: Scene, width: int) -> list[Span]:
    """What the dotted curve is, and whose definition it is: what fits."""
    parts: list[str] = []
    if before is not None:
        parts.append(f"dotted: step {count(before.step)}")
    if scene.view.panel != "overview":
        parts.append("our operational definition")
    while parts and len("  ".join(parts)) > width - 4:
        parts.pop()
    return [("  ".join(parts), "faint")] if parts else []


def _curves(
    now: kinds.SelfProbe, before: kinds.SelfProbe | None, width: int, room: int, scene: Scene
) -> list[Line]:
    """The dose curve and, as far as there is room, the mix curve or only its values."""
    doses_at = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5) if width >= FINE else (0.0, 0.5, 1.0, 1.5)
    dose = _Axis(words="accuracy on x + k·delta", label="k", end=1.5, ticks=doses_at, mark=1.0)
    mix = _Axis(
        words="mixed with random signs", label="share", end=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0)
    )
    doses = [
        _Curve(p.step, *p.doses, style)
        for p, style in ((before, BEFORE), (now, NOW))
        if p is not None
    ]
    mixes = [
        _Curve(p.step, *p.mixes, style)
        for p, style in ((before, BEFORE), (now, NOW))
        if p and len(p.mixes[0])
    ]
    table = 3 if room < ROOMY else 2 + len(mixes)
    if not mixes or room < FEWEST_ROWS + 4 + table:
        return _chart(dose, doses, width, room, scene)
    if width >= BESIDE:
        right = max(36, width * 2 // 5)
        left = _chart(dose, doses, width - right, room, scene, headed=True)
        return [
            [*a, *b]
            for a, b in zip(left, _chart(mix, mixes, right, room, scene, headed=True), strict=True)
        ]
    below = room * 9 // 20 if room >= TWO_HIGH else table
    return [
        *_chart(dose, doses, width, room - below, scene),
        *_chart(mix, mixes, width, below, scene, headed=True),
    ]


def _chart(
    axis: _Axis, curves: Sequence[_Curve], width: int, room: int, scene: Scene, headed: bool = False
) -> list[Line]:
    """Exactly `room` lines: the plot as far as there is room, below it the values at the ticks."""
    cells = max(1, width - MARGIN - 2)
    across = scene.glyphs.across
    columns = cells * across
    # the end of the axis lies in the last column
    window = Window(0.0, axis.end / (columns - 0.5), columns)
    slots = _slots([(tick, window.column(tick) // across) for tick in axis.ticks], cells + 1)
    ticks = [(start, narrow(f"{tick:g}"), "dim") for tick, start in slots]
    values = [_texts(axis.label, ticks, "dim", width)]
    for curve in reversed(curves):  # the newest first, right below the axis
        numbers = [(start, share(curve.at(tick)), curve.style) for tick, start in slots]
        values.append(_texts(count(curve.step), numbers, curve.style, width))
    plotted = room - headed >= FEWEST_ROWS + 3  # with its rule, the ticks and the newest values
    if plotted:
        values = values[: room - headed - FEWEST_ROWS - 1]
    body: list[Line] = [[(" " * MARGIN + axis.words, "dim")]] if headed else []
    if plotted:
        body += _plot_rows(axis, curves, window, room - len(body) - len(values) - 1, scene)
    lines = [crop(line, width) for line in [*body, *values][:room]]
    return lines + [crop([], width) for _ in range(room - len(lines))]


def _plot_rows(
    axis: _Axis, curves: Sequence[_Curve], window: Window, rows: int, scene: Scene
) -> list[Line]:
    """`rows` rows of the plot, and the rule with its ticks."""
    glyphs = scene.glyphs
    cells = window.columns // glyphs.across
    marks = (
        {} if axis.mark is None else {window.column(axis.mark) // glyphs.across: Mark(0, "dose")}
    )
    place = Plot(window=window, cells=cells, across=glyphs.across, marks=marks, cursor=None)
    raster = rasterise([curve.trace for curve in curves], window, rows, glyphs)
    ticks = {0: 1.0, rows - 1: 0.0} | ({rows // 2: 0.5} if rows % 2 and rows >= 5 else {})
    labels = {row: share(value) for row, value in ticks.items()}
    lines: list[Line] = []
    for row in range(rows):
        edge = glyphs.axis if row in labels else glyphs.upright
        left: Line = [(f"{labels.get(row, ''):>{MARGIN - 2}} ", "dim"), (edge, "frame")]
        lines.append(
            [*left, *plot_row(raster, row, [curve.style for curve in curves], place, scene)]
        )
    rule = [glyphs.rule] * cells
    for tick in axis.ticks:
        rule[window.column(tick) // glyphs.across] = glyphs.tick
    return [*lines, [(" " * (MARGIN - 1), "text"), (glyphs.corner + "".join(rule), "frame")]]


def _slots(ticks: Sequence[tuple[float, int]], width: int) -> list[tuple[float, int]]:
    """Where the text of each tick begins, so that it stands below its cell.

    Ticks without room are left out.
    """
    placed: list[tuple[float, int]] = []
    free = 0
    for tick, cell in ticks:
        start = min(max(0, cell - 1), width - VALUE)
        if start >= free:
            placed.append((tick, start))
            free = start + VALUE + 1
    return placed


def _texts(label: str, texts: Sequence[tuple[int, str, str]], style: str, width: int) -> Line:
    """A label in the margin and texts at their places."""
    line: Line = [(f"{label:>{MARGIN - 2}}  ", style)]
    used = 0
    for start, text, ink in texts:
        line += [(" " * (start - used), "text"), (f"{text:^{VALUE}}", ink)]
        used = start + VALUE
    return line
