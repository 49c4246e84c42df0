"""What can be asked of a row: the one table of its names, for the filter and for the order."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selffit.config import FIELDS
from selffit.run.listing.row import Row
from selffit.vocabulary import ACCURACY, standing_of, state_of

Value = float | str | tuple[str, ...]  # several: any of them


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Something that a row can be asked for.

    of: its value. number: whether it is one (then the order is that of numbers, the highest first
    where `falls`). loose: a word matches any part of it, else its beginning or all of it.
    """

    name: str
    title: str
    of: Callable[[Row, float], Value]
    number: bool = False
    falls: bool = True
    loose: bool = False
    whole: bool = False


def _age(row: Row, now: float) -> float:
    return now - row.created if row.created else math.nan


def _grave(row: Row, now: float) -> float:
    """How grave what stands is: the gravest last."""
    if row.why:
        return 9.0
    if not row.verdict:
        return math.nan
    level = standing_of(row.verdict)
    return level.rank * 2.0 + (level.style == "warn")


def _setting(name: str) -> Callable[[Row, float], Value]:
    def of(row: Row, now: float) -> Value:
        return as_value(row.settings.get(name))

    return of


def as_value(value: Any) -> Value:
    """A setting as it can be compared with what a person types."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, list | tuple):
        return tuple(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    return "" if value is None else str(value)


def _state(row: Row, now: float) -> Value:
    if not row.read:
        return ()
    living = row.heard > 0 and not row.ended and not state_of(row.state).left
    return (row.state, "live" if living else "over")


_OWN = (
    Asked(name="age", title="age", of=_age, number=True, falls=False),
    Asked(name="name", title="name", of=lambda row, now: row.name, loose=True),
    Asked(name="state", title="state", of=_state),
    Asked(
        name="method",
        title="method",
        of=lambda r, now: as_value(r.settings.get("method")),
        whole=True,
    ),
    Asked(name="eps", title="eps", of=_setting("eps"), number=True),
    Asked(name="epoch", title="epoch", of=lambda row, now: row.epoch, number=True),
    *(
        Asked(
            name=name,
            title=ACCURACY[name].label,
            of=lambda row, now, name=name: getattr(row.now, name),  # type: ignore[misc]
            number=True,
        )
        for name in ("clean", "fgsm", "pgd")
    ),
    Asked(name="best", title="best PGD", of=lambda row, now: row.best.pgd, number=True),
    Asked(name="verdict", title="verdict", of=lambda row, now: row.verdict or row.state),
    Asked(name="cause", title="cause", of=lambda row, now: row.cause),
    Asked(name="step", title="step", of=lambda row, now: float(row.step), number=True),
    Asked(name="branch", title="branch", of=lambda row, now: row.branches, whole=True),
    Asked(name="tag", title="tag", of=lambda row, now: row.labels.tags, whole=True),
    Asked(name="note", title="note", of=lambda row, now: row.labels.note, loose=True),
)
ASKED: Mapping[str, Asked] = {asked.name: asked for asked in _OWN} | {
    name: Asked(
        name=name,
        title=name,
        of=_setting(name),
        number=str(getattr(field.type, "__name__", field.type)) in ("int", "float"),
        whole=True,
    )
    for name, field in FIELDS.items()
    if name not in {asked.name for asked in _OWN}
}
GRAVITY = Asked(name="verdict", title="verdict", of=_grave, number=True)
# what a list can be put into the order of, in the order in which a key goes through them
ORDERS: tuple[Asked, ...] = tuple(
    GRAVITY if name == "verdict" else ASKED[name]
    for name in (
        "age",
        "name",
        "state",
        "method",
        "eps",
        "epoch",
        "clean",
        "fgsm",
        "pgd",
        "best",
        "verdict",
    )
)
