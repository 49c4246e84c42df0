"""A stretch of a recording: the state at its beginning, and what leads to the states behind it.

A state shares its histories with all later ones and differs from them by how long its own part is.
So of a stretch only its first state is kept, and what was folded: of blocks of steps nothing (they
are in the arrays of the state), of heartbeats their lines, compressed.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any
from zlib import compress, decompressobj, error

from selffit.eventlog import kinds
from selffit.eventlog.bulk import Lines
from selffit.eventlog.decode import Damaged, skim
from selffit.eventlog.history import Retraced
from selffit.eventlog.records import Unread
from selffit.run.folded.blocks import Blocks, RetracedBlocks
from selffit.run.folded.state import Foldable, RunState, reduce_all
from selffit.run.folded.taking import Kept

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OTHER, _BLOCK, _LINE = 0, 1, 2
_MOST = 1 << 26  # bytes of the lines of one stretch


class _Any:
    def __contains__(self, kind: object) -> bool:
        return True


_ANY = _Any()


def codes_of(blocks: "NDArray[np.bool_]") -> bytes:
    """Return what each item is: a block of steps, or another line."""
    import numpy as np

    return np.where(blocks, np.uint8(_BLOCK), np.uint8(_LINE)).tobytes()


class Segment:
    """The items behind a position, and the states after each of them."""

    def __init__(self, begin: int, state: RunState) -> None:
        """`state`: that of the position `begin`."""
        self.begin = begin
        self._state = state
        self._end = state  # after all of its items
        self._codes = bytearray()  # of each item what it is
        self._others: list[Foldable] = []
        self._lines: list[Lines] = []

    def __len__(self) -> int:
        """The number of its items."""
        return len(self._codes)

    def add(self, items: Sequence[Foldable], end: RunState) -> None:
        """Take what was folded, and the state that it has led to."""
        codes = bytearray()
        for item in items:
            if isinstance(item, kinds.Steps):
                codes.append(_BLOCK)
            elif isinstance(item, Unread) and item.line:
                codes.append(_LINE)
                self._lines.append(Lines(item.stream, item.a, 1, item.line, False))
            else:
                codes.append(_OTHER)
                self._others.append(item)
        self._end = end
        self._codes += codes

    def add_many(self, codes: bytes, lines: Lines, end: RunState) -> None:
        """Take many items: what each is, as `codes_of` has it, and the lines of the others."""
        if lines.number:
            self._lines.append(lines)
        self._end = end
        self._codes += codes

    def close(self) -> None:
        """No more will come."""
        packed: list[Lines] = []
        for (stream, attempt, already), group in groupby(self._lines, key=_kind_of):
            if already:
                packed += group
                continue
            every = list(group)
            text = compress(b"\n".join([lines.text for lines in every]), 1)
            number = sum(lines.number for lines in every)
            packed.append(Lines(stream, attempt, number, text, True))
        self._lines = packed

    def state_at(self, position: int) -> RunState:
        """Return the state at one of its positions."""
        passing = self.states()
        next(passing)
        return passing.send(position)

    def states(self) -> Generator[RunState, int, None]:
        """Return the states at the positions that are sent, each not before the last one.

        What comes first is the state at its beginning.
        """
        state, here, items = self._start(), self.begin, self._items()
        position = yield self._state
        while True:
            if position > here:
                state = reduce_all(state, islice(items, position - here))
                here = position
            position = yield self._plain(state) if here > self.begin else self._state

    def kind_at(self, position: int) -> str:
        """Return the kind of the item that led to a position, "" for what is no event."""
        n = position - self.begin
        item = next(islice(self._items(), n - 1, n))
        if isinstance(item, Unread):
            return item.k
        return item.name if isinstance(item, kinds.Unknown) else _name(item)

    def _start(self) -> RunState:
        """Its first state, ready to go the way once more that it has gone."""
        state, end = self._state, self._end
        kept: dict[Any, Kept] = {}
        for cls, gone in end.kept.items():
            length = len(state.kept.get(cls, ()))
            if isinstance(gone, Blocks):
                kept[cls] = RetracedBlocks.of(gone, length)
            else:
                kept[cls] = Retraced.of(gone, length)
        return replace(
            state,
            kept=kept,
            events=Retraced.of(end.events, len(state.events)),
            notices=Retraced.of(end.notices, len(state.notices)),
        )

    def _items(self) -> Iterator[Foldable]:
        others, unread = iter(self._others), self._unread()
        block, blocks = len(self._state.blocks), self._end.blocks
        for code in self._codes:
            if code == _BLOCK:
                yield blocks.head(block)
                block += 1
            else:
                yield next(unread if code == _LINE else others)

    def _unread(self) -> Iterator[Foldable]:
        for lines in self._lines:
            found = _unpacked(lines).split(b"\n")
            found += [b""] * (lines.number - len(found))  # of an extract that somebody has made up
            for line in found[: lines.number]:
                yield self._skimmed(line, lines)

    def _skimmed(self, line: bytes, lines: Lines) -> Unread:
        """A line that was skimmed before: by ourselves, or by whoever has left an extract."""
        try:
            found = skim(line, lines.stream, lines.attempt, _ANY)
        except Damaged:
            found = None
        if found is not None:
            return found
        state = self._state
        return Unread(
            line=b"",
            stream=lines.stream,
            a=lines.attempt,
            q=0,
            t=state.t,
            k="",
            b=state.branch,
            s=0,
        )

    def _plain(self, state: RunState) -> RunState:
        """A state like any other, from which another way can be gone."""
        kept: dict[Any, Kept] = {}
        for cls, gone in state.kept.items():
            assert isinstance(gone, Retraced | RetracedBlocks)
            if len(gone) or cls in self._state.kept:
                kept[cls] = gone.plain()
        events, notices = state.events, state.notices
        assert isinstance(events, Retraced) and isinstance(notices, Retraced)
        return replace(state, kept=kept, events=events.plain(), notices=notices.plain())


def _kind_of(lines: Lines) -> tuple[str, int, bool]:
    return lines.stream, lines.attempt, lines.packed


def _unpacked(lines: Lines) -> bytes:
    try:
        return decompressobj().decompress(lines.text, _MOST) if lines.packed else lines.text
    except error:
        return b""


def _name(item: Foldable) -> str:
    return item.KIND.name if isinstance(item, kinds.Event) else ""
