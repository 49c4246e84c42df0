"""What every kind of event declares: its name, what is critical, and what a reader keeps of it."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import msgspec

from selffit.eventlog.fields import encoded


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The flags of a kind.

    name: in the log. critical: on the disk before `emit` returns. listed: a line of the event list.
    important: comes first where there is little room for what happened.
    kept: the state of a run keeps every one ("all"), the newest ("newest") or none ("").
    on_branch: belongs to a step of a branch; what is done again after a resume is dropped.
    enough: so many of the newest are enough for a summary of the run, 0: it needs every one.
    streams: who writes it.
    """

    name: str
    critical: bool = False
    listed: bool = True
    important: bool = False
    kept: str = ""
    on_branch: bool = False
    enough: int = 0
    streams: tuple[str, ...] = ("trainer",)


def measurement(name: str, *, listed: bool, enough: int = 0) -> Kind:
    """Return the flags of something that was measured at a step of a branch."""
    return Kind(name=name, listed=listed, kept="all", on_branch=True, enough=enough)


class Place(NamedTuple):
    """Where and when an event happened, from the record around its data.

    branch; step: optimiser steps done; t: wall clock in seconds; attempt: from 1; stream: whose.
    """

    branch: str = "main"
    step: int = 0
    t: float = 0.0
    attempt: int = 0
    stream: str = "trainer"


NOWHERE = Place()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event: its data are its fields, `at` is where it happened.

    A new event need not say where it happens: its writer does.
    """

    KIND: ClassVar[Kind] = Kind(name="")
    at: Place = NOWHERE

    @property
    def branch(self) -> str:
        """The line of history on which it happened."""
        return self.at.branch

    @property
    def step(self) -> int:
        """The step at which it happened."""
        return self.at.step

    @property
    def t(self) -> float:
        """The wall clock at which it was logged, in seconds."""
        return self.at.t

    def data(self) -> dict[str, Any]:
        """Return its data as JSON has them, under the names of the log."""
        return encoded(self)


def today(event: Event, **fields: object) -> None:
    """Fill in what is called otherwise today than in the log that it was read from."""
    for name, value in fields.items():
        if getattr(event, name) != value:
            msgspec.structs.force_setattr(event, name, value)


class Unknown(Event, frozen=True, kw_only=True):
    """An event of a kind that this version does not know: kept, and listed with its fields."""

    KIND: ClassVar[Kind] = Kind(name="?")
    name: str = ""
    content: dict[str, Any] = {}

    def data(self) -> dict[str, Any]:
        """Return its data as they were logged."""
        return self.content
