"""Reads selffit's own exports: every probe as it was, with its branch."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import Any

from selffit.detect.types import ProbePoint
from selffit.errors import UserError
from selffit.exchange.columns import find_signals, read_signals
from selffit.exchange.recording import Sample
from selffit.exchange.source import Source
from selffit.tables import Row, number

# the columns of a probe by its fields; `eps` is also that of the training step
_POINT = {
    "clean": "clean_acc",
    "fgsm": "fgsm_acc",
    "pgd": "pgd_acc",
    "eps": "eps",
    "final_eps": "final_eps",
    "final_fgsm": "final_fgsm_acc",
    "final_pgd": "final_pgd_acc",
}
_SHARES = ("clean", "fgsm", "pgd", "final_fgsm", "final_pgd")
REQUIRED = {"branch", "step", "clean_acc", "fgsm_acc", "pgd_acc", "n", "eps"}


def own_samples(source: Source) -> dict[str, Any]:
    """Return what a recording takes of an export. Raises UserError, with line and column."""
    table = source.table
    names = [name.casefold() for name in table.columns]
    if lost := sorted(REQUIRED - set(names)):
        raise UserError(f"{table.path}: an export of selffit without {', '.join(lost)}")
    reader = _Rows(names, str(table.path))
    taken = [i for i, name in enumerate(names) if name == "eps"]
    signals = find_signals(table.columns, taken, None)
    read, said = read_signals(table.rows, signals, table.columns, str(table.path), False)
    samples = [reader.sample(row, read.get(row.line, {})) for row in table.rows]
    branches = dict(source.branches)
    if "parent" in names:
        for row in table.rows:
            name = row.cells[names.index("branch")]
            parent = row.cells[names.index("parent")]
            if name not in branches and parent:
                branches[name] = (parent, int(reader.value(row, "base_step")))
    order = {name: i for i, name in enumerate(dict.fromkeys(one.branch for one in samples))}
    samples.sort(key=lambda one: (order[one.branch], one.step, one.point is not None))
    return {
        "name": "",
        "unit": "step",
        "per_epoch": int(source.settings.get("steps_per_epoch") or 0),
        "first": 1,
        "samples": samples,
        "branches": branches,
        "assumed": said,
        "left_out": table.left_out,
    }


class _Rows:
    def __init__(self, names: Sequence[str], where: str) -> None:
        self.names = names
        self.where = where

    def value(self, row: Row, name: str) -> float:
        """A number, NaN where the column or the cell is not there."""
        if name not in self.names:
            return nan
        cell = row.cells[self.names.index(name)]
        try:
            return number(cell).value
        except ValueError:
            raise self._wrong(row, name, "is not a number") from None

    def sample(self, row: Row, signals: dict[str, float]) -> Sample:
        step = self.value(row, "step")
        if not (step >= 0 and step.is_integer()):
            raise self._wrong(row, "step", "is no whole number from 0 on")
        fields = {name: self.value(row, column) for name, column in _POINT.items()}
        for name in _SHARES:
            if not (isnan(fields[name]) or 0 <= fields[name] <= 1):
                raise self._wrong(row, _POINT[name], "is not an accuracy in [0,1]")
        n, epoch = self.value(row, "n"), self.value(row, "epoch")
        steps, nonfinite = self.value(row, "pgd_steps"), self.value(row, "nonfinite")
        budget = fields.pop("eps")
        final = not isnan(fields["final_eps"])
        probed = not isnan(n)
        finals = {name: fields.pop(name) for name in tuple(fields) if name.startswith("final_")}
        return Sample(
            step=int(step),
            line=row.line,
            branch=row.cells[self.names.index("branch")] or "main",
            epoch=epoch,
            pgd_steps=0 if isnan(steps) else int(steps),
            signals=signals if probed or isnan(budget) else {**signals, "eps": budget},
            point=ProbePoint(
                step=int(step),
                n=int(n),
                eps=budget,
                nonfinite=0 if isnan(nonfinite) else int(nonfinite),
                **fields,
                **(finals if final else {}),
            )
            if probed
            else None,
        )

    def _wrong(self, row: Row, name: str, what: str) -> UserError:
        cell = row.cells[self.names.index(name)][:40] or "nothing"
        return UserError(f"{self.where}, line {row.line}: {name} = {cell} {what}; correct it")
