"""The filter of a list: `method:fgsm eps>8/255 verdict:onset tag:x -lost word`.

Every condition must hold. `name:value` takes several values with commas between, any of which may
hold, and `*` for any characters; a `-` before a condition turns it round; a bare word is a part of
the name, a tag or a note. Numbers are compared with `: = != < <= > >=`; a budget may be a fraction,
an age has a unit.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from selffit.config import parse_number
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.run.listing.row import Row
from selffit_tui.model.listing.values import ASKED, Asked

Test = Callable[[Row, float], bool]
EXAMPLE = "method:fgsm eps>8/255 verdict:onset state:training tag:x"

_CONDITION = re.compile(r"(?P<name>[A-Za-z_][\w-]*)\s*(?P<sign><=|>=|!=|[:=<>])(?P<value>.*)", re.S)
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|m|h|d|w)")
_SAME = 1e-6  # relative difference of two numbers that people call the same


@dataclass(frozen=True)
class Query:
    """What is asked for: the text as typed, and the tests that a row has to pass."""

    text: str = ""
    tests: tuple[Test, ...] = ()

    def holds(self, row: Row, now: float) -> bool:
        """Whether a row passes, at the wall clock `now`."""
        return all(test(row, now) for test in self.tests)


def parse(text: str) -> Query:
    """The query of a text. Raises UserError that says what cannot be read, and what can."""
    return Query(text, tuple(_test(word) for word in _words(text)))


def _words(text: str) -> list[str]:
    """The conditions of a text; blanks within double quotes belong to one."""
    words: list[str] = []
    word, quoted, begun = "", False, False
    for character in text:
        if character == '"':
            quoted, begun = not quoted, True
        elif character.isspace() and not quoted:
            words += [word] if begun else []
            word, begun = "", False
        else:
            word, begun = word + character, True
    if quoted:
        raise UserError('a quotation mark " is not closed')
    return [*words, word] if begun else words


def _test(word: str) -> Test:
    turned = word.startswith(("-", "!")) and len(word) > 1
    test = _condition(word[1:] if turned else word)
    return (lambda row, now: not test(row, now)) if turned else test


def _condition(word: str) -> Test:
    found = _CONDITION.fullmatch(word)
    if found is None:
        part = word.casefold()
        return lambda row, now: any(
            part in text.casefold() for text in (row.name, row.labels.note, *row.labels.tags)
        )
    name, sign, value = found["name"].lower().replace("-", "_"), found["sign"], found["value"]
    asked = ASKED.get(name)
    if asked is None:
        raise UserError(f"there is no '{clean(found['name'])[:40]}' to ask for; {_near(name)}")
    if not value:
        raise UserError(f"{name}{sign} wants a value, such as {name}{sign}{_example(asked)}")
    if asked.number:
        return _numbers(asked, sign, value)
    if sign not in (":", "=", "!="):
        raise UserError(f"{name} is no number: {name}:{clean(value)[:40]} asks for it")
    patterns = [pattern.casefold() for pattern in value.split(",") if pattern]
    if not patterns:
        raise UserError(f"{name}{sign} wants a value, such as {name}:{_example(asked)}")
    return _texts(asked, patterns, sign == "!=")


def _near(name: str) -> str:
    close = get_close_matches(name, tuple(ASKED), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"ask like this: {EXAMPLE}"


def _example(asked: Asked) -> str:
    if asked.name == "age":
        return "2h"
    if asked.number:
        return "8/255" if asked.name in ("eps", "alpha") else "0.5"
    return {"method": "fgsm", "verdict": "onset", "state": "training"}.get(asked.name, "x")


def _texts(asked: Asked, patterns: Sequence[str], turned: bool) -> Test:
    def one(text: str) -> bool:
        text = text.casefold()
        for pattern in patterns:
            if asked.loose and pattern in text:
                return True
            if "*" in pattern and fnmatchcase(text, pattern.replace("[", "[[]")):
                return True
            if text == pattern or (not asked.whole and text.startswith(pattern)):
                return True
        return False

    def test(row: Row, now: float) -> bool:
        value = asked.of(row, now)
        texts = value if isinstance(value, tuple) else (str(value),)
        return any(map(one, texts)) != turned

    return test


def _numbers(asked: Asked, sign: str, value: str) -> Test:
    if sign in (":", "=", "!=") and "," in value:
        any_of = [_numbers(asked, "=", part) for part in value.split(",") if part]
        turned = sign == "!="
        return lambda row, now: any(test(row, now) for test in any_of) != turned
    wanted = _number(asked, value)

    def test(row: Row, now: float) -> bool:
        found = asked.of(row, now)
        if not isinstance(found, float) or math.isnan(found):
            return False
        same = math.isclose(found, wanted, rel_tol=_tolerance(asked), abs_tol=1e-9)
        if sign in (":", "="):
            return same
        if sign == "!=":
            return not same
        if same:
            return sign in ("<=", ">=")
        return found < wanted if sign.startswith("<") else found > wanted

    return test


def _tolerance(asked: Asked) -> float:
    """Budgets are logged with few digits: 0.0313725 is 8/255."""
    return 1e-4 if asked.name in ("eps", "alpha") else _SAME


def _number(asked: Asked, value: str) -> float:
    if asked.name == "age":
        found = _AGE.fullmatch(value.strip().lower())
        if found is None:
            raise UserError(f"'{clean(value)[:40]}' is no age; write 30min, 2h or 3d")
        return float(found[1]) * _UNITS[found[2]]
    try:
        number = parse_number(value)
    except (ValueError, ZeroDivisionError):
        number = math.nan
    if math.isnan(number):
        raise UserError(
            f"'{clean(value)[:40]}' is no number for {asked.name}; write "
            f"{asked.name}>{_example(asked)}"
        )
    return number
