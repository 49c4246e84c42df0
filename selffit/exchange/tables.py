"""A run as tables: its probes, its training steps, its alerts. What a column is stands with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from selffit.eventlog import kinds
from selffit.eventlog.records import num
from selffit.run.again.rerun import blocks_of
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.vocabulary import ACCURACY, SELF, STEP


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of an export: its name, its unit, what it means, and of which type it is."""

    name: str
    unit: str
    meaning: str
    type: type = float


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table. rows: a value a column; None: not measured; NaN: measured, and not finite."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


_PLACE = (
    Column(name="branch", unit="", meaning="line of history", type=str),
    Column(name="step", unit="steps", meaning="optimiser steps done on it", type=int),
)
_PROBE = (
    Column(name="branch", unit="", meaning="line of history", type=str),
    Column(name="parent", unit="", meaning="branch that it left, empty for the first", type=str),
    Column(name="base_step", unit="steps", meaning="step at which it left it", type=int),
    Column(name="stands", unit="0/1", meaning="on the line that leads to the present", type=int),
    Column(name="step", unit="steps", meaning="optimiser steps done", type=int),
    Column(name="epoch", unit="epochs", meaning="epochs done"),
    Column(name="eps", unit="pixels of [0,1]", meaning="budget of the attacks"),
    *(
        Column(name=f"{name}_acc", unit="share in [0,1]", meaning=ACCURACY[name].meaning)
        for name in ("clean", "fgsm", "pgd")
    ),
    Column(name="n", unit="images", meaning="held-out images that were probed", type=int),
    Column(name="pgd_steps", unit="steps", meaning="steps of PGD, 0: not known", type=int),
    Column(name="nonfinite", unit="images", meaning="images with answers not finite", type=int),
    Column(name="final_eps", unit="pixels of [0,1]", meaning="final budget while eps rises"),
    Column(name="final_fgsm_acc", unit="share in [0,1]", meaning="FGSM accuracy at that budget"),
    Column(name="final_pgd_acc", unit="share in [0,1]", meaning="PGD accuracy at that budget"),
    Column(name="strong_acc", unit="share in [0,1]", meaning=ACCURACY["strong"].meaning),
    Column(name="selffit_index", unit="index", meaning=SELF["index"].meaning),
    Column(name="alert", unit="", meaning="level of an alert raised here", type=str),
)
_UNITS = {
    "share": "share in [0,1]",
    "pixels": "pixels of [0,1]",
    "cosine": "cosine in [-1,1]",
    "nats": "nats",
    "rate": "learning rate",
}
_STEPS = (
    Column(name="branch", unit="", meaning="line of history", type=str),
    Column(name="step", unit="steps", meaning="steps done, this one included", type=int),
    *(
        Column(name=one.name, unit=_UNITS.get(one.unit, one.unit), meaning=one.meaning)
        for one in STEP.values()
    ),
)
_ALERTS = (
    *_PLACE,
    Column(name="level", unit="", meaning="how grave", type=str),
    Column(name="about", unit="steps", meaning="the step that it is about", type=int),
    Column(name="text", unit="", meaning="in a sentence", type=str),
    Column(name="disease", unit="", meaning="cause of an onset as first known", type=str),
)
SHEETS = ("probes", "steps", "alerts")


def probes(state: RunState) -> Sheet:
    """Return the probes of a run, branch by branch as the log has them."""
    strong = {_at(one): one.pgd for one in state.all(kinds.StrongProbe)}
    index = {_at(one): one.index for one in state.all(kinds.SelfProbe)}
    alerts: dict[tuple[str, int], list[str]] = {}
    for alert in state.all(kinds.Alert):
        alerts.setdefault(_at(alert), []).append(alert.level)
    line = state.line
    rows = []
    for probe in state.all(kinds.RobustProbe):
        branch = state.ledger.branches.get(probe.branch)
        parent = branch.parent if branch is not None else ""
        values: Mapping[str, Any] = {
            "branch": probe.branch,
            "parent": parent,
            "base_step": branch.base_step if branch is not None and parent else None,
            "stands": int(line.holds(probe.branch, probe.step)),
            "step": probe.step,
            "epoch": probe.epoch,
            "eps": probe.eps,
            "clean_acc": probe.clean,
            "fgsm_acc": probe.fgsm,
            "pgd_acc": probe.pgd,
            "n": probe.n,
            "pgd_steps": probe.pgd_steps,
            "nonfinite": probe.nonfinite,
            "final_eps": probe.final_eps,
            "final_fgsm_acc": probe.final_fgsm,
            "final_pgd_acc": probe.final_pgd,
            "strong_acc": strong.get(_at(probe), nan),
            "selffit_index": index.get(_at(probe), nan),
            "alert": " ".join(alerts.get(_at(probe), ())),
        }
        rows.append(tuple(_measured(values[column.name]) for column in _PROBE))
    return Sheet(name="probes", columns=_PROBE, rows=tuple(rows))


def steps(run: RunDir) -> Sheet:
    """Return every training step of a run with its signals; NaN is a value that was not finite."""
    rows = list(_step_rows(blocks_of(run.place)))
    return Sheet(name="steps", columns=_STEPS, rows=tuple(rows))


def _step_rows(blocks: Sequence[kinds.Steps]) -> Iterator[tuple[Any, ...]]:
    names = [column.name for column in _STEPS[2:]]
    for block in blocks:
        if not block.cols:
            continue
        for i in range(block.n):
            values = [block.cols[name][i] if _has(block, name, i) else None for name in names]
            if any(value is not None for value in values):
                told = [None if value is None else num(value) for value in values]
                yield (block.branch, block.step + i + 1, *told)


def _has(block: kinds.Steps, name: str, i: int) -> bool:
    return name in block.cols and i < len(block.cols[name]) and block.cols[name][i] is not None


def alerts(state: RunState) -> Sheet:
    """Return the alerts of a run."""
    rows = tuple(
        (one.branch, one.step, one.level, one.about, one.text, one.disease)
        for one in state.all(kinds.Alert)
    )
    return Sheet(name="alerts", columns=_ALERTS, rows=rows)


def sheet(name: str, state: RunState, run: RunDir) -> Sheet:
    """Return one of SHEETS."""
    if name == "steps":
        return steps(run)
    return probes(state) if name == "probes" else alerts(state)


def branches(state: RunState) -> list[dict[str, Any]]:
    """Return every branch with the one it left, and where."""
    return [
        {"name": one.name, "parent": one.parent or None, "base_step": one.base_step}
        for one in state.ledger.branches.values()
    ]


def _at(event: kinds.Event) -> tuple[str, int]:
    return event.branch, event.step


def _measured(value: Any) -> Any:
    """A probe's NaN is an accuracy that nobody measured, or that images without answer made so."""
    return None if isinstance(value, float) and isnan(value) else value
