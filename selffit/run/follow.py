"""Following a run: the one way from a log to a state, live or recorded."""

import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from selffit.eventlog.folder import Folder, Place, held, root_of
from selffit.eventlog.liveness import is_alive
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState, reduce_all
from selffit.run.word import state_word
from selffit.vocabulary import state_of

GONE_SECONDS = 2.0  # a trainer that has just gone may still be reported on by its supervisor
LAST_WORD_SECONDS = 3.0  # that the supervisor may take to report the end of its trainer

_TIME = re.compile(rb'"t":([0-9]{1,11}(?:\.[0-9]+)?),"k"')
_NEWEST_BYTES = 65_536  # of a segment, in which the time of its newest event is looked for

Item = Record | Notice


class Source(Protocol):
    """Where the items of a log come from; tests have their own."""

    def poll(self, limit: int | None = None) -> list[Item]:
        """Return what is new, at most `limit` items; fewer: there is no more at present."""

    def restart(self) -> None:
        """Begin again from the first item: the log was replaced."""

    def size(self) -> tuple[int, float]:
        """Return bytes of the log, and the wall clock of its newest event (0 if unknown)."""

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know."""


class LogSource:
    """The log of a run directory."""

    def __init__(self, run: Place) -> None:
        self._run = run
        self._reader = RunReader(run)

    def poll(self, limit: int | None = None) -> list[Item]:
        """Return what is new, at most `limit` items."""
        return self._reader.poll(limit)

    def restart(self) -> None:
        """Begin again from the first item."""
        self._reader = RunReader(self._run)

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

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know."""
        identity = state.now.identity
        return None if identity is None else is_alive(identity)


def _newest_time(folder: Folder, name: str) -> float:
    """The wall clock of a segment's newest events, 0 when it cannot be told."""
    found = _TIME.findall(folder.tail(name, _NEWEST_BYTES))
    return float(found[-1]) if found else 0.0


class Follower:
    """A source, the state that it has led to, and what can be told of the process behind it."""

    def __init__(
        self, source: Source, name: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        """`name` of the run, until its log tells; `clock`: the wall clock in seconds."""
        self.source = source
        self.state = RunState(run=name)
        self._blank = self.state
        self._clock = clock

    @classmethod
    def of(cls, run: RunDir) -> "Follower":
        """Return a follower of a run directory."""
        return cls(LogSource(held(run.place)), run.name)

    def poll(self, limit: int | None = None) -> list[Item]:
        """Return the new items, already folded into `state`.

        After a "restarted" notice the whole log comes again, into a new state.
        """
        items = self.take(limit)
        if items:
            self.fold(items)
        return items

    def fold(self, items: Iterable[Item]) -> None:
        """Bring the state up to items that were taken."""
        self.state = reduce_all(self.state, items)

    def take(self, limit: int | None = None) -> list[Item]:
        """Return the new items without folding them: whoever takes them folds them one by one."""
        items = self.source.poll(limit)
        if any(isinstance(item, Notice) and item.kind == "restarted" for item in items):
            self.source.restart()
            self.state = self._blank
            items = self.source.poll(limit)
        return items

    def read_all(self) -> RunState:
        """Read what the log has at present; the state that it leads to."""
        while self.poll():
            pass
        return self.state

    def alive(self) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know.

        One that has gone counts as there for a moment: its supervisor may still report on it.
        """
        found = self.source.alive(self.state)
        fresh = self._clock() - self.state.t < GONE_SECONDS
        return True if found is False and fresh else found

    def word(self) -> str:
        """Return the run's state in one word, as of now."""
        return state_word(self.state, self.alive(), self._clock())

    def over(self) -> bool:
        """Whether nothing more will come: the run was closed, or nobody is left who could."""
        attempt = self.state.now
        if attempt.exit is not None:
            return not attempt.restarting
        if attempt.end is None:
            return state_of(self.word()).left
        # The trainer's own word: its supervisor, if there is one, has the last one in a moment.
        gone = self.source.alive(self.state) is not True
        return gone or self._clock() - attempt.end.t > LAST_WORD_SECONDS
