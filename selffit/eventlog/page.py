"""The page that documents the log, made from the declared kinds: `python -m selffit.eventlog.page`.

Prints docs/event-log.md; a test says when that file is out of date.
"""

import inspect
import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from selffit.eventlog.fields import NULL, Columns, Floats, fields_of
from selffit.eventlog.kinds import KINDS, Event

_FIELD = re.compile(r"^(\w+): (.*)")
_HEAD = """# The event log

Made from the declarations in `selffit/eventlog/kinds`; change those, then run
`uv run python -m selffit.eventlog.page > docs/event-log.md`.

A run is a directory, and everything that happened to it is in its log: files of lines under
`RUN/log/trainer` (the trainer's stream) and `RUN/log/supervisor`, named `ATTEMPT-SEGMENT.jsonl`.
(`ATTEMPT-SEGMENT.brief` beside a file, and `RUN/ended`, spare viewers the reading; they are no
part of the log, and may be deleted.)
A line, always ASCII, always valid JSON for `jq`, in this order of fields:

```json
{"v":1,"a":3,"q":1841,"t":1790000000.120,"k":"probe.robust","b":"main","s":12000,"d":{},"r":"9f3c1a2b4d5e","c":"1a2b3c4d"}
```

| field | meaning |
| --- | --- |
| `v` | format version, 1; a higher one is refused with a clear message |
| `a` | attempt, from 1: one start of the trainer |
| `q` | sequence number from 1, without gaps in a stream and attempt, across segments |
| `t` | wall clock, in seconds |
| `k` | kind, see below |
| `b` | branch: "main", and a new one for each roll-back |
| `s` | step: optimiser steps done before the thing was measured (a probe at 0 is before training) |
| `d` | data, by kind |
| `r` | id of the run, as in its `run.json`; missing in logs from before there were ids |
| `c` | CRC-32 (zlib) of all bytes before `,"c":`, as eight hexadecimal digits |

Non-finite numbers are the strings "NaN", "Infinity" and "-Infinity". Accuracies and shares are in
[0, 1], pixel quantities (eps, alpha, delta) in units of [0, 1], times in seconds, sizes in bytes.
Readers keep unknown kinds, ignore unknown fields, and take what is missing or of a wrong type as
unknown.

Marks of a kind: **critical**: on the disk before training goes on. **listed**: a line of the event
list. **kept**: the state of a run keeps every one, or the newest. **by branch**: belongs to a step
of a branch; what is done again after a resume is dropped.

Before version 0.2 the alert level *suspect* was called watch, and zeroing channels was called
suppress; readers understand both.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for stream in ("trainer", "supervisor"):
        mine = [cls for cls in KINDS.values() if _home(cls) == stream]
        parts += [f"## The {stream}'s stream\n", *map(_section, mine)]
    return "\n".join(parts).rstrip() + "\n"


def _home(cls: type[Event]) -> str:
    return "trainer" if "trainer" in cls.KIND.streams else "supervisor"


def _section(cls: type[Event]) -> str:
    summary, told = described(cls)
    rows = [f"| `{key}` | {_type(hint)} | {told[key]} |" for _, key, _, hint in fields_of(cls)]
    table = ["", "| field | type | meaning |", "| --- | --- | --- |", *rows] if rows else []
    return "\n".join([f"### {cls.KIND.name}", "", summary, "", _marks(cls), *table, ""])


def _marks(cls: type[Event]) -> str:
    kind = cls.KIND
    marks = {
        "critical": kind.critical,
        "listed": kind.listed,
        f"kept ({kind.kept})": bool(kind.kept),
        "by branch": kind.on_branch,
        "in both streams": len(kind.streams) > 1,
    }
    said = [mark for mark, on in marks.items() if on]
    return f"*{', '.join(said)}*" if said else "*no marks*"


def described(cls: type[msgspec.Struct]) -> tuple[str, Mapping[str, str]]:
    """Return the summary of a kind, and what its docstring says of each field that is logged."""
    lines = (inspect.getdoc(cls) or "").split("\n")
    told: dict[str, str] = {}
    name = ""
    for line in lines[1:]:
        match = _FIELD.match(line)
        if match:
            name = match[1]
            told[name] = match[2]
        elif name and line.startswith("  "):
            told[name] += " " + line.strip()
    return lines[0], told


def _type(hint: Any) -> str:
    """Return a type as people read it in a table."""
    if get_origin(hint) is Annotated:
        base = _type(get_args(hint)[0])
        return f"{base} or null" if NULL in get_args(hint) else base
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return f"{_type(inside[0])} or null"
    if origin is tuple:
        return f"list of {_type(inside[0])}"
    if hint is Columns:
        return "object of lists"
    if hint is Floats:
        return "list of number"
    if origin is Mapping:
        return "object"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "object"
    names = {float: "number", int: "integer", str: "text", bool: "true or false", bytes: "text"}
    return names[hint]


if __name__ == "__main__":
    print(page(), end="")
