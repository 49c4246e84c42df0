"""The clock of a view: where in a recording it stands, whether it plays, and how fast.

Pure: the present time is given in, never read, so that what a clock shows is a function of its
past. A live view is a clock that stands at the newest event, wherever that is; held, it stands
still while the run goes on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from selffit.numbers import duration
from selffit.run.recording.recording import Unit

# recorded seconds a second; the last: a step of the chosen unit each time that it is drawn
FASTEST = math.inf
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, FASTEST)
IDLE = 10.0  # recorded seconds without an event from which they are squeezed
SQUEEZED = 2.0  # recorded seconds that such a gap is played in


class Tape(Protocol):
    """What a clock needs to know of a recording; a position is a number of items."""

    def __len__(self) -> int:
        """The number of items, which is the newest position."""

    def time_at(self, position: int) -> float:
        """The recorded time of a position in seconds: that of its last item."""

    def position_at_time(self, t: float) -> int:
        """The position of the last item at or before a recorded time."""

    def next_position(self, position: int, unit: Unit) -> int | None:
        """The next position at which a unit is complete, None without one."""

    def previous_position(self, position: int, unit: Unit) -> int | None:
        """The last position before one at which a unit is complete, None without one."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Where a view stands.

    position: None at the newest item, wherever that is. playing: time passes. speed: one of SPEEDS.
    t: the recorded time shown; now: our time when it was shown, in seconds.
    """

    position: int | None = None
    playing: bool = True
    speed: float = 1.0
    t: float = math.nan
    now: float = math.nan

    @property
    def live(self) -> bool:
        """Whether it stands at the newest item and goes on with it."""
        return self.position is None

    def place(self, tape: Tape) -> int:
        """The position that it stands at."""
        newest = len(tape)
        return newest if self.position is None else min(self.position, newest)

    def at(self, position: int, tape: Tape, now: float) -> "Clock":
        """The clock at another position; it plays on if it was playing there, else it is held."""
        position = min(max(0, position), len(tape))
        playing = self.playing and not self.live
        return replace(self, position=position, playing=playing, t=tape.time_at(position), now=now)

    def held(self, tape: Tape, now: float) -> "Clock":
        """The clock where it stands, standing still."""
        here = self.passed(tape, now)
        return replace(here.at(here.place(tape), tape, now), playing=False)

    def toggled(self, tape: Tape, now: float) -> "Clock":
        """Held where it played, playing on where it was held; at the end that is live."""
        if self.live or self.playing:
            return self.held(tape, now)
        return replace(self, playing=True, now=now).passed(tape, now)

    def faster(self, by: int, tape: Tape, now: float) -> "Clock":
        """So many speeds faster; slower where negative."""
        index = SPEEDS.index(self.speed) + by
        speed = SPEEDS[min(max(0, index), len(SPEEDS) - 1)]
        return replace(self.passed(tape, now), speed=speed)

    def ended(self) -> "Clock":
        """The clock at the newest item: live again."""
        return Clock(speed=self.speed)

    def passed(
        self, tape: Tape, now: float, step: Callable[[int], int | None] | None = None
    ) -> "Clock":
        """The clock at our time `now`; live once it has reached the newest item.

        step: the position after one, for the fastest speed; None at the end. Without it, the
        fastest clock stands still.
        """
        if self.live or not self.playing or self.position is None:
            return self
        if self.speed == FASTEST:
            further = self.position if step is None else step(self.position)
            if further is None or (step is not None and further >= len(tape)):
                return self.ended()
            return replace(self, position=further, t=tape.time_at(further), now=now)
        t = _later(self.t, max(0.0, now - self.now) * self.speed, self.position, tape)
        position = max(self.position, tape.position_at_time(t))
        if position >= len(tape):
            return self.ended()
        return replace(self, position=position, t=t, now=now)

    def gap(self, tape: Tape) -> float:
        """Recorded seconds of the gap without events that it stands in; 0 where there is none."""
        return _gap(self.place(tape), tape)[1] if self.position is not None else 0.0


def speed_words(speed: float) -> str:
    """A speed in a word: 4×, 0.25×, max."""
    return "max" if speed == FASTEST else f"{speed:g}×"


def gap_words(gap: float) -> str:
    """What is said of a gap that is squeezed."""
    return f"idle for {duration(gap)}, squeezed"


def _gap(position: int, tape: Tape) -> tuple[float, float]:
    """The recorded time of the next event, and how long the gap before it is if it is a long one.

    Both 0 after the last event.
    """
    after = tape.next_position(position, "event")
    if after is None:
        return 0.0, 0.0
    following = tape.time_at(after)
    before = tape.previous_position(position + 1, "event")
    gap = following - tape.time_at(before) if before is not None else 0.0
    return following, gap if gap > IDLE else 0.0


def _later(t: float, seconds: float, position: int, tape: Tape) -> float:
    """The recorded time after so many seconds of playing, gaps squeezed."""
    while seconds > 0:
        following, gap = _gap(position, tape)
        if not following:
            return tape.time_at(len(tape))
        pace = gap / SQUEEZED if gap else 1.0
        wanted = max(0.0, following - t) / pace
        if wanted > seconds:
            return t + seconds * pace
        seconds -= wanted
        t = max(t, following)
        position = max(position + 1, tape.position_at_time(t))
    return t
