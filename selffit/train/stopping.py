"""Why the trainer should stop: a signal, or a later attempt that took over the run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop(Exception):
    """Leave what is being done and end the run.

    `how` is the `end` record's word, the text its reason.
    `save`: with a checkpoint, so that the run can go on from where it was stopped.
    """

    def __init__(self, how: str, reason: str, *, save: bool = False) -> None:
        super().__init__(reason)
        self.how = how
        self.save = save


class StopSwitch:
    """Remembers that the run should stop; training asks at every step boundary.

    Set-up and probes can take long and leave nothing behind, so within `interruptible()` a signal
    ends them at once by raising `Stop` where they are.
    """

    def __init__(self) -> None:
        self._stop: Stop | None = None
        self._interruptible = False

    def install(self) -> None:
        """Take over SIGTERM and SIGINT, and ignore SIGHUP: closing a terminal stops nothing."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.request("stopped", f"stopped by {signal.Signals(number).name}", save=True)
        if self._interruptible:
            self._interruptible = False
            self.check()

    def request(self, how: str, reason: str, *, save: bool = False) -> None:
        """Ask to stop, from any thread; the first reason counts."""
        if self._stop is None:
            self._stop = Stop(how, reason, save=save)

    def check(self) -> None:
        """Raises Stop when it was asked for."""
        if self._stop is not None:
            raise self._stop

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Work that a signal may break off anywhere. Raises Stop."""
        self._interruptible = True
        try:
            self.check()
            yield
        finally:
            self._interruptible = False
        self.check()
