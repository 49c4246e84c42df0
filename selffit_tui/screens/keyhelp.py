"""What screens with a table of keys share: the footer, and a help with a legend."""

from collections.abc import Mapping, Sequence

from rich.style import Style

from selffit_tui.draw.format import wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, Span, crop, width_of
from selffit_tui.screens.keys import Key, shown_keys
from selffit_tui.screens.page import PageScreen, entry_lines, two_columns

NAMES = 20  # cells of a word of the legend
KEYS = 17  # cells of the keys
TWO_FROM = 110  # cells from which keys and legend stand side by side


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


def help_lines(
    table: Sequence[Key],
    legend: Sequence[tuple[str, str]],
    width: int,
    glyphs: Glyphs,
    ascii_because: str = "",
) -> list[Line]:
    """Keys, legend and, in ASCII, why; side by side where there is room."""
    lines: list[Line] = []
    if ascii_because:
        text = (
            f"drawn in ASCII because {ascii_because}; SELFFIT_ASCII=0 draws in Unicode all the same"
        )
        lines += [[(part, "warn")] for part in wrap(text, width)] + [[]]
    keys = [(shown_keys(key, glyphs.plain), "key", key.help) for key in table]
    words = [(name, "strong", meaning) for name, meaning in legend]
    if width < TWO_FROM:
        return [*lines, *entry_lines(keys, KEYS, width), [], *entry_lines(words, NAMES, width)]
    left = width * 9 // 20
    return lines + two_columns(
        entry_lines(keys, KEYS, left - 2),
        entry_lines(words, NAMES, width - left),
        left,
    )


class KeyHelpScreen(PageScreen):
    """The keys of a screen and what its words mean."""

    def __init__(
        self,
        styles: Mapping[str, Style],
        glyphs: Glyphs,
        *,
        heading: str,
        table: Sequence[Key],
        legend: Sequence[tuple[str, str]],
        ascii_because: str = "",
    ) -> None:
        super().__init__(styles, glyphs)
        self.heading = heading
        self._table = table
        self._legend = legend
        self._ascii_because = ascii_because

    def lines(self, width: int) -> list[Line]:
        """All of it."""
        return help_lines(self._table, self._legend, width, self._glyphs, self._ascii_because)
