"""The Textual app that shows one run.

It reads the log, and sends commands through the run's inbox.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import ClassVar

from selffit.eventlog.folder import held
from selffit_tui.app import environment

environment.set_switches()

from rich.console import RenderableType
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.events import Event, Key
from textual.message import Message

from selffit.outlets import styled, why_ascii
from selffit.run.follow import LogSource, Source
from selffit.run.trouble import left_with
from selffit.run.word import refusal
from selffit.run.wording import closing
from selffit.vocabulary import state_of
from selffit_tui.app.bell import Bell
from selffit_tui.app.calling import Caller
from selffit_tui.app.driver import TolerantDriver
from selffit_tui.app.overlay import Overlay
from selffit_tui.draw.glyphs import ASCII, BRAILLE, Glyphs
from selffit_tui.draw.styles import BACKGROUND, palette
from selffit_tui.intervene.palette import InterventionProvider
from selffit_tui.model.feed import Feed
from selffit_tui.screens.run import RunScreen
from selffit_tui.talk import say
from selffit_tui.words import startup

STALLED_SECONDS = 3.0  # after a signal, this long for leaving in order


@dataclass(frozen=True)
class Outcome:
    """Why the view was left.

    `refused`: the trainer's reason when it refused to start; `going_on`: training goes on; `text`:
    what to say about an ended run, and `word`: how it stands; `code`: the exit code (128 + n after
    signal n, 1 for a failed run or view).
    """

    refused: str = ""
    going_on: bool = False
    text: str = ""
    code: int = 0
    word: str = ""


class News(Message):
    """The feed has a newer snapshot."""


class RunApp(App[None]):
    """`run_in_terminal` shows the run; `outcome` then says why the view was left."""

    TITLE = "selffit"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {InterventionProvider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close_overlay", priority=True, show=False)
    ]
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
        bell: bool = True,
        notify: Sequence[str] = (),
    ) -> None:
        """What is not given is that of the run, of this machine and of its terminal.

        `source`, `clock`, `colours` and `glyphs` replace the log, the wall clock and what the
        terminal can show; `fps` is the number of redraws a second at most while data come in;
        `readonly` leaves no way to act; `bell`: ring for an onset and its like; `notify`: the words
        of a command that is run for them.
        """
        self.colours = environment.colours(os.environ) if colours is None else colours
        self.ascii_because = why_ascii() if glyphs is None else ""
        super().__init__(driver_class=TolerantDriver, ansi_color=True)
        self.use_command_palette = not readonly
        self.glyphs = glyphs or (ASCII if self.ascii_because else BRAILLE)
        self.outcome = Outcome(code=1)
        place = held(run_dir)  # a successor at this path is another run
        self.feed = Feed(source or LogSource(place), self._tell, run_dir.name, fps, clock)
        self._clock = clock
        self._signal = 0
        self.caller = Caller(run_dir, Bell(self._write, bell), self._notify_failed, notify, clock)
        styles = palette(self.colours)
        self.overlay = Overlay(run_dir, styles)
        self.run_screen = RunScreen(styles, self.glyphs, self.ascii_because, clock, place, readonly)

    def run_in_terminal(self) -> None:
        """Runs the app.

        Without the mouse: nothing here needs it, and the terminal's own selection keeps working.
        """
        with styled():  # should it crash, what Textual says about that is in colours
            self.run(mouse=False)
        self.caller.finish()

    def on_mount(self) -> None:
        """Shows the run and starts to read."""
        self.run_screen.styles.background = BACKGROUND if self.colours == "256" else "ansi_default"
        self.push_screen(self.run_screen)
        self.run_screen.mount(self.overlay)
        if not self.is_headless:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._on_signal)
        self.feed.start()
        self.set_interval(1.0, self._look)  # a run may be lost without a word

    def on_unmount(self) -> None:
        """Stops reading."""
        self.caller.bell.leave()
        self.feed.stop()

    def action_close_overlay(self) -> None:
        """Closes the card over the panels."""
        self.overlay.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc closes the card where one is shown, and is everybody's else."""
        if action == "close_overlay":
            return self.overlay.display and self.screen is self.run_screen
        return super().check_action(action, parameters)

    async def on_event(self, event: Event) -> None:
        """Whoever presses a key has seen what the title called for."""
        if isinstance(event, Key):
            self.caller.bell.seen()
        await super().on_event(event)

    def _write(self, text: str) -> None:
        """To the terminal, past the screen."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(text)
            self._driver.flush()

    def _look(self) -> None:
        if startup.coming_up(self.run_screen.newest.state):  # how long it takes
            self.run_screen.redraw()
        self.caller.look(self.run_screen.newest)

    def _notify_failed(self, error: str) -> None:
        """In the thread that ran the command."""
        words = f"--notify failed: {error}"
        try:
            self.call_from_thread(self.notify, words, severity="warning", markup=False)
        except RuntimeError:  # the view has been left meanwhile
            say(words)

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
        self._look()
        if snapshot.state.start is None and refusal(snapshot.state):
            self.exit()

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
        if state.start is None and (reason := refusal(state)):
            return Outcome(refused=reason, code=2)
        word = newest.word(self._clock())
        if state.ending is None and not state_of(word).left:
            return Outcome(going_on=True, code=code)
        text = f"{state.run}: {closing(state, word)}"
        return Outcome(text=text, code=code or left_with(state, word), word=word)

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
