"""The results of what is compared, and the settings in which it differs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selffit.config import FIELDS
from selffit.eventlog.clean import clean
from selffit.numbers import UNKNOWN, budget, count, rate, share
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import ACCURACY
from selffit_tui.model.compare.curves import Curve

Result = tuple[str, Callable[[Curve], str]]
PROBED = ("clean", "fgsm", "pgd")

RESULTS: tuple[Result, ...] = (  # a column each: what it is called, and what a line has there
    ("run", lambda curve: curve.label),
    ("state", lambda curve: curve.word),
    ("eps", lambda curve: budget(curve.budget)),
    *(
        (ACCURACY[name].label, lambda curve, name=name: share(_of(curve.final, name)))
        for name in PROBED
    ),
    ("best PGD", lambda curve: share(curve.best.pgd)),
    ("n", lambda curve: count(curve.final.n) if curve.final else UNKNOWN),
    ("step", lambda curve: count(curve.final.step) if curve.final else UNKNOWN),
    ("onset", lambda curve: UNKNOWN if curve.onset is None else count(curve.onset)),
    ("cause", lambda curve: cause_words(curve.cause) or UNKNOWN),
)


def _of(probe: object, name: str) -> float:
    return float(getattr(probe, name)) if probe is not None else math.nan


def results(curves: Sequence[Curve]) -> list[list[str]]:
    """A row for each line, as in RESULTS."""
    return [[of(curve) for _, of in RESULTS] for curve in curves]


def differences(curves: Sequence[Curve]) -> list[tuple[str, list[Any]]]:
    """The settings that are not the same on all lines, with the value of each.

    In the order of the table of settings; behind them what only a newer or older version knows.
    """
    if len(curves) < 2:
        return []
    known_ones = [name for name in FIELDS if any(name in c.settings for c in curves)]
    others = sorted({name for c in curves for name in c.settings} - set(FIELDS))
    found = []
    for name in (*known_ones, *others):
        values = [_setting(curve.settings.get(name)) for curve in curves]
        if any(value != values[0] for value in values[1:]):
            found.append((name, values))
    return found


def _setting(value: Any) -> Any:
    """A setting; an empty list, or one of nothing, is none."""
    return None if value in ({}, [], ()) else value


def as_text(name: str, value: Any) -> str:
    """A setting as people read it."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if name in FIELDS and FIELDS[name].metadata.get("pixels"):
            return budget(value)
        return rate(value) if name == "lr" else f"{value:g}"
    if isinstance(value, Mapping):
        return clean(", ".join(f"{k} {as_text('', v)}" for k, v in value.items())) or "none"
    if isinstance(value, list | tuple):
        return clean(",".join(as_text("", one) for one in value)) or "none"
    return clean(str(value)) or UNKNOWN
