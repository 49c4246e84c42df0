"""A run as plain lines: for pipes, logs and terminals that cannot draw a screen."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from selffit.control.commands import POLICY
from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.eventlog.fields import items
from selffit.eventlog.records import Notice, num
from selffit.numbers import (
    UNKNOWN,
    age,
    count,
    decimals,
    duration,
    in_unit,
    known,
    pace,
    share,
    signed,
)
from selffit.run.folded.state import RunState
from selffit.run.follow import Follower, Item
from selffit.run.judged.summary import seconds_left
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import cause_words, closing, sentence
from selffit.vocabulary import (
    ACCURACY,
    COPY,
    STEP,
    Measure,
    ending_word,
    level_of,
)
from selffit_tui.draw.format import fit
from selffit_tui.plain.alerts import alert_lines
from selffit_tui.words.events import describe
from selffit_tui.words.standing import standing_words

PROGRESS_SECONDS = 5.0
WIDEST = 24  # cells of a word in the table of runs
# kinds of events after which something else may stand
TURNING = (kinds.RobustProbe, kinds.Alert, kinds.Diagnosis, kinds.BranchBegun, kinds.Resumed)
PROBED = ("clean", "fgsm", "pgd")  # accuracies of an ordinary probe
_HEADS = tuple(ACCURACY[name].label.upper() for name in PROBED)
STEP_SHOWN = ("eps", "loss_adv", "acc_adv", "abnormal")  # of the newest step


def clock(t: float) -> str:
    """Wall-clock seconds as local HH:MM:SS."""
    return time.strftime("%H:%M:%S", time.localtime(t))


class PlainLines:
    """Turns the items of a log into lines, each with the state as it was then.

    Every notable event, what stands whenever that changes, and progress every few seconds of the
    run's time.
    """

    def __init__(self, run: str = "RUN", live: bool = False) -> None:
        """run: as it has to be typed; live: somebody is there to take commands."""
        self._progress_at = -math.inf
        self._stood = ""
        self._run = run
        self._live = live

    def feed(self, items: Iterable[Item], follower: Follower) -> Iterator[str]:
        """Return the lines of these items, and fold them into the follower's state one by one."""
        for item in items:
            follower.fold((item,))
            if isinstance(item, Notice):
                if item.kind != "elsewhere":  # no fault; said at the end, where it matters
                    yield f"{clock(time.time())}  log: {item.text}"
                continue
            event = kinds.of_record(item)
            if isinstance(event, kinds.Steps):
                if event.t - self._progress_at >= PROGRESS_SECONDS:
                    self._progress_at = event.t
                    yield f"{clock(event.t)}  {progress(event, follower.state)}"
            elif isinstance(event, kinds.Alert):
                for line in alert_lines(event, follower.state, self._run, self._live):
                    yield f"{clock(event.t)}  {line}"
            elif (told := describe(event)) is not None:
                yield f"{clock(event.t)}  {told}"
            if isinstance(event, TURNING):
                yield from self._standing(event.t, follower.state)

    def ending(self, state: RunState, word: str, name: str) -> Iterator[str]:
        """Return the last lines: what stands, and how the run ended.

        `name` is that of its folder: a copy has the log of another run.
        """
        yield f"run {name}: {closing(state, word)}"
        if state.ending is not None:
            yield from (f"  | {line}" for line in state.ending.stderr)

    def _standing(self, t: float, state: RunState) -> Iterator[str]:
        """The verdict, where what stands, its cause or its branch have changed."""
        found = verdict(state)
        stands = f"{found.state} {found.cause} {found.branch} {found.since}"
        if stands != self._stood:
            self._stood = stands
            mark = "!!" if found.level.serious else "= "
            yield f"{clock(t)}  {mark} {sentence(state, found)}"


def progress(block: kinds.Steps, state: RunState) -> str:
    """Return where training stands after a block of steps: epoch, step, images/s, ETA."""
    epochs = num(state.config.get("epochs"))
    total = f"/{count(state.steps_total)}" if state.steps_total else ""
    of = f"/{epochs:g}" if known(epochs) else ""
    left = seconds_left(state)
    parts = [
        f"epoch {decimals(block.epoch)}{of}",
        f"step {count(block.end)}{total}",
        f"{pace(block.img_s)} img/s",
        f"ETA {duration(left)}" if known(left) else "",
        *(_newest(STEP[name], items(block.cols.get(name))) for name in STEP_SHOWN),
    ]
    return "  ".join(part for part in parts if part)


def _newest(measure: Measure, values: Sequence[Any]) -> str:
    return f"{measure.short} {in_unit(num(values[-1] if values else None), measure.unit)}"


