"""A run as plain lines: for pipes, logs and terminals that cannot draw a screen."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selffit.eventlog.records import Notice, Record
from selffit.eventlog.values import mapping, text, whole
from selffit.run.state import RunState
from selffit.run.summary import seconds_left
from selffit_tui.draw.format import duration
from selffit_tui.words.events import describe

PROGRESS_SECONDS = 5.0
SERIOUS = ("onset", "masked")  # levels of alerts


def percent(value: Any) -> str:
    """An accuracy in [0, 1] as '.87', '1.0' or '–'."""
    number = float(value) if isinstance(value, (int, float)) else math.nan
    return "–" if math.isnan(number) else f"{number:.3f}"


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
        yield f"run {state.run}: {word}" + (f" – {ending.text}" if ending and ending.text else "")
        if ending is not None:
            yield from (f"  | {line}" for line in ending.stderr)


def progress(record: Record, state: RunState) -> str:
    """Where training stands after a block of steps: epoch, step, images/s, ETA."""
    step = record.s + whole(record.d.get("n"))
    epochs = state.config.get("epochs")
    total = f"/{state.steps_total}" if state.steps_total else ""
    of = f"/{epochs:g}" if isinstance(epochs, (int, float)) else ""
    cols = mapping(record.d.get("cols"))

    def newest(name: str) -> str:
        values = cols.get(name)
        value = values[-1] if isinstance(values, list) and values else None
        return f"{value:.3f}" if isinstance(value, (int, float)) else text(value) or "–"

    left, pace = seconds_left(state), _number(record.d.get("img_s"))
    eta = "" if math.isnan(left) else f"  ETA {duration(left)}"
    return (
        f"epoch {_number(record.d.get('epoch')):.2f}{of}  step {step}{total}  {pace:.0f} img/s"
        f"{eta}  eps {newest('eps')}  loss {newest('loss_adv')}  acc {newest('acc_adv')}  abnormal "
        f"{newest('abnormal')}"
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def status_lines(summary: Mapping[str, Any]) -> list[str]:
    """`selffit status` for people."""
    settings, last = summary["settings"], summary["last"]
    total = f"/{summary['steps_total']}" if summary["steps_total"] else ""
    lines = [
        f"{summary['run']}  {summary['state']}  attempt {summary['attempt']}  branch "
        f"{summary['branch']}"
    ]
    age = summary["data_age_s"]
    pace = f"  {summary['img_s']:.0f} img/s" if summary["img_s"] else ""
    eta = f"  ETA {duration(summary['eta_s'])}" if summary["eta_s"] else ""
    lines.append(
        f"  step {summary['step']}{total}  epoch {percent(summary['epoch'])}{pace}{eta}"
        + (f"  last event {duration(age)} ago" if age is not None else "")
    )
    lines.append("  " + "  ".join(f"{key} {_short(value)}" for key, value in settings.items()))
    if last:
        lines.append(
            f"  at step {last['step']}: clean {percent(last['clean'])}  FGSM "
            f"{percent(last['fgsm'])}"
            f"  PGD {percent(last['pgd'])}  (n {last['n']})"
        )
    for alert in summary["alerts"]:
        disease = f", {alert['disease']}" if alert["disease"] else ""
        mark = "!!" if alert["level"] in SERIOUS else "!"
        lines.append(f"  {mark} {alert['level']} at step {alert['step']}{disease}: {alert['text']}")
    if summary["ending"]:
        lines.append(
            f"  ended: {summary['ending']['how']}"
            + (f" – {summary['ending']['text']}" if summary["ending"]["text"] else "")
        )
        lines += [f"    | {line}" for line in summary["ending"]["stderr"]]
    return lines


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "–" if value is None else str(value)


def _onset(alert: Mapping[str, Any]) -> str:
    at = f" @{alert['onset_step']}" if alert["onset_step"] is not None else ""
    return f"!! onset{at} {alert['disease']}".rstrip()


def runs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`selffit runs` for people: one aligned line a run."""
    head = ("RUN", "STATE", "METHOD", "EPS", "EPOCH", "CLEAN", "FGSM", "PGD", "ALERTS")
    table = [head]
    for row in rows:
        last = row["last"] or {}
        levels = [alert["level"] for alert in row["alerts"]]
        onset = next((alert for alert in row["alerts"] if alert["level"] == "onset"), None)
        alerts = _onset(onset) if onset is not None else f"{len(levels)} watch" if levels else "–"
        table.append(
            (
                row["run"],
                row["state"],
                str(row["settings"]["method"] or "–"),
                _short(row["settings"]["eps"]),
                f"{row['epoch']:.1f}" if row["epoch"] is not None else "–",
                percent(last.get("clean")),
                percent(last.get("fgsm")),
                percent(last.get("pgd")),
                alerts,
            )
        )
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
