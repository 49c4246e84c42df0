"""Going on where an earlier attempt left off: the log says what was decided, the newest valid
checkpoint what was.
"""

from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.manifest import parse_id
from selffit.control.ledger import Ledger
from selffit.control.replay import replay_plan
from selffit.errors import UserError
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record
from selffit.run.run_dir import RunDir
from selffit.train.checkpoints import Checkpoints, Saved
from selffit.train.loop import Loop
from selffit.train.trainlog import TrainLog


def read_ledger(run: RunDir) -> tuple[Ledger, int | None]:
    """What the log says so far, and the last step that it tells of; None where no attempt has begun
    to train.
    """
    ledger, last = Ledger(), None
    reader = RunReader(run.path)
    while records := reader.poll():
        for record in records:
            ledger.add(record)
            if isinstance(record, Record) and record.stream == "trainer":
                if record.k == "run.start" and last is None:
                    last = 0
                elif record.k == "steps" and record.b == ledger.branch:
                    last = record.s + int(record.d.get("n") or 0)
    return ledger, last


def check_resumable(ledger: Ledger, name: str) -> None:
    """Raises UserError where there is nothing to go on with."""
    if ledger.ended == "finished":
        raise UserError(
            f"run {name} has finished; there is nothing to resume, start a new run instead"
        )


def resume(loop: Loop, log: TrainLog, checkpoints: Checkpoints, last: int) -> None:
    """Restore the newest valid checkpoint of the active branch and plan what was changed after it.

    Where none is left, training begins again from its first step: the steps are the same ones.
    Raises UserError for a checkpoint of a newer selffit.
    """
    ledger = log.ledger
    saved, skipped = _newest(checkpoints, ledger)
    for id, reason in skipped:
        log.emit("ckpt.damaged", {"id": id, "reason": reason}, critical=True)
    if saved is not None:
        checkpoints.restore(saved, loop)
        loop.adopt(saved.state.settings)
        checkpoints.find_reference(loop)
    branch = ledger.branches[ledger.branch]
    if not branch.announced:  # killed between the commit of a roll-back and its second line
        log.emit("branch", branch_data(ledger), step=branch.base_step, critical=True)
    told = {
        "ckpt": saved.id if saved else None,
        "step": loop.done,
        "branch": ledger.branch,
        "lost_steps": max(0, last - loop.done),
        "skipped": [{"id": id, "reason": reason} for id, reason in skipped],
    }
    log.emit("resumed", told, step=loop.done, critical=True)
    loop.commander.plan = replay_plan(ledger, ledger.branch, loop.done)


def branch_data(ledger: Ledger) -> dict[str, object]:
    """The data of the active branch's `branch` record."""
    branch = ledger.branches[ledger.branch]
    return {
        "name": branch.name,
        "parent": branch.parent,
        "base_step": branch.base_step,
        "ckpt": branch.ckpt,
    }


def _newest(checkpoints: Checkpoints, ledger: Ledger) -> tuple[Saved | None, list[tuple[str, str]]]:
    """The newest checkpoint of the active line of history that verifies, and the newer ones that do
    not.
    """
    skipped: list[tuple[str, str]] = []
    line = ledger.lineage()
    ends = [child.base_step for child in line[1:]]
    for here, end in reversed(list(zip(line, [*ends, None], strict=True))):
        for id in reversed(checkpoints.store.ids(here.name)):
            if end is not None and parse_id(id)[1] > end:
                continue  # of the part that was abandoned
            try:
                return checkpoints.read(id), skipped
            except Damaged as damage:
                skipped.append((id, damage.reason))
    return None, skipped
