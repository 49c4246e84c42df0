"""What a log has said so far, in the order in which it was folded: the one clock of all views.

A *position* is a number of items: at 0 nothing has been read, at `len(recording)` everything that
there is. The state at any position is the one that a live viewer had there. A recording grows while
its run is live: one thread appends, others may read meanwhile.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selffit.eventlog import kinds
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.kinds import KINDS, Event
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.tail import Skimmed
from selffit.run.folded.lineage import line_of
from selffit.run.folded.packed import Whole
from selffit.run.folded.quick import STEPS, event_of
from selffit.run.folded.state import Foldable, RunState, reduce_all
from selffit.run.recording.moments import ENDED, Moment, moment_of
from selffit.run.recording.segment import Segment, codes_of
from selffit.run.recording.units import UNITS, Unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SEGMENT", "UNITS", "Recording", "Unit"]

SEGMENT = 1024  # items between two states that are kept


# kinds whose lines come many at once: blocks of steps, and those of which the newest counts
_MANY = {STEPS, *(name for name, cls in KINDS.items() if cls.KIND.kept == "newest")}


@dataclass(frozen=True)
class _Stay:
    """Positions after `begin` at which the run was on a branch and its steps rose."""

    begin: int
    branch: str


class Recording:
    """Everything that was read of a log, and the state after each of its items."""

    def __init__(self, blank: RunState | None = None) -> None:
        """`blank`: the state before the first item."""
        state = RunState() if blank is None else blank
        self._length = 0
        self._state = state
        self._segments = [Segment(0, state)]
        self._times = array("d")  # of the state after each item
        self._steps = Whole()
        self._stays = [_Stay(0, state.branch)]
        self._units: Mapping[str, array[int]] = {unit: array("I") for unit in UNITS}
        self._moments: list[Moment] = []
        self._told: tuple[Moment, ...] = ()  # as they were asked for last
        self._probing: tuple[str, int] | None = None  # where a probe is being told of
        self._epoch = 0.0  # of the newest block, whole epochs
        self._ended: set[int] = set()  # attempts that have had their last word

    # ---- growing ---------------------------------------------------------------------------
    def append(self, items: Iterable[Skimmed]) -> None:
        """Fold more items of the log."""
        batch: list[Foldable] = []
        room = SEGMENT - len(self._segments[-1])
        for item in self._bulks(items):
            if isinstance(item, Bulk):
                self._fold(batch)
                self._fold_bulk(item)
                batch, room = [], SEGMENT - len(self._segments[-1])
                continue
            told = _told(item)
            if isinstance(told, kinds.Resumed):
                # what is dropped here is what cannot be gone through again: a state of its own
                self._fold(batch)
                self._close()
                self._fold([told])
                self._close()
                batch, room = [], SEGMENT
                continue
            batch.append(told)
            if len(batch) >= room:
                self._fold(batch)
                self._close()
                batch, room = [], SEGMENT
        self._fold(batch)

    def _fold(self, batch: list[Foldable]) -> None:
        if not batch:
            return
        state = reduce_all(self._state, batch, self._note)
        for position, item in enumerate(batch, self._length + 1):
            if isinstance(item, Event):
                self._sort(item, position)
            elif isinstance(item, Notice):
                self._units["event"].append(position)
        self._state = state
        self._segments[-1].add(batch, state)
        self._length += len(batch)  # from here on others see them

    def _bulks(self, items: Iterable[Skimmed]) -> Iterator[Skimmed]:
        """Bulks as they are where they hold nothing but blocks of steps and heartbeats."""
        for item in items:
            if isinstance(item, Bulk) and not item.kinds() <= _MANY:
                yield from item
            else:
                yield item

    def _fold_bulk(self, bulk: Bulk) -> None:
        """Fold many lines at once."""
        import numpy as np

        state = reduce_all(self._state, [bulk])
        blocks, before = state.blocks, len(self._state.blocks)
        of_steps = np.array([name[0] == STEPS for name in bulk.names])[bulk.of]
        places = of_steps.nonzero()[0]
        if len(blocks) - before != len(places):  # not all of them are blocks: look at each
            self._fold([_told(line) for line in bulk])
            return
        ends, epochs = blocks.ends(before)
        here = np.array([name[1] == state.branch for name in bulk.names])[bulk.of]
        steps = np.where(here, bulk.s, 0) if bulk.stream == "trainer" else np.zeros_like(bulk.s)
        steps[places] = np.maximum(steps[places], ends)
        self._times.frombytes(_risen(bulk.t, self._state.t).tobytes())
        self._steps.extend(_risen(steps, self._state.step))
        self._sort_blocks((self._length + 1 + places).tolist(), epochs)
        self._state = state
        lines = bulk.lines((~of_steps).nonzero()[0].tolist())
        self._segments[-1].add_many(codes_of(of_steps), lines, state)
        self._length += len(bulk)
        if len(self._segments[-1]) >= SEGMENT:
            self._close()

    def _sort_blocks(self, positions: list[int], epochs: "NDArray[np.float64]") -> None:
        import numpy as np

        for unit in ("event", "block"):
            self._units[unit].extend(positions)
        if positions:
            self._probing = None
        whole = np.floor(epochs)
        for index in np.flatnonzero(whole != np.concatenate(([self._epoch], whole[:-1]))):
            self._pass_epoch(float(whole[index]), positions[index])

    def _pass_epoch(self, whole: float, position: int) -> None:
        """Remember where an epoch ends; `whole`: how many have, as a block says."""
        if whole > self._epoch:
            self._units["epoch"].append(position)
        if whole == whole:
            self._epoch = whole

    def _close(self) -> None:
        if len(self._segments[-1]):
            self._segments[-1].close()
            self._segments.append(Segment(self._length, self._state))

    def _note(self, draft: Mapping[str, Any]) -> None:
        """Remember when and where the run was after an item."""
        self._times.append(draft["t"])
        step, branch = draft["step"], draft["branch"]
        if branch != self._stays[-1].branch or (self._steps and step < self._steps[-1]):
            self._stays.append(_Stay(len(self._steps), branch))
        self._steps.append(step)

    def _sort(self, event: Event, position: int) -> None:
        """Remember the positions that can be gone to by units, and the moments."""
        if isinstance(event, kinds.Steps):
            self._units["event"].append(position)
            self._units["block"].append(position)
            self._probing = None
            self._pass_epoch(event.epoch // 1, position)
            return
        kind, here = event.KIND, (event.branch, event.step)
        if kind.listed or kind.kept == "all":
            self._units["event"].append(position)
        if isinstance(event, kinds.RobustProbe):
            self._probing = here
            self._units["probe"].append(position)
        elif self._probing == here and kind.on_branch:
            self._units["probe"][-1] = position  # one look at the network: all that was measured
        moment = moment_of(event, position, self._times[position - 1])
        if moment is not None and moment.kind == ENDED:
            # its trainer says so, and its supervisor once more
            moment = None if event.at.attempt in self._ended else moment
            self._ended.add(event.at.attempt)
        if moment is not None:
            self._moments.append(moment)

    # ---- what there is ---------------------------------------------------------------------
    def __len__(self) -> int:
        """The number of items that were folded: the newest position."""
        return self._length

    @property
    def newest(self) -> RunState:
        """The state after everything that was read."""
        return self._state

    @property
    def started(self) -> float:
        """The wall clock of the first record in seconds, 0 before there is one."""
        started = self._state.started
        return started if started == started else 0.0

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All moments so far, in the order in which they became known."""
        if len(self._told) != len(self._moments):
            self._told = tuple(self._moments)
        return self._told

    # ---- states ----------------------------------------------------------------------------
    def state_at(self, position: int) -> RunState:
        """Return the state after the first `position` items; 0: blank. Bounded to what there is."""
        position = self._bounded(position)
        if position == self._length:
            return self._state
        return self._segments[self._segment_of(position)].state_at(position)

    def states(self, positions: Iterable[int]) -> Iterator[RunState]:
        """Return the states at positions that rise: quicker than one by one, for each is passed."""
        segment, passing = -1, None
        for position in positions:
            position = self._bounded(position)
            found = self._segment_of(position)
            if passing is None or found != segment:
                segment, passing = found, self._segments[found].states()
                next(passing)
            yield passing.send(position)

    def kind_at(self, position: int) -> str:
        """Return the kind of the item that led to a position, as the log has it.

        "" at 0 and for what is no event: a notice of the reader.
        """
        position = self._bounded(position)
        return self._segments[self._segment_of(position - 1)].kind_at(position) if position else ""

    def _segment_of(self, position: int) -> int:
        return bisect_right(self._segments, position, key=lambda one: one.begin) - 1

    def time_at(self, position: int) -> float:
        """Return the wall clock at a position in seconds, as the log tells it; 0 before any."""
        position = self._bounded(position)
        return max(self._times[position - 1] if position else 0.0, self.started)

    def place_at(self, position: int) -> tuple[str, int]:
        """Return the branch and the step at which the run was."""
        position = self._bounded(position)
        if not position:
            return self._stays[0].branch, 0
        stays = self._stays
        stay = stays[bisect_left(stays, position, key=lambda one: one.begin) - 1]
        return stay.branch, self._steps[position - 1]

    # ---- positions -------------------------------------------------------------------------
    def position_of(self, branch: str, step: int) -> int | None:
        """Return the last position at which a branch had reached no more than a step.

        Of a step from before the branch began: the one on the branch that it came from. None for
        a branch that there is not.
        """
        length, known = self._length, False
        for name in reversed(
            [piece.branch for piece in line_of(self._state.ledger, branch).pieces]
        ):
            end = length
            for stay in reversed(self._stays):
                if stay.branch == name and stay.begin < end:
                    known = True
                    found = bisect_right(self._steps, step, stay.begin, end)
                    if found > stay.begin:
                        return found
                end = min(end, stay.begin)
        return 0 if known else None

    @property
    def branches(self) -> list[str]:
        """The branches that the run has been on, in the order in which it first was."""
        return list(dict.fromkeys(stay.branch for stay in list(self._stays)))

    def last_step(self, branch: str) -> int:
        """Return the farthest step that a branch has reached; 0 for one that there is not."""
        stays, length = list(self._stays), self._length
        ends = [*(stay.begin for stay in stays[1:]), length]
        spans = zip(stays, ends, strict=True)
        return max(
            (self._last_of(stay, end) for stay, end in spans if stay.branch == branch), default=0
        )

    def _last_of(self, stay: _Stay, end: int) -> int:
        end = min(end, self._length)
        return self._steps[end - 1] if end > stay.begin else 0

    def position_at_time(self, t: float) -> int:
        """Return the last position whose wall clock is not after `t`, in seconds."""
        return bisect_right(self._times, t, 0, self._length)

    def next_position(self, position: int, unit: Unit) -> int | None:
        """Return the next position behind one at which a unit is complete, None where none is.

        event: something that is worth a line, or was measured. block: a block of steps. probe: a
        robust probe with all that was measured beside it. epoch: the block that ends one.
        """
        places = self._units[unit]
        found = bisect_right(places, position)
        return places[found] if found < len(places) and places[found] <= self._length else None

    def previous_position(self, position: int, unit: Unit) -> int | None:
        """Return the last position before one at which a unit is complete, None where none is."""
        places = self._units[unit]
        found = bisect_left(places, position)
        return places[found - 1] if found else None

    def settled(self, position: int) -> int:
        """Return the position at which all is told of the probe that was being made at one.

        An alert may come before the probe that it was raised at, or before the rest of it.
        """
        probe, block = (self.next_position(position, unit) for unit in ("probe", "block"))
        same = probe is not None and self.place_at(probe) == self.place_at(position)
        if probe is None or not same or (block is not None and block < probe):
            return position
        return probe

    def positions(self, unit: Unit) -> list[int]:
        """Return all positions at which a unit is complete."""
        places = self._units[unit]
        return places[: bisect_right(places, self._length)].tolist()

    def _bounded(self, position: int) -> int:
        return min(max(0, position), self._length)


def _risen(values: "NDArray[Any]", before: float) -> "NDArray[Any]":
    """The highest value so far at each place; `before`: the one before them."""
    import numpy as np

    return np.maximum.accumulate(np.maximum(values, values.dtype.type(before)))


def _told(item: Record | Unread | Notice) -> Foldable:
    """An item as the event that it tells; heartbeats, which are many, as they were read."""
    if isinstance(item, Notice):
        return item
    cls = KINDS.get(item.k)
    if isinstance(item, Record):
        return kinds.of_record(item)
    if cls is not None and cls.KIND.kept == "newest":
        return item
    event = event_of(item)
    if event is not None:
        return event
    # it says nothing but when and where it was
    return Unread(
        line=b"",
        stream=item.stream,
        a=item.a,
        q=item.q,
        t=item.t,
        k="",
        b=item.b,
        s=item.s,
    )
