"""What the keys of the clock do on the Run screen, and how time moves it."""

import time
from abc import abstractmethod
from collections.abc import Callable

from textual.screen import Screen
from textual.timer import Timer

from selffit_tui.model.player import Player

FRAME = 0.25  # seconds between two pictures while a recording plays


class PlayingScreen(Screen[None]):
    """A screen that plays what its `player` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.player = Player()
        self.ticks: Callable[[], float] = time.monotonic
        self._frames: Timer | None = None

    @abstractmethod
    def look_again(self) -> None:
        """Draws what the clock stands at."""

    def frame(self) -> None:
        """Some time has passed."""
        before = self.player.clock
        self.player.pass_time(self.ticks())
        if self.player.clock != before:
            self._moved()

    def _moved(self) -> None:
        """The clock stands elsewhere; there are frames only while it plays."""
        clock = self.player.clock
        if self._frames is None and clock.playing and not clock.live:
            self._frames = self.set_interval(FRAME, self.frame)
        elif self._frames is not None and (clock.live or not clock.playing):
            self._frames.stop()
            self._frames = None
        self.look_again()

    def begin_with(self, position: int, speed: float, playing: bool) -> None:
        """Sets the clock to a position, playing or held."""
        self.player.begin_with(position, speed, playing, self.ticks())
        self._moved()

    def go(self, position: int | None) -> None:
        """To a position; None: stays."""
        if position is not None:
            self.player.go(position, self.ticks())
            self._moved()

    # ---- what keys do ------------------------------------------------------------------------
    def action_play(self) -> None:
        """Holds what is drawn, or plays on from there."""
        self.player.play(self.ticks())
        self._moved()

    def action_step(self, by: int) -> None:
        """So many steps of the chosen unit."""
        if self.player.step(by, self.ticks()):
            self._moved()
        else:
            self.app.bell()

    def action_mark(self, by: int) -> None:
        """To the mark before or after."""
        if self.player.mark(by, self.ticks()):
            self._moved()
        else:
            self.app.bell()

    def action_faster(self, by: int) -> None:
        """Another speed."""
        self.player.faster(by, self.ticks())
        self._moved()

    def action_begin(self) -> None:
        """To the beginning."""
        self.go(0)

    def action_live(self) -> None:
        """To the newest item, as it comes."""
        self.player.end()
        self._moved()

    def action_unit(self) -> None:
        """Another unit of steps."""
        self.player.next_unit()
        self.look_again()

    def action_marks(self) -> None:
        """Another choice of marks."""
        self.player.next_choice()
        self.look_again()
