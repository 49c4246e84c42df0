"""An append-only list with value semantics: what the reducer keeps of a run's past.

Every state of a run shares one buffer and remembers only how long its own prefix is, so appending
costs O(1) and an older state (a replay cursor, the state that a screen is drawing) stays what it
was.
"""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class History(Sequence[T], Generic[T]):
    """An immutable sequence; `append` returns the longer one and leaves this one alone."""

    __slots__ = ("_buffer", "_length")

    def __init__(self, buffer: list[T] | None = None, length: int | None = None) -> None:
        self._buffer: list[T] = [] if buffer is None else buffer
        self._length = len(self._buffer) if length is None else length

    def append(self, item: T) -> "History[T]":
        """This history and one more item."""
        buffer = self._buffer
        # somebody continued from here already: this is another line of history
        if len(buffer) != self._length:
            buffer = buffer[: self._length]
        buffer.append(item)
        return History(buffer, self._length + 1)

    def shares(self, other: "History[T]") -> bool:
        """Whether one of the two begins with the other, known without comparing items."""
        return self._buffer is other._buffer

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._buffer[i] for i in range(*index.indices(self._length))]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        return self._buffer[index]

    def __iter__(self) -> Iterator[T]:
        for index in range(self._length):
            yield self._buffer[index]

    @property
    def last(self) -> T | None:
        """The newest item, None when empty."""
        return self._buffer[self._length - 1] if self._length else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self._length == other._length and all(
            a == b for a, b in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({list(self)!r})"


class Retraced(History[T]):
    """A history that goes once more the way that one which begins like it has gone.

    `append` takes the item that comes next there, whatever it is given: for whoever folds the same
    items again, and must neither copy them nor touch the buffer that others add to.
    """

    __slots__ = ()

    @classmethod
    def of(cls, gone: History[T], length: int) -> "Retraced[T]":
        """Return the first so many items of a history, ready to take the next ones of it."""
        return cls(gone._buffer, length)

    def append(self, item: T) -> "Retraced[T]":
        """Return this history and the item that comes next."""
        return Retraced(self._buffer, self._length + 1)

    def plain(self) -> History[T]:
        """Return the same items as a history like any other."""
        return History(self._buffer, self._length)
