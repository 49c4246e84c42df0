"""A screen as an SVG picture."""

import re

from selffit.errors import UserError

_SIZE = re.compile(r"([0-9]{1,3})[x×]([0-9]{1,3})")


def offline(svg: str) -> str:
    """The picture without the fonts that it would fetch from the network.

    Whoever looks has a monospaced one.
    """
    return re.sub(r"@font-face\s*\{[^}]*\}", "", svg).replace("Fira Code", "DejaVu Sans Mono")


def size_of(text: str) -> tuple[int, int]:
    """Columns and rows of a screen as a person has them. Raises UserError for impossible ones."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None or not (20 <= int(match[1]) <= 400 and 6 <= int(match[2]) <= 200):
        raise UserError(
            f"--size must be columns x rows, such as 120x40 (at least 20x6), not '{text[:40]}'"
        )
    return int(match[1]), int(match[2])
