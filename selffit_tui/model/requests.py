"""The life of a command as the log tells it: requested, received, applied or refused.

Or what keeps it waiting.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from selffit.control.commands import Command
from selffit.control.ledger import Ledger
from selffit.eventlog import kinds
from selffit.numbers import age
from selffit.run.folded.state import RunState
from selffit.run.folded.word import silent_for
from selffit.vocabulary import SILENT, state_of

PATIENCE = 10.0  # seconds without an answer before we say what may be wrong
KEPT = 30.0  # seconds that an answer stays on the screen
REMEMBERED = 20  # requests of one view


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command that was asked for here.

    `sent`: wall clock; `written`: it lies in the inbox; `error`: it does not.

    `answered`: wall clock at which its outcome was first seen in the log.
    """

    command: Command
    sent: float
    written: bool = False
    error: str = ""
    answered: float | None = None

    def may_go(self, now: float) -> bool:
        """Whether a person may dismiss it: it was answered, was not sent, or nobody answers."""
        return self.answered is not None or bool(self.error) or now - self.sent >= PATIENCE


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What has become of a command. `state`: submitted, received, applied, rejected or failed.

    `step` and `branch` are those it was applied at; for a roll-back `branch` is the new one.
    """

    state: str
    step: int | None = None
    branch: str = ""
    version: int | None = None
    reason: str = ""
    rule: str = ""


def answer(id: str, state: RunState) -> Answer:
    """What the log says of a command."""
    ledger = state.ledger
    outcome = ledger.outcomes.get(id)
    if outcome is None:
        return Answer(state="received" if id in ledger.pending else "submitted")
    if outcome.how == "applied":
        applied = _decision(state, id, kinds.Applied)
        if applied is None:
            return Answer(state="applied", step=outcome.step)
        return Answer(
            state="applied",
            step=outcome.step,
            branch=applied.onto or applied.branch,
            version=applied.version,
        )
    refused = _decision(state, id, kinds.Rejected)
    failed = _decision(state, id, kinds.Failed)
    where = refused or failed
    return Answer(
        state=outcome.how,
        step=outcome.step,
        branch=where.branch if where is not None else "",
        reason=outcome.text,
        rule=refused.rule if refused is not None else "",
    )


D = TypeVar("D", kinds.Applied, kinds.Rejected, kinds.Failed)


def _decision(state: RunState, id: str, kind: type[D]) -> D | None:
    """The newest decision of a kind on a command."""
    return next((event for event in reversed(state.all(kind)) if event.id == id), None)


def hindrance(state: RunState, word: str, now: float) -> str:
    """What keeps the trainer from answering, as far as a viewer can tell.

    `word` is that of `Follower.word`, `now` the clock of the run's machine (`Follower.now`).
    """
    silence = silent_for(state, now)
    ago = age(silence)
    if state.ending is not None:
        return f"the run has ended ({word}) without looking at it"
    if state_of(word).left:
        return state_of(word).meaning
    if word == SILENT.word:
        return f"nothing was heard of the trainer for {ago}"
    if state.start is None:
        return "the trainer is still starting; it looks at commands when training begins"
    if silence > PATIENCE:
        return f"the trainer's process is there, but has written nothing for {ago}"
    return "the trainer runs but does not answer; a long probe or a slow disk may hold it up"


def watched(requests: tuple[Request, ...], ledger: Ledger, now: float) -> tuple[Request, ...]:
    """The requests, with the time noted of those that were answered by now.

    At most REMEMBERED are kept.
    """
    return tuple(
        replace(request, answered=now)
        if request.answered is None and request.command.id in ledger.outcomes
        else request
        for request in requests[-REMEMBERED:]
    )


def shown(requests: tuple[Request, ...], now: float) -> Request | None:
    """The newest request that is waiting, was answered lately, or could not be sent."""
    for request in reversed(requests):
        if request.answered is None or now - request.answered < KEPT:
            return request
    return None
