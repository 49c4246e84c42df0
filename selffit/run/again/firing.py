"""A word of a rule that calls a collapse, and what it was worth; what a screen draws of rules."""

import math
from dataclasses import dataclass

HIT, FALSE, AGAIN = "hit", "false alarm", "again"  # what a firing is


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A rule fires: on which branch, at which step, what it says; t: the wall clock then."""

    branch: str
    step: int
    text: str
    t: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Held:
    """The firing of a rule, held against what became of its branch.

    what: HIT, FALSE or AGAIN. late: steps from the onset, None where its branch has none. saved:
    epochs that the branch went on for after a hit, NaN where that is not known, 0 of the others.
    """

    rule: str
    firing: Firing
    what: str
    late: int | None
    saved: float
