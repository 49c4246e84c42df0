"""Reads a run's log in a thread of its own and keeps the newest state ready for the screen.

However fast a log grows, the screen gets one message at a time and picks up the newest state when
it comes round to it. A long log is read in slices, so that the state on the screen grows and keys
stay live meanwhile.
"""

import gc
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Protocol

from selffit.eventlog.liveness import ProcessIdentity, is_alive
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.run.state import RunState, reduce_all
from selffit_tui.model.scene import Snapshot

POLL_SECONDS = 0.25
ENDED_POLL_SECONDS = 1.0
FACTS_SECONDS = 2.0  # between two looks at the process and at the size of the log
GONE_SECONDS = 2.0  # a trainer that has just gone may still be reported on by its supervisor
SLICE = 1000  # items of one read
LONG_LOAD = 20  # slices from which what was loaded is kept out of later searches for garbage

_TIME = re.compile(rb'"t":([0-9]{1,11}(?:\.[0-9]+)?),"k"')


class Source(Protocol):
    """Where a feed gets its items from; tests have their own."""

    def poll(self, limit: int) -> list[Record | Notice]:
        """What is new, at most `limit` items; fewer means that there is no more at present."""

    def restart(self) -> None:
        """Begin again from the first item: the log was replaced."""

    def size(self) -> tuple[int, float]:
        """Bytes of the log, and the wall clock of its newest event (0 when that is not known)."""

    def alive(self, state: RunState) -> bool | None:
        """Whether the trainer's process exists; None where nobody can know."""


class LogSource:
    """The log of a run directory."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._reader = RunReader(run_dir)

    def poll(self, limit: int) -> list[Record | Notice]:
        """What is new in the log, at most `limit` items."""
        return self._reader.poll(limit)

    def restart(self) -> None:
        """Begins again from the first item."""
        self._reader = RunReader(self._run_dir)

    def size(self) -> tuple[int, float]:
        """Bytes of all streams, and the wall clock of the trainer's newest event."""
        total, newest = 0, Path()
        try:
            for stream in os.scandir(self._run_dir / "log"):
                if not stream.is_dir(follow_symlinks=False):
                    continue
                for file in os.scandir(stream.path):
                    if file.name.endswith(".jsonl") and file.is_file(follow_symlinks=False):
                        total += file.stat(follow_symlinks=False).st_size
                        newest = (
                            max(newest, Path(file.path)) if stream.name == "trainer" else newest
                        )
        except OSError:
            return total, 0.0  # not there yet, or gone
        return total, _newest_time(newest)

    def alive(self, state: RunState) -> bool | None:
        """Whether the process that the log names exists; None on another machine."""
        identity = ProcessIdentity.from_data(state.identity)
        return None if identity is None else is_alive(identity)


def _newest_time(file: Path) -> float:
    """The wall clock of a segment's newest events, 0 when it cannot be told."""
    try:
        with open(file, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - 65_536))
            found = _TIME.findall(log.read(65_536))
    except OSError:
        return 0.0
    return float(found[-1]) if found else 0.0


def _differ(a: Snapshot, b: Snapshot | None) -> bool:
    """Whether there is something new to show.

    States are compared by identity, their histories may be long.
    """
    if b is None or a.state is not b.state:
        return True
    return (a.alive, a.log_bytes, a.loading) != (b.alive, b.log_bytes, b.loading)


class Feed:
    """The thread that reads; `take` gives the newest snapshot.

    `news` is called (in the thread) when there is one to take.
    """

    def __init__(
        self, source: Source, news: Callable[[], None], name: str = "", fps: float = 2.0
    ) -> None:
        self._source = source
        self._news = news
        self._pause = 1.0 / fps
        self._blank = RunState(run=name)
        self._state = self._blank
        self.failed: Exception | None = None
        self._stop = Event()
        self._lock = Lock()
        self._ready: Snapshot | None = None  # not taken yet
        self._loading: float | None = 0.0
        self._alive: bool | None = None
        self._gone_since: float | None = None
        self._bytes = 0
        self._log_end = 0.0
        self._thread = Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stops reading; returns at once."""
        self._stop.set()

    def take(self) -> Snapshot | None:
        """The newest snapshot, None when it has been taken already."""
        with self._lock:
            ready, self._ready = self._ready, None
        return ready

    def _run(self) -> None:
        # All that is read is kept: looking through it for garbage again and again would double the
        # time to load.
        gc.disable()
        try:
            self._follow()
        # ours: shown by the app, a thread that died unnoticed would look like a quiet run
        except Exception as error:
            self.failed = error
            self._news()
        finally:
            gc.enable()

    def _follow(self) -> None:
        facts_at = offered_at = -1e9
        offered: Snapshot | None = None
        slices = 0
        while not self._stop.is_set():
            more = self._read()
            now = time.monotonic()
            if now - facts_at >= FACTS_SECONDS:
                facts_at = now
                self._look(now)
            self._loading = self._progress() if more and self._loading is not None else None
            snapshot = Snapshot(self._state, self._alive, self._bytes, self._loading)
            loaded = not more and offered is not None and offered.loading is not None
            if _differ(snapshot, offered) and (loaded or now - offered_at >= self._pause):
                offered_at, offered = now, snapshot
                self._offer(snapshot)
            slices += 1
            if not more:
                if not gc.isenabled():
                    if slices >= LONG_LOAD:
                        gc.freeze()
                    gc.enable()
                ended = self._state.ending is not None and not _differ(snapshot, offered)
                self._stop.wait(ENDED_POLL_SECONDS if ended else POLL_SECONDS)

    def _read(self) -> bool:
        """Reads and folds one slice; whether there may be more."""
        items = self._source.poll(SLICE)
        if any(isinstance(item, Notice) and item.kind == "restarted" for item in items):
            self._source.restart()
            self._state, self._loading = self._blank, 0.0
            return True
        if items:
            self._state = reduce_all(self._state, items)
        return len(items) >= SLICE

    def _look(self, now: float) -> None:
        self._bytes, self._log_end = self._source.size()
        alive = self._source.alive(self._state)
        if alive is not False:
            self._alive, self._gone_since = alive, None
        elif self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since >= GONE_SECONDS:
            self._alive = False

    def _progress(self) -> float:
        """The share of the log that has been read, by the clock of its events."""
        begin, end = self._state.started, self._log_end
        return min(0.99, max(0.0, (self._state.t - begin) / (end - begin))) if end > begin else 0.0

    def _offer(self, snapshot: Snapshot) -> None:
        with self._lock:
            told, self._ready = self._ready is not None, snapshot
        if not told:
            self._news()
