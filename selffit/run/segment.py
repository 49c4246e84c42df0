"""A stretch of a recording: the state at its beginning, and what leads to the states behind it.

A state shares its histories with all later ones and differs from them by how long its own part is.
So of a stretch only its first state is kept, and what was folded: of blocks of steps nothing (they
are in the arrays of the state), of heartbeats their lines, compressed.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from zlib import compress, decompress

import msgspec

from selffit.eventlog import kinds
from selffit.eventlog.history import Retraced
from selffit.eventlog.records import Unread
from selffit.run.blocks import Blocks, RetracedBlocks
from selffit.run.state import Foldable, Kept, RunState, reduce_all

_OTHER, _BLOCK, _LINE = 0, 1, 2
_LINES: "msgspec.msgpack.Decoder[list[Unread]]" = msgspec.msgpack.Decoder(list[Unread])


class Segment:
    """The items behind a position, and the states after each of them."""

    def __init__(self, begin: int, state: RunState) -> None:
        """`state`: that of the position `begin`."""
        self.begin = begin
        self._state = state
        self._end = state  # after all of its items
        self._codes = bytearray()  # of each item what it is
        self._others: list[Foldable] = []
        self._lines: list[Unread] | bytes = []

    def __len__(self) -> int:
        """The number of its items."""
        return len(self._codes)

    def add(self, items: Sequence[Foldable], end: RunState) -> None:
        """Take what was folded, and the state that it has led to."""
        codes = bytearray()
        assert isinstance(self._lines, list)
        for item in items:
            if isinstance(item, kinds.Steps):
                codes.append(_BLOCK)
            elif isinstance(item, Unread):
                codes.append(_LINE)
                self._lines.append(item)
            else:
                codes.append(_OTHER)
                self._others.append(item)
        self._end = end
        self._codes += codes

    def add_many(self, blocks: Sequence[bool], lines: Sequence[Unread], end: RunState) -> None:
        """Take many items: which of them are blocks, and the lines of the others."""
        assert isinstance(self._lines, list)
        self._lines += lines
        self._end = end
        self._codes += bytes(_BLOCK if is_block else _LINE for is_block in blocks)

    def close(self) -> None:
        """No more will come."""
        self._lines = compress(msgspec.msgpack.encode(self._lines), 1)

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
        others, lines = iter(self._others), self._lines
        unread = iter(lines if isinstance(lines, list) else _LINES.decode(decompress(lines)))
        block, blocks = len(self._state.blocks), self._end.blocks
        for code in self._codes:
            if code == _BLOCK:
                yield blocks.head(block)
                block += 1
            else:
                yield next(unread if code == _LINE else others)

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


def _name(item: Foldable) -> str:
    return item.KIND.name if isinstance(item, kinds.Event) else ""
