"""An app in this terminal: what it can show, and that a signal or a lost terminal ends it."""

import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Timer

from textual.app import App
from textual.notifications import SeverityLevel

from selffit.outlets import styled, why_ascii
from selffit_tui.app import environment
from selffit_tui.app.driver import TolerantDriver
from selffit_tui.draw.glyphs import ASCII, BRAILLE, Glyphs
from selffit_tui.draw.styles import BACKGROUND, LIGHT_BACKGROUND, palette

STALLED_SECONDS = 3.0  # after a signal, this long for leaving in order


class TerminalApp(App[None]):
    """`run_in_terminal` shows it; `ended_by` is the signal that then ended it, or 0."""

    TITLE = "selffit"
    # with a key that works everywhere; the Run screen's table of keys has one for it
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: transparent; }
    CommandPalette SearchIcon { display: none; }
    ToastRack { margin-bottom: 4; overflow-y: hidden; }  /* above the timeline and the keys */
    Toast { width: auto; max-width: 100%; padding: 0 1; border: round ansi_green; }
    Toast.-information { border: round ansi_green; }
    Toast.-warning { border: round ansi_yellow; }
    .-plain Toast.-information, .-plain Toast.-warning { border: ascii ansi_default; }
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        colours: str | None = None,
        glyphs: Glyphs | None = None,
        light: bool = False,
    ) -> None:
        """`clock`, `colours` and `glyphs` replace the wall clock and what the terminal can show.

        `light` draws on light paper.
        """
        self.colours = environment.colours(os.environ) if colours is None else colours
        self.ascii_because = why_ascii() if glyphs is None else ""
        super().__init__(driver_class=TolerantDriver, ansi_color=True)
        self.glyphs = glyphs or (ASCII if self.ascii_because else BRAILLE)
        self.inks = palette(self.colours, light)
        paper = LIGHT_BACKGROUND if light else BACKGROUND
        self.paper = paper if self.colours == "256" else "ansi_default"
        self.clock = clock
        self.ended_by = 0
        self.set_class(self.glyphs.plain, "-plain")

    def run_in_terminal(self, mouse: bool = False, typed: bytes = b"") -> None:
        """Runs the app; `typed`: what was typed before.

        Without the mouse where nobody asks for it: nothing here needs it, and the terminal's own
        selection keeps working.
        """
        TolerantDriver.typed = typed
        with styled():  # should it crash, what Textual says about that is in colours
            self.run(mouse=mouse)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Shows a message for a while; one that is on show already is there once, for longer."""
        for shown in list(self._notifications):
            if (shown.message, shown.title, shown.severity) == (message, title, severity):
                self._unnotify(shown, refresh=False)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def listen(self) -> None:
        """Hears the signals that ask to leave."""
        if not self.is_headless:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._on_signal)

    def terminal_gone(self) -> None:
        """The terminal was closed without a signal reaching us."""
        self.ended_by = self.ended_by or signal.SIGHUP
        self.exit()

    def _on_signal(self, number: int, frame: object) -> None:
        """SIGTERM and SIGHUP: leave in order.

        But not even a terminal that takes no more output may keep us.
        """
        self.ended_by = number
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
                os._exit(128 + self.ended_by)
        os._exit(128 + self.ended_by)
