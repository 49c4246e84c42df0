"""Declared classes from logged JSON and back: one tolerant decoder, driven by the types of fields.

A log may hold anything. Whatever a line holds, decoding gives an object and never an error: what is
missing, of a wrong type, or impossible becomes what the field's type calls unknown. What is
possible stands in the type too: an int is a count, 0 or more, and `Signed`, `Share`, `Pixels` and
`Amount` have ranges of their own.

  float, Share, …       NaN                      Floats         an empty array of float32
  int, Signed           0                        bytes          b"" (lists of base64 strings)
  int | None, float | …  None                    tuple[X, ...]  only the entries that are an X
  str, str | None, …    "", None                 tuple[X, Y]    what the class gives by default
  bool                  False                    Part | None    None
  Mapping[str, float]   {} (NaN for an entry     Mapping[str, Any], Columns   {} (only lists)
                        that is no number)
"""

import math
import types
from array import array
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Annotated, Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from selffit.eventlog.numbered import Numbers
from selffit.eventlog.records import num

EMPTY: Mapping[str, Any] = {}
Floats = NewType("Floats", Sequence[float])  # an array("f"): float32, compact
Columns = NewType("Columns", Mapping[str, Any])  # lists by name, as they were logged
_NAME = 32  # characters of a name
NULL = "null"  # beside float: an unknown number is written as null, not as "NaN"


@dataclass(frozen=True)
class Range:
    """Beside a number: what it can be, the limits included."""

    low: float
    high: float


LARGEST = 2**53  # of whole numbers: beyond it not every one is a float
COUNT = Range(0, LARGEST)
Signed = Annotated[int, Range(-LARGEST, LARGEST)]
MaybeSigned = Annotated[int | None, Range(-LARGEST, LARGEST)]
Share = Annotated[float, Range(0, 1 + 1e-6)]  # an accuracy or another part of a whole, as rounded
Pixels = Annotated[float, Range(0, 2)]  # a budget or a step size, in pixels of [0, 1]
Amount = Annotated[float, Range(0, 1e15)]  # seconds, bytes, epochs, images a second
Unmeasured = Annotated[float, NULL]
UnmeasuredShare = Annotated[Share, NULL]
UnmeasuredAmount = Annotated[Amount, NULL]
Decode = Callable[[Any], Any]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A group of values inside the data of an event."""


P = TypeVar("P", bound=msgspec.Struct)


def whole(value: Any) -> int:
    """Return a logged value as an int, 0 when it is none."""
    number = num(value)
    return int(number) if abs(number) < 2**53 else 0


def maybe_step(value: Any) -> int | None:
    """Return a logged value as an int, None when it is none."""
    return None if value is None or num(value) != num(value) else whole(value)


def text(value: Any) -> str:
    """Return a logged value as text, '' when it is none."""
    return shared(value) if isinstance(value, str) else ""


def shared(value: str) -> str:
    """Return the same text, of which there is one where it is short: most are names, told often."""
    return intern(value) if len(value) <= _NAME and type(value) is str else value


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a logged value as a mapping, empty when it is none."""
    return value if isinstance(value, dict) else EMPTY


def items(value: Any) -> Sequence[Any]:
    """Return a logged value as a list, empty when it is none."""
    return value if isinstance(value, list | tuple) else ()


def numbers(value: Any) -> Mapping[str, float]:
    """Return a logged mapping with its values as numbers, NaN where one is none."""
    if not isinstance(value, Mapping) or not value:
        return EMPTY
    return Numbers({name: num(entry) for name, entry in value.items()})


def floats(value: Any) -> Floats:
    """Return a sequence as float32, NaN where an entry is no number; what is too large is cut."""
    entries = value if isinstance(value, array) else items(value)
    return Floats(array("f", [max(min(number, 3e38), -3e38) for number in map(num, entries)]))


def _columns(value: Any) -> dict[str, Any]:
    return {name: entries for name, entries in mapping(value).items() if isinstance(entries, list)}


def _pixels(rows: Any) -> bytes:
    try:
        strings = (row for row in items(rows) if isinstance(row, str))
        return b"".join(b64decode(row, validate=True) for row in strings)
    except ValueError:
        return b""


def _truth(value: Any) -> bool:
    return value is True


def _maybe_number(value: Any) -> float | None:
    number = num(value)
    return None if number != number else number


def _maybe_text(value: Any) -> str | None:
    return shared(value) if isinstance(value, str) else None


_PLAIN: dict[Any, Decode] = {
    float: num,
    int: whole,
    str: text,
    bool: _truth,
    bytes: _pixels,
    Floats: floats,
    Columns: _columns,
}
# a type of which a decoder changes nothing that is in range
_USUAL: dict[Decode, type] = {num: float, _maybe_number: float, whole: int, maybe_step: int}
_MAPPINGS: dict[Any, Decode] = {float: numbers, int: numbers, Any: mapping}
_OPTIONAL: dict[Any, Decode] = {
    int: maybe_step,
    float: _maybe_number,
    str: _maybe_text,
    bool: lambda value: value if isinstance(value, bool) else None,
}


def _of(kind: Any) -> Decode:
    """Return the decoder of one type of field. Raises TypeError for a type that no kind may use."""
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        ranges = [entry for entry in more if isinstance(entry, Range)]
        if ranges:
            return _within(ranges[0], _any_of(kind))
    decode = _any_of(kind)
    return _within(COUNT, decode) if kind in (int, int | None) else decode


