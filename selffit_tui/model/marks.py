"""The marks on the steps axis: alerts and applied interventions."""

from collections.abc import Sequence
from dataclasses import dataclass

from selffit.eventlog import kinds
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState
from selffit.run.recording.moments import moment_of
from selffit.vocabulary import level_of

INTERVENTION = "applied"
# kinds of events whose moments are marked; the others happen too often
MARKED: tuple[type[kinds.Event], ...] = (kinds.Alert, kinds.Applied, kinds.BranchBegun)


@dataclass(frozen=True)
class Mark:
    """A mark at a step.

    `level` is that of an alert, or INTERVENTION; `live` is False on an abandoned part of the
    history.
    """

    step: int
    level: str
    live: bool = True

    @property
    def symbol(self) -> str:
        """The name of its symbol."""
        return self.level if self.level == INTERVENTION else level_of(self.level).symbol

    @property
    def style(self) -> str:
        """The name of its ink."""
        return "act" if self.level == INTERVENTION else level_of(self.level).style

    @property
    def serious(self) -> bool:
        """Whether it is drawn through all rows of a heat strip."""
        return level_of(self.level).serious

    @property
    def rank(self) -> int:
        """Which of several marks in one place is seen: the one of the highest rank."""
        return 1 if self.level == INTERVENTION else level_of(self.level).rank


def marks(state: RunState, line: ActiveLine) -> list[Mark]:
    """All marks in the order of steps.

    A roll-back is marked where it was applied and where its branch begins.
    """
    found = []
    for kind in MARKED:
        for moment in filter(None, map(moment_of, state.all(kind))):
            level = moment.kind if moment.is_alert else INTERVENTION
            found.append(Mark(moment.step, level, line.holds(moment.branch, moment.step)))
    return sorted(set(found), key=lambda mark: (mark.step, mark.level, mark.live))


def neighbour_mark(found: Sequence[Mark], cursor: int | None, by: int) -> int | None:
    """The step of the mark before or after the cursor, None where there is none."""
    steps = [mark.step for mark in found]
    if by < 0:
        return max((step for step in steps if cursor is None or step < cursor), default=None)
    return min((step for step in steps if cursor is None or step > cursor), default=None)
