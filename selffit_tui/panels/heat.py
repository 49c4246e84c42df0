"""The heat strip: the channels of a layer through time, shaded by their dominance.

With 256 colours a cell is shaded, blue for data and orange for self, and holds two rows where there
are many channels. Otherwise a character tells the shade. Dominance is our operational definition,
see `channels`.
"""

from collections.abc import Sequence

import numpy as np

from selffit.eventlog import kinds
from selffit.numbers import count, signed
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.raster import Floats, Ints
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.draw.styles import UNMEASURED, shade
from selffit_tui.model.scene import OVERVIEW, Scene
from selffit_tui.panels.panel import Panel, band
from selffit_tui.panels.parts.charting import LEFT, Plot, axis_rows, plot
from selffit_tui.panels.parts.empty import no_channels
from selffit_tui.panels.parts.ranking import layer_title, ranking

FEW = 12  # lines of an overview in which only the top channels have a lane
LEVELS = 4  # of shades on either side of 0
# dominance of the strongest shade: the smallest that nearly all cells stay below
REACHES = (0.25, 0.5, 1.0)
NEARLY_ALL = 0.98
RAMP, ASCII_RAMP = "≡=-· ░▒▓█", "=~-. :+*#"  # from data over 0 to self
UPPER_HALF = "▀"


