"""What a person has chosen to look at in a comparison, and everything that draws it needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.draw.raster import Floats, Window, window
from selffit_tui.model.compare.curves import ALIGNED, MEASURES, Compared, Curve
from selffit_tui.model.listing.scene import Ask

MAX_ZOOM = 12
TABLES = ("both", "table", "chart")


@dataclass(frozen=True, kw_only=True)
class CompareView:
    """The choices of the person; changing one makes a new view."""

    measure: int = 0  # in MEASURES
    multiples: bool = False
    aligned: str = "step"
    branches: bool = False  # a line for each branch, not only for what stands
    table: str = TABLES[0]
    cursor: float | None = None  # on the axis
    zoom: int = 0
    scroll: int = 0  # of the table

    @property
    def compared(self) -> Compared:
        """The measure on show, of several the first."""
        return MEASURES[self.measure]

    def next_measure(self, by: int) -> "CompareView":
        """The next measure."""
        return replace(self, measure=(self.measure + by) % len(MEASURES))

    def next_align(self) -> "CompareView":
        """Aligned by something else; a cursor means nothing there."""
        place = (ALIGNED.index(self.aligned) + 1) % len(ALIGNED)
        return replace(self, aligned=ALIGNED[place], cursor=None, zoom=0)

    def zoomed(self, by: int) -> "CompareView":
        """One level closer or farther; 0 shows everything."""
        return replace(self, zoom=min(MAX_ZOOM, max(0, self.zoom + by)) if by else 0)


@dataclass(frozen=True, kw_only=True)
class CompareScene:
    """One consistent picture of a comparison.

    curves: all lines, in the order of their letters. loading: how many runs are still being read.
    """

    curves: tuple[Curve, ...] = ()
    view: CompareView = field(default_factory=CompareView)
    loading: int = 0
    ask: Ask | None = None
    notice: str = ""
    trouble: bool = False
    glyphs: Glyphs = BRAILLE

    @property
    def on_axis(self) -> tuple[Curve, ...]:
        """The lines that have a place on the axis."""
        return tuple(c for c in self.curves if c.shift(self.view.aligned) is not None)

    @property
    def left_out(self) -> tuple[Curve, ...]:
        """Those that have none: without an onset there is nothing to align by."""
        return tuple(c for c in self.curves if c.shift(self.view.aligned) is None)

    def compared(self, room: int) -> list[Compared]:
        """The measures on show, at most `room`; of those that nothing has, none."""
        if not self.view.multiples:
            return [self.view.compared]
        turned = [*MEASURES[self.view.measure :], *MEASURES[: self.view.measure]]
        return [one for one in turned if has_any(self.curves, one)][: max(1, room)]

    def window(self, columns: int) -> Window:
        """The part of the axis that is shown in so many columns of dots."""
        first, last = self.span
        if not self.view.zoom:
            return window(first, last, columns)
        span = (last - first) / 2.0**self.view.zoom
        centre = last - span / 2 if self.view.cursor is None else self.view.cursor
        begin = min(max(first, centre - span / 2), max(first, last - span))
        return window(begin, begin + span, columns)

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last place on the axis that anything was measured at."""
        places = [place for curve in self.on_axis for place in _ends(curve, self.view.aligned)]
        if not places:
            return 0.0, 1.0
        return min(places), max(max(places), min(places) + 1e-3)


def _ends(curve: Curve, aligned: str) -> list[float]:
    steps = [float(probe.step) for probe in (curve.probes[:1] + curve.probes[-1:])]
    if curve.signals.length:
        steps += [float(curve.signals.steps[0]), float(curve.signals.steps[-1])]
    places = on_axis(curve, aligned, np.array(steps, dtype=np.float64))
    return [float(place) for place in places]


def on_axis(curve: Curve, aligned: str, steps: Floats) -> Floats:
    """The places of steps on the axis; empty where the line has none there."""
    shift = curve.shift(aligned)
    if shift is None:
        return steps[:0]
    first, factor = shift
    return (steps - first) * factor


def has_any(curves: Sequence[Curve], compared: Compared) -> bool:
    """Whether any of these lines has something of a measure."""
    return any(bool(np.isfinite(curve.points(compared).values).any()) for curve in curves)
