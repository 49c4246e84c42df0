"""Reads a run's log in a thread of its own and keeps the newest state ready for the screen.

However fast a log grows, the screen gets one message at a time and picks up the newest state when
it comes round to it. A long log is read in slices, so that the state on the screen grows and keys
stay live meanwhile.
"""

import gc
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from selffit.eventlog.bulk import size_of
from selffit.run.follow import Follower, Source
from selffit_tui.model.scene import Snapshot

POLL_SECONDS = 0.25
ENDED_POLL_SECONDS = 1.0
FACTS_SECONDS = 2.0  # between two looks at the process and at the size of the log
SLICE = 1000  # items of one read
LONG_LOAD = 20_000  # items from which what was loaded is kept out of later searches for garbage


def _hand_back() -> None:
    """Give the system back what loading has used and freed: up to a tenth of what is kept."""
    import ctypes  # for long logs only

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
    if trim is not None:
        trim(0)


def _differ(a: Snapshot, b: Snapshot | None) -> bool:
    """Whether there is something new to show.

    States are compared by identity, their histories may be long.
    """
    if b is None or a.state is not b.state:
        return True
    return (a.alive, a.log_bytes, a.loading, a.ahead) != (b.alive, b.log_bytes, b.loading, b.ahead)


class Feed:
    """The thread that reads; `take` gives the newest snapshot.

    `news` is called (in the thread) when there is one to take.
    """

    def __init__(
        self,
        source: Source,
        news: Callable[[], None],
        name: str = "",
        fps: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._follower = Follower(source, name, clock, record=True)
        self._news = news
        self._pause = 1.0 / fps
        self.failed: Exception | None = None
        self._stop = Event()
        self._lock = Lock()
        self._ready: Snapshot | None = None  # not taken yet
        self._loading: float | None = 0.0
        self._alive: bool | None = None
        self._ahead = 0.0
        self._bytes = 0
        self._read_so_far = 0  # items
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
        while not self._stop.is_set():
            more = self._read()
            now = time.monotonic()
            if now - facts_at >= FACTS_SECONDS:
                facts_at = now
                self._look()
            self._loading = self._progress() if more and self._loading is not None else None
            recording = self._follower.recording
            snapshot = Snapshot(
                state=self._follower.state,
                alive=self._alive,
                log_bytes=self._bytes,
                loading=self._loading,
                ahead=self._ahead,
                recording=recording,
                position=0 if recording is None else len(recording),
            )
            loaded = not more and offered is not None and offered.loading is not None
            if _differ(snapshot, offered) and (loaded or now - offered_at >= self._pause):
                offered_at, offered = now, snapshot
                self._offer(snapshot)
            if not more:
                if not gc.isenabled():
                    if self._read_so_far >= LONG_LOAD:
                        gc.freeze()
                        _hand_back()
                    gc.enable()
                ended = self._follower.state.ending is not None and not _differ(snapshot, offered)
                self._stop.wait(ENDED_POLL_SECONDS if ended else POLL_SECONDS)

    def _read(self) -> bool:
        """Reads and folds one slice; whether there may be more."""
        before = self._follower.state
        items = self._follower.poll(SLICE)
        if self._follower.state.t < before.t:  # the log was replaced
            self._loading = 0.0
        self._read_so_far += size_of(items)
        return size_of(items) >= SLICE

    def _look(self) -> None:
        self._bytes, self._log_end = self._follower.source.size()
        self._alive = self._follower.alive()
        self._ahead = round(self._follower.ahead)  # a new picture for whole seconds only

    def _progress(self) -> float:
        """The share of the log that has been read, by the clock of its events."""
        state, end = self._follower.state, self._log_end
        begin = state.started
        return min(0.99, max(0.0, (state.t - begin) / (end - begin))) if end > begin else 0.0

    def _offer(self, snapshot: Snapshot) -> None:
        with self._lock:
            told, self._ready = self._ready is not None, snapshot
        if not told:
            self._news()
