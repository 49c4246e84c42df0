"""Numbers by name, as a run measures them thousands of times: the names are kept once."""

from array import array
from collections.abc import Iterator, Mapping
from typing import Any

_MOST = 256  # different sets of names that are shared; a log of our writer has a dozen
_SHARED: dict[tuple[str, ...], dict[str, int]] = {}


class Numbers(Mapping[str, float]):
    """An immutable mapping of names to floats; as a dict it would take three times the memory."""

    __slots__ = ("_places", "_values")

    def __init__(self, numbers: Mapping[str, float]) -> None:
        names = tuple(numbers)
        places = _SHARED.get(names)
        if places is None:
            places = {name: place for place, name in enumerate(names)}
            if len(_SHARED) < _MOST:
                _SHARED[names] = places
        self._places = places
        self._values = array("d", numbers.values())

    def __getitem__(self, name: str) -> float:
        return self._values[self._places[name]]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the number of a name, the default where there is none."""
        place = self._places.get(name)
        return default if place is None else self._values[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Numbers) and self._places is other._places:
            return self._values.tobytes() == other._values.tobytes()  # an unknown number is itself
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self))
