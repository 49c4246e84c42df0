"""Printed lines as rows of measures: by rules that were named, or by those that read most."""

from __future__ import annotations

from selffit.exchange.sources.printed import FEWEST
from selffit.lines import LineReader, Row, RuleFile, Said, formats
from selffit.lines.catalogue import GENERAL
from selffit.lines.printed import Splitter

LOOKED_AT = 100  # lines after which the general rules are taken, whatever they read
ROWS = 2  # that rules have to complete before they are chosen
HELD = 500  # rows that are kept until then


class _Candidate:
    def __init__(self, rules: RuleFile) -> None:
        self.reader = LineReader(rules)
        self.found: list[Row | Said] = []
        self.rows = 0
        self.robust = 0  # rows with robust accuracy

    def take(self, found: list[Row | Said]) -> None:
        self.found = (self.found + found)[-HELD:]
        rows = [one for one in found if isinstance(one, Row)]
        self.rows += len(rows)
        self.robust += sum("pgd" in row.values for row in rows)

    @property
    def fits(self) -> bool:
        return self.rows >= ROWS and self.reader.values >= FEWEST


class Reading:
    """Takes what a program prints, stream by stream; gives rows and settings as they are complete.

    Without rules those of the package are tried beside each other, as `selffit import` does, and
    what the chosen ones have read until then comes at once. The general rules would read anything
    with names and numbers: they are chosen where they read robust accuracy and no others read a
    measure, or after a while.
    """

    def __init__(self, rules: RuleFile | None) -> None:
        self._split: dict[str, Splitter] = {}
        self._candidates = [_Candidate(one) for one in ([rules] if rules else formats().values())]
        self._chosen = self._candidates[0] if rules else None
        self.lines = 0  # that were looked at
        self.fresh = False  # there is a row that may be complete, and nothing was printed since

    @property
    def rules(self) -> RuleFile | None:
        """Those that lines are read by, None before that is known."""
        return None if self._chosen is None else self._chosen.reader.rules

    @property
    def values(self) -> int:
        """Numbers that were read."""
        return max(one.reader.values for one in self._candidates)

    def feed(self, stream: str, text: str) -> list[Row | Said]:
        """Take a piece of what a stream has printed."""
        split = self._split.setdefault(stream, Splitter())
        found = [one for _, line in split.feed(text) for one in self._line(line)]
        self.fresh = True
        return found

    def idle(self) -> list[Row | Said]:
        """Nothing was printed for a moment: what is complete as far as earlier rows tell."""
        self.fresh = False
        for one in self._candidates:
            one.take(one.reader.idle())
        return self._given()

    def close(self) -> list[Row | Said]:
        """There is no more."""
        found = [
            one
            for split in self._split.values()
            for _, line in split.close()
            for one in self._line(line)
        ]
        for one in self._candidates:
            one.take(one.reader.close())
        if self._chosen is None:
            fit = [one for one in self._candidates if one.rows and one.reader.values >= FEWEST]
            self._choose(fit)
        return found + self._given()

    def _line(self, line: str) -> list[Row | Said]:
        self.lines += 1
        for one in self._candidates:
            one.take(one.reader.feed(line + "\n"))
        if self._chosen is None:
            fit = [one for one in self._candidates if one.fits]
            special = [one for one in fit if one.reader.rules.name != GENERAL]
            others = any(
                one.reader.values for one in self._candidates if one.reader.rules.name != GENERAL
            )
            general = any(one.robust >= ROWS for one in fit) and not others
            self._choose(special or (fit if general or self.lines >= LOOKED_AT else []))
        return self._given()

    def _choose(self, fit: list[_Candidate]) -> None:
        if fit:
            self._chosen = max(
                fit, key=lambda one: (one.reader.rules.name != GENERAL, one.reader.values)
            )
            self._candidates = [self._chosen]

    def _given(self) -> list[Row | Said]:
        if self._chosen is None:
            return []
        found, self._chosen.found = self._chosen.found, []
        return found
