"""The trainer's pen: every record carries the active branch, and the ledger learns of it as it is
written.
"""

from collections.abc import Mapping
from typing import Any

from selffit.control.ledger import Ledger
from selffit.eventlog.writer import EventWriter


class TrainLog:
    """Writes the trainer's stream; `ledger` is at any time what a reader of the log would know."""

    def __init__(self, writer: EventWriter, ledger: Ledger) -> None:
        self._writer, self.ledger = writer, ledger
        self.branch = ledger.branch

    def emit(
        self, kind: str, data: Mapping[str, Any], *, step: int = 0, critical: bool = False
    ) -> bool:
        """Write a record; a critical one is on disk when this returns True."""
        written = self._writer.emit(kind, data, step=step, branch=self.branch, critical=critical)
        self.ledger.note(kind, data, step=step, branch=self.branch)
        return written

    def commit(self, applied: Mapping[str, Any], step: int) -> bool:
        """Write `ctl.applied`; the effect may follow only where this returns True.

        Where the disk refuses, the line stays queued and may still get there, so `ctl.failed` is
        queued behind it.
        """
        if self.emit("ctl.applied", applied, step=step, critical=True):
            return True
        reason = "the log could not be written; free some disk space and send the command again"
        failed = {name: applied[name] for name in ("id", "op")} | {
            "reason": reason,
            "new": applied["old"],
        }
        self.emit(
            "ctl.failed", failed | {"version": self.ledger.version + 1}, step=step, critical=True
        )
        return False
