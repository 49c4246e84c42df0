"""Why the trainer should stop: a signal, or a later attempt that took over the run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from selffit.run.folder.run_dir import RunDir

# How a run ends at a signal. It saves first, whichever it is; those that schedulers send before
# they take a machine away ask for more than a stop: that the run goes on elsewhere.
ENDED_BY = {
    signal.SIGTERM: "stopped",
    signal.SIGINT: "stopped",
    signal.SIGUSR1: "preempted",
    signal.SIGUSR2: "preempted",
}


class Stop(Exception):
    """Leave what is being done and end the run.

    `how` is the `end` record's word, the text its reason.
    `save`: with a checkpoint, so that the run can go on from where it was stopped.
    """

    def __init__(self, how: str, reason: str, *, save: bool = False) -> None:
        super().__init__(reason)
        self.how = how
        self.save = save


def superseded(run: RunDir, attempt: int) -> Stop | None:
    """Return the stop of an attempt that a later one has taken the run from; None without any."""
    later = run.successor(attempt)
    return Stop("superseded", f"attempt {later} took over this run") if later else None


class StopSwitch:
    """Remembers that the run should stop; training asks at every step boundary.

    Set-up and probes can take long and leave nothing behind, so within `interruptible()` a signal
    ends them at once by raising `Stop` where they are.
    """

    def __init__(self) -> None:
        self._stop: Stop | None = None
        self._interruptible = False

    def install(self) -> None:
        """Take over the signals of `ENDED_BY`, and ignore SIGHUP: no terminal stops anything."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in ENDED_BY:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number)
        self.request(ENDED_BY[name], f"stopped by {name.name}", save=True)
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
