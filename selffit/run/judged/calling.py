"""What somebody is called for: a fall, a crash, the end of a run; each of them once.

A pure function of the state of a run, for the bell and the title of a terminal and for the commands
of `--notify`. What is sent to those is described in docs/calling.md.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selffit.eventlog import kinds
from selffit.eventlog.fields import without_nan
from selffit.run.folded.attempt import Attempt
from selffit.run.folded.state import RunState
from selffit.run.folded.word import loss
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import cause_words, sentence
from selffit.vocabulary import (
    DIVERGED,
    ENDINGS,
    LOST,
    MASKED,
    ONSET,
    WEAKENED,
    Level,
    ended_badly,
    ending_word,
)

FORMAT = 1  # of what is sent
CRASH, END = "crash", "end"
CALLED_FOR: Mapping[str, Level] = {level.name: level for level in (ONSET, MASKED, DIVERGED)}
EVENTS = (*CALLED_FOR, WEAKENED.name, CRASH, END)
URGENT = (*CALLED_FOR, CRASH)  # for which a terminal rings
LAST_WORD_SECONDS = 5.0  # after which nobody waits for what a supervisor says of its trainer
_ORDERLY = (DIVERGED.name, "refused")  # bad ends that are no crash: the trainer said why itself


@dataclass(frozen=True, kw_only=True)
class Call:
    """One thing that somebody is called for.

    event: one of EVENTS. key: what tells it from others of its run. text: in a sentence. branch,
    step: where; t: wall clock in seconds. since: the step that it is about, None for an end. how:
    of an end, a name of `selffit.vocabulary.ENDINGS` or "lost"; again: another attempt begins.
    """

    event: str
    key: tuple[Any, ...]
    text: str
    branch: str
    step: int
    t: float
    attempt: int
    since: int | None = None
    cause: str = ""
    how: str = ""
    again: bool = False

    @property
    def urgent(self) -> bool:
        """Whether a terminal rings for it."""
        return self.event in URGENT


def calls(state: RunState, word: str = "", now: float = math.inf) -> Iterator[Call]:
    """Everything that a run has given reason to call for so far, in no order.

    word: the state of the run in a word, where it is known; now: wall clock of its machine.
    """
    for alert in state.all(kinds.Alert):
        if alert.level in CALLED_FOR:
            yield Call(
                event=alert.level,
                key=(alert.level, alert.branch, alert.about),
                text=_told(alert),
                branch=alert.branch,
                step=alert.step,
                t=alert.t,
                attempt=alert.at.attempt,
                since=alert.about,
                cause=alert.disease,
            )
    stands = verdict(state)
    if stands.level is WEAKENED:
        yield Call(
            event=WEAKENED.name,
            key=(WEAKENED.name, stands.branch, stands.since),
            text=sentence(state, stands),
            branch=stands.branch,
            step=state.step,
            t=state.t,
            attempt=state.attempt,
            since=stands.since,
        )
    for attempt in state.attempts.values():
        found = _end(state, attempt, now)
        if found is not None:
            yield found
    if word == LOST.word:
        yield Call(
            event=CRASH,
            key=(END, state.attempt),
            text=f"{LOST.word}: {loss(state, None, now) if now < math.inf else LOST.meaning}",
            branch=state.branch,
            step=state.step,
            t=state.t,
            attempt=state.attempt,
            how=LOST.word,
        )


def _told(alert: kinds.Alert) -> str:
    cause = cause_words(alert.disease)
    return f"{alert.level}{f', {cause}' if cause else ''}: {alert.text}"


def _end(state: RunState, attempt: Attempt, now: float) -> Call | None:
    """The end of an attempt: the trainer's word, once its supervisor had time for the last one."""
    ending = attempt.ending
    if ending is None:
        return None
    alone = attempt.supervisor is None or now - ending.t > LAST_WORD_SECONDS
    if attempt.exit is None and not alone:
        return None
    crashed = ended_badly(ending.how) and ending.how not in _ORDERLY
    again = attempt.restarting
    told = "; ".join(part for part in (ending_word(ending.how), ending.text) if part)
    return Call(
        event=CRASH if crashed else END,
        key=(END, attempt.number),
        text=f"{told}; another attempt begins" if again else told,
        branch=state.branch,
        step=state.step,
        t=ending.t,
        attempt=attempt.number,
        how=ending.how if ending.how in ENDINGS else "",
        again=again,
    )


class Calls:
    """Tells what is new to call for; what was there when it began is not called for again."""

    def __init__(self) -> None:
        self._known: set[tuple[Any, ...]] = set()

    def begin(self, state: RunState, word: str = "", now: float = math.inf) -> None:
        """Take for known what has been logged so far."""
        self._known.update(call.key for call in calls(state, word, now))

    def news(self, state: RunState, word: str = "", now: float = math.inf) -> list[Call]:
        """What has come since, each once, in the order in which it happened."""
        found = [call for call in calls(state, word, now) if call.key not in self._known]
        self._known.update(call.key for call in found)
        return sorted(found, key=lambda call: call.t)


def call_data(state: RunState, call: Call, path: Path, id: str = "") -> dict[str, Any]:
    """A call as plain JSON values; numbers that are not known are null.

    path: of the run's folder, id: of the run.
    """
    stands = verdict(state)
    probe = state.current(kinds.RobustProbe)
    measured = {name: getattr(probe, name, None) for name in ("clean", "fgsm", "pgd", "n", "eps")}
    onset = stands.onset
    found: dict[str, Any] = without_nan(
        {
            "v": FORMAT,
            "event": call.event,
            "urgent": call.urgent,
            "text": call.text,
            "run": path.name,
            "path": str(path),
            "id": id or None,
            "attempt": call.attempt,
            "t": call.t,
            "branch": call.branch,
            "step": call.step,
            "since": call.since,
            "cause": call.cause or None,
            "how": call.how or None,
            "again": call.again,
            "verdict": stands.state,
            "stands": sentence(state, stands),
            "probe": None if probe is None else {"step": probe.step, **measured},
            "healthy_step": None if onset is None else onset.healthy_step,
            "method": _text(state.setting("method")),
        }
    )
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
