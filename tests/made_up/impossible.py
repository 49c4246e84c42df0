"""Well-formed records whose values cannot be: every field of every kind, one nasty value each.

Kinds and their fields come from the declarations, so a new kind is covered by being declared.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from made_up import rollback
from selffit.eventlog.fields import fields_of, plain
from selffit.eventlog.kinds import KINDS, Event
from selffit.eventlog.records import Record

Path = tuple[str | int, ...]  # to a value inside the data of a record

LAST = ("seal", "end", "sup.exit")  # kinds after which nothing comes
NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    -3,
    0.5,
    2**31,
    2**53,
    2**64,
    10**400,
    1e308,
    -1e308,
    5e-324,
    "NaN",
    "Infinity",
    "-Infinity",
    float("nan"),
    "",
    "no such word",
    "-1",
    "\ud800\x1b[2J",
    "x" * 2000,
    [],
    [None],
    [-1, "NaN", {}, [], 1e308],
    [0.5] * 5000,
    [[0.5]] * 3,
    {},
    {"": {"": []}},
    {"step": -1, "name": -1, "eps": "x", "n": 1e308},
)


def context() -> list[Record]:
    """A run in which every declared kind occurs: few records of each, in the order of a log."""
    records = rollback.rolled_back().records
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        places[record.k, record.b].append(place)
    few = sorted({place for found in places.values() for place in (*found[:1], *found[-2:])})
    chosen = [records[place] for place in few]
    there = {record.k for record in chosen}
    start = next(place for place, record in enumerate(chosen) if record.k == "run.start")
    made = {
        name: made_record(cls, chosen[-1 if name in LAST else start])
        for name, cls in KINDS.items()
        if name not in there
    }
    early = [record for name, record in made.items() if name not in LAST]
    late = [record for name, record in made.items() if name in LAST]
    return [*chosen[: start + 1], *early, *chosen[start + 1 :], *late]


def made_record(cls: type[Event], like: Record) -> Record:
    """A record of a kind with a plausible value in every field, at the place of another record."""
    stream = cls.KIND.streams[0]
    return Record(1, like.a, like.q, like.t, cls.KIND.name, like.b, like.s, sample(cls), stream)


def sample(cls: type[msgspec.Struct]) -> dict[str, Any]:
    """Data for every field of a class: what decoding makes of some of each type, as JSON."""
    tries: tuple[Any, ...] = (1, "word", {"word": 1}, [1.0, 1.0, 1.0], ["word"], [{}], True)
    data: dict[str, Any] = {}
    for _, key, decode, _ in fields_of(cls):
        found = (decode(value) for value in tries)
        real = [value for value in found if value is not msgspec.UNSET and value]
        data[key] = plain(real[0]) if real else None
    return data


def paths(value: Any, so_far: Path = ()) -> Iterator[Path]:
    """The places of JSON data: every field, of lists and of what is no field the first entry."""
    if so_far:
        yield so_far
    if isinstance(value, dict):
        same = len({type(inner) for inner in value.values()}) == 1 and len(value) > 3
        for key in list(value)[: 1 if same and so_far else None]:
            yield from paths(value[key], (*so_far, key))
    elif isinstance(value, list) and value:
        yield from paths(value[0], (*so_far, 0))


def changed(data: Any, path: Path, value: Any) -> Any:
    """A copy of JSON data with another value at one place."""
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def with_data(record: Record, data: dict[str, Any]) -> Record:
    """The same record with other data."""
    return msgspec.structs.replace(record, d=data)


def elsewhere(record: Record) -> Iterator[Record]:
    """The same data at a place that cannot be, as far as the decoder lets such a line through."""
    for name, values in (
        ("s", (0, 1, 2**53)),
        ("a", (0, 2, 2**53)),
        ("t", (0.0, 1e11)),
        ("b", ("", "no such branch", "b" * 2000)),
        ("stream", ("supervisor", "other")),
    ):
        for value in values:
            yield msgspec.structs.replace(record, **{name: value})


def mutants(record: Record) -> Iterator[list[Record]]:
    """Mutations of a record, field by field: with each nasty value, without it, elsewhere."""
    for path in paths(record.d):
        yield [with_data(record, changed(record.d, path, value)) for value in NASTY]
    rest = [{name: v for name, v in record.d.items() if name != key} for key in record.d]
    yield [with_data(record, data) for data in (*rest, {})]
    yield list(elsewhere(record))


def runs_of(kind: str, alone: bool) -> Iterator[Sequence[Record]]:
    """Runs in which a record of one kind is followed by mutations of it.

    All those of one field together, the last one another for each field; or each `alone`.
    """
    items = context()
    place = max(place for place, record in enumerate(items) if record.k == kind)
    for index, some in enumerate(mutants(items[place])):
        turn = index % len(some)
        for chosen in [[one] for one in some] if alone else [[*some[turn:], *some[:turn]]]:
            yield [*items[: place + 1], *chosen, *items[place + 1 :]]
