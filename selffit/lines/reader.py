"""Reads printed lines by the rules of one file, as they come, and puts rows together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from selffit.lines.headed import Header, header_of
from selffit.lines.printed import Splitter, readings
from selffit.lines.rules import ACCURACIES, PLACES, SHARES, UNITS, Rule, RuleFile
from selffit.tables import number

BUDGETS = ("eps", "alpha")  # in pixels of [0,1]: what is larger is in levels of 255
ABOVE_ONE = 1.5  # what is larger is no fraction that was rounded


@dataclass(frozen=True, kw_only=True)
class Row:
    """The measures of one place in time.

    line: where the first of them stands, from 1. epoch, step: the place, as it was printed; both
    None where nothing tells. values: numbers by measure, shares as fractions; NaN: the code printed
    that it is not finite. rows of one place belong together.
    """

    line: int
    epoch: float | None
    step: float | None
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Said:
    """Settings of the run that a line tells, by name, in its words or as the rule has them."""

    line: int
    settings: Mapping[str, Any]


@dataclass
class _Open:
    line: int = 0
    place: tuple[float | None, float | None] = (None, None)
    values: dict[str, float] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)  # shares of which nothing tells the unit


class LineReader:
    """Takes printed text in pieces of any size; gives what was read as soon as it is complete.

    A row is complete when the next place in time begins, or, earlier, when it has all measures that
    the rules name as `row`. Of a measure that is printed again at the same place, as progress bars
    do, the last value counts; where no rule reads a place, it begins the next row, as does an
    accuracy as long as no place was read.

    unit: of accuracies, "percent" or "fraction", where somebody says so. Without it a percent sign
    decides, then the rule file; then all are percent from the first row on in which one is above
    1.5: `percent` says that this was found, `largest` what led to it, by measure. headed: read rows
    under a header where the rules do.
    """

    def __init__(self, rules: RuleFile, unit: str | None = None, headed: bool = True) -> None:
        self.rules = rules
        self.unit = unit
        self.percent = False
        self.largest: dict[str, float] = {}
        self.matched: Counter[str] = Counter()  # lines by the name of their rule
        self.values = 0  # that were read
        self.unread: list[str] = []  # groups that are no number, the first few
        self._split = Splitter()
        self._header: Header | None = None  # the newest line of names
        self._headed = headed and rules.headed
        self._open = _Open()
        self._usual: frozenset[str] = frozenset()  # measures of the row before
        self._placed = False  # a line has told a place in time
        self._has_place = any(set(PLACES) & set(rule.groups) for rule in rules.rules)

    def feed(self, text: str) -> list[Row | Said]:
        """Take a piece of text."""
        return [found for line in self._split.feed(text) for found in self._line(*line)]

    def close(self) -> list[Row | Said]:
        """What is left when there is no more text."""
        found = [found for line in self._split.close() for found in self._line(*line)]
        return [*found, *self._emit()]

    def idle(self) -> list[Row | Said]:
        """Give the open row where it has all that the row before had.

        For who follows a program that has printed nothing for a moment: what it prints of the same
        place afterwards is another row.
        """
        complete = self._usual and self._usual <= set(self._open.values)
        return list(self._emit()) if complete else []

    def _line(self, at: int, line: str) -> Iterator[Row | Said]:
        told = list(readings(line))
        header = next((found for text in told if (found := header_of(text))), None)
        if header is not None:
            self._header = header
        elif self._header is not None and self._headed:
            words = (self._header.in_words(text) for text in told)
            told += [text for text in words if text is not None][:1]
        values: dict[str, float] = {}  # of the line as a whole: it is about one place
        bare: set[str] = set()
        for rule in self.rules.rules:
            if rule.under and self._header and not rule.under.search(self._header.text):
                continue
            match = next((m for text in told if (m := rule.pattern.search(text))), None)
            if match is None:
                continue
            self.matched[rule.name] += 1
            groups = {name: text for name, text in match.groupdict().items() if text is not None}
            if rule.settings:
                numbers, _ = self._numbers(rule, groups, at, rule.over)
                known: dict[str, Any] = {**groups, **numbers}
                yield Said(line=at, settings={**known, **rule.says})
            else:
                numbers, unclear = self._numbers(rule, groups, at, groups)
                values |= numbers
                bare = (bare - numbers.keys()) | unclear
                if rule.says:
                    yield Said(line=at, settings=rule.says)
        if values:
            yield from self._take(at, values, bare)

    def _numbers(
        self, rule: Rule, groups: Mapping[str, str], at: int, wanted: Container[str]
    ) -> tuple[dict[str, float], set[str]]:
        """The wanted groups that are numbers, in the units of the log where these are known.

        And those among them of which nothing tells the unit.
        """
        found: dict[str, float] = {}
        bare: set[str] = set()
        for name, text in groups.items():
            if name not in wanted:
                continue
            try:
                over, slash, under = text.partition("/")
                if slash:
                    value, percent = number(over).value / number(under).value, False
                else:
                    value, percent, *_ = number(text)
            except (ValueError, ZeroDivisionError):
                if len(self.unread) < 3:
                    self.unread.append(f"line {at}: {name} = {text[:40]!r}")
                continue
            if name in PLACES and (isnan(value) or value < 0):
                continue
            by = rule.over.get(name, 1.0)
            if name in SHARES:
                if percent or self.unit:
                    by = UNITS["percent" if percent else str(self.unit)]
                elif name not in rule.over:
                    bare.add(name)
            if name in BUDGETS and value / by > 1.0:
                by = 255.0
            found[name] = value / by
        return found, bare

    def _take(self, at: int, found: dict[str, float], bare: set[str]) -> Iterator[Row]:
        places = {name: found.pop(name) for name in PLACES if name in found}
        if places:
            self._placed = True
            place = (places.get("epoch"), places.get("step"))
            if place[0] is None:
                place = (self._open.place[0], place[1])
            if place != self._open.place:
                yield from self._emit()
                self._open.place = place
        if not found:
            return
        self.values += len(found)
        again = found.keys() & self._open.values.keys()
        if (again and not self._has_place) or (not self._placed and again & set(ACCURACIES)):
            yield from self._emit()
        if not self._open.values:
            self._open.line = at
        self._open.values |= found
        self._open.bare = (self._open.bare - found.keys()) | bare
        if self.rules.row and self.rules.row <= set(self._open.values):
            yield from self._emit()

    def _emit(self) -> Iterator[Row]:
        done = self._open
        self._open = _Open(place=done.place)
        if done.values:
            self._usual = frozenset(done.values)
            self._find_unit(done)
            epoch, step = done.place
            yield Row(line=done.line, epoch=epoch, step=step, values=done.values)

    def _find_unit(self, row: _Open) -> None:
        """What the shares of a row are, where nothing has told."""
        values = row.values
        for name in row.bare:
            self.largest[name] = max(values[name], self.largest.get(name, 0.0))
            self.percent = self.percent or values[name] > ABOVE_ONE
        if self.percent:
            values |= {name: values[name] / 100 for name in row.bare}