class HeatPanel(Panel):
    """Which channels have become dominant, and when."""

    name = "heat"
    title = "channels through time"
    help = "heat strip: the channels of a layer through time"
    keys = ("9", "h")

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """The lowest band on the left."""
        return 0 if narrow else band(room, 2)

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The strip in its border."""
        few = scene.view.panel == OVERVIEW and height <= FEW
        return heat_lines(scene, width, height, shade(0, 0) in self._inks, few)


def heat_lines(
    scene: Scene, width: int, height: int, shaded: bool = False, few: bool = False
) -> list[Line]:
    """The strip in its border; `shaded` where there are the colours for it.

    `few`: the most dominant channels alone have a lane, and there are no steps below.
    """
    glyphs = scene.glyphs
    shaded = shaded and not glyphs.plain
    index = scene.channel_probe()
    title: list[Span] = [(HeatPanel.title, "title")]
    if index is None or not scene.columns.channels[index].layers:
        return framed(no_channels(scene, width - 2), width, height, glyphs, title)
    probe = scene.columns.channels[index]
    layer = probe.layers[scene.view.layer % len(probe.layers)]
    title += layer_title(scene, layer, len(probe.layers))
    place = plot(scene, width - 2)
    rows = max(0, height - (2 if few else 4))
    order = ranking(list(layer.dominance))
    per = 2 if shaded and not few else 1  # lanes that a row can hold
    lanes = _top_lanes(order, rows) if few else _lanes(order, rows * per)
    strip = [lane for lane in range(len(lanes)) for _ in range(rows * per // len(lanes))]
    values = _through_time(scene.columns.channels, layer.name, len(order), place, scene.state.step)
    now = np.array(layer.dominance, dtype=np.float64)
    means = np.array([values[lane].mean(axis=0) for lane in lanes]).reshape(len(lanes), place.cells)
    reach = _reach(means)
    levels = _levels(means / reach)
    body: list[Line] = []
    for start in range(0, len(strip), per):
        held = strip[start : start + per]
        begun = [lanes[lane] for lane in sorted(set(held)) if strip.index(lane) >= start]
        left = _label(begun, order, len(lanes) < len(order))
        if few and begun:  # a layer of few channels has several rows for each
            left = f"ch {begun[0][0]}" if len(begun[0]) == 1 else "others"
        right = " ".join(signed(float(now[lane].mean())) for lane in begun)
        drawn = (
            _shaded(levels, held * 2 if few else held, place, scene)
            if shaded
            else _ramped(levels, held, place, scene)
        )
        body.append(
            [
                (f"{left:>{LEFT - 2}} ", "text"),
                (glyphs.upright, "frame"),
                *drawn,
                (f" {right}", "dim"),
            ]
        )
    note: list[Span] = [(f"by dominance at step {count(probe.step)}", "dim")]
    foot = [*_said(scene, place, lanes), *_legend(shaded, glyphs, reach)]
    if few:
        ends = f"{signed(-reach)} image {signed(reach)} self"
        return framed(body, width, height, glyphs, title, [(ends, "dim")])
    return framed([*body, *axis_rows(place, scene)], width, height, glyphs, title, note, foot)


def _top_lanes(order: Sequence[int], rows: int) -> list[list[int]]:
    """The most dominant channels, one a lane, and all others in the last one."""
    if len(order) <= rows or rows < 2:
        return [[channel] for channel in order[:rows]]
    return [*([channel] for channel in order[: rows - 1]), list(order[rows - 1 :])]


def _lanes(order: Sequence[int], most: int) -> list[list[int]]:
    """The channels in their order, one a lane.

    Where there are more than `most`, several neighbours share one.
    """
    number = min(len(order), most)
    ends = [len(order) * lane // number for lane in range(1, number + 1)]
    return [list(order[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _through_time(
    probes: Sequence[kinds.ChannelProbe], name: str, channels: int, place: Plot, now: int
) -> Floats:
    """Dominance by channel and cell, shape [channels, cells].

    Of the newest probe, the mean of those in one cell. NaN before the first probe and after the
    present step.
    """
    found = [
        (probe.step, layer.dominance)
        for probe in probes
        if (layer := probe.layer(name)) is not None
    ]
    found = [(step, dominance) for step, dominance in found if len(dominance) == channels]
    result = np.full((channels, place.cells), np.nan)
    cells = np.array([place.cell(step) for step, _ in found], dtype=np.int64)
    first, end = int(np.searchsorted(cells, 0)), int(np.searchsorted(cells, place.cells))
    first = max(0, first - 1)  # one before the window, which still holds at its beginning
    if first >= end:
        return result
    table = np.array([dominance for _, dominance in found[first:end]], dtype=np.float64)
    held, starts, sizes = np.unique(cells[first:end], return_index=True, return_counts=True)
    means = np.add.reduceat(table, starts, axis=0) / sizes[:, None]
    every = np.arange(place.cells)
    newest = np.searchsorted(held, every, side="right") - 1
    there = (newest >= 0) & (every <= place.cell(now))
    result[:, there] = means[newest[there]].T
    return result


def _reach(values: Floats) -> float:
    """The largest value that the shades tell apart: small differences are to be seen too."""
    known = np.abs(values[np.isfinite(values)])
    most = float(np.quantile(known, NEARLY_ALL)) if len(known) else 1.0
    return next((reach for reach in REACHES if most <= reach), REACHES[-1])


def _levels(values: Floats) -> Ints:
    """Shares of the reach in [-1, 1] as 0 … 2·LEVELS, UNMEASURED for no number."""
    nearest = np.rint(np.nan_to_num(np.clip(values, -1, 1)) * LEVELS).astype(np.int64) + LEVELS
    result: Ints = np.where(np.isnan(values), UNMEASURED, nearest)
    return result


def _shaded(levels: Ints, held: list[int], place: Plot, scene: Scene) -> list[Span]:
    """A row in colours: the upper and the lower halves of its cells."""
    upper = levels[held[0]].tolist()
    lower = levels[held[1]].tolist() if len(held) > 1 else [UNMEASURED] * place.cells
    cells = [
        (" " if a == b else UPPER_HALF, shade(a, b)) for a, b in zip(upper, lower, strict=True)
    ]
    return _lined(cells, place, scene)


def _ramped(levels: Ints, held: list[int], place: Plot, scene: Scene) -> list[Span]:
    """A row in characters, which need no colour."""
    ramp = ASCII_RAMP if scene.glyphs.plain else RAMP
    cells: list[Span] = []
    for level in levels[held[0]].tolist():
        style = "self" if level > LEVELS else "data"
        if level in (LEVELS, UNMEASURED):
            style = "dim"
        cells.append((" " if level == UNMEASURED else ramp[level], style))
    return _lined(cells, place, scene)


def _lined(cells: list[Span], place: Plot, scene: Scene) -> list[Span]:
    """The cells with the lines of onsets and of the cursor through them."""
    for cell, mark in place.marks.items():
        if mark.live and mark.serious:
            cells[cell] = ("!" if scene.glyphs.plain else scene.glyphs.mark, "alert")
    if place.cursor is not None:
        cells[place.cursor] = (scene.glyphs.upright, "cursor")
    return cells


def _label(lanes: list[list[int]], order: Sequence[int], grouped: bool) -> str:
    """The numbers of the channels that begin in a row; their ranks where they are in groups."""
    if not grouped or not lanes:
        return ",".join(str(lane[0]) for lane in lanes)
    first, last = order.index(lanes[0][0]) + 1, order.index(lanes[-1][-1]) + 1
    return f"{first}-{last}" if last > first else str(first)


def _said(scene: Scene, place: Plot, lanes: list[list[int]]) -> list[Span]:
    number = sum(0 <= place.cell(probe.step) < place.cells for probe in scene.columns.channels)
    sizes = sorted({len(lane) for lane in lanes})
    means = (
        f"means of {'-'.join(map(str, sizes))} channels by rank  "
        if sizes and sizes[-1] > 1
        else ""
    )
    return [(f"{means}{count(number)} probes  ", "faint")]


def _legend(shaded: bool, glyphs: Glyphs, reach: float) -> list[Span]:
    levels = range(2 * LEVELS + 1)
    if shaded:
        scale: list[Span] = [("  ", shade(level, level)) for level in levels]
    else:
        ramp = ASCII_RAMP if glyphs.plain else RAMP
        scale = [(ramp[: LEVELS + 1], "data"), (ramp[LEVELS + 1 :], "self")]
    return [
        (f"data {signed(-reach)} ", "dim"),
        *scale,
        (f" {signed(reach)} self", "dim"),
    ]
