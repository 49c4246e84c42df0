"""The base of all widgets: draws lines from a scene and repaints only the cells that changed."""

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from rich.style import Style
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, to_strip
from selffit_tui.model.scene import Scene


class Picture(Protocol):
    """What is drawn, of whatever screen."""

    @property
    def glyphs(self) -> Glyphs:
        """The characters to draw it with."""


P = TypeVar("P", bound=Picture)


class LineView(Widget, Generic[P], can_focus=False):
    """A Line-API widget; subclasses say in `draw` what a picture of theirs looks like."""

    def __init__(self, styles: Mapping[str, Style], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._inks = styles
        self._scene: P | None = None
        self._strips: list[Strip] = []

    def draw(self, scene: P, width: int, height: int) -> list[Line]:
        """The `height` lines of `width` cells that show the scene."""
        raise NotImplementedError

    def show(self, scene: P) -> None:
        """Shows another scene; cells that stay the same are not sent to the terminal again."""
        self._scene = scene
        width, height = self.size
        if not self.display or width <= 0 or height <= 0:
            return
        before = self._strips
        self._strips = self._drawn(scene, width, height)
        dirty = [
            region
            for y, strip in enumerate(self._strips)
            if (region := _changed(before[y] if y < len(before) else None, strip, y)) is not None
        ]
        if dirty:
            self.refresh(*dirty)

    def _drawn(self, scene: P, width: int, height: int) -> list[Strip]:
        return [
            to_strip(line, self._inks, width, scene.glyphs.plain)
            for line in self.draw(scene, width, height)[:height]
        ]

    def on_resize(self, event: Resize) -> None:
        """Draws the scene for the new size."""
        if self._scene is not None:
            self._strips = []
            self.show(self._scene)

    def render_line(self, y: int) -> Strip:
        """The line as it was drawn last."""
        if y < len(self._strips) and self._strips[y].cell_length == self.size.width:
            return self._strips[y]
        return to_strip([], self._inks, self.size.width)


class LineWidget(LineView[Scene], can_focus=False):
    """One that draws the scene of a run."""


def _changed(before: Strip | None, after: Strip, y: int) -> Region | None:
    """The cells of line y that differ, as one region; None when none does."""
    if before is None or before.cell_length != after.cell_length:
        return Region(0, y, after.cell_length, 1)
    if before == after:
        return None
    old, new = _cells(before), _cells(after)
    # double-width characters: repaint the line
    if len(old) != len(new) or len(new) != after.cell_length:
        return Region(0, y, after.cell_length, 1)
    differing = [x for x, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    if not differing:
        return None
    return Region(differing[0], y, differing[-1] + 1 - differing[0], 1)


def _cells(strip: Strip) -> Sequence[tuple[str, Style | None]]:
    return [(character, segment.style) for segment in strip for character in segment.text]
