"""What the keys of the clock do on the Run screen, and how time moves it."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from rich.style import Style
from textual.screen import Screen
from textual.timer import Timer

from selffit.detect import RuleThresholds
from selffit.eventlog.folder import Place
from selffit.run.again.rules import Heard
from selffit.run.again.truth import held_by_all
from selffit.run.folded.state import RunState
from selffit_tui.model.clock import FASTEST
from selffit_tui.model.player import Player
from selffit_tui.model.scene import Scene
from selffit_tui.screens.rules import RulesScreen

FRAME = 0.6  # seconds between two pictures while a recording plays: what a slow link bears
FAST_FRAME = 0.1  # and as fast as it draws


class PlayingScreen(Screen[None]):
    """A screen that plays what its `player` holds."""

    _inks: dict[str, Style]

    def __init__(self) -> None:
        super().__init__()
        self.player = Player()
        self.place: Place = Path()  # of the run
        self._judged = -1  # the position that other rules were asked at
        self.ticks: Callable[[], float] = time.monotonic
        self._frames: Timer | None = None
        self._between = 0.0  # seconds between two pictures at present, 0: there are none

    @abstractmethod
    def scene(self) -> Scene:
        """What there is to draw."""

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
        clock, between = self.player.clock, 0.0
        if clock.playing and not clock.live:
            between = FAST_FRAME if clock.speed == FASTEST else FRAME
        if between != self._between:
            self._between = between
            if self._frames is not None:
                self._frames.stop()
            self._frames = self.set_interval(between, self.frame) if between else None
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
        """Holds what is drawn, or plays on from there; at the end of a run from its beginning."""
        self.player.play(self.ticks(), ended=self.player.newest.state.ending is not None)
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

    def action_rules(self) -> None:
        """What other rules would have said; judging a long log takes a while."""
        player = self.player
        if player.newest.loading is not None:
            self.notify("the log is still being read: judge it when it is there", markup=False)
            return
        if player.newest.position != self._judged and not player.judging:
            player.judging, self._judged = True, player.newest.position
            self.run_worker(self._judge(player.newest.state), name="judge")
        self.app.push_screen(RulesScreen(self._inks, self.scene), self._keep_rules)

    async def _judge(self, state: RunState) -> None:
        """Judges the log in a thread."""
        try:
            heard = await asyncio.to_thread(Heard.of, self.place, state, RuleThresholds())
            self.player.rules = await asyncio.to_thread(held_by_all, heard)
        finally:
            self.player.judging = False
        self.look_again()
        if isinstance(self.app.screen, RulesScreen):
            self.app.screen.show()

    def _keep_rules(self, keep: bool | None) -> None:
        """The box was closed: their row stays on the timeline, or goes."""
        if keep is False:
            self.player.rules, self._judged = None, -1
        self.look_again()

    def action_unit(self) -> None:
        """Another unit of steps."""
        self.player.next_unit()
        self.look_again()

    def action_marks(self) -> None:
        """Another choice of marks."""
        self.player.next_choice()
        self.look_again()
