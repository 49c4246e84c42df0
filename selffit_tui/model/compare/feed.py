"""Reads the logs of several runs in a thread of its own, for a screen that compares them."""

import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

from selffit.eventlog.extract import always
from selffit.eventlog.folder import held
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower, LogSource

POLL_SECONDS = 0.5
SLICE = 2000  # items of one read of one run


class CompareFeed:
    """The thread that reads; `take` gives the newest states by letter.

    `news` is called (in the thread) when there is something to take.
    """

    def __init__(
        self,
        runs: Mapping[str, RunDir],
        news: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._followers = {letter: _follower(run, clock) for letter, run in runs.items()}
        self._news = news
        self._stop = Event()
        self._lock = Lock()
        self._ready: tuple[dict[str, tuple[RunState, str]], int] | None = None
        self._thread = Thread(target=self._run, name="compare", daemon=True)
        self.failed: Exception | None = None

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stops reading; returns at once."""
        self._stop.set()

    def take(self) -> tuple[dict[str, tuple[RunState, str]], int] | None:
        """State and word by letter, and how many runs are still being read; None: taken already."""
        with self._lock:
            ready, self._ready = self._ready, None
        return ready

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # ours: a thread that died unnoticed looks like quiet runs
            self.failed = error
            self._news()

    def _follow(self) -> None:
        offered: dict[str, tuple[RunState, str]] = {}
        offered_at, left, said = -1e9, set(self._followers), -1
        while not self._stop.is_set():
            for letter, follower in self._followers.items():
                if len(follower.poll(SLICE)) < SLICE:
                    left.discard(letter)
            now = time.monotonic()
            states = {at: (one.state, one.word()) for at, one in self._followers.items()}
            changed = len(left) != said or any(
                letter not in offered
                or offered[letter][0] is not state
                or offered[letter][1] != word
                for letter, (state, word) in states.items()
            )
            done = not left
            if changed and (done or now - offered_at >= POLL_SECONDS):
                offered, offered_at, said = states, now, len(left)
                with self._lock:
                    told, self._ready = self._ready is not None, (states, len(left))
                if not told:
                    self._news()
            if done:
                self._stop.wait(POLL_SECONDS)


def _follower(run: RunDir, clock: Callable[[], float]) -> Follower:
    return Follower(LogSource(held(run.place), always), run.name, clock)
