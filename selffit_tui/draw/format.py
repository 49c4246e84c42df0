"""Numbers, durations and untrusted text as people read them; pure functions."""

import math
import re
from typing import Any

from rich.cells import cell_len, chop_cells, set_cell_size

from selffit.eventlog.clean import clean

UNKNOWN = "-"


def known(value: float) -> bool:
    """Whether there is a number to show."""
    return not math.isnan(value)


def share(value: float, digits: int = 2) -> str:
    """An accuracy, a cosine or a fraction, always with the same number of decimals."""
    if math.isfinite(value):
        return f"{value:.{digits}f}"
    return UNKNOWN if math.isnan(value) else f"{value:g}"


def signed(value: float, digits: int = 2) -> str:
    """A change with its sign."""
    return f"{value:+.{digits}f}" if math.isfinite(value) else UNKNOWN


def small(value: float) -> str:
    """A number of unknown size in few characters: three significant digits."""
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else f"{value:g}"
    if value == 0 or 0.001 <= abs(value) < 1000:
        shown = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
        return f"{int(value)}" if value == int(value) else shown
    if abs(value) < 1e7 and value == int(value):
        return count(int(value))
    return f"{value:.1e}"


def count(value: int, space: str = " ") -> str:
    """A whole number with its thousands apart: 2 410."""
    return f"{value:,}".replace(",", space)


def p_value(value: float) -> str:
    """A probability of chance: never a false zero."""
    if value < 1e-9:
        return "p < 1e-9"
    return f"p {value:.1e}" if value < 0.001 else f"p {value:.3f}"


def duration(seconds: float) -> str:
    """0:14, 12:05, 1:02:05, 3 d 4 h: for an ETA and for the time since the start."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole >= 48 * 3600:
        return f"{whole // 86400} d {whole % 86400 // 3600} h"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def age(seconds: float) -> str:
    """How long ago, in whole units that tick no faster than once a second."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < 100 * 60:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 48 * 3600 else f"{whole // 86400} d"


def size(value: float) -> str:
    """Bytes in binary units: 1.2 MiB."""
    if not math.isfinite(value):
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


# Invisible or joining characters move what follows by an amount that terminals disagree about.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ff]"
)
_BREAKS = re.compile(r"[\t\n\r\x0b\x0c]+")


def safe(value: Any, plain: bool = False) -> str:
    """Text from a log on one line: control and direction characters become visible escapes."""
    line = clean(_BREAKS.sub(" ", value if isinstance(value, str) else str(value)))
    line = _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
    return line.replace("→", "->").encode("ascii", "replace").decode() if plain else line


def fit(line: str, width: int, ellipsis: str = "…") -> str:
    """The line in exactly `width` cells: padded with blanks, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if cell_len(line) > width:
        return set_cell_size(set_cell_size(line, max(0, width - 1)).rstrip() + ellipsis, width)
    return set_cell_size(line, width)


def wrap(words: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words where possible; [] for no text."""
    if width <= 0:
        return []
    lines: list[str] = []
    line = ""
    for word in words.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        *full, line = chop_cells(word, width) or [""]
        lines.extend(full)
    return [*lines, line] if line else lines
