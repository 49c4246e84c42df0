"""The runs of a folder as rows, read a little at a time and kept up to date.

What somebody looks at is read first. A run that goes on is followed; of all others only their files
are looked at now and then, the visible ones more often. Knows no thread: whoever has a roster calls
`look`, `read` and `refresh` in turn, and each says whether a row has changed.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from selffit.eventlog.clean import clean
from selffit.run.folded.state import RunState
from selffit.run.folder.find import Found, survey
from selffit.run.folder.labels_file import FILE, read_labels
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.listing import cache, memory
from selffit.run.listing.glance import glance
from selffit.run.listing.row import Row, row_of
from selffit.vocabulary import DAMAGED, state_of

SURVEY_SECONDS = 30.0  # between two looks into all folders; a change of the folder is seen at once
VISIBLE_SECONDS = 2.0  # between two looks at the files of a run that is on show
ROUND = 8  # other runs whose files are looked at in a turn
MOST_FOLLOWED = 64  # each holds a descriptor


@dataclass
class _Entry:
    """A run of the folder: what is known of it, and of how its files were then."""

    found: Found
    row: Row
    prints: list[cache.Print] | None = None
    follower: Follower | None = None
    state: RunState | None = None  # that the row of a followed run was made of
    labels_at: int = 0  # when its labels were changed, in nanoseconds; 0 without any
    checked: float = 0.0


class Roster:
    """The rows of a folder of runs."""

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock`: the wall clock in seconds."""
        self._root = root
        self._clock = clock
        self._monotonic = monotonic
        self._entries: dict[str, _Entry] = {}
        self._folder: tuple[int, int] | None = None
        self._surveyed = float("-inf")
        self._turn = 0

    @property
    def rows(self) -> tuple[Row, ...]:
        """A row for every run, the newest first; behind them what cannot be read."""
        return tuple(entry.row for entry in self._entries.values())

    @property
    def unread(self) -> list[str]:
        """The names of the runs that were not looked into yet."""
        return [name for name, entry in self._entries.items() if not entry.row.read]

    def run(self, name: str) -> RunDir | None:
        """The run of a row."""
        entry = self._entries.get(name)
        return None if entry is None else entry.found.run

    def look(self, force: bool = False) -> bool:
        """See which runs there are, where the folder has changed or was not seen for long."""
        now, folder = self._monotonic(), _changed(self._root)
        if not force and folder == self._folder and now - self._surveyed < SURVEY_SECONDS:
            return False
        self._folder = folder
        self._surveyed = now
        before = self._entries
        self._entries = {}
        for found in survey(self._root):
            known = before.get(found.name)
            if known is not None and known.found == found:
                self._entries[found.name] = known
            else:
                self._entries[found.name] = _Entry(found=found, row=_first_row(found))
        return list(before) != list(self._entries) or any(
            before[name] is not entry for name, entry in self._entries.items()
        )

    def read(self, names: Iterable[str], seconds: float) -> bool:
        """Look into the logs of runs that nobody has looked into, as long as there is time."""
        end, changed = self._monotonic() + seconds, False
        for name in names:
            entry = self._entries.get(name)
            if entry is not None and not entry.row.read:
                self._try(entry, self._open)
                changed = True
                if self._monotonic() >= end:
                    break
        return changed

    def refresh(self, visible: Collection[str] = ()) -> bool:
        """Bring up to date what goes on, what is on show, and a few others in turn."""
        now, changed = self._monotonic(), False
        names = list(self._entries)
        others = [names[(self._turn + i) % len(names)] for i in range(min(ROUND, len(names)))]
        self._turn = (self._turn + len(others)) % max(1, len(names))
        shown = [name for name in visible if name in self._entries]
        followed = [name for name, entry in self._entries.items() if entry.follower is not None]
        for name in dict.fromkeys((*followed, *shown, *others)):
            entry = self._entries[name]
            if not entry.row.read:
                continue
            before = entry.row
            if entry.follower is not None:
                self._try(entry, self._follow)
            if now - entry.checked >= VISIBLE_SECONDS:
                self._check(entry, now)
            changed |= entry.row != before
        return changed

    def relabel(self, name: str) -> None:
        """Read the labels of a run again: they were changed just now."""
        entry = self._entries.get(name)
        if entry is not None:
            self._label(entry, always=True)

    def _check(self, entry: _Entry, now: float) -> None:
        """Look at the files of a run; read it again where they are others than before."""
        entry.checked = now
        if entry.found.state:
            return
        self._label(entry)
        if entry.follower is None and cache.prints(entry.found.run.path) != entry.prints:
            self._try(entry, self._open)

    def _label(self, entry: _Entry, always: bool = False) -> None:
        try:
            changed = os.lstat(entry.found.run.path / FILE).st_mtime_ns
        except OSError:
            changed = 0
        if changed == entry.labels_at and not always:
            return
        entry.labels_at = changed
        labels = read_labels(entry.found.run)
        if labels != entry.row.labels:
            entry.row = msgspec.structs.replace(entry.row, labels=labels)

    def _try(self, entry: _Entry, what: Callable[[_Entry], None]) -> None:
        """Whatever is wrong with one run must not hide the others."""
        try:
            what(entry)
        except Exception as error:  # its log may be anything, and may go while it is read
            why = getattr(error, "strerror", None) or f"{type(error).__name__} in reading it"
            entry.follower = entry.state = None
            entry.row = Row(
                name=entry.row.name,
                created=entry.found.created,
                state=DAMAGED.word,
                why=clean(f"its log cannot be read: {why}"),
            )

    def _open(self, entry: _Entry) -> None:
        """Look into the log of a run, or remember what it held when it was looked into last."""
        found, name = entry.found, entry.found.name
        entry.checked = self._monotonic()
        if found.state:
            return
        entry.prints = cache.prints(found.run.path)
        if (known := memory.remembered(found.run, entry.prints)) is not None:
            labels = entry.row.labels
            entry.row = msgspec.structs.replace(
                known.row, name=name, created=found.created, labels=labels
            )
            self._label(entry)
            return
        follower = glance(found.run)
        follower.read_all()
        self._tell(entry, follower)
        if not entry.row.ended and not state_of(entry.row.state).left and self._may_follow():
            entry.follower = follower
        else:
            entry.state = None
            if (told := memory.ended(follower, name)) is not None:
                memory.keep(found.run, entry.prints, told)
        self._label(entry)

    def _may_follow(self) -> bool:
        return sum(entry.follower is not None for entry in self._entries.values()) < MOST_FOLLOWED

    def _follow(self, entry: _Entry) -> None:
        """Take what has come of a run that goes on; let it go when it does not any more."""
        follower = entry.follower
        assert follower is not None
        follower.poll()
        self._tell(entry, follower)
        if entry.row.ended or state_of(entry.row.state).left:
            entry.follower = entry.state = None
            entry.prints = None  # whatever it still writes is read again

    def _tell(self, entry: _Entry, follower: Follower) -> None:
        state, word = follower.state, follower.word()
        if entry.state is state and entry.row.state == word:
            return
        entry.state = state
        labels = entry.row.labels
        row = row_of(state, word, entry.found.name, entry.found.created)
        entry.row = msgspec.structs.replace(row, labels=labels)


def _first_row(found: Found) -> Row:
    """What is known of a run before its log was looked into."""
    if found.state:
        where = f"{clean(str(found.run.path))} is "
        return Row(name=found.name, state=found.state, why=found.why.removeprefix(where))
    return Row(name=found.name, created=found.created)


def _changed(root: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
