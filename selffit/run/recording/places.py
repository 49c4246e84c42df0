"""A place in a recorded run as a person names it, and the position that it means.

1032          the step, on the line of history that leads to the newest branch
b1:5400       a step of a branch
onset         the first onset; alert:2 the second alert of any level
checkpoint:ID where a checkpoint was saved
epoch:12      the end of an epoch, or of a part of one (12.5)
1:22, 82s     so long after the first event (also 1:02:05)
start, end    before anything was read, and all that there is
"""

import re
from collections.abc import Callable, Sequence

from selffit.config import nearest
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.numbers import count, duration
from selffit.run.recording.moments import CHECKPOINT, Moment, of_kinds
from selffit.run.recording.recording import Recording
from selffit.run.recording.units import PLACES
from selffit.vocabulary import ONSET

HELP = PLACES  # what a place may be, in words
_TIME = re.compile(r"(?:([0-9]{1,6}):)?([0-9]{1,6}):([0-5][0-9](?:\.[0-9]+)?)")
_SECONDS = re.compile(r"([0-9]{1,12}(?:\.[0-9]+)?) ?s")
_NUMBER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_STEP = re.compile("[0-9]{1,15}")
_SHOWN = 8  # of what exists, in a message


def position_at(recording: Recording, text: str) -> int:
    """Return the position that a person's words mean; a step: the last one at which it is reached.

    Raises UserError that says what there is.
    """
    said = re.sub(r"(?<=[0-9])[ _\u00a0\u202f](?=[0-9]{3})", "", text.strip())
    if said in ("end", "start"):
        return len(recording) if said == "end" else 0
    if not len(recording):
        raise UserError("the log of this run holds no event yet: there is no place to go to")
    if said == "onset":
        return _onset(recording)
    if (match := _TIME.fullmatch(said)) is not None:
        hours, minutes, seconds = match.groups()
        return _at_time(recording, 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds))
    if (match := _SECONDS.fullmatch(said)) is not None:
        return _at_time(recording, float(match[1]))
    if _STEP.fullmatch(said):
        return _at_step(recording, recording.newest.line.branch, int(said))
    name, colon, rest = said.partition(":")
    if colon and name in _NAMED:
        return _NAMED[name](recording, rest)
    if colon and _STEP.fullmatch(rest):
        return _at_step(recording, name, int(rest))
    raise UserError(f"'{clean(text)[:80]}' is no place in a run; give {HELP}")


def _onset(recording: Recording) -> int:
    onsets = of_kinds(recording.moments, [ONSET.name])
    if onsets:
        return recording.settled(onsets[0].position)
    raise UserError(f"no onset in this run; {_alerts(recording)}, {_reached(recording)}")


def _alert(recording: Recording, number: str) -> int:
    alerts = [moment for moment in recording.moments if moment.is_alert]
    if _STEP.fullmatch(number) and 1 <= int(number) <= len(alerts):
        return recording.settled(alerts[int(number) - 1].position)
    raise UserError(f"there is no alert {clean(number)[:40] or '?'}; {_alerts(recording)}")


def _alerts(recording: Recording) -> str:
    alerts = [moment for moment in recording.moments if moment.is_alert]
    told = [f"alert:{n} ({one.kind} at {_place(one)})" for n, one in enumerate(alerts, 1)]
    return f"its alerts are {_listed(told)}" if told else "it has no alerts"


def _place(moment: Moment) -> str:
    on = "" if moment.branch == "main" else f" of {moment.branch}"
    return f"step {count(moment.step)}{on}"


def _checkpoint(recording: Recording, id: str) -> int:
    saved = of_kinds(recording.moments, [CHECKPOINT])
    for moment in reversed(saved):  # one that was saved again is the one that there is
        if moment.id == id:
            return moment.position
    if not saved:
        raise UserError(f"no checkpoint was saved in this run; {_reached(recording)}")
    ids = list(dict.fromkeys(moment.id for moment in saved))
    hint = nearest(id[:64], ids) if len(ids) <= _SHOWN else f"there are {_listed(ids)}"
    raise UserError(f"there is no checkpoint '{clean(id)[:64]}' in this run; {hint}")


def _at_step(recording: Recording, branch: str, step: int) -> int:
    position = recording.position_of(branch, step)
    if position is None:
        there = _listed(recording.branches)
        raise UserError(f"there is no branch '{clean(branch)[:64]}' in this run; it has {there}")
    last = recording.last_step(branch)
    if step > last:
        raise UserError(f"step {count(step)} is beyond the end: {branch} has reached {count(last)}")
    return position


def _at_time(recording: Recording, seconds: float) -> int:
    took = recording.time_at(len(recording)) - recording.started
    if seconds > took:
        raise UserError(
            f"{duration(seconds)} is beyond the end: the log covers {duration(took)} so far"
        )
    return recording.position_at_time(recording.started + seconds)


def _reached(recording: Recording) -> str:
    branch = recording.newest.line.branch
    return f"and {branch} has reached step {count(recording.last_step(branch))}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _epoch(recording: Recording, number: str) -> int:
    """The end of an epoch, on the line that leads to the newest branch; a part of one counts."""
    start = recording.newest.start
    if start is None or not start.steps_per_epoch or not _NUMBER.fullmatch(number):
        raise UserError(f"there is no epoch '{clean(number)[:40]}'; {_reached(recording)}")
    step = round(float(number) * start.steps_per_epoch)
    return _at_step(recording, recording.newest.line.branch, step)


_NAMED: dict[str, Callable[[Recording, str], int]] = {
    "alert": _alert,
    CHECKPOINT: _checkpoint,
    "epoch": _epoch,
}
