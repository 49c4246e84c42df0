"""The terminal driver: Textual's own, which survives odd input, odd sizes and a lost terminal.

Textual 8.2.8 believes any size that it is told; its writer thread dies of the first failed write
and then blocks everybody who writes. What its decoder of input does is said in `decoder.py`.
"""

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

from selffit_tui.app.decoder import InputDecoder

SELECT_SECONDS = 0.1  # a lone Esc is told from the start of a key sequence in this time
READ_BYTES = 4096
MOST_COLUMNS = 1000  # of a terminal that somebody looks at; the rest of a wider one stays empty
MOST_ROWS = 500


class LastingOutput:
    """A terminal to write to; once it is gone, writing does nothing.

    Only what Textual's writer uses.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.gone = False

    def write(self, text: str) -> None:
        """Writes unless the terminal has gone."""
        self._attempt(lambda: self._file.write(text))

    def flush(self) -> None:
        """Flushes unless the terminal has gone."""
        self._attempt(self._file.flush)

    def fileno(self) -> int:
        """The descriptor of the terminal."""
        return self._file.fileno()

    def _attempt(self, what: Callable[[], object]) -> None:
        if self.gone:
            return
        try:
            what()
        except (OSError, ValueError):
            self.gone = True


class TolerantDriver(LinuxDriver):
    """Textual's Linux driver with tolerant input and output."""

    typed = b""  # before it began

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        screens = [file for file in (sys.__stderr__, sys.__stdout__) if file is not None]
        # `2> file` is asked for by people who still want to see the screen
        self._file: Any = LastingOutput(next((f for f in screens if f.isatty()), screens[0]))

    def run_input_thread(self) -> None:
        """Reads input until the app leaves; the end of input means that the terminal is gone."""
        decoder = InputDecoder(mouse=self._mouse)
        for message in decoder.feed(self.typed) if self.typed else ():
            self.process_message(message)
        while not self.exit_event.is_set():
            try:
                ready = select.select([self.fileno], [], [], SELECT_SECONDS)[0]
                data = os.read(self.fileno, READ_BYTES) if ready else b""
            except OSError:
                ready, data = [self.fileno], b""
            if ready and not data:
                self._loop.call_soon_threadsafe(self._terminal_gone)
                return
            for message in decoder.feed(data) if data else decoder.tick():
                self.process_message(message)

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size that the terminal has; COLUMNS and LINES may be those of another."""
        columns, rows = 0, 0
        for descriptor in (self._file.fileno(), self.fileno):
            with suppress(OSError):
                columns, rows = os.get_terminal_size(descriptor)
                break
        return min(columns or 80, MOST_COLUMNS), min(rows or 24, MOST_ROWS)

    def _query_in_band_window_resize(self) -> None:
        """Asks for no reports of sizes: an input line could forge them."""

    def _terminal_gone(self) -> None:
        terminal_gone = getattr(self._app, "terminal_gone", None)
        if terminal_gone is not None:
            terminal_gone()
