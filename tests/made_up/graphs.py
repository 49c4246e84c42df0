"""Stands for a CUDA graph on a CPU: records what a step does, and does it again only if it is that.

A CUDA graph repeats the same kernels on the same addresses with the same numbers. So at a replay
the stand-in runs the step once more, and fails where a graph would have gone wrong in silence:
where an operation, a number in it, or the place of a tensor from outside is another one, and where
the step reads from the host.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from selffit.train.hostreads import HostReads, tensors_in


class Stale(AssertionError):
    """A graph would have used something old here."""


class _Tape(TorchDispatchMode):
    """The operations inside, each with its numbers and the places of tensors from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, ...]] = []
        self._made: dict[int, Tensor] = {}  # kept, so that no address comes back

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = (args, dict(kwargs or {}))
        self.operations.append((str(func), self._told(given)))
        result = func(*args, **(kwargs or {}))
        outside = {_storage(tensor) for tensor in tensors_in(given)} - self._made.keys()
        for tensor in tensors_in(result):
            if _storage(tensor) not in outside:  # a view, or what was changed in place
                self._made[_storage(tensor)] = tensor
        return result

    def _told(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            look = tuple(value.shape), value.stride(), value.dtype
            return look if _storage(value) in self._made else (*look, value.data_ptr())
        if isinstance(value, Mapping):
            return {name: self._told(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._told(part) for part in value]
        return type(value) if isinstance(value, torch.Generator) else repr(value)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


class StandIn:
    """The recording stand-in; `all` has every one that was made since it was emptied."""

    all: ClassVar[list["StandIn"]] = []

    def __init__(self, generator: torch.Generator, beside: object = None) -> None:
        self.warm_ups = self.replays = 0
        self._work: Callable[[], None] = lambda: None
        self._tape: list[tuple[Any, ...]] | None = None
        self.all.append(self)

    def warm_up(self, work: Callable[[], None]) -> None:
        work()
        self.warm_ups += 1

    def capture(self, work: Callable[[], None]) -> None:
        """Nothing is done: the first replay is the step that is recorded."""
        assert self._tape is None, "captured twice"
        self._work = work

    def replay(self) -> None:
        tape, reads = _Tape(), HostReads()
        with reads, tape:
            self._work()
        assert not reads.found, reads.found
        if self._tape is None:
            self._tape = tape.operations
        for number, (then, now) in enumerate(zip(self._tape, tape.operations, strict=False)):
            if then != now:
                raise Stale(f"operation {number} was {then} and is {now}")
        if len(tape.operations) != len(self._tape):
            raise Stale(f"{len(self._tape)} operations, and now {len(tape.operations)}")
        self.replays += 1
