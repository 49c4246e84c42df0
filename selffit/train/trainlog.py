"""The trainer's pen.

Every record carries the active branch, and the ledger learns of it as it is written.
"""

from collections.abc import Mapping
from typing import Any

from selffit.control.ledger import Ledger
from selffit.eventlog.writer import EventWriter


class TrainLog:
    """Writes the trainer's stream.

    `ledger` is at any time what a reader of the log would know. Ask for it each time: it may be
    another object after a record.
    """

    def __init__(self, writer: EventWriter, ledger: Ledger) -> None:
        self._writer = writer
        self.ledger = ledger
        self.branch = ledger.branch

    def emit(
        self, kind: str, data: Mapping[str, Any], *, step: int = 0, critical: bool = False
    ) -> bool:
        """Write a record; a critical one is on disk when this returns True."""
        written = self._writer.emit(kind, data, step=step, branch=self.branch, critical=critical)
        self.ledger.note(kind, data, step=step, branch=self.branch)
        return written

    def phase(self, name: str, step: int) -> None:
        """Say what the trainer is doing from this step on."""
        self.emit("phase", {"name": name}, step=step)

    def damaged(self, id: str, reason: str, step: int = 0) -> None:
        """Say that a checkpoint cannot be used."""
        self.emit("ckpt.damaged", {"id": id, "reason": reason}, step=step, critical=True)

    def begin_branch(self, name: str, parent: str, base_step: int, ckpt: str) -> None:
        """Write this and all that follows on a branch that continues from a checkpoint."""
        self.branch = name
        data = {"name": name, "parent": parent, "base_step": base_step, "ckpt": ckpt}
        self.emit("branch", data, step=base_step, critical=True)

    def commit(self, applied: Mapping[str, Any], step: int) -> bool:
        """Write `ctl.applied`; the effect may follow only where this returns True.

        Where the disk refuses, the line stays queued and may still get there, so `ctl.failed` is
        queued behind it.
        """
        if self.emit("ctl.applied", applied, step=step, critical=True):
            return True
        self.emit("ctl.failed", self._not_written(applied), step=step, critical=True)
        return False

    def _not_written(self, applied: Mapping[str, Any]) -> dict[str, Any]:
        """The data of `ctl.failed` for a change whose commit the disk has refused."""
        return {
            "id": applied["id"],
            "op": applied["op"],
            "reason": "the log could not be written; free some disk space and send the command "
            "again",
            "new": applied["old"],
            "version": self.ledger.version + 1,
        }
