"""Shares in [0,1] as bars, and through time as filled curves of one character a cell."""

import math
from collections.abc import Sequence

from selffit.numbers import known
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Span
from selffit_tui.panels.parts.charting import Plot

LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", ".:-=+*#@"  # of a curve, lowest to highest


def levels_of(glyphs: Glyphs) -> str:
    """The characters of a filled curve, lowest to highest."""
    return PLAIN_LEVELS if glyphs.plain else LEVELS


def share_bar(
    value: float, width: int, style: str, glyphs: Glyphs, chance: float = math.nan
) -> list[Span]:
    """A bar from the left of `width` cells, full at 1, with a notch at `chance` if known."""
    steps = len(glyphs.bar) - 1
    full, part = divmod(
        round(min(1.0, max(0.0, value)) * width * steps) if known(value) else 0, steps
    )
    drawn = (glyphs.bar[-1] * full + (glyphs.bar[part] if part else "")).ljust(width)
    at = math.floor(chance * width) if known(chance) else width
    if at >= width:
        return [(drawn, style)]
    return [(drawn[:at], style), (glyphs.mark, "mark"), (drawn[at + 1 :], style)]


def history_rows(
    values: Sequence[float], high: int, style: str, place: Plot, glyphs: Glyphs
) -> list[list[Span]]:
    """The filled curve of values in [0,1], one a cell, in `high` lines.

    Marks and cursor show above it.
    """
    levels = levels_of(glyphs)
    heights = [
        max(1, round(min(1.0, max(0.0, v)) * high * len(levels))) if known(v) else 0 for v in values
    ]
    lines: list[list[Span]] = []
    for row in range(high):
        spans: list[Span] = []
        for cell, height in enumerate(heights):
            level = min(len(levels), height - (high - 1 - row) * len(levels))
            ink, character = style, levels[level - 1] if level > 0 else " "
            if cell == place.cursor:
                ink, character = "cursor", character if level > 0 else glyphs.upright
            elif level <= 0 and cell in place.marks and place.marks[cell].live:
                ink, character = "mark", glyphs.mark
            if spans and spans[-1][1] == ink:
                spans[-1] = (spans[-1][0] + character, ink)
            else:
                spans.append((character, ink))
        lines.append(spans)
    return lines
