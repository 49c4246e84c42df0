"""The moments of a run that people look for: the one declaration behind marks, places and replay.

An event makes a moment, or it does not. Its `step` is what it is about, which for an onset is
before the step at which it was noticed; its `position` in a recording is where it became known.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from selffit.control.commands import OPERATIONS, POLICY
from selffit.eventlog import kinds
from selffit.numbers import count
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import ENDINGS, LEVELS, level_of

APPLIED, BRANCH, CHECKPOINT, ENDED = "applied", "branch", "checkpoint", "ended"
# every kind of moment: the levels of alerts, and what is no alert
KINDS_OF_MOMENT = (*LEVELS, APPLIED, BRANCH, CHECKPOINT, ENDED)
UNMARKED = ("checkpoint", "probe")  # operations that change nothing about the training


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment of a run.

    kind: a level of an alert, "applied" (a command or a policy has changed something), "branch",
    "checkpoint" or "ended". branch, step: what it is about. id: of a checkpoint, or the name of a
    branch. position: of the recording, right after it became known. t: the wall clock then.
    """

    kind: str
    branch: str
    step: int
    text: str
    id: str = ""
    position: int = 0
    t: float = 0.0

    @property
    def is_alert(self) -> bool:
        """Whether it is an alert of any level."""
        return self.kind not in (APPLIED, BRANCH, CHECKPOINT, ENDED)


def moment_of(event: kinds.Event, position: int = 0, t: float = 0.0) -> Moment | None:
    """Return the moment that an event makes, None where it makes none."""
    makes = _MAKES.get(type(event))
    told = makes(event) if makes is not None else None
    return None if told is None else Moment(**told, position=position, t=t)


def of_kinds(moments: Iterable[Moment], wanted: Iterable[str]) -> list[Moment]:
    """Return those of some kinds."""
    names = frozenset(wanted)
    return [moment for moment in moments if moment.kind in names]


Told = dict[str, Any] | None


def _alert(alert: kinds.Alert) -> Told:
    cause = f"{cause_words(alert.disease)}: " if alert.disease else ""
    return {
        "kind": level_of(alert.level).name,
        "branch": alert.branch,
        "step": alert.about,
        "text": f"{cause}{alert.text}",
    }


def _applied(applied: kinds.Applied) -> Told:
    if applied.op in UNMARKED:
        return None
    did = OPERATIONS[applied.op].did if applied.op in OPERATIONS else ""
    to = applied.args.get("to")
    where = f" to {to}" if applied.op == "rollback" and isinstance(to, str) else ""
    by = "by policy" if applied.by == POLICY else f"by {applied.by}"
    text = f"{did or applied.op}{where} {by}"
    return {"kind": APPLIED, "branch": applied.branch, "step": applied.step, "text": text}


def _branch(begun: kinds.BranchBegun) -> Told:
    text = f"branch {begun.name} begins at step {count(begun.base_step)} of {begun.parent}"
    return {
        "kind": BRANCH,
        "branch": begun.name,
        "step": begun.base_step,
        "text": text,
        "id": begun.name,
    }


def _saved(saved: kinds.CheckpointSaved) -> Told:
    healthy = ", healthy" if saved.healthy else ""
    return {
        "kind": CHECKPOINT,
        "branch": saved.of_branch or saved.branch,
        "step": saved.of_step,
        "text": f"checkpoint {saved.id}{healthy}",
        "id": saved.id,
    }


def _end(end: kinds.End) -> Told:
    return _ended(end, end.how, end.reason)


def _exit(exit: kinds.Exited) -> Told:
    return _ended(exit, exit.how, exit.text) if exit.how in ENDINGS else None


def _ended(event: kinds.Event, how: str, why: str) -> Told:
    word = ENDINGS[how].word if how in ENDINGS else how
    text = f"attempt {count(event.at.attempt)} {word}" + (f": {why}" if why else "")
    return {"kind": ENDED, "branch": event.branch, "step": event.step, "text": text}


_MAKES: dict[type[kinds.Event], Callable[[Any], Told]] = {
    kinds.Alert: _alert,
    kinds.Applied: _applied,
    kinds.BranchBegun: _branch,
    kinds.CheckpointSaved: _saved,
    kinds.End: _end,
    kinds.Exited: _exit,
}
