"""A log in the order of time: what several streams say, put together as it happened.

A reader takes a recorded log stream by stream, and what the supervisor said would come behind all
that the trainer did. That makes no difference to the newest state, but to those before it: whoever
replays a run wants to see the restart between its attempts.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from selffit.eventlog.bulk import Bulk, Items, size_of
from selffit.eventlog.folder import Place
from selffit.eventlog.reader import SkimReader
from selffit.eventlog.records import Notice
from selffit.eventlog.tail import Skimmed
from selffit.run.folded.quick import SKIMMED
from selffit.run.follow import LogSource, singly

_TRAINER = "trainer"
_Key = tuple[int, float]  # attempt and wall clock


class TimedSource(LogSource):
    """The log of a run directory: the trainer's stream, and what others say where it belongs.

    An attempt comes behind the one before it, whatever their clocks say; within an attempt, time
    decides. What comes late, while a run is live, is news when it comes.
    """

    def __init__(self, run: Place) -> None:
        super().__init__(run)
        self.restart()

    def restart(self) -> None:
        """Begin again from the first item."""
        self._reader = SkimReader(
            self._run, SKIMMED, lambda stream: stream == _TRAINER, extracts=self._alone
        )
        self._others = SkimReader(self._run, SKIMMED, lambda stream: stream != _TRAINER)
        self._reached: dict[str, _Key] = {}  # of each stream
        self._held: list[tuple[_Key, Skimmed]] = []  # of others, not reached by the trainer yet

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new: at most `limit` items of the trainer, and what belongs there."""
        # that there is no log to be read is said once
        others = [
            one
            for one in singly(self._others.poll(limit))
            if not isinstance(one, Notice) or one.stream in self._others.marks()
        ]
        self._held = [*self._held, *self._keyed(others)]
        self._held.sort(key=lambda one: one[0])  # each stream stays in its order
        trainer = self._reader.poll(limit)
        held = self._held
        if not held:
            return trainer
        ready = Items()
        taken = 0
        for key, item in self._keyed(self._apart(trainer)):
            while taken < len(held) and held[taken][0] <= key:
                ready.append(held[taken][1])
                taken += 1
            ready.append(item)
        if limit is None or size_of(trainer) < limit:  # the trainer has no more to say at present
            for _, item in held[taken:]:
                ready.append(item)
            held, taken = [], 0
        self._held = held[taken:]
        return ready

    def _keyed(self, items: Iterable[Skimmed]) -> Iterator[tuple[_Key, Skimmed]]:
        """Items with the time that their stream has reached."""
        for item in items:
            key = self._reached.get(item.stream, (0, 0.0))
            if not isinstance(item, Notice):
                t = float(item.t.max()) if isinstance(item, Bulk) else item.t
                key = self._reached[item.stream] = max(key, (item.a, t))
            yield key, item

    def _apart(self, items: Iterable[Skimmed]) -> Iterator[Skimmed]:
        """Bulks as they are where nothing of others can belong between their lines."""
        for item in items:
            if isinstance(item, Bulk) and not self._alone(
                item.a, float(item.t.min()), float(item.t.max())
            ):
                yield from item
            else:
                yield item

    def _alone(self, attempt: int, begin: float, end: float) -> bool:
        """Whether nothing of others that is known belongs between two clocks of an attempt."""
        first = bisect_left(self._held, (attempt, begin), key=_key)
        return first == len(self._held) or _key(self._held[first]) > (attempt, end)


def _key(one: tuple[_Key, Skimmed]) -> _Key:
    return one[0]
