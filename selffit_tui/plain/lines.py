"""A run as plain lines: for pipes, logs and terminals that cannot draw a screen."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selffit.eventlog.records import Notice, Record, num
from selffit.eventlog.values import items, mapping, whole
from selffit.numbers import UNKNOWN, count, duration, in_unit, known, share, small
from selffit.run.state import RunState
from selffit.run.summary import seconds_left
from selffit.vocabulary import ACCURACY, ONSET, STEP, SUSPECT, Measure, ending_word, level_of
from selffit_tui.words.events import describe

PROGRESS_SECONDS = 5.0
PROBED = ("clean", "fgsm", "pgd")  # accuracies of an ordinary probe
_HEADS = tuple(ACCURACY[name].label.upper() for name in PROBED)
STEP_SHOWN = ("eps", "loss_adv", "acc_adv", "abnormal")  # of the newest step


def clock(t: float) -> str:
    """Wall-clock seconds as local HH:MM:SS."""
    return time.strftime("%H:%M:%S", time.localtime(t))


class PlainLines:
    """Turns the items of a log into lines: every notable event, and progress every few seconds of
    the run's time.
    """

    def __init__(self) -> None:
        self._progress_at = -math.inf

    def feed(self, items: Iterable[Record | Notice], state: RunState) -> Iterable[str]:
        """The lines of these items; `state` is the state after them."""
        for item in items:
            if isinstance(item, Notice):
                yield f"{clock(time.time())}  log: {item.text}"
            elif item.k == "steps":
                if item.t - self._progress_at >= PROGRESS_SECONDS:
                    self._progress_at = item.t
                    yield f"{clock(item.t)}  {progress(item, state)}"
            elif (line := describe(item.k, item.s, item.d)) is not None:
                yield f"{clock(item.t)}  {line}"

    def ending(self, state: RunState, word: str) -> Iterable[str]:
        """The last lines: how the run ended."""
        ending = state.ending
        yield f"run {state.run}: {word}" + (f", {ending.text}" if ending and ending.text else "")
        if ending is not None:
            yield from (f"  | {line}" for line in ending.stderr)


def progress(record: Record, state: RunState) -> str:
    """Where training stands after a block of steps: epoch, step, images/s, ETA."""
    step = record.s + whole(record.d.get("n"))
    epochs = state.config.get("epochs")
    total = f"/{count(state.steps_total)}" if state.steps_total else ""
    of = f"/{epochs:g}" if isinstance(epochs, (int, float)) else ""
    cols = mapping(record.d.get("cols"))
    left = seconds_left(state)
    parts = [
        f"epoch {share(num(record.d.get('epoch')))}{of}",
        f"step {count(step)}{total}",
        f"{small(num(record.d.get('img_s')))} img/s",
        f"ETA {duration(left)}" if known(left) else "",
        *(_newest(STEP[name], items(cols.get(name))) for name in STEP_SHOWN),
    ]
    return "  ".join(part for part in parts if part)


def _newest(measure: Measure, values: Sequence[Any]) -> str:
    return f"{measure.short} {in_unit(num(values[-1] if values else None), measure.unit)}"


def status_lines(summary: Mapping[str, Any]) -> list[str]:
    """`selffit status` for people."""
    settings, last = summary["settings"], summary["last"]
    total = f"/{count(summary['steps_total'])}" if summary["steps_total"] else ""
    lines = [
        f"{summary['run']}  {summary['state']}  attempt {summary['attempt']}  branch "
        f"{summary['branch']}"
    ]
    age = summary["data_age_s"]
    pace = f"  {count(round(summary['img_s']))} img/s" if summary["img_s"] else ""
    eta = f"  ETA {duration(summary['eta_s'])}" if summary["eta_s"] else ""
    lines.append(
        f"  step {count(summary['step'])}{total}  epoch {_share(summary['epoch'])}{pace}{eta}"
        + (f"  last event {duration(age)} ago" if age is not None else "")
    )
    lines.append(
        "  " + "  ".join(f"{key} {_setting(key, value)}" for key, value in settings.items())
    )
    if last:
        told = "  ".join(f"{ACCURACY[name].label} {_share(last[name])}" for name in PROBED)
        lines.append(f"  at step {count(last['step'])}: {told}  (n {count(last['n'])})")
    for alert in summary["alerts"]:
        disease = f", {alert['disease']}" if alert["disease"] else ""
        level = level_of(alert["level"])
        mark, at = "!!" if level.serious else "!", f"at step {count(alert['step'])}"
        lines.append(f"  {mark} {level.name} {at}{disease}: {alert['text']}")
    if summary["ending"]:
        lines.append(
            f"  ended: {ending_word(summary['ending']['how'])}"
            + (f", {summary['ending']['text']}" if summary["ending"]["text"] else "")
        )
        lines += [f"    | {line}" for line in summary["ending"]["stderr"]]
    return lines


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else share(value)


def _setting(name: str, value: Any) -> str:
    """A setting of the run; the budget, the step size and the learning rate in their units."""
    if isinstance(value, float):
        return in_unit(value, STEP[name].unit if name in STEP else "")
    return UNKNOWN if value is None else str(value)


def _onset(alert: Mapping[str, Any]) -> str:
    at = f" @{count(alert['onset_step'])}" if alert["onset_step"] is not None else ""
    return f"!! {ONSET.name}{at} {alert['disease']}".rstrip()


def runs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`selffit runs` for people: one aligned line a run."""
    head = ("RUN", "STATE", "METHOD", "EPS", "EPOCH", *_HEADS, "ALERTS")
    table = [head]
    for row in rows:
        last = row["last"] or {}
        levels = [alert["level"] for alert in row["alerts"]]
        onset = next((alert for alert in row["alerts"] if alert["level"] == ONSET.name), None)
        alerts = f"{len(levels)} {SUSPECT.name}" if levels else UNKNOWN
        if onset is not None:
            alerts = _onset(onset)
        table.append(
            (
                row["run"],
                row["state"],
                str(row["settings"]["method"] or UNKNOWN),
                _setting("eps", row["settings"]["eps"]),
                f"{row['epoch']:.1f}" if row["epoch"] is not None else UNKNOWN,
                *(_share(last.get(name)) for name in PROBED),
                alerts,
            )
        )
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
