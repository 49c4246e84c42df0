"""Which columns of somebody's table are signals of training: by the words of their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from selffit.detect.columns import words
from selffit.errors import UserError
from selffit.tables import Row, number
from selffit.vocabulary import STEP

_TRAIN = frozenset(("train", "training", "tr"))
_ACCURACY = frozenset(("acc", "accuracy", "top", "prec"))
_ATTACKED = frozenset(("adv", "adversarial", "robust", "rob", "fgsm", "1", "running", "epoch"))


@dataclass(frozen=True)
class Signals:
    """The places of signals in a table by their names in the log, and what was taken for what."""

    at: Mapping[str, int]
    said: tuple[str, ...]


def find_signals(names: Sequence[str], taken: Collection[int], loss: int | None) -> Signals:
    """Return the signals of a table; taken: columns with another role; loss: that of training."""
    at: dict[str, int] = {}
    said: list[str] = []
    free = [i for i in range(len(names)) if i not in taken]
    for i in free:
        name = names[i].casefold()
        if name in STEP and name not in at:
            at[name] = i
    if loss is not None and "loss_adv" not in at:
        at["loss_adv"] = loss
        if names[loss].casefold() != "loss_adv":
            said.append(f"column {names[loss]} taken as {STEP['loss_adv'].label}")
    for name, is_that in (("acc_adv", _is_train_accuracy), ("lr", _is_rate)):
        if name not in at:
            fits = [i for i in free if i not in at.values() and is_that(words(names[i]))]
            if len(fits) == 1:
                at[name] = fits[0]
                said.append(f"column {names[fits[0]]} taken as {STEP[name].label}")
    return Signals(at, tuple(said))


def read_signals(
    rows: Sequence[Row], signals: Signals, names: Sequence[str], where: str, percent: bool
) -> tuple[dict[int, dict[str, float]], list[str]]:
    """Return the signals of each row by its line, and what was assumed of their units.

    percent: that somebody said so of all accuracies. Raises UserError for what is no number.
    """
    columns: dict[str, dict[int, float]] = {}
    said: list[str] = []
    for signal, place in signals.at.items():
        values: dict[int, float] = {}
        signs = False
        for row in rows:
            cell = row.cells[place]
            try:
                read = number(cell)
            except ValueError:
                raise UserError(
                    f"{where}, line {row.line}: {names[place]} = {cell[:40]!r} is not a number; "
                    "correct it or leave the cell empty"
                ) from None
            if isnan(read.value) and not read.computed:
                continue
            signs = signs or read.percent
            values[row.line] = read.value
        columns[signal] = _in_unit(signal, values, signs or percent, names[place], said)
    found: dict[int, dict[str, float]] = {}
    for signal, values in columns.items():
        for line, value in values.items():
            found.setdefault(line, {})[signal] = value
    return found, said


def _in_unit(
    signal: str, values: dict[int, float], percent: bool, name: str, said: list[str]
) -> dict[int, float]:
    known = [value for value in values.values() if not isnan(value)]
    unit, largest = STEP[signal].unit, max(known, default=0.0)
    if unit == "share" and (percent or largest > 1.5):
        if not percent:
            said.append(f"{name} read as percent: numbers are above 1.5")
        return {line: value / 100 for line, value in values.items()}
    if unit == "pixels" and largest > 1:
        said.append(f"{name} read in levels of 255")
        return {line: value / 255 for line, value in values.items()}
    return values


def _is_train_accuracy(found: Sequence[str]) -> bool:
    has = set(found)
    return bool(has & _TRAIN and has & _ACCURACY) and has <= _TRAIN | _ACCURACY | _ATTACKED


def _is_rate(found: Sequence[str]) -> bool:
    has = set(found) - _TRAIN - {"optimizer", "pg0", "group0", "sgd"}
    return has in ({"lr"}, {"learning", "rate"})
