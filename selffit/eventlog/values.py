"""Logged values as the types that the reducer keeps: whatever a line holds, never an error."""

from array import array
from collections.abc import Mapping
from typing import Any

from selffit.eventlog.records import num

EMPTY: Mapping[str, Any] = {}


def whole(value: Any) -> int:
    """A logged value as an int, 0 when it is none."""
    number = num(value)
    return int(number) if abs(number) < 2**53 else 0


def maybe_step(value: Any) -> int | None:
    """A logged value as a step, None when it is none."""
    return None if value is None or num(value) != num(value) else whole(value)


def text(value: Any) -> str:
    """A logged value as text, '' when it is none."""
    return value if isinstance(value, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """A logged value as a mapping, empty when it is none."""
    return value if isinstance(value, dict) else EMPTY


def items(value: Any) -> list[Any]:
    """A logged value as a list, empty when it is none."""
    return value if isinstance(value, list) else []


def numbers(value: Any) -> dict[str, float]:
    """A logged mapping with its values as numbers, NaN where one is none."""
    return {name: num(entry) for name, entry in mapping(value).items()}


def floats(value: Any) -> "array[float]":
    """A logged list as float32, NaN where an entry is no number; what is too large is cut."""
    return array("f", [max(min(number, 3e38), -3e38) for number in map(num, items(value))])
