"""Event data as compact ASCII JSON.

Quick for the usual numbers, careful for what JSON has no place for.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

# of data we write; deeper is shown as text, which also ends a structure that contains itself
_NESTING = 12


def _builtin(value: object) -> object:
    """Arrays, tensors and their scalars as lists and numbers; anything else as its text."""
    tolist = getattr(value, "tolist", None)
    return tolist() if callable(tolist) else str(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_builtin)


def to_json(data: Mapping[str, Any]) -> bytes:
    """The data as one ASCII JSON object. NaN and infinities become "NaN", "Infinity", "-Infinity".

    Raises nothing: what JSON cannot say is written as text.
    """
    try:
        raw = _ENCODER.encode(data if isinstance(data, dict) else dict(data))
    # lone surrogates are a ValueError
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _careful(data)
    # msgspec silently writes null for NaN and infinities, and UTF-8 for text: only then take the
    # slow way.
    return raw if raw.isascii() and b"null" not in raw else _careful(data)


def _careful(data: Mapping[str, Any]) -> bytes:
    plain = _plain(data, _NESTING)
    return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode(
        "ascii"
    )


def _plain(value: Any, levels: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _name(value)
    if isinstance(value, int):
        if value.bit_length() <= 1024:
            return int(value)
        return _name(math.inf if value > 0 else -math.inf)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and levels == 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, levels - 1) for item in value]
    other = _builtin(value)
    return (
        _plain(other, levels) if isinstance(other, bool | int | float | str | list) else str(value)
    )


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


@lru_cache(maxsize=256)
def quoted(text: str) -> bytes:
    """A kind or branch as an ASCII JSON string."""
    return json.dumps(text).encode("ascii")
