"""The gates through which lines leave: folded to one line and, where it must be, to ASCII.

Whatever a screen shows passes `folded` when a line becomes a strip, whatever is printed passes
`one_line`, and then the outlets of `selffit.outlets`; nothing before them has to think of control
characters or of what can be drawn. Folding keeps the number of cells, because it happens after a
line has been laid out: an arrow and the blank after it become "->", one between two words with
both its blanks "-->", every other character that is not ASCII becomes one of the same width.
"""

import re

from rich.cells import cell_len

from selffit.eventlog.clean import clean
from selffit.outlets import PLAIN

# Tabs and line breaks, and the blanks that no line is broken at.
_BLANKS = re.compile("[\t\n\r\x0b\x0c\u00a0\u202f]")
# Control and direction characters; those that are invisible or join others.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)
_WITH_BLANK = {" → ": "-->", "→ ": "->", "↦ ": "->", "≥ ": ">=", "≤ ": "<="}
_NOT_ASCII = re.compile(r"(?:(?<=\S)|^) → (?:(?=\S)|$)|[→↦≥≤] |[^\x00-\x7f]")


def folded(text: str, plain: bool) -> str:
    """Text for the screen: no control characters, and ASCII only where it is to be `plain`."""
    if text.isascii() and text.isprintable():
        return text
    line = _CONTROL.sub("?", _BLANKS.sub(" ", text))
    return _NOT_ASCII.sub(_ascii, line) if plain else line


def _ascii(match: re.Match[str]) -> str:
    found = match[0]
    return _WITH_BLANK.get(found) or PLAIN.get(found) or "?" * cell_len(found)


def one_line(text: str) -> str:
    """Text for a pipe or a dumb terminal: control characters become visible escapes."""
    return clean(_BLANKS.sub(" ", text))
