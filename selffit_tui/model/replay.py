"""A view's place in the recording of its run: what the timeline shows, and keys move by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from selffit.run.again.firing import Held
from selffit.run.recording.moments import APPLIED, BRANCH, CHECKPOINT, ENDED, Moment
from selffit.run.recording.recording import Unit
from selffit.vocabulary import Level, level_of
from selffit_tui.model.clock import Clock

ALERTS = "alerts"  # in the name of a choice: of whatever level


@dataclass(frozen=True)
class Choice:
    """Which moments the keys for marks go to, and the timeline shows: alerts, and other kinds."""

    name: str
    alerts: bool
    kinds: tuple[str, ...] = ()

    def takes(self, moment: Moment) -> bool:
        """Whether a moment is one of them."""
        return self.alerts if moment.is_alert else moment.kind in self.kinds


ACTS = (APPLIED, BRANCH)
CHOICES = (
    Choice("mark", True, (*ACTS, ENDED)),
    Choice("alert", True),
    Choice("act", False, ACTS),
    Choice("checkpoint", False, (CHECKPOINT,)),
)
SHOWN = Choice("all", True, (*ACTS, CHECKPOINT))  # on the timeline


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Where the clock stands in a recording of `length` items.

    position, step, branch, t: of what is shown, t in seconds since the first event. end: seconds
    of the whole recording. gap: seconds of the gap without events that it stands in. unit, choice:
    what keys move by. moments: of the whole recording, in its order; here: those that became known
    at the step that is shown. rules: what other rules would have said, None where nobody asked;
    judging: the log is being judged by them.
    """

    clock: Clock = field(default_factory=Clock)
    position: int = 0
    length: int = 0
    step: int = 0
    branch: str = "main"
    t: float = math.nan
    end: float = math.nan
    gap: float = 0.0
    unit: Unit = "block"
    choice: Choice = CHOICES[0]
    moments: Sequence[Moment] = ()
    here: Sequence[Moment] = ()
    rules: Sequence[Held] | None = None
    judging: bool = False

    @property
    def live(self) -> bool:
        """Whether the newest state is shown, as it comes."""
        return self.clock.live

    @property
    def reached(self) -> tuple[int, ...]:
        """The steps that branches had reached when something became known of them."""
        return tuple(moment.step for moment in self.moments)

    @property
    def mark(self) -> Moment | None:
        """The mark under the clock: of several the gravest; None without any, and live."""
        return None if self.live else max(self.here, key=rank, default=None)


def neighbour(moments: Sequence[Moment], choice: Choice, position: int, by: int) -> Moment | None:
    """The chosen moment before a position, or behind it; None without one."""
    chosen = [moment for moment in moments if choice.takes(moment)]
    if by < 0:
        return next((m for m in reversed(chosen) if m.position < position), None)
    return next((m for m in chosen if m.position > position), None)


def level_of_moment(moment: Moment) -> Level | None:
    """The level of an alert, None of what is none."""
    return level_of(moment.kind) if moment.is_alert else None


def looks(moment: Moment) -> tuple[str, str]:
    """The names of the symbol and of the ink of a moment."""
    level = level_of_moment(moment)
    if level is not None:
        return level.symbol, level.style
    if moment.kind == CHECKPOINT:
        return "checkpoint", "dim"
    return ("stopped", "dim") if moment.kind == ENDED else ("applied", "act")


def rank(moment: Moment) -> tuple[int, int]:
    """Of several in one place the highest is seen: of the gravest the last one."""
    level = level_of_moment(moment)
    if level is not None:
        return 2 + level.rank, moment.position
    return int(moment.kind in ACTS), moment.position
