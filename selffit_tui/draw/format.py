"""Text in cells: lines of exactly one width, and lines broken between words."""

from rich.cells import cell_len, chop_cells, set_cell_size


def fit(line: str, width: int, ellipsis: str = "…") -> str:
    """The line in exactly `width` cells: padded with blanks, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if cell_len(line) > width:
        return set_cell_size(set_cell_size(line, max(0, width - 1)).rstrip() + ellipsis, width)
    return set_cell_size(line, width)


def fit_middle(text: str, width: int, ellipsis: str = "…") -> str:
    """A name in exactly `width` cells; where it is too long both ends of it stay.

    Names of runs differ at their ends more often than where they begin.
    """
    room = width - cell_len(ellipsis)
    if cell_len(text) <= width or room < 2:
        return fit(text, width, ellipsis)
    head = set_cell_size(text, room * 2 // 5)
    tail = ""
    for character in reversed(text):
        if cell_len(head + character + tail) > room:
            break
        tail = character + tail
    return fit(head + ellipsis + tail, width)


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
