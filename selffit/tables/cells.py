"""One cell of a table as a number: decimal commas, thousands apart, percent signs, deviations."""

from __future__ import annotations

import re
from math import nan
from typing import NamedTuple

_WORDS = """
- -- --- — – ? . ... … * na n/a #n/a #na nan -nan null none nil missing undefined
inf -inf +inf infinity -infinity #div/0! #value! #num!
"""
_MISSING = frozenset(_WORDS.split()) | {""}
_COMPUTED = ("nan", "inf", "#div", "#num")  # a value was computed, and is no number
_SPREAD = re.compile(r"\s*(?:±|\+/-|\+-|\\pm).*$|(?<=\d)\s*\(\s*[±\d].*\)\s*$")
_GROUPS = {
    ",": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?"),
    ".": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?"),
}
_APART = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’_](?=\d{3}(?!\d))")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")  # nearly every cell: nothing to understand
_QUOTES = "\"'“”‘’"


class Number(NamedTuple):
    """A cell as a number, and what had to be understood for that.

    value: NaN where nothing was measured. percent: it has a percent sign, and `value` is still in
    percent. spread: a deviation after it was left out. comma: its decimal point is a comma. apart:
    its thousands were set apart. computed: not empty, but NaN or infinite: a measurement failed.
    """

    value: float
    percent: bool = False
    spread: bool = False
    comma: bool = False
    apart: bool = False
    computed: bool = False


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing was measured."""
    return bare(cell).casefold() in _MISSING


def bare(cell: str) -> str:
    """A cell without the blanks, quotes and emphasis around it."""
    return cell.strip().strip(_QUOTES).strip().strip("*").strip()


def number(cell: str, *, whole: bool = False, commas: bool = False) -> Number:
    """Read a cell; infinite counts as not measured.

    A lone comma is a decimal point ("0,45"). In a column of whole numbers, where 1,024 is meant as
    a thousand, `commas` decides: whether the file's decimal points are commas.

    Raises ValueError for a cell that is no number.
    """
    if _PLAIN.fullmatch(cell) and not (whole and commas):
        return Number(float(cell))
    text = bare(cell).replace("−", "-")
    if text.casefold() in _MISSING:
        return Number(nan, computed=any(word in text.casefold() for word in _COMPUTED))
    text, spreads = _SPREAD.subn("", text)
    percent = "%" in cell or "％" in cell  # also behind the deviation: 45.1±0.3%
    text = text.rstrip("%％\\ ")
    text, apart = _APART.subn("", text)
    comma = False
    thousands = "." if commas else ","
    if _GROUPS[thousands].fullmatch(text) and (whole or ("," in text and "." in text)):
        text, apart = text.replace(thousands, ""), 1
    if "," in text:
        text, comma = text.replace(",", ".", 1), True
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", text):
        raise ValueError(cell)
    return Number(float(text), percent, bool(spreads), comma, bool(apart))
