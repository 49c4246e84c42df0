"""The active line of a branching history, and the control state of a run, kept up to date with its
log.
"""

import math
from dataclasses import dataclass

from selffit.control.ledger import Branch, Ledger
from selffit.eventlog.entries import Alert
from selffit.eventlog.records import Record
from selffit.run.state import RunState


@dataclass(frozen=True)
class Piece:
    """What belongs to the active line of one branch: its steps up to `end`, where the next branch
    begins.
    """

    branch: str
    end: float = math.inf


@dataclass(frozen=True)
class ActiveLine:
    """The pieces that lead to the active branch, oldest first; everything else was abandoned by a
    roll-back.
    """

    pieces: tuple[Piece, ...] = (Piece("main"),)

    def end(self, branch: str) -> float:
        """The step at which a branch was left: ∞ for the active one, −∞ for one that is no part of
        the line.
        """
        return next((piece.end for piece in self.pieces if piece.branch == branch), -math.inf)

    def holds(self, branch: str, step: float) -> bool:
        """Whether what was measured there still counts."""
        return step <= self.end(branch)


def active_line(ledger: Ledger, branch: str) -> ActiveLine:
    """The line of the active branch; of `branch`, that of the newest record, where the log tells of
    no roll-back.
    """
    line = (
        ledger.lineage() if len(ledger.branches) > 1 else ledger.lineage(branch) or [Branch(branch)]
    )
    ends = [float(child.base_step) for child in line[1:]]
    return ActiveLine(
        tuple(Piece(here.name, end) for here, end in zip(line, [*ends, math.inf], strict=True))
    )


class Control:
    """The ledger and the active line of the state that was taken last; extended, not folded anew,
    as a run goes on.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.ledger, self.line = Ledger(), ActiveLine()
        self._taken = 0
        self._last: Record | None = None

    def take(self, state: RunState) -> bool:
        """Brings both up to `state`; whether anything changed."""
        records = state.control
        if self._taken > len(records) or (
            self._taken and records[self._taken - 1] is not self._last
        ):
            self._reset()
        new = records[self._taken :]
        for record in new:
            self.ledger.add(record)
            self._last = record
        self._taken = len(records)
        line = active_line(self.ledger, state.branch)
        changed = bool(new) or line != self.line
        self.line = line
        return changed


def stands(alert: Alert, line: ActiveLine) -> bool:
    """Whether an alert is about the active line: a roll-back to before what it reports leaves it
    behind.
    """
    return line.holds(alert.branch, alert.step if alert.onset_step is None else alert.onset_step)


def standing_masked(state: RunState, line: ActiveLine) -> Alert | None:
    """The newest word on the active line that robust accuracy only seems to be back, None when
    there is none.
    """
    found = None
    for alert in state.alerts:
        if alert.level in ("masked", "recovered") and stands(alert, line):
            found = alert if alert.level == "masked" else None
    return found


def standing_onset(state: RunState, line: ActiveLine) -> Alert | None:
    """The onset on the active line that was not followed by a recovery there, None when there is
    none.
    """
    found = None
    for alert in state.alerts:
        if alert.level in ("onset", "recovered") and stands(alert, line):
            found = alert if alert.level == "onset" else None
    return found
