"""That an error in monitoring ends monitoring, and never the training that is monitored."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class Guarded(Protocol):
    """Something that may be switched off, and knows what to do with an error of its own."""

    off: str

    def give_up(self, error: Exception) -> None:
        """Say it once, and be off from now on."""


S = TypeVar("S", bound=Guarded)
P = ParamSpec("P")
R = TypeVar("R")


def harmless(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R | None]:
    """Let an error in a method be said once; where its object is off, do nothing."""

    @functools.wraps(method)
    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if self.off:
            return None
        try:
            return method(self, *args, **kwargs)
        except Exception as error:  # whatever it is: the training is worth more than its log
            self.give_up(error)
            return None

    return guarded
