"""Following a run: the one way from a log to a state, live or recorded."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from selffit.eventlog.bulk import Bulk, size_of
from selffit.eventlog.decode import read
from selffit.eventlog.folder import Folder, Place, held, root_of
from selffit.eventlog.liveness import is_alive
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.tail import Skimmed
from selffit.run.folded.clocks import writer_ahead
from selffit.run.folded.quick import SKIMMED
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folded.word import loss, silent_for, state_word
from selffit.run.folder.claim import begun, claimant_lives
from selffit.run.folder.run_dir import RunDir
from selffit.run.recording.recording import Recording
from selffit.vocabulary import LOST, SILENT, state_of

if TYPE_CHECKING:
    from selffit.eventlog.extract import Wanted

GONE_SECONDS = 2.0  # a trainer that has just gone may still be reported on by its supervisor
# what is called dead by its silence alone is watched for so long first: more than a heartbeat
WATCH_SECONDS = 2.7
_STALE = 86_400.0  # seconds of silence that no clock is wrong by
_SAMPLES = 5  # arrivals that the difference of the clocks is taken from
_CLOCKS_AGREE = 3.0  # seconds within which nothing is said of a difference
LAST_WORD_SECONDS = 3.0  # that the supervisor may take to report the end of its trainer

_TIME = re.compile(rb'"t":([0-9]{1,11}(?:\.[0-9]+)?),"k"')
_NEWEST_BYTES = 65_536  # of a segment, in which the time of its newest event is looked for

Item = Record | Notice


def singly(items: Iterable[Skimmed]) -> Iterator[Record | Notice | Unread]:
    """Every line and notice by itself."""
    for item in items:
        if isinstance(item, Bulk):
            yield from item
        else:
            yield item


class Source(Protocol):
    """Where the items of a log come from; tests have their own."""

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new; of fewer lines than `limit`: there is no more at present."""

    def restart(self) -> None:
        """Begin again from the first item: the log was replaced."""

    def size(self) -> tuple[int, float]:
        """Return bytes of the log, and the wall clock of its newest event (0 if unknown)."""

    def begun(self) -> float:
        """Return the wall clock at which its newest attempt was begun, 0 where nobody knows."""

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know."""

    def ahead(self, state: RunState, now: float) -> float:
        """Return seconds by which the clock of the newest attempt seems to be ahead of ours.

        `now`: our wall clock. 0 where nothing can be told.
        """


class LogSource:
    """The log of a run directory.

    Blocks of steps and heartbeats are not decoded before somebody asks for what they say.
    """

    def __init__(self, run: Place, extracts: "Wanted | None" = None) -> None:
        """With `extracts`, for whoever needs no single lines: see `selffit.eventlog.extract`."""
        self._run = run
        self._extracts = extracts
        self._reader = SkimReader(run, SKIMMED, extracts=extracts)

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new, about `limit` lines at most."""
        return self._reader.poll(limit)

    def restart(self) -> None:
        """Begin again from the first item."""
        self._reader = SkimReader(self._run, SKIMMED, extracts=self._extracts)

    def size(self) -> tuple[int, float]:
        """Return bytes of the log, and the wall clock of its newest event (0 if unknown)."""
        total, newest = 0, 0.0
        with suppress(OSError), root_of(self._run) as root, root.within("log") as log:
            for stream in log.names():
                with suppress(OSError), log.within(stream) as folder:
                    files = [name for name in folder.names() if name.endswith(".jsonl")]
                    total += sum(folder.size(name) for name in files)
                    if stream == "trainer" and files:
                        newest = _newest_time(folder, files[-1])
        return total, newest  # what there is: the log may be not there yet, or gone

    def begun(self) -> float:
        """Return the wall clock at which its newest attempt was begun, 0 where nobody knows."""
        return begun(self._run)

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know.

        Before that has said who it is, its supervisor, which has claimed the attempt.
        """
        identity = state.now.identity
        if identity is not None:
            return is_alive(identity)
        return None if state.heard else claimant_lives(self._run)

    def ahead(self, state: RunState, now: float) -> float:
        """Return seconds by which the clock of the newest attempt seems to be ahead of ours."""
        return writer_ahead(self._run, state, now)


def _newest_time(folder: Folder, name: str) -> float:
    """The wall clock of a segment's newest events, 0 when it cannot be told."""
    found = _TIME.findall(folder.tail(name, _NEWEST_BYTES))
    return float(found[-1]) if found else 0.0


