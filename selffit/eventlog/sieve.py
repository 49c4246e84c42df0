"""What a summary needs of a log: of most kinds every line, of some only so many of the newest.

A log is mostly blocks of steps and heartbeats; `Kind.enough` says of how many a summary is made.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from selffit.eventlog import kinds
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.decode import read
from selffit.eventlog.kinds import KINDS
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.tail import Skimmed

ENOUGH = {name: cls.KIND.enough for name, cls in KINDS.items() if cls.KIND.enough}
_STEPS = kinds.Steps.KIND.name
RESUMED = kinds.Resumed.KIND.name
_SAVED = kinds.CheckpointSaved.KIND.name
_GONE = (kinds.CheckpointPruned.KIND.name, kinds.CheckpointDamaged.KIND.name)

_Line = Record | Unread
_Entry = tuple[int, _Line]  # its number in the log, and what was read


class Sieve:
    """Takes everything that a log holds, in its order, and keeps what a summary needs.

    Of each kind so many of the newest as its declaration says. And the newest block of steps before
    each checkpoint that is still there: an attempt that resumes there begins with its settings.
    """

    def __init__(self) -> None:
        self._number = 0
        self._kept: list[tuple[int, _Line | Notice]] = []
        self._newest = {name: deque[_Entry](maxlen=enough) for name, enough in ENOUGH.items()}
        self._before: dict[str, _Entry] = {}  # by checkpoint
        self._resumed = 0  # the number of the last attempt's resumption

    def take(self, item: Skimmed) -> None:
        """One more, or many at once."""
        if isinstance(item, Bulk):
            self._take_many(item)
            return
        self._number += 1
        if isinstance(item, Notice):
            self._kept.append((self._number, item))
            return
        newest = self._newest.get(item.k)
        if newest is not None:
            newest.append((self._number, item))
            return
        self._kept.append((self._number, item))
        if item.k == _SAVED or item.k in _GONE:
            self._pin(item)
        elif item.k == RESUMED:
            self._resumed = self._number

    def _take_many(self, bulk: Bulk) -> None:
        places = {kind: bulk.of_kind(kind) for kind in bulk.kinds()}
        every = sorted(i for kind, found in places.items() if kind not in ENOUGH for i in found)
        first = self._number
        for before, index in pairwise([-1, *every, len(bulk)]):
            for kind, found in places.items():
                if (newest := self._newest.get(kind)) is not None:
                    assert newest.maxlen is not None
                    between = found[bisect_left(found, before) : bisect_left(found, index)]
                    for place in between[-newest.maxlen :]:
                        newest.append((first + 1 + place, bulk.line(place)))
            self._number = first + index
            if index < len(bulk):
                self.take(bulk.line(index))

    def _pin(self, item: _Line) -> None:
        record = read(item) if isinstance(item, Unread) else item
        event = None if record is None else kinds.of_record(record)
        if isinstance(event, kinds.CheckpointSaved):
            branch, step = event.of_branch or event.branch, event.of_step
            for entry in reversed(self._newest[_STEPS]):
                if entry[1].b == branch and entry[1].s < step:
                    self._before[event.id] = entry
                    break
        else:
            self._before.pop(str(getattr(event, "id", "")), None)

    def items(self) -> list[_Line | Notice]:
        """What was kept, in the order of the log."""
        return self._with(self._before.values())

    def needed(self) -> list[_Line | Notice]:
        """What of that a summary needs unless an attempt resumes later, in the order of the log.

        Blocks before checkpoints matter only where one was resumed at since.
        """
        return self._with(entry for entry in self._before.values() if entry[0] < self._resumed)

    def _with(self, before: Iterable[_Entry]) -> list[_Line | Notice]:
        found: dict[int, _Line | Notice] = dict(self._kept)
        found.update(before)
        for newest in self._newest.values():
            found.update(newest)
        return [found[number] for number in sorted(found)]
