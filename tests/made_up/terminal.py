"""A program in a real pseudo-terminal: what it writes, what it is sent, and how it ends."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

SHOW_RUN = (  # shows the run directory given as argument, then says why the view was left
    "import os, sys; from pathlib import Path; from selffit_tui.app.app import RunApp\n"
    "app = RunApp(Path(sys.argv[1])); app.run_in_terminal()\n"
    "try: print('OUTCOME', app.outcome, flush=True)\n"
    "except OSError: pass  # the terminal is gone\n"
    "os._exit(app.outcome.code)"
)


class Terminal:
    """A pseudo-terminal of `columns` × `rows` with a program in it.

    A context manager that leaves no process behind.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 40
    ) -> None:
        self.master, child = os.openpty()
        self._size(columns, rows)
        self.output = b""
        self.process = subprocess.Popen(
            argv,
            stdin=child,
            stdout=child,
            stderr=child,
            env=dict(env),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(child)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    def read(self, seconds: float) -> bytes:
        """What is written within so many seconds."""
        begin, size = time.monotonic(), len(self.output)
        while (left := begin + seconds - time.monotonic()) > 0 and self.master >= 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # nobody has the other end open any more
                break
            self.output += data
        return self.output[size:]

    def wait_for(self, text: str, seconds: float = 20.0, since: int = 0) -> float:
        """Reads until the text has been written after the first `since` bytes.

        The seconds that took; AssertionError when it does not come.
        """
        begin, wanted = time.monotonic(), text.encode()
        while wanted not in self.output[since:]:
            if time.monotonic() - begin > seconds or (
                not self.read(0.05) and self.process.poll() is not None
            ):
                raise AssertionError(
                    f"{text!r} was not written; the end of the output: {self.output[-2000:]!r}"
                )
        return time.monotonic() - begin

    def send(self, data: bytes) -> None:
        """Types these bytes."""
        os.write(self.master, data)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as a terminal window reports it."""
        self._size(columns, rows)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGWINCH)

    def hang_up(self) -> None:
        """Closes the terminal."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def wait(self, seconds: float = 15.0) -> int:
        """Reads until the program has ended; its exit code (negative: killed by that signal)."""
        begin = time.monotonic()
        while self.process.poll() is None and time.monotonic() - begin < seconds:
            if self.master >= 0:
                self.read(0.05)
            else:
                time.sleep(0.05)
        if self.master >= 0:
            self.read(0.1)
        return self.process.wait(timeout=1)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def show_run(run_dir: str, columns: int = 120, rows: int = 40, **env: str) -> Terminal:
    """The Run screen of a run directory in a terminal.

    `env` adds to and overrides the environment.
    """
    keep = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "SELFFIT_ASCII")
    }
    base = {**keep, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    return Terminal([sys.executable, "-c", SHOW_RUN, run_dir], {**base, **env}, columns, rows)
