"""How tests look at what is drawn: the sets of characters by a name, and lines as text."""

from collections.abc import Iterable

from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.draw.spans import Line
from selffit_tui.gate import folded
from selffit_tui.intervene.panel import dialog_height, dialog_lines

SETS = {"braille": BRAILLE, "ascii": ASCII}


def plain_text(lines: Iterable[Line], ascii: bool = False) -> str:
    """The lines without their styles, as the screen shows them: folded to what may be drawn."""
    return "\n".join("".join(folded(text, ascii) for text, _ in line) for line in lines)


def dialog_box(dialog, glyphs, width):
    """The box of a dialog of interventions, as high as it wants to be."""
    height = dialog_height(dialog, SETS[glyphs], width)
    return plain_text(dialog_lines(dialog, SETS[glyphs], width, height)) + "\n"
