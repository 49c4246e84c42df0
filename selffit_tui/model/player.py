"""Plays a recording: moves the clock by keys and by time, and gives the state that it stands at."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from selffit.run.again.firing import Held
from selffit.run.recording.moments import Moment
from selffit.run.recording.places import position_at
from selffit.run.recording.recording import UNITS, Recording, Unit
from selffit_tui.model.clock import Clock
from selffit_tui.model.replay import CHOICES, Replay, neighbour
from selffit_tui.model.scene import Snapshot


class Player:
    """The clock of a view over what its feed has read.

    Our time `now` is given in, in seconds that only rise.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.unit: Unit = "block"
        self.choice = CHOICES[0]
        self.newest = Snapshot(loading=0.0)  # until the feed says how much has been read
        self._blank = Recording()
        self.rules: Sequence[Held] | None = None  # what other rules would have said
        self.judging = False

    @property
    def tape(self) -> Recording:
        """What is played."""
        return self.newest.recording or self._blank

    def take(self, newest: Snapshot) -> None:
        """The recording has grown, or is another one: then its end is shown."""
        if newest.recording is not self.newest.recording:
            self.clock = self.clock.ended()
            self.rules = None
        self.newest = newest

    # ---- what is shown -----------------------------------------------------------------------
    def drawn(self) -> Snapshot:
        """What the clock stands at, as a snapshot of that moment."""
        if self.clock.live:
            return self.newest
        then = self.newest.at(self.clock.place(self.tape))
        return replace(then, alive=True, loading=None, ahead=0.0)

    def replay(self) -> Replay:
        """Where the clock stands, for whoever draws it."""
        tape, clock = self.tape, self.clock
        position = self.newest.position if clock.live else clock.place(tape)
        branch, step = tape.place_at(position)
        begin = tape.started
        return Replay(
            clock=clock,
            position=position,
            length=self.newest.position,
            step=step,
            branch=branch,
            t=(tape.time_at(position) if clock.live else clock.t) - begin,
            end=tape.time_at(self.newest.position) - begin,
            gap=clock.gap(tape),
            unit=self.unit,
            choice=self.choice,
            moments=(moments := tape.moments),
            here=self._here(moments, position),
            rules=self.rules,
            judging=self.judging,
        )

    def _here(self, moments: tuple[Moment, ...], position: int) -> tuple[Moment, ...]:
        """The moments that became known at the step of a position."""
        place = self.tape.place_at(position)
        known = (m for m in reversed(moments) if m.position <= position)
        return tuple(takewhile(lambda m: self.tape.place_at(m.position) == place, known))

    # ---- what moves it -----------------------------------------------------------------------
    def pass_time(self, now: float) -> None:
        """It is `now`: plays on."""
        self.clock = self.clock.passed(self.tape, now, self._further)

    def play(self, now: float, ended: bool = False) -> None:
        """Holds it, or plays on; at the end of a run that has ended, from its beginning."""
        if ended and self.clock.live:
            self.begin_with(0, self.clock.speed, True, now)
        else:
            self.clock = self.clock.toggled(self.tape, now)

    def faster(self, by: int, now: float) -> None:
        """Another speed."""
        self.clock = self.clock.faster(by, self.tape, now)

    def step(self, by: int, now: float) -> bool:
        """So many units on, or back, and held there; False where there is no further one."""
        here = self.clock.held(self.tape, now)
        position = here.place(self.tape)
        for _ in range(abs(by)):
            further = self._next(position, 1 if by > 0 else -1)
            if further is None:
                break
            position = further
        if position == here.place(self.tape):
            if by < 0 or self.clock.live:
                return False
            position = len(self.tape)  # behind the last unit there is the end
        self.clock = here
        self.go(position, now)
        return True

    def mark(self, by: int, now: float) -> bool:
        """To the mark before or after; False where there is none."""
        here = self.clock.passed(self.tape, now).place(self.tape)
        found = neighbour(self.tape.moments, self.choice, here, by)
        if found is None:
            return False
        self.go(found.position, now)
        return True

    def position(self, place: str) -> int:
        """The position of a place as a person names it. Raises UserError."""
        return position_at(self.tape, place)

    def go(self, position: int, now: float) -> None:
        """To a position; at the last one the newest is shown, as it comes."""
        at_end = position >= len(self.tape)
        self.clock = self.clock.ended() if at_end else self.clock.at(position, self.tape, now)

    def end(self) -> None:
        """To the newest item, as it comes."""
        self.clock = self.clock.ended()

    def next_unit(self) -> None:
        """Another unit of steps."""
        self.unit = UNITS[(UNITS.index(self.unit) + 1) % len(UNITS)]

    def next_choice(self) -> None:
        """Another choice of marks."""
        self.choice = CHOICES[(CHOICES.index(self.choice) + 1) % len(CHOICES)]

    def begin_with(self, position: int, speed: float, playing: bool, now: float) -> None:
        """Sets the clock to a position, playing or held."""
        self.clock = Clock(position=0, speed=speed)
        self.go(position, now)
        if not self.clock.live:
            self.clock = replace(self.clock, playing=playing)

    def _further(self, position: int) -> int | None:
        return self._next(position, 1)

    def _next(self, position: int, by: int) -> int | None:
        if by > 0:
            return self.tape.next_position(position, self.unit)
        return self.tape.previous_position(position, self.unit)
