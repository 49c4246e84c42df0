"""What screens with a table of keys share: the footer, and a help with a legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, Span, crop, framed, width_of
from selffit_tui.panels.widget import LineView
from selffit_tui.screens.keys import Key, shown_keys


def keys_line(table: Sequence[Key], width: int, left_out: frozenset[str] = frozenset()) -> Line:
    """The most important keys in one line; what does not fit is in the help, whose key stays."""
    shown = [
        (shown_keys(key).split(" ")[0], key.footer)
        for key in table
        if key.footer and key.id not in left_out
    ]
    *others, last = shown
    tail: list[Span] = [(f" {last[0]} ", "key"), (last[1], "dim")]
    spans: list[Span] = []
    for key, words in others:
        item: list[Span] = [(f" {key} ", "key"), (f"{words} ", "dim")]
        if width_of([*spans, *item, *tail]) > width:
            break
        spans += item
    return crop([*spans, *tail], width)


@dataclass(frozen=True, kw_only=True)
class HelpPage:
    """What the help of a screen says, and how far it is scrolled."""

    title: str
    table: Sequence[Key]
    legend: Sequence[tuple[str, str]]
    glyphs: Glyphs
    ascii_because: str = ""
    first: int = 0


class HelpLines(LineView[HelpPage]):
    """The page, from the first line shown."""

    def draw(self, scene: HelpPage, width: int, height: int) -> list[Line]:
        """What of it fits, in its border."""
        lines = page_lines(scene, width - 4)
        first = _first(scene, width, height)
        below = len(lines) - first - (height - 2)
        more = f"{below} more lines below: j or down" if below > 0 else "esc q ?: back"
        body: list[Line] = [[(" ", "text"), *line] for line in lines[first:]]
        title: Line = [(scene.title, "title")]
        return framed(
            body, width, height, scene.glyphs, title, [("selffit", "dim")], [(more, "dim")]
        )


def _first(page: HelpPage, width: int, height: int) -> int:
    length = len(page_lines(page, width - 4))
    return min(max(0, page.first), max(0, length - (height - 2)))


def page_lines(page: HelpPage, width: int) -> list[Line]:
    """Keys, legend and, in ASCII, why."""
    lines: list[Line] = []
    if page.ascii_because:
        text = f"drawn in ASCII because {page.ascii_because}; SELFFIT_ASCII=0 draws in Unicode"
        lines += [[(part, "warn")] for part in wrap(text, width)] + [[]]
    keys = [(shown_keys(key, page.glyphs.plain), key.help, "key") for key in page.table]
    rest = [(name, meaning, "strong") for name, meaning in page.legend]
    for name, meaning, style in (*keys, ("", "", "text"), *rest):
        for index, part in enumerate(wrap(meaning, max(10, width - 18)) or [""]):
            lines.append([(fit(name if index == 0 else "", 18), style), (part, "text")])
    return lines


class KeyHelpScreen(Screen[None]):
    """A screen of its own, so that it has room in any terminal."""

    CSS = "KeyHelpScreen HelpLines { width: 100%; height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,q,question_mark,f1,space,ctrl+c",
            "app.pop_screen",
            "back",
            show=False,
            priority=True,
        ),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("pagedown", "scroll_by(10)", "down", show=False),
        Binding("pageup", "scroll_by(-10)", "up", show=False),
    ]

    def __init__(self, styles: Mapping[str, Style], page: HelpPage) -> None:
        super().__init__()
        self._inks = styles
        self._page = page

    def compose(self) -> ComposeResult:
        """One panel."""
        yield HelpLines(self._inks)

    def on_mount(self) -> None:
        """Fills it."""
        self.query_one(HelpLines).show(self._page)

    def on_resize(self, event: Resize) -> None:
        """Fills it again."""
        self.query_one(HelpLines).show(self._page)

    def action_scroll_by(self, by: int) -> None:
        """Moves the text."""
        width, height = self.size
        self._page = replace(self._page, first=_first(self._page, width, height) + by)
        self.query_one(HelpLines).show(self._page)