def status_lines(summary: Mapping[str, Any], stands: str) -> list[str]:
    """Return `selffit status` for people; `stands`: the verdict in one sentence."""
    settings, last = summary["settings"], summary["last"]
    total = f"/{count(summary['steps_total'])}" if summary["steps_total"] else ""
    lines = [
        f"{summary['run']}  {_state(summary)}  attempt {summary['attempt']}  branch "
        f"{summary['branch']}"
    ]
    silent = summary["data_age_s"]
    speed = f"  {pace(summary['img_s'])} img/s" if summary["img_s"] else ""
    eta = f"  ETA {duration(summary['eta_s'])}" if summary["eta_s"] else ""
    lines.append(
        f"  step {count(summary['step'])}{total}  epoch {_epoch(summary['epoch'])}{speed}{eta}"
        + (f"  last event {age(silent)} ago" if silent is not None else "")
    )
    lines.append(
        "  " + "  ".join(f"{key} {_setting(key, value)}" for key, value in settings.items())
    )
    if last:
        told = "  ".join(f"{ACCURACY[name].label} {_share(last[name])}" for name in PROBED)
        blank = f", not finite for {count(last['nonfinite'])}" if last["nonfinite"] else ""
        lines.append(f"  at step {count(last['step'])}: {told}  (n {count(last['n'])}{blank})")
    lines.append(f"  {stands}")
    lines += _alone(summary.get("channels"))
    if policy := summary["verdict"]["policy"]:
        lines.append(f"  policy: {policy}")
    answer = summary["verdict"].get("answer")  # which one that is remembered may not have
    if answer and answer["by"] != POLICY:  # else it has been said
        lines.append(f"  {answer['by']}: {answer['text']}")
    # of what was left behind little is said: two in one place are the same line
    lines += dict.fromkeys(f"  {_alert(alert)}" for alert in summary["alerts"])
    lines += [f"  {_trouble(trouble)}" for trouble in summary["troubles"]]
    if summary["ending"]:
        lines.append(
            f"  ended: {ending_word(summary['ending']['how'])}"
            + (f", {summary['ending']['text']}" if summary["ending"]["text"] else "")
        )
        lines += [f"    | {line}" for line in summary["ending"]["stderr"]]
    return lines


def _alone(channels: Mapping[str, Any] | None) -> list[str]:
    """The channels that alone carry FGSM accuracy, in a line; none where there are none."""
    if not channels or not channels["alone"]:
        return []
    told = [
        f"{one['layer']} channel {one['channel']} {signed(one['fgsm'])}"
        for one in channels["alone"][:3]
    ]
    more = len(channels["alone"]) - len(told)
    said = ", ".join(told) + (f" and {more} more" if more > 0 else "")
    return [
        f"  alone carry FGSM accuracy {_share(channels['base']['fgsm'])}: {said}"
        f"  (step {count(channels['step'])}, n {count(channels['n'])})"
    ]


def _state(summary: Mapping[str, Any]) -> str:
    state, of = str(summary["state"]), summary["copy_of"]
    if not of:
        return state
    return f"{state} of {of}" if state == COPY.word else f"{state}, copy of {of}"


def _trouble(trouble: Mapping[str, Any]) -> str:
    return f"{'!!' if trouble['serious'] else '!'} {trouble['name']}: {trouble['text']}"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else share(value)


def _epoch(value: float | None) -> str:
    return UNKNOWN if value is None else decimals(value)


def _setting(name: str, value: Any) -> str:
    """A setting of the run; the budget, the step size and the learning rate in their units."""
    if isinstance(value, float):
        return in_unit(value, STEP[name].unit if name in STEP else "")
    return UNKNOWN if value is None else str(value)


def _alert(alert: Mapping[str, Any]) -> str:
    """An alert in the list of those that were raised; one that is left behind is only named."""
    level = level_of(alert["level"])
    noticed, onset = alert["step"], alert["onset_step"]
    head = f"{'!!' if level.serious else '!'} {level.name} at step "
    head += count(noticed if onset is None else onset)
    if not alert["stands"]:
        return f"{head} of {alert['branch']}, left behind"
    head += f" (noticed at {count(noticed)})" if onset not in (None, noticed) else ""
    cause = cause_words(alert["disease"])
    return f"{head}{f', {cause}' if cause else ''}: {alert['text']}"


def _named(troubles: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong beside that, in the same cell."""
    names = ", ".join(trouble["name"] for trouble in troubles)
    mark = "!! " if any(trouble["serious"] for trouble in troubles) else ""
    return f"; {mark}{names}" if names else ""


def _cell(text: str) -> str:
    """Words of a log in a column: one that is hostile must not push the others away."""
    return fit(text, WIDEST) if cell_len(text) > WIDEST else text


def runs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`selffit runs` for people: one aligned line a run."""
    head = ("RUN", "STATE", "METHOD", "EPS", "EPOCH", *_HEADS, "VERDICT")
    table = [head]
    for row in rows:
        last = row["last"] or {}
        table.append(
            (
                clean(row["run"]),
                _cell(_state(row)),
                _cell(str(row["settings"]["method"] or UNKNOWN)),
                _setting("eps", row["settings"]["eps"]),
                f"{row['epoch']:.1f}" if row["epoch"] is not None else UNKNOWN,
                *(_share(last.get(name)) for name in PROBED),
                row.get("why") or standing_words(row["verdict"]) + _named(row["troubles"]),
            )
        )
    widths = [max(cell_len(line[i]) for line in table) for i in range(len(head))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in table
    ]
