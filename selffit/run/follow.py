"""Following a run: the one way from a log to a state, live or recorded."""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from selffit.eventlog.decode import read
from selffit.eventlog.liveness import is_alive
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.tail import Skimmed
from selffit.run.quick import SKIMMED
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState, reduce_all
from selffit.run.word import state_word
from selffit.vocabulary import LOST

GONE_SECONDS = 2.0  # a trainer that has just gone may still be reported on by its supervisor
LAST_WORD_SECONDS = 3.0  # that the supervisor may take to report the end of its trainer

_TIME = re.compile(rb'"t":([0-9]{1,11}(?:\.[0-9]+)?),"k"')
_NEWEST_BYTES = 65_536  # of a segment, in which the time of its newest event is looked for

Item = Record | Notice


class Source(Protocol):
    """Where the items of a log come from; tests have their own."""

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new, at most `limit` items; fewer: there is no more at present."""

    def restart(self) -> None:
        """Begin again from the first item: the log was replaced."""

    def size(self) -> tuple[int, float]:
        """Return bytes of the log, and the wall clock of its newest event (0 if unknown)."""

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know."""


class LogSource:
    """The log of a run directory.

    Blocks of steps and heartbeats are not decoded before somebody asks for what they say.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._reader = SkimReader(run_dir, SKIMMED)

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new, at most `limit` items."""
        return self._reader.poll(limit)

    def restart(self) -> None:
        """Begin again from the first item."""
        self._reader = SkimReader(self._run_dir, SKIMMED)

    def size(self) -> tuple[int, float]:
        """Return bytes of the log, and the wall clock of its newest event (0 if unknown)."""
        total = 0
        newest = Path()
        try:
            for stream in os.scandir(self._run_dir / "log"):
                if not stream.is_dir(follow_symlinks=False):
                    continue
                for file in os.scandir(stream.path):
                    if file.name.endswith(".jsonl") and file.is_file(follow_symlinks=False):
                        total += file.stat(follow_symlinks=False).st_size
                        if stream.name == "trainer":
                            newest = max(newest, Path(file.path))
        except OSError:
            return total, 0.0  # not there yet, or gone
        return total, _newest_time(newest)

    def alive(self, state: RunState) -> bool | None:
        """Whether the process of the newest attempt exists; None where nobody can know."""
        identity = state.now.identity
        return None if identity is None else is_alive(identity)


def _newest_time(file: Path) -> float:
    """The wall clock of a segment's newest events, 0 when it cannot be told."""
    try:
        with open(file, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _NEWEST_BYTES))
            found = _TIME.findall(log.read(_NEWEST_BYTES))
    except OSError:
        return 0.0
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
        return cls(LogSource(run.path), run.name)

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return the new items, already folded into `state`.

        After a "restarted" notice the whole log comes again, into a new state.
        """
        items = self._new(limit)
        if items:
            self.fold(items)
        return items

    def fold(self, items: Iterable[Skimmed]) -> None:
        """Bring the state up to items that were taken."""
        self.state = reduce_all(self.state, items)

    def take(self, limit: int | None = None) -> list[Item]:
        """Return the new items without folding them: whoever takes them folds them one by one."""
        records = [read(i) if isinstance(i, Unread) else i for i in self._new(limit)]
        return [item for item in records if item is not None]

    def _new(self, limit: int | None) -> Sequence[Skimmed]:
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
            return self.word() == LOST.word
        # The trainer's own word: its supervisor, if there is one, has the last one in a moment.
        gone = self.source.alive(self.state) is not True
        return gone or self._clock() - attempt.end.t > LAST_WORD_SECONDS