def _within(range: Range, decode: Decode) -> Decode:
    """The same decoder, to which a number out of range is none."""
    low, high = range.low, range.high
    unknown = decode(None)
    usual = _USUAL.get(decode)

    def bounded(value: Any) -> Any:
        if type(value) is usual and low <= value < high:  # type: ignore[operator]
            return value  # nearly every one
        number = decode(value)
        return number if number is None or low <= number <= high else unknown

    return bounded


def _any_of(kind: Any) -> Decode:
    """Return the decoder of one type of field, for whatever is of that type."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType) and len(inside) == 2 and inside[1] is type(None):
        if _is_part(inside[0]):
            part = _of(inside[0])
            return lambda value: part(value) if isinstance(value, dict) else None
        return _OPTIONAL[inside[0]]
    if origin is tuple and len(inside) == 2 and inside[1] is Ellipsis:
        return _series(inside[0])
    if origin is tuple:
        return _fixed([_of(entry) for entry in inside])
    if origin is Mapping:
        return _MAPPINGS[inside[1]]
    if _is_part(kind):
        return lambda value: decoded(kind, mapping(value))
    if kind not in _PLAIN:
        raise TypeError(f"no field of an event can be of type {kind}")
    return _PLAIN[kind]


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _series(kind: Any) -> Decode:
    """A tuple of any length: entries of another type are left out."""
    one = _of(kind)
    asked = {str: str}.get(kind, dict if _is_part(kind) else object)
    return lambda value: tuple(one(entry) for entry in items(value) if isinstance(entry, asked))


def _fixed(each: Sequence[Decode]) -> Decode:
    """A tuple of given length; the field is left as it is declared where the list is of another."""

    def decode(value: Any) -> Any:
        entries = items(value)
        if len(entries) != len(each):
            return msgspec.UNSET
        return tuple(one(entry) for one, entry in zip(each, entries, strict=True))

    return decode


_FIELDS: dict[type, list[tuple[str, str, Decode, Any]]] = {}


def fields_of(cls: type[msgspec.Struct]) -> list[tuple[str, str, Decode, Any]]:
    """Return attribute, name in the log, decoder and annotation of every field that is logged."""
    found = _FIELDS.get(cls)
    if found is None:
        hints = get_type_hints(cls, include_extras=True)
        names = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
        found = [(name, key, _of(hints[name]), hints[name]) for name, key in names if name != "at"]
        _FIELDS[cls] = found
    return found


def decoded(cls: type[P], data: Mapping[str, Any], **more: Any) -> P:
    """Return the object of a class that logged data say, tolerantly; `more` are further fields."""
    get = data.get
    for name, key, usual, decode, missing in _READERS.get(cls) or _readers(cls):
        value = get(key)
        if value is None:
            value = missing
        elif type(value) is not usual:
            value = decode(value)
        if value is not msgspec.UNSET:
            more[name] = value
    return cls(**more)


# of every field attribute, name in the log, a type that stays as it is, decoder, and what null is
_READERS: dict[type, list[tuple[str, str, type | None, Decode, Any]]] = {}


def _readers(cls: type[msgspec.Struct]) -> list[tuple[str, str, type | None, Decode, Any]]:
    """What `decoded` needs of a class: worked out once."""
    as_it_is: dict[Decode, type] = {num: float, _truth: bool}
    found = [
        (name, key, as_it_is.get(decode), decode, decode(None))
        for name, key, decode, _ in fields_of(cls)
    ]
    _READERS[cls] = found
    return found


_Plan = tuple[list[tuple[str, str]], list[tuple[str, Callable[[Any], Any]]]]
_PLANS: dict[type[msgspec.Struct], _Plan] = {}


def encoded(value: msgspec.Struct) -> dict[str, Any]:
    """Return the JSON-able data of an object, under the names of the log, in the order of fields.

    Numbers may be NaN or infinite; an unknown one that is `Unmeasured` is None.
    """
    names, encoders = _plan(type(value))
    data = {key: getattr(value, name) for name, key in names}
    for key, encode in encoders:
        data[key] = encode(data[key])
    return data


def _plan(cls: type[msgspec.Struct]) -> _Plan:
    """Every field's name and its name in the log, and what is done to some: worked out once."""
    plan = _PLANS.get(cls)
    if plan is None:
        fields = fields_of(cls)
        encoders = [(key, _encoder(kind)) for _, key, _, kind in fields if not _as_it_is(kind)]
        plan = _PLANS[cls] = ([(name, key) for name, key, _, _ in fields], encoders)
    return plan


# Columns are long, and plain
_AS_IT_IS = (float, int, str, bool, Columns, float | None, int | None, str | None, bool | None)


def _as_it_is(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        return kind in _AS_IT_IS and NULL not in more
    return kind in _AS_IT_IS


def _encoder(kind: Any) -> Callable[[Any], Any]:
    return _unless_nan if get_origin(kind) is Annotated and NULL in get_args(kind) else plain


def _unless_nan(number: Any) -> Any:
    return None if number != number else plain(number)


def plain(value: Any) -> Any:
    """Return a value of a field as JSON has it: objects, tuples and arrays as dicts and lists."""
    kind = type(value)
    if kind is float or kind is str or kind is int:
        return value
    if isinstance(value, msgspec.Struct):
        own = getattr(value, "data", None)
        return own() if own is not None else encoded(value)
    if isinstance(value, array):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    return value


def without_nan(value: Any) -> Any:
    """Return JSON-able data for a reader of plain JSON, which has no NaN: null for what is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: without_nan(entry) for name, entry in value.items()}
    return [without_nan(entry) for entry in value] if isinstance(value, list) else value
