"""Events from lines that were only skimmed; blocks of steps, which most are, the quick way.

Decoding everything that a block says makes hundreds of Python numbers that nobody looks at. Here
only the signals that are drawn are made, and the last value of the settings that follow schedules.
"""

from typing import Any

import msgspec

from selffit.eventlog import kinds
from selffit.eventlog.batch import SETTINGS, last_of
from selffit.eventlog.batch import SKIMMED as SKIMMED
from selffit.eventlog.batch import STEPS as STEPS
from selffit.eventlog.decode import read
from selffit.eventlog.fields import Columns, fields_of
from selffit.eventlog.kinds import DRAWN_SIGNALS, Place
from selffit.eventlog.records import Unread

_Cols = msgspec.defstruct(
    "_Cols",
    [
        *((name, list[float | str]) for name in DRAWN_SIGNALS),
        *((name, msgspec.Raw) for name in SETTINGS),
    ],
)
_Data = msgspec.defstruct(
    "_Data",
    [
        *((key, Any, None) for _, key, _, _ in fields_of(kinds.Steps) if key != "cols"),
        ("cols", _Cols),
    ],
    kw_only=True,
)
_LINE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("_Line", [("d", _Data)]))
_RANGED = [(name, decode) for name, key, decode, _ in fields_of(kinds.Steps) if key != "cols"]


def event_of(line: Unread) -> kinds.Event | None:
    """Return the event of a line that was skimmed, None where its data are not what they can be.

    A block of steps has the drawn signals, and of lr, eps and alpha the last values.
    """
    found = _block(line) if line.k == STEPS else None
    if found is not None:
        return found
    record = read(line)
    return None if record is None else kinds.of_record(record)


def _block(line: Unread) -> kinds.Steps | None:
    """A block that is as a trainer writes it."""
    try:
        data = _LINE.decode(line.line).d
        cols = msgspec.structs.asdict(data.cols)
        for name in SETTINGS:
            cols[name] = [last_of(bytes(cols[name]))]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None  # also where one of them is missing, or is a text such as "NaN"
    ranged = {name: decode(getattr(data, name)) for name, decode in _RANGED}
    at = Place(line.b, line.s, line.t, line.a, line.stream)
    return kinds.Steps(at=at, cols=Columns(cols), **ranged)
