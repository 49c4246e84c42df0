"""One word of a rule that did not watch the run: where it would have fired."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A rule that would have fired, and where.

    late: steps after the first probe of the fall, negative before it; None where there was none.
    healthy: a later probe still was healthy, by the rule that found the onset. saved: epochs that
    the branch went on for after it, NaN where that is not known. t: the wall clock then.
    """

    rule: str
    branch: str
    step: int
    t: float
    late: int | None
    healthy: bool
    saved: float

    @property
    def false(self) -> bool:
        """Whether it is a false alarm: there was no onset to find, or not yet."""
        return self.late is None or self.healthy
