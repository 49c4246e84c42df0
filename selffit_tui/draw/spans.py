"""Lines of styled text, the drawing material of all widgets.

A line is a list of (text, style name).

Everything that reaches the terminal passes `to_strip`, the gate that lets no control character
through and, where only ASCII can be drawn, nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from selffit_tui.draw.format import fit
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.gate import folded

Span = tuple[str, str]
Line = list[Span]


def width_of(line: Iterable[Span]) -> int:
    """The width of a line in cells."""
    return sum(cell_len(text) for text, _ in line)


def crop(line: Iterable[Span], width: int, ellipsis: str = "") -> Line:
    """The line in exactly `width` cells, padded with blanks or cut.

    It is cut with an ellipsis where one is given.
    """
    result: Line = []
    left = width
    spans = [(text, style) for text, style in line if text]
    for index, (text, style) in enumerate(spans):
        length = cell_len(text)
        rest = index < len(spans) - 1
        if length < left or (length == left and not (rest and ellipsis)):
            result.append((text, style))
            left -= length
            continue
        if left > 0:
            cut = fit(text + "  ", left, ellipsis or " ") if length >= left else text
            result.append((cut if ellipsis else fit(text, left, ""), style))
        left = 0
        break
    if left > 0:
        result.append((" " * left, "text"))
    return result


def spread(left: Sequence[Span], right: Sequence[Span], width: int, ellipsis: str = "…") -> Line:
    """One line with `right` flush at its right end; `left` gives way, then `right` disappears."""
    room = width - width_of(right)
    if room < 1:
        return crop(left, width, ellipsis)
    if width_of(left) >= room:
        return [*crop(left, room - 1, ellipsis), (" ", "text"), *right]
    return [*crop(left, room), *right]


def fill(lines: Sequence[Line], width: int, height: int) -> list[Line]:
    """Exactly `height` lines of `width` cells."""
    shown = [crop(line, width) for line in lines[:height]]
    return (
        shown + [[(" " * width, "text")] for _ in range(height - len(shown))]
        if width > 0
        else [[]] * height
    )


def framed(
    lines: Sequence[Line],
    width: int,
    height: int,
    glyphs: Glyphs,
    title: Sequence[Span],
    note: Sequence[Span] = (),
    foot: Sequence[Span] = (),
) -> list[Line]:
    """The lines in a border with a title (top left), a note (top right) and a foot (bottom right).

    Where there is no room for a border there is none.
    """
    if height < 3 or width < 8:
        return fill(lines, width, height)
    top_left, _, top_right, upright, bottom_left, bottom_right = list(glyphs.frame)
    inner = width - 2
    body = fill(lines, inner, height - 2)
    edges = [[(upright, "frame"), *row, (upright, "frame")] for row in body]
    top: Line = [(top_left, "frame"), *_edge(title, note, inner, glyphs), (top_right, "frame")]
    bottom: Line = [
        (bottom_left, "frame"),
        *_edge((), foot, inner, glyphs),
        (bottom_right, "frame"),
    ]
    return [top, *edges, bottom]


def _edge(left: Sequence[Span], right: Sequence[Span], width: int, glyphs: Glyphs) -> Line:
    """A border line with text set into it; the right text disappears before the left one is cut."""
    line = glyphs.frame[1]
    spans: Line = []
    room = width
    if left:
        shown = crop(left, min(width_of(left), max(0, width - 4)), glyphs.ellipsis)
        spans = [(line, "frame"), (" ", "frame"), *shown, (" ", "frame")]
        room -= 3 + width_of(shown)
    tail: Line = []
    if right and width_of(right) + 4 <= room:
        tail = [(" ", "frame"), *right, (" ", "frame"), (line, "frame")]
        room -= 3 + width_of(right)
    return [*spans, (line * max(0, room), "frame"), *tail]


def to_strip(
    line: Iterable[Span], styles: Mapping[str, Style], width: int, plain: bool = False
) -> Strip:
    """A line as Textual draws it: exactly `width` cells, one segment a change of style.

    Here, and nowhere before, text is folded to what may be drawn (`plain`: ASCII): a line has its
    layout by now, and folding keeps the cells of every character.
    """
    merged: list[list[str]] = []
    for text, style in crop([(folded(text, plain), style) for text, style in line], width):
        if merged and merged[-1][1] == style:
            merged[-1][0] += text
        elif text:
            merged.append([text, style])
    return Strip([Segment(text, styles[style]) for text, style in merged], width)
