"""What one line of an event log means: the record, and the reader's notices about a damaged log.

A line, always ASCII, always valid JSON for `jq`, in this field order:

    {"v":1,"a":3,"q":1841,"t":1790000000.120,"k":"steps","b":"main","s":12000,"d":{…},
     "r":"9f3c1a2b4d5e","c":"1a2b3c4d"}

    v  format version (1)
    a  attempt, from 1
    q  sequence number, from 1, gap-free per stream and attempt, across segments
    t  wall clock, seconds
    k  kind: every one is declared in `selffit.eventlog.kinds`
    b  branch ("main", a new one for each roll-back)
    s  step: optimiser steps done before the thing was measured (a probe at 0 is before training; a
       `steps` block with s=0, n=20 covers steps 0..19)
    d  data, by kind
    r  the run's id, as in its run.json (missing in logs from before there were ids)
    c  CRC-32 (zlib) of all bytes before `,"c":`

Non-finite numbers are the strings "NaN", "Infinity", "-Infinity": see `num`. Accuracies and
fractions are in [0, 1], pixel quantities (eps, alpha, delta) in units of [0, 1], times in seconds,
sizes in bytes. Unknown kinds and fields are kept and ignored. docs/event-log.md has all kinds.
"""

import math
from typing import Annotated, Any

import msgspec

FORMAT_VERSION = 1

# Bounds that keep a hostile line from overflowing an int64 column or a calendar date downstream.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Clock = Annotated[float, msgspec.Meta(ge=0, le=1e11)]

_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Record(msgspec.Struct, frozen=True):
    """One event, decoded, with every string cleaned.

    `stream` is the folder it was read from; it is not in the line.
    """

    v: int
    a: Count
    q: Count
    t: Clock
    k: str
    b: str
    s: Count
    d: dict[str, Any]
    stream: str = "trainer"
    r: str = ""


class Unread(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The head of a line whose data were not decoded, and the line: fields as those of `Record`."""

    line: bytes
    stream: str
    a: int
    q: int
    t: float
    k: str
    b: str
    s: int


class Notice(msgspec.Struct, frozen=True):
    """Something the reader found wrong with a log file.

    kind: "unreadable" (a folder or file of the log cannot be opened or read: what it holds is
    missing), "torn" (a file ends in half a line and is not written any more), "damaged" (a complete
    line, or a file, that is not what a writer made), "gap" (sequence numbers jump), "restarted"
    (the file shrank or was replaced and is read again from its start: whoever keeps state starts
    over with a new reader), "version" (written by a newer selffit: the rest of the file is left
    out), "elsewhere" (no fault: the attempt that wrote the file was begun in another folder, of
    which the one that is read is a copy). `file` is the name inside the stream's folder, `offset`
    in bytes.
    """

    kind: str
    stream: str
    file: str
    offset: int
    text: str


def num(value: object) -> float:
    """A JSON value as a float, NaN for what is none; never an error.

    Numbers, and the three named non-finite ones.
    """
    kind = type(value)
    if kind is float:  # mostly
        return value  # type: ignore[return-value]
    if kind is bool:
        return math.nan
    if isinstance(value, (int, float)):  # a union would be made anew every time
        try:
            return float(value)
        except OverflowError:  # an integer beyond 1.8e308
            return math.nan
    return _NAMED.get(value, math.nan) if isinstance(value, str) else math.nan
