"""What each kind of event does to the state of a run: its handlers, and what is kept of it.

A `Draft` has the fields of a `RunState`, while that is made.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from selffit.eventlog import kinds
from selffit.eventlog.history import History
from selffit.eventlog.kinds import Event
from selffit.run.folded.attempt import Attempt
from selffit.run.folded.blocks import Blocks

Draft = dict[str, Any]
Kept = History[Any] | Blocks


def take(draft: Draft, event: Event) -> None:
    """Bring the fields of a state up to an event."""
    cls = type(event)
    handler = _HANDLERS.get(cls)
    if handler is not None:
        handler(draft, event)
    draft["ledger"] = draft["ledger"].after(event)
    if cls.KIND.kept:
        kept = draft["kept"]
        kept[cls] = _with(kept.get(cls), event)
    if cls.KIND.listed:
        draft["events"] = draft["events"].append(event)


def _with(history: Kept | None, event: Event) -> Kept:
    if isinstance(event, kinds.Steps):
        return (history if isinstance(history, Blocks) else Blocks()).append(event)
    return (history if isinstance(history, History) else History[Event]()).append(event)


def _of_attempt(draft: Draft, event: Event, **known: Any) -> None:
    number = event.at.attempt
    before = draft["attempts"].get(number) or Attempt(number=number)
    draft["attempts"] = {**draft["attempts"], number: replace(before, **known)}


def _opened(draft: Draft, event: kinds.Opened) -> None:
    if event.at.stream == "trainer":
        draft["run"] = event.run or draft["run"]
        _of_attempt(draft, event, trainer=event)
    elif event.at.stream == "supervisor":
        _of_attempt(draft, event, supervisor=event)


def _phase(draft: Draft, event: kinds.Phase) -> None:
    draft["phase"] = event.name


def _run_start(draft: Draft, event: kinds.RunStart) -> None:
    draft["start"] = event
    draft["phase"] = "training"
    draft["branch"] = event.branch


def _resumed(draft: Draft, event: kinds.Resumed) -> None:
    """An attempt goes on from a checkpoint: what an earlier one did after it is done again."""
    for cls, history in draft["kept"].items():
        if cls.KIND.on_branch:
            first = event.step if cls is kinds.Steps else event.step + 1
            draft["kept"][cls] = _without(history, event.branch, first)
    _at(draft, event)


def _without(history: Kept, branch: str, first: int) -> Kept:
    """A history but for what happened on a branch from a step on."""
    if isinstance(history, Blocks):
        return history.without(branch, first)
    return History([event for event in history if event.branch != branch or event.step < first])


def _branch(draft: Draft, event: kinds.BranchBegun) -> None:
    _at(draft, event)


def _at(draft: Draft, event: Event) -> None:
    """Training goes on from the step of an event, on its branch."""
    draft["step"] = event.step
    draft["branch"] = event.branch
    start: kinds.RunStart | None = draft["start"]
    if start is not None and start.steps_per_epoch > 0:
        draft["epoch"] = event.step / start.steps_per_epoch


def take_steps(draft: Draft, event: kinds.Steps) -> None:
    """Bring the step and the epoch up to a block of steps."""
    draft["step"] = max(draft["step"], event.end)
    draft["epoch"] = event.epoch


def _saved(draft: Draft, event: kinds.CheckpointSaved) -> None:
    draft["saves"] += 1
    draft["unsaved"] = None


def _save_failed(draft: Draft, event: kinds.CheckpointFailed) -> None:
    draft["failed_saves"] += 1
    draft["unsaved"] = event


def _gap(draft: Draft, event: kinds.LogGap) -> None:
    draft["dropped"] += max(0, event.dropped)


def _end(draft: Draft, event: kinds.End) -> None:
    _of_attempt(draft, event, end=event)


def _spawned(draft: Draft, event: kinds.Spawned) -> None:
    _of_attempt(draft, event, spawned=event)


def _exit(draft: Draft, event: kinds.Exited) -> None:
    _of_attempt(draft, event, exit=event)


_HANDLERS = cast(
    dict[type[Event], Callable[[Draft, Event], None]],
    {
        kinds.Opened: _opened,
        kinds.Phase: _phase,
        kinds.RunStart: _run_start,
        kinds.Resumed: _resumed,
        kinds.BranchBegun: _branch,
        kinds.Steps: take_steps,
        kinds.CheckpointSaved: _saved,
        kinds.CheckpointFailed: _save_failed,
        kinds.LogGap: _gap,
        kinds.End: _end,
        kinds.Spawned: _spawned,
        kinds.Exited: _exit,
    },
)
