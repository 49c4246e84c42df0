"""The trainer's pen.

Every event carries the active branch, and the ledger learns of it as it is written.
"""

import time
from threading import Event

from msgspec.structs import replace

from selffit.control.ledger import Ledger
from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter


class TrainLog:
    """Writes the trainer's stream.

    `ledger` is at any time what a reader of the log would know. Ask for it each time: it is another
    object after an event that says something of control.
    """

    def __init__(self, writer: EventWriter, ledger: Ledger) -> None:
        self._writer = writer
        self.ledger = ledger
        self.branch = ledger.branch

    def emit(self, event: kinds.Event, *, step: int = 0, branch: str = "") -> bool:
        """Write an event; one of a critical kind is on disk when this returns True.

        branch: where it happened, if that is not the active one.
        """
        written = self._writer.emit(event, step=step, branch=branch or self.branch)
        self._note(event, step, branch or self.branch)
        return written

    def post(self, event: kinds.Event, *, step: int = 0) -> Event:
        """Write an event of a critical kind without waiting for it; set once it is on the disk."""
        known = self._writer.post(event, step=step, branch=self.branch)
        self._note(event, step, self.branch)
        return known

    def _note(self, event: kinds.Event, step: int, branch: str) -> None:
        """Let the ledger learn of what was written."""
        here = kinds.Place(branch=branch, step=step, t=time.time())
        self.ledger = self.ledger.after(replace(event, at=here))

    def phase(self, name: str, step: int) -> None:
        """Say what the trainer is doing from this step on."""
        self.emit(kinds.Phase(name=name), step=step)

    def damaged(self, id: str, reason: str, step: int = 0) -> None:
        """Say that a checkpoint cannot be used."""
        self.emit(kinds.CheckpointDamaged(id=id, reason=reason), step=step)

    def begin_branch(self, name: str, parent: str, base_step: int, ckpt: str) -> None:
        """Write this and all that follows on a branch that continues from a checkpoint."""
        self.branch = name
        begun = kinds.BranchBegun(name=name, parent=parent, base_step=base_step, ckpt=ckpt)
        self.emit(begun, step=base_step)

    def commit(self, applied: kinds.Applied, step: int) -> bool:
        """Write the commit of a command; the effect may follow only where this returns True.

        Where the disk refuses, the line stays queued and may still get there, so `ctl.failed` is
        queued behind it.
        """
        if self.emit(applied, step=step):
            return True
        self.emit(self._not_written(applied), step=step)
        return False

    def _not_written(self, applied: kinds.Applied) -> kinds.Failed:
        """What is said of a change whose commit the disk has refused."""
        return kinds.Failed(
            id=applied.id,
            op=applied.op,
            reason="the log could not be written; free some disk space and send the command again",
            new=applied.old,
            version=self.ledger.version + 1,
        )