class Follower:
    """A source, the state that it has led to, and what can be told of the process behind it."""

    def __init__(
        self,
        source: Source,
        name: str = "",
        clock: Callable[[], float] = time.time,
        record: bool = False,
    ) -> None:
        """`name` of the run, until its log tells; `clock`: the wall clock in seconds.

        With `record`, `recording` holds every state on the way.
        """
        self.source = source
        self.recording: Recording | None = None
        self._record = record
        self.state = RunState(run=name)
        self._blank = self.state
        self._begin()
        self._clock = clock
        self._caught_up: float | None = None  # since when, on the monotonic clock
        self._by_files: tuple[int, float] | None = None  # clock of an attempt, before any arrival
        self._arrivals: deque[float] = deque(maxlen=_SAMPLES)  # clock of what came, less ours
        self._arrived_of = 0  # the attempt that they are about

    @classmethod
    def of(cls, run: RunDir) -> "Follower":
        """Return a follower of a run directory."""
        return cls(LogSource(held(run.place)), run.name)

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return the new items, already folded into `state`.

        After a "restarted" notice the whole log comes again, into a new state.
        """
        items = self._new(limit)
        if items:
            self.fold(items)
        return items

    def _begin(self) -> None:
        self.state = self._blank
        self.recording = Recording(self._blank) if self._record else None

    def fold(self, items: Iterable[Skimmed]) -> None:
        """Bring the state up to items that were taken."""
        if self.recording is None:
            self.state = reduce_all(self.state, items)
        else:
            self.recording.append(items)
            self.state = self.recording.newest

    def take(self, limit: int | None = None) -> list[Item]:
        """Return the new items without folding them: whoever takes them folds them one by one."""
        lines = singly(self._new(limit))
        records = [read(i) if isinstance(i, Unread) else i for i in lines]
        return [item for item in records if item is not None]

    def _new(self, limit: int | None) -> Sequence[Skimmed]:
        items = self.source.poll(limit)
        if any(isinstance(item, Notice) and item.kind == "restarted" for item in items):
            self.source.restart()
            self._begin()
            self._caught_up = None
            items = self.source.poll(limit)
        if not items and not self.state.heard:
            self._wait_for_a_word()
        if limit is None or size_of(items) < limit:  # that is all there is at present
            if self._caught_up is not None:
                self._hear(items)
            else:
                self._caught_up = time.monotonic()
        return items

    def _wait_for_a_word(self) -> None:
        """Note since when: of an empty log, what lies beside it tells."""
        begun = self.source.begun()
        if begun != self.state.begun:
            self.state = replace(self.state, begun=begun)

    def _hear(self, items: Iterable[Skimmed]) -> None:
        """Compare the clocks: what comes while we wait for it was written a moment ago."""
        records = [item for item in items if not isinstance(item, Notice)]
        newest = max((record.a for record in records), default=0)
        if newest < self.state.attempt or not newest:
            return
        if newest != self._arrived_of:
            self._arrived_of = newest
            self._arrivals.clear()
        last = max(
            float(record.t.max()) if isinstance(record, Bulk) else record.t
            for record in records
            if record.a == newest
        )
        self._arrivals.append(last - self._clock())

    def read_all(self) -> RunState:
        """Read what the log has at present; the state that it leads to."""
        while self.poll():
            pass
        return self.state

    @property
    def news(self) -> bool:
        """Whether the newest attempt has written something while we looked."""
        return bool(self._arrivals) and self._arrived_of == self.state.attempt

    @property
    def ahead(self) -> float:
        """Seconds by which the clock of the newest attempt is ahead of ours; 0 where they agree."""
        if self.news:
            found = max(self._arrivals)  # the one that was least on its way
        else:
            if self._by_files is None or self._by_files[0] != self.state.attempt:
                found = 0.0 if self.state.ending else self.source.ahead(self.state, self._clock())
                self._by_files = self.state.attempt, found
            found = self._by_files[1]
        return found if abs(found) > _CLOCKS_AGREE else 0.0

    def now(self) -> float:
        """Return the present time by the clock of the newest attempt."""
        return self._clock() + self.ahead

    def alive(self) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know.

        One that has gone counts as there for a moment: its supervisor may still report on it.
        """
        found = self.source.alive(self.state)
        fresh = silent_for(self.state, self.now()) < GONE_SECONDS
        return True if found is False and fresh else found

    def word(self) -> str:
        """Return the run's state in one word, as of now."""
        return state_word(self.state, self.alive(), self.now())

    def loss(self) -> str:
        """Return why the run is called lost, where it is."""
        return loss(self.state, self.alive(), self.now())

    @property
    def watched(self) -> float:
        """Seconds since everything was read that the log had when we came."""
        return 0.0 if self._caught_up is None else time.monotonic() - self._caught_up

    def in_doubt(self) -> bool:
        """Whether only the clocks say that nobody is there, and nobody has looked for a beat."""
        if self.state.ending is not None or self.news or self.watched >= WATCH_SECONDS:
            return False
        silent = self.source.alive(self.state) is None and self.word() in (SILENT.word, LOST.word)
        return silent and silent_for(self.state, self.now()) < _STALE

    def over(self) -> bool:
        """Whether nothing more will come: the run was closed, or nobody is left who could."""
        attempt = self.state.now
        if attempt.exit is not None and not attempt.restarting:
            return True
        if attempt.end is None or attempt.restarting:
            return state_of(self.word()).left and not self.in_doubt()
        # The trainer's own word: its supervisor, if there is one, has the last one in a moment.
        gone = self.source.alive(self.state) is not True
        return gone or self.now() - attempt.end.t > LAST_WORD_SECONDS
