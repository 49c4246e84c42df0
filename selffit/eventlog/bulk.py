"""Many verified lines of a log as one item: those of kinds that are not decoded.

They come from `selffit.eventlog.survey`, which needs numpy; to know them one does not.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from selffit.eventlog.records import Unread

if TYPE_CHECKING:
    from selffit.eventlog.batch import Told
    from selffit.eventlog.survey import Block


class Lines(NamedTuple):
    """So many lines as they were written, without the newline of the last; `packed`: by zlib."""

    stream: str
    attempt: int
    number: int
    text: bytes
    packed: bool


class Bulk:
    """Verified lines of one stream, none of them decoded, with numbers that follow each other.

    The same as the `Unread` of each, which `line` and iteration make. `a`: attempt. `t`: wall
    clocks, `s`: steps, shape [lines]. `names`: kind and branch of each class of lines, `of`: the
    class of each line. `told`: what its blocks of steps tell, where that is known already.
    """

    told: "Told | None" = None
    __slots__ = ("_data", "_ends", "_starts", "a", "first_q", "names", "of", "s", "stream", "t")

    def __init__(self, block: "Block", begin: int, end: int) -> None:
        """The lines from one index of a block to another."""
        self.stream = block.stream
        self.a = block.attempt
        self.first_q = block.first_q + begin
        self.names = block.names
        self.of = block.of[begin:end]
        self.s = block.s[begin:end]
        self.t = block.t[begin:end]
        self._data = block.data
        self._starts = block.starts[begin:end]
        self._ends = block.ends[begin:end]

    def __len__(self) -> int:
        return len(self.of)

    def __iter__(self) -> Iterator[Unread]:
        return map(self.line, range(len(self)))

    def line(self, index: int) -> Unread:
        """One of the lines."""
        return self.place(index, self.raw(index))

    def place(self, index: int, line: bytes = b"") -> Unread:
        """What the head of one of the lines says."""
        kind, branch = self.names[self.of[index]]
        return Unread(
            line=line,
            stream=self.stream,
            a=self.a,
            q=self.first_q + index,
            t=float(self.t[index]),
            k=kind,
            b=branch,
            s=int(self.s[index]),
        )

    def raw(self, index: int) -> bytes:
        """The bytes of one of the lines, without its newline."""
        return self._data[self._starts[index] : self._ends[index]]

    def text(self) -> bytes:
        """The bytes of all lines, each with its newline."""
        return self._data[self._starts[0] : self._ends[-1] + 1]

    def lines(self, indices: list[int]) -> Lines:
        """All lines that are no blocks of steps, which are at these indices."""
        text = b"\n".join([self.raw(index) for index in indices])
        return Lines(self.stream, self.a, len(indices), text, False)

    def part(self, begin: int, end: int) -> "Bulk":
        """The lines from one index to another."""
        found = Bulk.__new__(Bulk)
        for name in ("stream", "a", "names", "_data"):
            setattr(found, name, getattr(self, name))
        found.first_q = self.first_q + begin
        for name in ("of", "s", "t", "_starts", "_ends"):
            setattr(found, name, getattr(self, name)[begin:end])
        return found

    def kinds(self) -> set[str]:
        """The kinds of its lines."""
        return {self.names[number][0] for number in set(self.of.tolist())}

    def of_kind(self, kind: str) -> list[int]:
        """The indices of the lines of a kind, in order."""
        classes = [number for number, name in enumerate(self.names) if name[0] == kind]
        found = self.of == classes[0]
        for number in classes[1:]:
            found |= self.of == number
        indices: list[int] = found.nonzero()[0].tolist()
        return indices


class Items(list[Any]):
    """What was read of a log, in order; `size`: how many lines and notices that is."""

    folded = 0  # lines in bulks, but for the first of each

    @property
    def size(self) -> int:
        """Lines and notices, each line of a bulk counted."""
        return len(self) + self.folded

    def append(self, item: Any) -> None:
        """Take one more."""
        super().append(item)
        if isinstance(item, Bulk):
            self.folded += len(item) - 1


def size_of(items: Sequence[Any]) -> int:
    """How many lines and notices some items are."""
    return items.size if isinstance(items, Items) else len(items)
