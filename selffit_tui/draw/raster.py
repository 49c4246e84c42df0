"""From points to characters: a pure rasteriser with min/max buckets on a stable grid.

The steps axis is cut into columns of dots, each covering `width` steps from a multiple of `width`,
so new points change only the newest column. Within a column the line runs from the smallest to the
largest value: a collapse that lasts one step stays visible at every zoom. A value that is no finite
number is a gap that nothing bridges.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selffit.run.folded.rising import Rising
from selffit_tui.draw.glyphs import Glyphs

Floats = NDArray[np.float64]
Steps = Floats | Rising  # in rising order
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """The part of the steps axis that is drawn, from step `start`.

    `columns` columns of dots, each `width` steps.
    """

    start: float
    width: float
    columns: int

    @property
    def end(self) -> float:
        """The first step beyond the window."""
        return self.start + self.width * self.columns

    def column(self, step: float) -> int:
        """The column of a step; outside 0 … columns−1 when the step is not in the window."""
        return math.floor((step - self.start) / self.width)


@dataclass(frozen=True)
class Trace:
    """One line: steps in rising order, their values, and the range of the value axis.

    `dotted`: only every second dot is drawn, and none in a cell that another line goes through.
    `dash`: of a dotted line so many columns are drawn, and as many left out, in turn; from 2 on it
    looks dashed.
    """

    x: Steps
    y: Floats
    _: KW_ONLY
    low: float = 0.0
    high: float = 1.0
    dotted: bool = False
    dash: int = 1


@dataclass(frozen=True)
class Raster:
    """Rows of characters, and the series whose colour each cell has.

    `owners[row, cell]` is the index of that series, −1 for none.

    The lines take `drawn` columns; dotted ones are not counted.
    """

    rows: list[str]
    owners: NDArray[np.int8]
    drawn: int


def column_width(span: float, columns: int) -> float:
    """The smallest round number of steps a column that fits `span` steps.

    One of 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20 …
    """
    need = span / max(1, columns)
    if need <= 1:
        return float(2.0 ** math.ceil(math.log2(max(need, 1e-6))))
    scale = 10.0 ** math.floor(math.log10(need))
    for multiple in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        width = multiple * scale
        if width >= need - 1e-9 and width == int(width):
            return float(width)
    return 10.0 * scale


def window(first: float, last: float, columns: int) -> Window:
    """The window that shows the steps `first` to `last`.

    Its start is a multiple of its column width.
    """
    span = max(last - first, 1.0) + 1e-9
    width = column_width(span, columns)
    start = math.floor(first / width) * width
    if start + width * columns <= last:  # rounding the start down pushed the end out
        width = column_width(span + width, columns)
        start = math.floor(first / width) * width
    return Window(start, width, columns)


def first_at(x: Steps, step: float, after: bool = False) -> int:
    """The place of the first of rising steps that is at a step or behind it; `after`: behind it."""
    if after and np.issubdtype(x.dtype, np.integer):
        step = np.floor(step) + 1
        after = False
    return int(np.searchsorted(x, _of_kind(x, np.array(step)), side="right" if after else "left"))


def _of_kind(x: Steps, steps: NDArray[Any]) -> NDArray[Any]:
    """Steps to look for among whole numbers as such: else all of those would be converted."""
    if not np.issubdtype(x.dtype, np.integer):
        return steps
    kind: Any = x.dtype
    limits = np.iinfo(kind)
    inside = np.clip(np.ceil(steps), limits.min, float(limits.max) * (1 - 2**-52))
    result: NDArray[Any] = inside.astype(kind)
    return result


def runs(trace: Trace, window: Window, height: int) -> tuple[Ints, Ints, int]:
    """The first and last row of dots that the line covers in each column (−1: none).

    Third, the number of columns drawn. `height` is the number of dot rows, row 0 at the top.
    """
    columns = window.columns
    low = np.full(columns, -1, dtype=np.int64)
    high = np.full(columns, -1, dtype=np.int64)
    # One point beyond each edge, so that a line leaves the window instead of ending in it.
    begin = max(0, first_at(trace.x, window.start) - 1)
    end = first_at(trace.x, window.end) + 1
    x, y = trace.x[begin:end], trace.y[begin:end]
    finite = np.isfinite(y)
    kept: Ints | None = None  # the places of what is drawn, where that is not all
    if not finite.all():
        kept = np.flatnonzero(finite)
        y = y[kept]
    if not len(y) or columns <= 0 or height <= 0:
        return low, high, 0
    # Where each column's points begin; x rises, so this costs a search a column, not work at every
    # point.
    edges = np.searchsorted(x, _of_kind(x, window.start + window.width * np.arange(columns + 1)))
    first, last = x[0], x[-1]
    if kept is not None:
        edges = np.searchsorted(kept, edges)
        first, last = x[int(kept[0])], x[int(kept[-1])]
    filled = np.flatnonzero(edges[1:] > edges[:-1])
    starts, bucket = edges[filled], filled.astype(np.int64)
    if edges[0] > 0:
        starts, bucket = np.append(0, starts), np.append(window.column(first), bucket)
    if edges[-1] < len(y):
        starts, bucket = np.append(starts, edges[-1]), np.append(bucket, window.column(last))
    ends = np.append(starts[1:], len(y)) - 1
    connected = np.ones(len(starts) - 1, dtype=np.bool_)
    if kept is not None:  # as many gaps before the one as before the other
        connected = kept[starts[1:]] - starts[1:] == kept[ends[:-1]] - ends[:-1]

    def rows(values: Floats) -> Floats:
        span = trace.high - trace.low
        level = (trace.high - values) / span if span > 0 else np.full(len(values), 0.5)
        return np.clip(level, 0.0, 1.0) * (height - 1)

    inside = (bucket >= 0) & (bucket < columns)
    own = bucket[inside]
    low[own] = np.rint(rows(np.maximum.reduceat(y, starts)[inside])).astype(np.int64)
    high[own] = np.rint(rows(np.minimum.reduceat(y, starts)[inside])).astype(np.int64)
    _bridge(low, high, bucket, rows(y[ends]), rows(y[starts]), connected)
    return low, high, len(own)


def _bridge(
    low: Ints,
    high: Ints,
    bucket: Ints,
    leaving: Floats,
    entering: Floats,
    connected: NDArray[np.bool_],
) -> None:
    """Draws the line between neighbouring buckets, and closes steps higher than one dot."""
    columns = len(low)
    if len(bucket) < 2:
        return
    every = np.arange(columns)
    # the last bucket at or before a column
    before = np.searchsorted(bucket, every, side="right") - 1
    after = np.minimum(before + 1, len(bucket) - 1)
    left = np.maximum(before, 0)
    empty = (low < 0) & (before >= 0) & (before < len(bucket) - 1)
    empty &= connected[np.minimum(left, len(connected) - 1)]
    distance = np.maximum(bucket[after] - bucket[left], 1)
    part = (every - bucket[left]) / distance
    between = np.rint(leaving[left] + part * (entering[after] - leaving[left])).astype(np.int64)
    low[empty] = between[empty]
    high[empty] = between[empty]
    # Column c and c+1 belong to one line unless a gap lies between their buckets.
    linked = (low[:-1] >= 0) & (low[1:] >= 0)
    pair = np.minimum(left[:-1], len(connected) - 1)
    linked &= (before[:-1] == before[1:]) | connected[pair]
    below = linked & (low[1:] > high[:-1] + 1)  # the next column lies lower on the screen
    above = linked & (high[1:] < low[:-1] - 1)
    middle_below = (high[:-1] + low[1:]) // 2
    middle_above = (low[:-1] + high[1:]) // 2
    new_low, new_high = low.copy(), high.copy()
    new_high[:-1][below] = middle_below[below]
    new_low[1:][below] = middle_below[below] + 1
    new_low[:-1][above] = np.minimum(new_low[:-1][above], middle_above[above] + 1)
    new_high[1:][above] = np.maximum(new_high[1:][above], middle_above[above])
    low[:], high[:] = new_low, new_high


def rasterise(traces: Sequence[Trace], window: Window, rows: int, glyphs: Glyphs) -> Raster:
    """Draws the traces over each other, later ones on top (dotted ones come first).

    The picture has `rows` rows of columns / glyphs.across cells.
    """
    cells = window.columns // glyphs.across
    height = rows * glyphs.down
    bits = np.zeros((max(rows, 0), max(cells, 0)), dtype=np.int64)
    owners = np.full(bits.shape, -1, dtype=np.int8)
    past = np.zeros(bits.shape, dtype=np.int64)  # of the dotted lines, which give way to the others
    shared = np.zeros(bits.shape, dtype=np.int64)
    turn = np.arange(max(cells, 0))[None, :]
    drawn = 0
    if bits.size:
        dot_row = np.arange(height)[:, None]
        weights = 1 << (
            np.arange(glyphs.down)[:, None] + glyphs.down * np.arange(glyphs.across)[None, :]
        )
        for index, trace in enumerate(traces):
            low, high, columns = runs(trace, window, height)
            drawn += 0 if trace.dotted else columns
            low, high = low[: cells * glyphs.across], high[: cells * glyphs.across]
            dots = (dot_row >= low) & (dot_row <= high) & (low >= 0)
            if trace.dotted:
                on = np.arange(len(low)) // trace.dash % 2 == 0
                dots &= np.where((low == high) | (trace.dash > 1), on, dot_row % 2 == 0)
            blocks = dots.reshape(rows, glyphs.down, cells, glyphs.across)
            own = np.einsum("rdca,da->rc", blocks, weights)
            mine = own > 0
            # Where lines share a cell their colours take turns, so that neither seems to end.
            if trace.dotted:
                past |= own
                owners[mine] = index
                continue
            shared[mine] += 1
            owners[mine & ((shared == 1) | (turn % np.maximum(shared, 1) == 0))] = index
            bits |= own
    table = glyphs.cells
    bits = np.where(bits > 0, bits, past)
    return Raster(["".join([table[code] for code in row]) for row in bits.tolist()], owners, drawn)
