"""Reads the runs of a folder in a thread of its own and keeps their rows ready for the screen.

Those that are on show are read first, and rows are offered while others are still read; the screen
hears of it twice a second at most, and not at all as long as nothing changes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from selffit.run.folder.run_dir import RunDir
from selffit.run.listing.roster import Roster
from selffit.run.listing.row import Row

SLICE_SECONDS = 0.2  # of reading, after which what is on show may be something else
OFFER_SECONDS = 0.5
POLL_SECONDS = 0.5
BREATH_SECONDS = 0.005  # between two slices, for the thread that draws


@dataclass(frozen=True)
class Rows:
    """The rows of a folder, the newest run first; `unread`: how many were not looked into yet."""

    rows: tuple[Row, ...] = ()
    unread: int = 0


class RosterFeed:
    """The thread that reads; `take` gives the newest rows, `want` says which are on show.

    `news` is called (in the thread) when there is something to take.
    """

    def __init__(
        self, root: Path, news: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._roster = Roster(root, clock)
        self._news = news
        self._stop = Event()
        self._lock = Lock()
        self._wanted: tuple[str, ...] = ()
        self._again: set[str] = set()
        self._survey = False
        self._wake = Event()
        self._ready: Rows | None = None
        self._thread = Thread(target=self._run, name="roster", daemon=True)
        self.failed: Exception | None = None

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stops reading; returns at once."""
        self._stop.set()
        self._wake.set()

    def take(self) -> Rows | None:
        """The newest rows, None when they have been taken already."""
        with self._lock:
            ready, self._ready = self._ready, None
        return ready

    def want(self, names: tuple[str, ...]) -> None:
        """Says which runs are on show."""
        if names != self._wanted:
            self._wanted = names
            self._wake.set()

    def relabel(self, name: str) -> None:
        """The labels of a run were changed here."""
        with self._lock:
            self._again.add(name)
        self._wake.set()

    def survey(self) -> None:
        """A run was deleted here."""
        self._survey = True
        self._wake.set()

    def run(self, name: str) -> RunDir | None:
        """The run of a row."""
        return self._roster.run(name)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # ours: a thread that died unnoticed looks like a quiet folder
            self.failed = error
            self._news()

    def _follow(self) -> None:
        roster, offered, offered_at = self._roster, Rows((), -1), -1e9
        while not self._stop.is_set():
            self._wake.clear()
            survey, self._survey = self._survey, False
            roster.look(force=survey)
            self._relabel()
            wanted = self._wanted
            unread = roster.unread
            if offered.unread < 0 and unread:  # at first the names alone
                offered = Rows(roster.rows, len(unread))
                self._offer(offered)
            if unread:
                left = set(unread)
                first = [name for name in wanted if name in left]
                roster.read(dict.fromkeys((*first, *unread)), SLICE_SECONDS)
            roster.refresh(wanted)
            unread = roster.unread
            rows, now = Rows(roster.rows, len(unread)), time.monotonic()
            done = bool(offered.unread) and not unread
            if (now - offered_at >= OFFER_SECONDS or done) and rows != offered:
                offered, offered_at = rows, now
                self._offer(rows)
            if unread:
                self._stop.wait(BREATH_SECONDS)
            else:
                self._wake.wait(POLL_SECONDS)

    def _relabel(self) -> None:
        with self._lock:
            again, self._again = self._again, set()
        for name in again:
            self._roster.relabel(name)

    def _offer(self, rows: Rows) -> None:
        with self._lock:
            told, self._ready = self._ready is not None, rows
        if not told:
            self._news()
