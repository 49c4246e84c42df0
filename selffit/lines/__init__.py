"""Lines that other people's trainings print, read by named rules: pure, and line by line.

A rule file is TOML (docs/exchange.md); those of public codes lie in `formats`. `LineReader` takes
text as it comes, in pieces of any size, and gives rows of measures as soon as they are complete.
"""

from selffit.lines.catalogue import formats
from selffit.lines.reader import LineReader, Row, Said
from selffit.lines.rules import ACCURACIES, MEASURES, Rule, RuleFile, parse_rules

__all__ = [
    "ACCURACIES",
    "MEASURES",
    "LineReader",
    "Row",
    "Rule",
    "RuleFile",
    "Said",
    "formats",
    "parse_rules",
]
