"""Every kind of event, declared once: one class a kind, its fields, and its flags.

The writer takes an object of these classes, a reader's record becomes such an object (`of_record`),
and the state, the event list, JSON output and docs/event-log.md are derived from the declarations.
A new kind is one class in one of these files and nothing else.
"""

from typing import Any

from selffit.eventlog.fields import decoded, shared
from selffit.eventlog.kinds import control, explaining, judged, life, measured
from selffit.eventlog.kinds.base import *
from selffit.eventlog.kinds.base import Event, Place, Unknown
from selffit.eventlog.kinds.control import *
from selffit.eventlog.kinds.explaining import *
from selffit.eventlog.kinds.judged import *
from selffit.eventlog.kinds.life import *
from selffit.eventlog.kinds.measured import *
from selffit.eventlog.records import Record


def _declared() -> dict[str, type[Event]]:
    """Every class of these files that names a kind, in the order in which they are written."""
    found: dict[str, type[Event]] = {}
    for file in (life, measured, explaining, judged, control):
        for value in vars(file).values():
            if isinstance(value, type) and issubclass(value, Event) and value.KIND.name:
                found[value.KIND.name] = value
    return found


KINDS = _declared()


def of_record(record: Record) -> Event:
    """Return the event that a record tells of; never an error, whatever its data hold."""
    at = Place(shared(record.b), record.s, record.t, record.a, record.stream)
    cls = KINDS.get(record.k)
    if cls is None:
        return Unknown(at=at, name=record.k, content=record.d)
    return decoded(cls, record.d, at=at)


def of_data(kind: str, data: dict[str, Any], at: Place) -> Event:
    """Return the event of a kind with these data, as they would be read from a log."""
    return of_record(Record(1, at.attempt, 0, at.t, kind, at.branch, at.step, data, at.stream))
