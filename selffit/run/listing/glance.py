"""A run at a glance: the records of its log that a summary needs, and no others in memory.

A summary is made from the same fold and the same state as everything else, but a log is mostly
blocks of steps and heartbeats, of which only the newest matter (`Kind.enough`). Those lines are
verified and not decoded. What was found is remembered in the user's cache directory with the place
that was reached, so that the next glance reads on from there.
"""

from collections.abc import Sequence

import msgspec

from selffit.eventlog.decode import read
from selffit.eventlog.folder import held
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.sieve import ENOUGH, RESUMED, Sieve
from selffit.eventlog.tail import Mark
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower, Item, LogSource, singly
from selffit.run.listing import cache

SLICE = 10_000  # lines of one read
WORTH_KEEPING = 4 << 20  # bytes read anew from which the place is remembered

_SKIMMED = frozenset(name.encode() for name in ENOUGH)


class Reached(msgspec.Struct, kw_only=True):
    """What is remembered: the files as they were, how far they were read, and what was found."""

    prints: list[cache.Print]
    marks: dict[str, Mark]
    records: list[tuple[int, Record]]  # with their numbers among all that was kept
    notices: list[tuple[int, Notice]]

    @property
    def items(self) -> list[Item]:
        """What was found, in the order of the log."""
        found: dict[int, Item] = {**dict(self.records), **dict(self.notices)}
        return [found[number] for number in sorted(found)]


class GlanceSource(LogSource):
    """The log of a run directory, all that it holds at first as far as a summary needs it."""

    def __init__(self, run: RunDir) -> None:
        super().__init__(held(run.place))
        self._path = run.path
        self._fresh = True
        self._remember = True
        self._resumed = False

    def restart(self) -> None:
        """Begin again from the first item; trust what was remembered where an attempt resumed."""
        self._fresh, self._remember, self._resumed = True, self._resumed, False

    def poll(self, limit: int | None = None) -> Sequence[Record | Notice | Unread]:
        """Return what a summary needs, all of it; what has come since when asked again."""
        if self._fresh:
            self._fresh = False
            return self._glance()
        items = [i for line in singly(self._reader.poll(limit)) if (i := _whole(line)) is not None]
        if any(isinstance(item, Record) and item.k == RESUMED for item in items):
            self._resumed = True  # perhaps further back than was told
            return [Notice("restarted", "trainer", "", 0, "an attempt resumes")]
        return items

    def _glance(self) -> list[Record | Notice | Unread]:
        prints = cache.prints(self._path)
        self._reader = reader = SkimReader(self._run, _SKIMMED, briefs=ENOUGH)
        sieve = Sieve()
        reached = cache.load(self._path, Reached) if self._remember else None
        known = 0
        if reached is not None and _continues(reached, prints):
            reader.go_on(reached.marks)
            for item in reached.items:
                sieve.take(item)
            known = sum(size for _, size, _, _ in reached.prints)
        while lines := reader.poll(SLICE):
            for line in lines:
                sieve.take(line)
        items = sieve.items()
        if sum(size for _, size, _, _ in prints) - known >= WORTH_KEEPING:
            # of a file that grew meanwhile, more was read than its print says: it may only grow
            numbered = [(n, whole) for n, i in enumerate(items) if (whole := _whole(i)) is not None]
            found = Reached(
                prints=prints,
                marks=reader.marks(),
                records=[(n, item) for n, item in numbered if isinstance(item, Record)],
                notices=[(n, item) for n, item in numbered if isinstance(item, Notice)],
            )
            cache.store(self._path, found)
        return sieve.needed()


def _whole(line: Record | Notice | Unread) -> Item | None:
    """A line as a record; None for one that is none, though its checksum holds."""
    return read(line) if isinstance(line, Unread) else line


def _continues(reached: Reached, prints: list[cache.Print]) -> bool:
    """Whether a log is the one that was read, or has grown out of it.

    Files that were read to their end are as they were; those that were still read have grown.
    """
    now = {name: (size, changed, inode) for name, size, changed, inode in prints}
    open_files = {
        f"log/{stream}/{mark.place.file}"
        for stream, mark in reached.marks.items()
        if mark.place is not None
    }
    for name, size, changed, inode in reached.prints:
        if not name.endswith(".jsonl"):
            continue
        found = now.get(name)
        if found is None or found[2] != inode or found[0] < size:
            return False
        if name not in open_files and found != (size, changed, inode):
            return False
    return True


def glance(run: RunDir) -> Follower:
    """Return a follower of a run that reads what a summary needs; it has read nothing yet."""
    return Follower(GlanceSource(run), run.name)
