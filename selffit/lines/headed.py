"""Rows of numbers under a line of names, as trainings print them: which names a row has.

What a number means is told by its header, so a rule for bare numbers asks which one stands above
(`Rule.under`), and a row can be said in words, "Epoch: 3, PGD Acc: 0.38", for rules that read
those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FEWEST = 3  # names of a header
_BETWEEN = re.compile(r"\s*[\t|,;]\s*|\s{2,}")
_NAME = re.compile(r"[A-Za-z][\w ./()%@-]*")
_NUMBER = re.compile(r"(?:nan|[-+]?inf|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*%?", re.IGNORECASE)
_KNOWN = re.compile(
    r"(?<![a-z])(?:epochs?|steps?|iter\w*|loss|acc\w*|lr|clean|pgd|fgsm)(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True)
class Header:
    """A line of names. text: as it was printed, without the logger's prefix."""

    text: str
    names: tuple[str, ...]

    def in_words(self, line: str) -> str | None:
        """A row under it as "name: number" pairs; None for what is no row of that many numbers."""
        cells = _cells(line)
        if len(cells) != len(self.names) or not all(map(_NUMBER.fullmatch, cells)):
            return None
        return ", ".join(f"{name}: {cell}" for name, cell in zip(self.names, cells, strict=True))


def header_of(line: str) -> Header | None:
    """The header that a line is: names alone, two of them of a training; None for other lines."""
    names = _cells(line)
    if len(names) < FEWEST or not all(map(_NAME.fullmatch, names)):
        return None
    if sum(_KNOWN.search(name) is not None for name in names) < 2:
        return None
    return Header(line, tuple(names))


def _cells(line: str) -> list[str]:
    return [cell for cell in _BETWEEN.split(line.strip()) if cell]
