"""A mapping that only grows and has value semantics: the newest value by key.

As `History`, for mappings: all versions share one buffer, which remembers of every value when it
was set, and each version knows how many of these changes are its own. Setting a value costs O(1).
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Buffer(Generic[K, V]):
    """The changes of all versions: for every key the values that it had, and since which change."""

    def __init__(self) -> None:
        self.values: dict[K, list[tuple[int, V]]] = {}
        self.changes = 0

    def set(self, key: K, value: V) -> None:
        self.values.setdefault(key, []).append((self.changes, value))
        self.changes += 1


class Latest(Mapping[K, V]):
    """An immutable mapping; `with_value` returns the next version and leaves this one alone."""

    __slots__ = ("_buffer", "_changes", "_keys")

    def __init__(self) -> None:
        """An empty mapping."""
        self._buffer: _Buffer[K, V] = _Buffer()
        self._changes = 0
        self._keys = 0

    def with_value(self, key: K, value: V) -> "Latest[K, V]":
        """Return this mapping with another value of a key."""
        following: Latest[K, V] = Latest()
        following._buffer = self._buffer
        # somebody continued from here already: this is another line of history
        if self._buffer.changes != self._changes:
            following._buffer = _Buffer()
            for known, what in self.items():
                following._buffer.set(known, what)
        following._keys = self._keys + (key not in self)
        following._buffer.set(key, value)
        following._changes = following._buffer.changes
        return following

    def __getitem__(self, key: K) -> V:
        for change, value in reversed(self._buffer.values.get(key, ())):
            if change < self._changes:
                return value
        raise KeyError(key)

    def __iter__(self) -> Iterator[K]:
        """The keys, in the order in which they came; a copy, since others may add to the buffer."""
        return iter([key for key in list(self._buffer.values) if key in self])

    def __len__(self) -> int:
        return self._keys

    def __repr__(self) -> str:
        return f"Latest({dict(self)!r})"
