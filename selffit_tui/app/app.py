"""The Textual app that shows one run.

It reads the log, and sends commands through the run's inbox.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import ClassVar

from selffit.errors import UserError
from selffit.eventlog.folder import held
from selffit_tui.app import environment

environment.set_switches()

from rich.console import RenderableType
from textual.app import App
from textual.command import Provider
from textual.message import Message

from selffit.outlets import styled, why_ascii
from selffit.run.follow import Source
from selffit.run.in_time import TimedSource
from selffit.run.trouble import left_with
from selffit.run.word import refusal
from selffit.run.wording import closing
from selffit.vocabulary import state_of
from selffit_tui.app.driver import TolerantDriver
from selffit_tui.draw.glyphs import ASCII, BRAILLE, Glyphs
from selffit_tui.draw.styles import BACKGROUND, LIGHT_BACKGROUND, palette
from selffit_tui.intervene.palette import InterventionProvider
from selffit_tui.model.feed import Feed
from selffit_tui.screens.everything import EverythingProvider
from selffit_tui.screens.run import RunScreen

STALLED_SECONDS = 3.0  # after a signal, this long for leaving in order


@dataclass(frozen=True)
class Outcome:
    """Why the view was left.

    `refused`: the trainer's reason when it refused to start, or that there is no such place to
    begin at; `going_on`: training goes on; `text`:
    what to say about an ended run; `code`: the exit code (128 + n after signal n, 1 for a failed
    run or view).
    """

    refused: str = ""
    going_on: bool = False
    text: str = ""
    code: int = 0


@dataclass(frozen=True)
class Start:
    """Where a clock begins: a place as `--at` has it, its speed, and whether it plays."""

    at: str = "start"
    speed: float = 1.0
    playing: bool = True


class News(Message):
    """The feed has a newer snapshot."""


class RunApp(App[None]):
    """`run_in_terminal` shows the run; `outcome` then says why the view was left."""

    TITLE = "selffit"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {
        InterventionProvider,
        EverythingProvider,
    }
    # with a key that works everywhere; the Run screen's table of keys has one for it
    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: transparent; } CommandPalette SearchIcon { display: none; }"

    def __init__(
        self,
        run_dir: Path,
        *,
        source: Source | None = None,
        clock: Callable[[], float] = time.time,
        colours: str | None = None,
        glyphs: Glyphs | None = None,
        fps: float = 2.0,
        readonly: bool = False,
        start: Start | None = None,
        light: bool = False,
    ) -> None:
        """What is not given is that of the run, of this machine and of its terminal.

        `source`, `clock`, `colours` and `glyphs` replace the log, the wall clock and what the
        terminal can show; `fps` is the number of redraws a second at most while data come in;
        `readonly` leaves no way to act; `start`: where the clock begins, else at the newest;
        `light` draws on light paper.
        """
        self.colours = environment.colours(os.environ) if colours is None else colours
        self.ascii_because = why_ascii() if glyphs is None else ""
        super().__init__(driver_class=TolerantDriver, ansi_color=True)
        self.use_command_palette = True
        self._light = light
        self.glyphs = glyphs or (ASCII if self.ascii_because else BRAILLE)
        self.outcome = Outcome(code=1)
        place = held(run_dir)  # a successor at this path is another run
        self.feed = Feed(source or TimedSource(place), self._tell, run_dir.name, fps, clock)
        self._clock = clock
        self._start = start
        self._refused = ""
        self._signal = 0
        styles = palette(self.colours, light)
        self.run_screen = RunScreen(styles, self.glyphs, self.ascii_because, clock, place, readonly)

    def run_in_terminal(self, mouse: bool = False, typed: bytes = b"") -> None:
        """Runs the app; `typed`: what was typed before.

        Without the mouse where nobody asks for it: nothing here needs it, and the terminal's own
        selection keeps working.
        """
        TolerantDriver.typed = typed
        with styled():  # should it crash, what Textual says about that is in colours
            self.run(mouse=mouse)

    def on_mount(self) -> None:
        """Shows the run and starts to read."""
        paper = LIGHT_BACKGROUND if self._light else BACKGROUND
        self.run_screen.styles.background = paper if self.colours == "256" else "ansi_default"
        self.push_screen(self.run_screen)
        if not self.is_headless:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._on_signal)
        self.feed.start()

    def on_unmount(self) -> None:
        """Stops reading."""
        self.feed.stop()

    def _tell(self) -> None:
        if self.is_running:
            self.post_message(News())

    def on_news(self, message: News) -> None:
        """Draws the newest snapshot.

        Leaves where the trainer refused to start, since there is nothing to see.
        """
        if self.feed.failed is not None:
            raise self.feed.failed
        snapshot = self.feed.take()
        if snapshot is None:
            return
        self.run_screen.take(snapshot)
        if self._start is not None and snapshot.loading is None:
            self._begin(self._start)
        if snapshot.state.start is None and refusal(snapshot.state):
            self.exit()

    def _begin(self, start: Start) -> None:
        """Sets the clock once the whole log has been read; leaves where there is no such place."""
        self._start = None
        try:
            position = self.run_screen.player.position(start.at)
        except UserError as error:
            self._refused = str(error)
            self.exit()
        else:
            self.run_screen.begin_with(position, start.speed, start.playing)

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Notes the outcome, and leaves."""
        self.outcome = self._outcome()
        super().exit(result, return_code, message)

    def _outcome(self) -> Outcome:
        newest = self.run_screen.newest
        state = newest.state
        code = 128 + self._signal if self._signal else 0
        if self._refused:
            return Outcome(refused=self._refused, code=2)
        if state.start is None and (reason := refusal(state)):
            return Outcome(refused=reason, code=2)
        word = newest.word(self._clock())
        if state.ending is None and not state_of(word).left:
            return Outcome(going_on=True, code=code)
        text = f"{state.run}: {closing(state, word)}"
        return Outcome(text=text, code=code or left_with(state, word))

    def terminal_gone(self) -> None:
        """The terminal was closed without a signal reaching us."""
        self._signal = self._signal or signal.SIGHUP
        self.exit()

    def _on_signal(self, number: int, frame: object) -> None:
        """SIGTERM and SIGHUP: leave in order.

        But not even a terminal that takes no more output may keep us.
        """
        self._signal = number
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self.exit)
        rescue = Timer(STALLED_SECONDS, self._leave_now)
        rescue.daemon = True
        rescue.start()

    def _leave_now(self) -> None:
        before = getattr(self._driver, "attrs_before", None)
        if before is not None:
            import termios

            try:
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, before)  # type: ignore[union-attr]
            except (OSError, termios.error):
                os._exit(128 + self._signal)
        os._exit(128 + self._signal)
