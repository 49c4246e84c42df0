"""Rules that say what printed lines mean: patterns with named groups, from a TOML text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selffit.errors import UserError
from selffit.vocabulary import STEP

PLACES = ("epoch", "step")
ACCURACIES = ("clean", "fgsm", "pgd")
# what a group may be called; signals of training have the names of the log
MEASURES = (*PLACES, *ACCURACIES, "n", *STEP)
SHARES = (*ACCURACIES, *(name for name, one in STEP.items() if one.unit == "share"))
UNITS = {"percent": 100.0, "fraction": 1.0}
MOST_RULES = 100
_OF_A_FILE = {"about", "sources", "unit", "row", "headed", "rule"}
_OF_A_RULE = {"name", "pattern", "like", "under", "unit", "divide", "set", "settings"}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of line.

    name: what it is, in words. pattern: searched for in a line without colours, and without the
    logger's prefix first. like: a line that it reads, () where none is given. under: searched for
    in the header above the line, where one was printed (`selffit.lines.headed`): under another one
    the line is not read, for its numbers mean something else. over: what a group's number is
    divided by, by group. says: settings that are so where it matches. settings: its groups are
    settings of the run, in the words of the line, not measures.
    """

    name: str
    pattern: re.Pattern[str]
    like: tuple[str, ...] = ()
    under: re.Pattern[str] | None = None
    over: Mapping[str, float] = field(default_factory=dict)
    says: Mapping[str, Any] = field(default_factory=dict)
    settings: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of its groups, in the order of the pattern."""
        return tuple(self.pattern.groupindex)


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """The rules for what one code prints.

    name: of the file. about: what prints so. sources: where that can be looked up. row: the
    measures that complete a row, () where only the next place in time does. headed: rows of
    numbers under a header are read as "name: number" pairs, too.
    """

    name: str
    about: str
    sources: tuple[str, ...]
    row: frozenset[str]
    rules: tuple[Rule, ...]
    headed: bool = False


def parse_rules(text: str, name: str) -> RuleFile:
    """Return the rules in a TOML text; `name`: of the file, for messages.

    Raises UserError that names the rule and what is wrong with it.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name}: not TOML: {error}") from None
    _known(data, _OF_A_FILE, name)
    listed = data.get("rule")
    if not isinstance(listed, list) or not listed:
        raise UserError(f"{name}: has no [[rule]]; see docs/exchange.md for what a rule is")
    if len(listed) > MOST_RULES:
        raise UserError(f"{name}: has {len(listed)} rules; {MOST_RULES} at most")
    unit = _unit(data.get("unit"), name)
    rules = tuple(
        _rule(one, f"{name}, rule {number}", unit) for number, one in enumerate(listed, 1)
    )
    row = frozenset(_texts(data.get("row", []), f"{name}: row"))
    given = {group for rule in rules if not rule.settings for group in rule.groups}
    if lost := sorted(row - given):
        raise UserError(f"{name}: row names {', '.join(lost)}, which no rule reads")
    if not given - set(PLACES):
        raise UserError(f"{name}: no rule reads a measure; groups may be {', '.join(MEASURES)}")
    headed = data.get("headed", False)
    if not isinstance(headed, bool):
        raise UserError(f"{name}: headed is true or false")
    return RuleFile(
        name=name,
        headed=headed,
        about=str(data.get("about", "")),
        sources=tuple(_texts(data.get("sources", []), f"{name}: sources")),
        row=row,
        rules=rules,
    )


def _rule(data: Any, where: str, unit: float | None) -> Rule:
    if not isinstance(data, dict):
        raise UserError(f"{where}: is no table; write [[rule]]")
    _known(data, _OF_A_RULE, where)
    name = str(data.get("name", where))
    where = f"{where} ({name})" if "name" in data else where
    if not isinstance(data.get("pattern"), str):
        raise UserError(f"{where}: has no pattern; give a regular expression in '…'")
    pattern = _compiled(data["pattern"], f"{where}: the pattern")
    under = data.get("under")
    if not isinstance(under, str | None):
        raise UserError(f"{where}: under is a regular expression in '…', for the header above")
    groups = tuple(pattern.groupindex)
    says = data.get("set", {})
    settings = data.get("settings", False)
    if not isinstance(says, dict) or not isinstance(settings, bool):
        raise UserError(f"{where}: set is a table of settings, settings is true or false")
    if not (groups or says):
        raise UserError(f"{where}: the pattern has no named group such as (?P<pgd>[\\d.]+)")
    strange = [group for group in groups if group not in MEASURES]
    if strange and not settings:
        raise UserError(
            f"{where}: no measure is called {', '.join(strange)}; a group may be "
            f"{', '.join(MEASURES)}"
        )
    like = data.get("like", [])
    rule = Rule(
        name=name,
        pattern=pattern,
        like=tuple(_texts([like] if isinstance(like, str) else like, f"{where}: like")),
        under=None if under is None else _compiled(under, f"{where}: under"),
        over=_divisors(data, groups, where, unit),
        says=says,
        settings=settings,
    )
    for line in rule.like:
        if pattern.search(line.strip()) is None:
            raise UserError(f"{where}: the pattern does not match its own example {line!r}")
    return rule


def _compiled(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"{where} is no regular expression: {error}") from None


def _divisors(
    data: Mapping[str, Any], groups: tuple[str, ...], where: str, unit: float | None
) -> dict[str, float]:
    own = _unit(data.get("unit"), where)
    share = own if own is not None else unit
    over = {} if share is None else {name: share for name in groups if name in SHARES}
    divide = data.get("divide", {})
    if not isinstance(divide, dict):
        raise UserError(f"{where}: divide is a table such as {{ eps = 255 }}")
    for name, by in divide.items():
        if name not in groups or isinstance(by, bool) or not isinstance(by, int | float) or not by:
            raise UserError(f"{where}: divide needs a group of the pattern and a number not 0")
        over[name] = float(by)
    return over


def _unit(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if value not in UNITS:
        raise UserError(f"{where}: unit is percent or fraction, not {value!r}")
    return UNITS[value]


def _known(data: Mapping[str, Any], names: set[str], where: str) -> None:
    if strange := sorted(set(data) - names):
        raise UserError(
            f"{where}: {', '.join(strange)} is nothing here; there is {', '.join(sorted(names))}"
        )


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UserError(f"{where} is a list of texts")
    return value
