"""The terminal driver: Textual's own, which survives odd input and a lost terminal.

Textual 8.2.8 decodes input strictly, so one byte that is not UTF-8 (an X10 mouse report, a tmux
re-attach) ends the app; its writer thread dies of the first failed write and then blocks everybody
who writes.
"""

import codecs
import os
import re
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

SELECT_SECONDS = 0.1  # a lone Esc is told from the start of a key sequence in this time
READ_BYTES = 4096


_X10 = re.compile(rb"\x1b\[M[\x00-\xff]{3}")
_X10_BEGUN = re.compile(rb"\x1b\[M[\x00-\xff]{0,2}\Z")


class InputDecoder:
    """Terminal input bytes → messages; never raises, whatever the bytes are.

    X10 mouse reports are left out: we never ask for them, and their three raw bytes would be read
    as keys.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._parser = XTermParser(False)
        self._begun = b""  # of a mouse report

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        data = _X10.sub(b"", self._begun + data)
        begun = _X10_BEGUN.search(data)
        self._begun = begun[0] if begun else b""
        return self._parsed(self._decode(data[: len(data) - len(self._begun)]))

    def tick(self) -> list[Message]:
        """The messages that waiting completes, e.g. a lone Esc."""
        self._begun = b""
        return self._parsed("")

    def _parsed(self, text: str) -> list[Message]:
        messages: list[Message] = []
        try:
            if text:
                messages.extend(self._parser.feed(text))
            messages.extend(self._parser.tick())
        except (ValueError, OverflowError, ZeroDivisionError, StopIteration, RuntimeError):
            # A forged report (a code point of 10 digits, a window of 0 pixels): drop it and start
            # afresh.
            self._parser = XTermParser(False)
        return messages


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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        assert sys.__stderr__ is not None
        self._file: Any = LastingOutput(sys.__stderr__)

    def run_input_thread(self) -> None:
        """Reads input until the app leaves; the end of input means that the terminal is gone."""
        decoder = InputDecoder()
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

    def _terminal_gone(self) -> None:
        terminal_gone = getattr(self._app, "terminal_gone", None)
        if terminal_gone is not None:
            terminal_gone()
