"""How tests look at what is drawn: the sets of characters by a name, and lines as text."""

from collections.abc import Iterable

from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.draw.spans import Line

SETS = {"braille": BRAILLE, "ascii": ASCII}


def plain_text(lines: Iterable[Line]) -> str:
    """The lines without their styles."""
    return "\n".join("".join(text for text, _ in line) for line in lines)
