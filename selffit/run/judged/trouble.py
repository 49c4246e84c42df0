"""What went wrong beside training and stays wrong: a pure function of the state of a run.

Every surface says it: `status`, `runs`, the last line of a followed run, and, where it is serious
and the run has ended, the exit code.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from selffit.eventlog import kinds
from selffit.numbers import count, plural
from selffit.run.folded.state import RunState
from selffit.vocabulary import state_of


@dataclass(frozen=True)
class Trouble:
    """One thing that somebody should know.

    name: in a word or two. text: in a sentence. serious: what people came for may be lost, or
    cannot be read.
    """

    name: str
    text: str
    serious: bool = False


def troubles(state: RunState) -> list[Trouble]:
    """Return what is wrong with a run beside its training, the gravest first."""
    found = [*_saving(state), *_reading(state), *_logging(state), *_hosting(state)]
    return sorted(found, key=lambda trouble: not trouble.serious)


def shut_out(state: RunState) -> Trouble | None:
    """Return what keeps everybody from reading a log; None where anything of it could be read."""
    if state.heard:
        return None
    return next((trouble for trouble in _reading(state) if trouble.serious), None)


def troubled(state: RunState) -> bool:
    """Whether something serious is wrong with a run that has ended."""
    return state.ending is not None and any(trouble.serious for trouble in troubles(state))


def left_with(state: RunState, word: str) -> int:
    """Return the exit code of whoever has followed a run until it stood like this."""
    return state_of(word).followed or int(troubled(state))


def _hosting(state: RunState) -> Iterator[Trouble]:
    """What keeps somebody's program from being watched."""
    hosted = state.last(kinds.Hosted)
    if hosted is not None and hosted.note:
        yield Trouble("not watched", hosted.note)


def _saving(state: RunState) -> Iterator[Trouble]:
    """Checkpoints that could not be saved: serious as long as none was saved since."""
    if not state.failed_saves:
        return
    done = f"{plural(state.failed_saves, 'save')} failed, {state.saves} succeeded"
    if state.unsaved is not None:
        text = f"{done}; the last one failed: {state.unsaved.reason}"
        yield Trouble("not saved", text, serious=True)
    else:
        yield Trouble("saves failed", f"{done}; the last one succeeded")


def _reading(state: RunState) -> Iterator[Trouble]:
    """What the reader of the log complained of."""
    shut = [notice for notice in state.notices if notice.kind == "unreadable"]
    if shut:
        where = "/".join(part for part in ("log", shut[0].stream, shut[0].file) if part)
        more = f", and {len(shut) - 1} more" if len(shut) > 1 else ""
        yield Trouble("log unreadable", f"{where} {shut[0].text}{more}", serious=True)
    if (cut := _cut_short(state)) is not None:
        yield cut
    others = len(state.notices) - len(shut)
    if others:
        first = next(notice for notice in state.notices if notice.kind != "unreadable")
        where = f"log/{first.stream}/{first.file}"
        more = f", and {others - 1} more" if others > 1 else ""
        name = {"version": "newer log"}.get(first.kind, "log damaged")
        yield Trouble(name, f"{where}: {first.text}{more}", serious=first.kind == "version")


def _cut_short(state: RunState) -> Trouble | None:
    """A log without the trainer's last word, though its supervisor saw it finish.

    A trainer that finishes says so itself after its last step, so what is missing was written.
    """
    exit = state.now.exit
    if exit is None or exit.how != "finished" or state.now.end is not None:
        return None
    if not state.step < state.last_step or state.last(kinds.Hosted) is not None:
        return None
    reached = f"{count(state.step)} of {count(state.last_step)}"
    text = f"the trainer finished, but its log ends at step {reached}: what came after is missing"
    return Trouble("log cut short", text, serious=True)


def _logging(state: RunState) -> Iterator[Trouble]:
    """What the writer left out or holds back, and an inbox that the trainer cannot read."""
    if state.dropped:
        yield Trouble("metrics dropped", f"{plural(state.dropped, 'event')} could not be logged")
    host = state.last(kinds.Host)
    if host is None or state.ending is not None or host.at.attempt != state.attempt:
        return
    if host.log_ok is False:
        why = f": {host.log_error}" if host.log_error else ""
        yield Trouble("log held back", f"the log is held back by the disk{why}")
    if host.inbox_error:
        yield Trouble("no commands", f"commands cannot reach the trainer: {host.inbox_error}")
