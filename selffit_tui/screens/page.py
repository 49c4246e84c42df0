"""A page of text that can be scrolled, in a screen of its own: it has room in any terminal."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, crop, framed
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.widget import LineWidget

FAR = 1_000_000  # lines: beyond the end of every page
Entry = tuple[str, str, str]  # a name, the style of it, and what it means


class PagePanel(LineWidget):
    """The lines of a page, from the first one shown."""

    first = 0
    page: "PageScreen"

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """What of it fits, in its border."""
        lines = self.page.lines(width - 4)
        self.first = min(max(0, self.first), max(0, len(lines) - (height - 2)))
        below = len(lines) - self.first - (height - 2)
        more = f"{below} more lines below: j or down" if below > 0 else "esc: back"
        indented: list[Line] = [[(" ", "text"), *line] for line in lines[self.first :]]
        title: Line = [(self.page.heading, "title")]
        return framed(
            indented, width, height, scene.glyphs, title, [("selffit", "dim")], [(more, "dim")]
        )


class PageScreen(Screen[None]):
    """The page; subclasses say in `lines` what it holds."""

    CSS = "PageScreen PagePanel { width: 100%; height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,question_mark,f1,t,space,enter,ctrl+c",
            "app.pop_screen",
            "back",
            show=False,
            priority=True,
        ),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("pagedown,ctrl+d", "scroll_by(10)", "down", show=False),
        Binding("pageup,ctrl+u", "scroll_by(-10)", "up", show=False),
        Binding("g,home", f"scroll_by(-{FAR})", "first", show=False),
        Binding("G,end", f"scroll_by({FAR})", "last", show=False),
    ]
    heading = ""

    def __init__(self, styles: Mapping[str, Style], glyphs: Glyphs) -> None:
        super().__init__()
        self._inks = styles
        self._glyphs = glyphs

    def lines(self, width: int) -> list[Line]:
        """All lines of the page, at most `width` cells wide."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """One panel."""
        panel = PagePanel(self._inks)
        panel.page = self
        yield panel

    def on_mount(self) -> None:
        """Fills the panel."""
        self._show()

    def on_resize(self, event: Resize) -> None:
        """Fills the panel again."""
        self._show()

    def action_scroll_by(self, by: int) -> None:
        """Moves the text."""
        panel = self.query_one(PagePanel)
        panel.first += by
        self._show()

    def _show(self) -> None:
        blank = Snapshot()
        scene = Scene(
            snapshot=blank,
            view=View(),
            columns=Columns(),
            now=0.0,
            newest=blank,
            glyphs=self._glyphs,
        )
        self.query_one(PagePanel).show(scene)


def entry_lines(entries: Sequence[Entry], name: int, width: int) -> list[Line]:
    """Names in a column of `name` cells, and beside each what it means."""
    lines: list[Line] = []
    for word, style, meaning in entries:
        parts = wrap(meaning, max(10, width - name)) or [""]
        for index, part in enumerate(parts):
            text = "text" if style == "key" else "dim"
            lines.append([(fit(word if index == 0 else "", name), style), (part, text)])
    return lines


def two_columns(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks side by side, the left one in `width` cells."""
    rows = max(len(left), len(right))
    return [
        [
            *crop(left[row] if row < len(left) else [], width),
            *(right[row] if row < len(right) else []),
        ]
        for row in range(rows)
    ]
