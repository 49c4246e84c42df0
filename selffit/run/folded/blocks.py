"""The blocks of training steps that a state keeps: a `History` of them, in columns.

A long run has millions of steps. As objects they would fill gigabytes, so what is drawn of every
step lies in arrays (float32), and so does what a summary asks of every block. As in a `History`,
all states of a run share one buffer and remember how long their own part of it is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from msgspec.structs import force_setattr

from selffit.eventlog.batch import SETTINGS, Batch
from selffit.eventlog.fields import Columns
from selffit.eventlog.kinds import DRAWN_SIGNALS, Place, Steps
from selffit.run.folded.block_store import BlockStore
from selffit.run.folded.rising import Rising

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_NO_COLS = Columns({})


class Blocks(Sequence[Steps]):
    """An immutable sequence of blocks; `append` returns the longer one and leaves this one alone.

    The newest block is the one that was logged. Of older ones the drawn signals are kept, as
    float32, and the last value of the settings that follow schedules.
    """

    __slots__ = ("_last", "_length", "_store")

    def __init__(
        self, store: BlockStore | None = None, length: int = 0, last: Steps | None = None
    ) -> None:
        self._store = BlockStore() if store is None else store
        self._length = length
        self._last = last

    def append(self, block: Steps) -> "Blocks":
        """Return these blocks and one more."""
        store = self._own()
        store.add(block)
        return Blocks(store, self._length + 1, block)

    def extend(self, batch: "Batch", last: Steps) -> "Blocks":
        """Return these blocks and many more; `last`: the last of those."""
        store = self._own()
        store.extend(batch)
        return Blocks(store, self._length + len(batch.size), last)

    def _own(self) -> BlockStore:
        """The buffer to go on in."""
        # somebody continued from here already: this is another line of history
        return (
            self._store
            if len(self._store.first) == self._length
            else self._store.copy(self._length)
        )

    def without(self, branch: str, first: int) -> "Blocks":
        """Return the blocks but for those of a branch that begin at a step or later."""
        kept = [
            index
            for index in range(self._length)
            if self._store.first[index] < first or self.branch_of(index) != branch
        ]
        if len(kept) == self._length:
            return self
        if not kept or kept[-1] == len(kept) - 1:
            return Blocks(self._store, len(kept))
        found = Blocks()
        for index in kept:
            found = found.append(self[index])
        return found

    def continues(self, other: "Blocks") -> bool:
        """Whether these are the other blocks and perhaps more, as far as that is known at once."""
        return self._store is other._store and self._length >= other._length

    def head(self, index: int) -> Steps:
        """Return a block without its signals, whether or not it is one of these yet.

        For whoever knows that others, which share the buffer, have it.
        """
        store = self._store
        at = Place(self.branch_of(index), store.first[index], store.t[index], store.attempt[index])
        img_s, sec, epoch = store.timing[3 * index : 3 * index + 3]
        block = Steps(at=at, n=0, cols=_NO_COLS, img_s=img_s, sec=sec, epoch=epoch)
        force_setattr(block, "n", store.size[index])
        return block

    def ends(self, begin: int) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
        """Return of blocks from an index on the steps done behind each, and its epoch."""
        import numpy as np

        store, end = self._store, self._length
        ends = store.first.between(begin, end) + store.size.between(begin, end)
        return ends, np.array(store.timing[3 * begin + 2 : 3 * end : 3], np.float64)

    def branch_of(self, index: int) -> str:
        """The line of history of a block."""
        return self._store.branch[index]

    def timing(self, index: int) -> tuple[int, str, int, float]:
        """The attempt and the branch of a block, its steps, and the seconds that they took."""
        store = self._store
        sec = store.timing[3 * index + 1]
        return store.attempt[index], self.branch_of(index), store.size[index], sec

    def rows(self, begin: int) -> Iterator[tuple[str, int, int]]:
        """Blocks from an index on, put together as long as their steps rise and the branch stays.

        As branch, and the first step and the one behind the last in `arrays`.
        """
        turns, end = self._store.turns, self._length
        following = bisect_right(turns, begin)
        starts = [begin, *turns[following : bisect_left(turns, end)]] if begin < end else []
        for start, behind in zip(starts, [*starts[1:], end], strict=False):
            first, last = self._store.begin(start), self._store.begin(behind)
            if first < last:
                yield self.branch_of(start), first, last

    def arrays(self) -> "tuple[Rising, NDArray[np.float32]]":
        """Return every step, shape [n], and its DRAWN_SIGNALS, shape [signals, n], in order."""
        return self._store.values.arrays(self._store.begin(self._length))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Steps: ...
    @overload
    def __getitem__(self, index: slice) -> list[Steps]: ...
    def __getitem__(self, index: int | slice) -> Steps | list[Steps]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        if index == self._length - 1 and self._last is not None:
            return self._last
        return self._made(index)

    def _made(self, index: int) -> Steps:
        store = self._store
        n = store.size[index]
        _, columns = self.arrays()
        values = columns[:, self._store.begin(index) : store.until[index]]
        cols = {name: row.tolist() for name, row in zip(DRAWN_SIGNALS, values, strict=True)}
        settings = [column[index] for column in store.settings]
        cols |= {name: [value] * n for name, value in zip(SETTINGS, settings, strict=True)}
        img_s, sec, epoch = store.timing[3 * index : 3 * index + 3]
        at = Place(self.branch_of(index), store.first[index], store.t[index], store.attempt[index])
        return Steps(at=at, n=n, cols=Columns(cols), img_s=img_s, sec=sec, epoch=epoch)

    @property
    def last(self) -> Steps | None:
        """The newest block, None when empty."""
        return self[self._length - 1] if self._length else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocks) or self._length != other._length:
            return NotImplemented if not isinstance(other, Blocks) else False
        return self._data() == other._data()

    def _data(self) -> list[object]:
        """Everything, so that it can be compared, with unknown numbers."""
        return [*self._store.data(self._length), self.arrays()[1].tobytes()]

    __hash__ = None  # type: ignore[assignment]


class RetracedBlocks(Blocks):
    """Blocks that go once more the way that others have gone; see `Retraced`."""

    __slots__ = ()

    @classmethod
    def of(cls, gone: Blocks, length: int) -> "RetracedBlocks":
        """Return the first so many of these blocks, ready to take the next ones of them."""
        return cls(gone._store, length)

    def append(self, block: Steps) -> "RetracedBlocks":
        """Return these blocks and the one that comes next."""
        return RetracedBlocks(self._store, self._length + 1)

    def plain(self) -> Blocks:
        """Return the same blocks, to go on from like from any other."""
        return Blocks(self._store, self._length)
