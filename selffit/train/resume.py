"""Going on where an earlier attempt left off.

The log says what was decided, the newest valid checkpoint what was.
"""

import os
import time
from collections.abc import Collection
from contextlib import suppress

from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.manifest import MODEL
from selffit.control.ledger import Ledger
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import is_alive
from selffit.run.folded.state import Attempt, RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.train.checkpoints import Checkpoints
from selffit.train.session import Saved, Session

GIVING_WAY_SECONDS = 30.0  # that a trainer which was taken over may need to end its step


def read_past(run: RunDir) -> RunState:
    """Read what the log tells of the attempts before this one."""
    return Follower.of(run).read_all()


def wait_for_predecessors(run: RunDir, seconds: float = GIVING_WAY_SECONDS) -> None:
    """Wait until no earlier trainer that can be seen from here writes any more.

    One that was taken over notices within a heartbeat and stops at its next step. One that does not
    is left alone after so many seconds: its records are in a stream of its own attempt.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        here = ("", run.mark)  # the trainer of the run that this one is a copy of may go on
        past = [one for one in read_past(run).attempts.values() if one.trainer is not None]
        if not any(_trains(one) for one in past if one.trainer and one.trainer.folder in here):
            return
        time.sleep(0.2)


def _trains(attempt: Attempt) -> bool:
    """Whether the trainer of an attempt is there and has not said that it has ended."""
    if attempt.trainer is None or attempt.ending is not None:
        return False
    who = attempt.trainer.identity
    return who is not None and who.pid != os.getpid() and is_alive(who) is True


def dead(past: RunState) -> Collection[int]:
    """Return the attempts whose trainer certainly writes no more; one on another host may."""
    return {number for number, attempt in past.attempts.items() if _is_dead(attempt)}


def _is_dead(attempt: Attempt) -> bool:
    if attempt.trainer is None:
        return False
    who = attempt.trainer.identity
    return attempt.ending is not None or (who is not None and is_alive(who) is False)


def check_resumable(ledger: Ledger, name: str) -> None:
    """Raises UserError where there is nothing to go on with."""
    if ledger.ended == "finished":
        raise UserError(
            f"run {name} has finished; there is nothing to resume, start a new run instead"
        )


def resume(session: Session, checkpoints: Checkpoints, last: int) -> None:
    """Restore the newest valid checkpoint of the active branch, and tell what was lost.

    `last` is the step that the log tells of. Where no checkpoint is left, training begins again
    from its first step: the steps are the same ones. Raises UserError for a checkpoint of a newer
    selffit.
    """
    log = session.log
    saved, skipped = _newest(checkpoints, log.ledger)
    for id, reason in skipped:
        if id in log.ledger.checkpoints:
            log.damaged(id, reason)
    if saved is not None:
        session.restore(saved)
        _find_reference(session, checkpoints)
    branch = log.ledger.branches[log.ledger.branch]
    if not branch.announced:  # killed between the commit of a roll-back and its second line
        log.begin_branch(branch.name, branch.parent, branch.base_step, branch.ckpt)
    log.emit(_told(session, saved, last, skipped), step=session.done)


def _told(
    session: Session, saved: Saved | None, last: int, skipped: list[tuple[str, str]]
) -> kinds.Resumed:
    """What the log says of going on."""
    return kinds.Resumed(
        ckpt=saved.id if saved else None,
        to_step=session.done,
        to_branch=session.log.ledger.branch,
        lost_steps=max(0, last - session.done),
        skipped=tuple(kinds.Skipped(id=id, reason=reason) for id, reason in skipped),
    )


def _newest(checkpoints: Checkpoints, ledger: Ledger) -> tuple[Saved | None, list[tuple[str, str]]]:
    """The newest checkpoint of the active line of history that verifies, and newer ones in vain.

    Those come as pairs of id and reason: damaged, of another run, or unknown to the log, whose
    word it needs. What lies behind the step where a branch was left belongs
    to the part that was abandoned.
    """

    def read(id: str) -> Saved:
        if id not in ledger.checkpoints:
            raise Damaged(id, "the log does not know it")
        return checkpoints.read(id)

    skipped: list[tuple[str, str]] = []
    line = ledger.lineage()
    ends = [child.base_step for child in line[1:]]
    for here, end in reversed(list(zip(line, [*ends, None], strict=True))):
        saved, damaged = checkpoints.store.newest_valid(here.name, read, at_most=end)
        skipped += damaged
        if saved is not None:
            return saved, skipped
    return None, skipped


def _find_reference(session: Session, checkpoints: Checkpoints) -> None:
    """Let probes compare with the newest healthy checkpoint from before a fall."""
    id = checkpoints.newest_healthy(session.monitor.detector.healthy_step)
    if id is None or not session.setup.config.self_images:
        return
    with suppress(Damaged, UserError):  # then the next healthy probe brings one
        saved = checkpoints.read(id)
        session.monitor.explainer.adopt(saved.files[MODEL], saved.state.step, saved.state.branch)
