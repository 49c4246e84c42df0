"""The items of a log in the order of time, however long the log is.

A reader gives what the trainer wrote and then what the supervisor wrote. The latter is short: of a
log that is longer than one slice it is looked up first, and put in its place as the former comes.
"""

from collections.abc import Sequence

from selffit.eventlog.decode import read
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice, Record, Unread
from selffit.run.folded.quick import SKIMMED
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower, Item, singly

SLICE = 10_000  # items of one read
TRAINER = "trainer"


def in_time(items: Sequence[Item]) -> list[Item]:
    """Return the items of several streams in the order of time, each stream in its own order."""
    newest: dict[str, float] = {}
    keys = []
    for item in items:
        t = item.t if isinstance(item, Record) else 0.0
        newest[item.stream] = max(t, newest.get(item.stream, 0.0))
        keys.append(newest[item.stream])
    order = sorted(range(len(items)), key=keys.__getitem__)
    return [items[place] for place in order]


class Merged:
    """Takes items of a follower in slices, merged by time until all that there was has been read.

    What comes then is given as it comes.
    """

    def __init__(self, run: RunDir, follower: Follower, size: int = SLICE) -> None:
        """size: items of a slice."""
        self._run = run
        self._follower = follower
        self._size = size
        self._others: list[Item] | None = None  # of other streams, not given yet, by time
        self._known: set[tuple[str, int, int]] = set()
        self._caught_up = False

    def take(self) -> list[Item]:
        """Return the next items without folding them; none: there is no more at present."""
        items = self._follower.take(self._size)
        if any(isinstance(item, Notice) and item.kind == "restarted" for item in items):
            self._known, self._others, self._caught_up = set(), None, True
        if self._caught_up:
            return in_time(items)
        last = len(items) < self._size
        if last and self._others is None:
            self._caught_up = True
            return in_time(items)
        if self._others is None:
            self._look_up()
        assert self._others is not None
        own = [item for item in items if _key(item) not in self._known]
        if last:
            self._caught_up = True
            rest, self._others = self._others, []
            return in_time([*own, *rest])
        until = max((item.t for item in own if isinstance(item, Record)), default=0.0)
        due = [item for item in self._others if _time(item) <= until]
        self._others = self._others[len(due) :]
        return in_time([*own, *due])

    def _look_up(self) -> None:
        reader = SkimReader(self._run.place, SKIMMED)
        others: list[Item] = []
        while lines := reader.poll(SLICE):
            for line in singly(lines):
                if isinstance(line, Notice) or line.stream == TRAINER:
                    continue
                item = read(line) if isinstance(line, Unread) else line
                if item is not None:
                    others.append(item)
        self._known = {_key(item) for item in others}
        self._others = sorted(others, key=_time)  # stable: each stream in its own order


def _key(item: Item) -> tuple[str, int, int]:
    return (item.stream, item.a, item.q) if isinstance(item, Record) else ("", 0, 0)


def _time(item: Item) -> float:
    return item.t if isinstance(item, Record) else 0.0
