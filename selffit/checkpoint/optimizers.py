"""An optimiser taken apart into JSON and tensors, and put together again.

SGD, Adam, and others of their shape.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from itertools import chain
from typing import Any, Protocol

import msgspec
import torch
from torch import Tensor

from selffit.errors import UserError

# How an optimiser computes, not what: these stay as the running process has chosen them for its
# device.
_HOW = {"foreach", "fused", "capturable", "differentiable"}


class Optimizer(Protocol):
    """What is needed of one: torch's own have it, and the trainer's."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Settings and parameters."""

    @property
    def state(self) -> MutableMapping[Tensor, Any]:
        """What each parameter's steps have left."""


class Part(msgspec.Struct, frozen=True):
    """A parameter group, or the state of a parameter: plain values, and names of its tensors."""

    values: dict[str, Any]
    tensors: list[str]


class Structure(msgspec.Struct, frozen=True):
    """The optimiser but for its tensors.

    `sizes`: parameters of each group; `state` by number of the parameter.
    """

    kind: str
    sizes: list[int]
    groups: list[Part]
    state: dict[str, Part]

    def tensors(self) -> Iterator[tuple[str, int | None]]:
        """Name in the file of each tensor, and the number of the parameter it belongs to."""
        for index, group in enumerate(self.groups):
            yield from ((f"group.{index}.{name}", None) for name in group.tensors)
        for number, state in self.state.items():
            yield from ((f"state.{number}.{name}", int(number)) for name in state.tensors)


def take_apart(optimizer: Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The structure, ready for JSON, and the live tensors by name."""
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    states = {
        str(i): optimizer.state[p]
        for i, p in enumerate(_parameters(optimizer))
        if optimizer.state.get(p)
    }
    structure = Structure(
        type(optimizer).__name__,
        [len(group["params"]) for group in optimizer.param_groups],
        [_part(group) for group in groups],
        {number: _part(state) for number, state in states.items()},
    )
    named = {f"group.{i}": group for i, group in enumerate(groups)} | {
        f"state.{n}": s for n, s in states.items()
    }
    tensors = {
        f"{of}.{k}": v
        for of, values in named.items()
        for k, v in values.items()
        if isinstance(v, Tensor)
    }
    return msgspec.structs.asdict(structure) | {
        "groups": [msgspec.structs.asdict(part) for part in structure.groups],
        "state": {number: msgspec.structs.asdict(part) for number, part in structure.state.items()},
    }, tensors


def check(
    structure: Mapping[str, Any], saved: Mapping[str, Tensor], optimizer: Optimizer
) -> Structure:
    """The structure of an optimiser of the same kind, over parameters of the same shapes.

    Raises UserError where it is not one.
    """
    try:
        plan = msgspec.convert(structure, Structure)
        wanted = dict(plan.tensors())
    except (msgspec.ValidationError, ValueError) as fault:
        raise _misfit("state.json does not describe one") from fault
    if plan.kind != type(optimizer).__name__:
        raise _misfit(f"it is {plan.kind} there and {type(optimizer).__name__} here")
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    if plan.sizes != sizes or len(plan.groups) != len(sizes):
        raise _misfit(f"it has groups of {plan.sizes} parameters there and {sizes} here")
    if wanted.keys() != saved.keys():
        raise _misfit("its two files do not name the same tensors")
    parameters = dict(enumerate(_parameters(optimizer)))
    if strange := set(map(int, plan.state)) - parameters.keys():
        raise _misfit(f"it has a parameter {min(strange)}, which is not here")
    for name, number in wanted.items():
        shapes = [[]] if number is None else [[], list(parameters[number].shape)]
        if list(saved[name].shape) not in shapes:
            raise _misfit(
                f"{name} has the shape {list(saved[name].shape)} there and {shapes[-1]} here"
            )
    return plan


def put_together(plan: Structure, saved: Mapping[str, Tensor], optimizer: Optimizer) -> None:
    """Groups and states as saved. A parameter without state (no step done yet) has none again."""
    with torch.no_grad():
        for index, (part, group) in enumerate(
            zip(plan.groups, optimizer.param_groups, strict=True)
        ):
            values = part.values | {name: saved[f"group.{index}.{name}"] for name in part.tensors}
            group.update(
                {
                    name: _setting(group.get(name), v)
                    for name, v in values.items()
                    if name not in _HOW
                }
            )
        groups = chain.from_iterable(
            [group] * len(group["params"]) for group in optimizer.param_groups
        )
        for number, (parameter, group) in enumerate(
            zip(_parameters(optimizer), groups, strict=True)
        ):
            live = optimizer.state.pop(parameter, {})
            if (state := plan.state.get(str(number))) is not None:
                optimizer.state[parameter] = state.values | {
                    name: _state_tensor(
                        live.get(name), saved[f"state.{number}.{name}"], name, parameter, group
                    )
                    for name in state.tensors
                }


def _setting(live: object, value: Any) -> Any:
    """The value in the form the running optimiser uses: in its tensor, or a plain number."""
    if isinstance(live, Tensor):
        return live.copy_(value) if isinstance(value, Tensor) else live.fill_(value)
    if isinstance(value, Tensor) and isinstance(live, int | float):
        return value.item()
    return value


def _state_tensor(
    live: object, value: Tensor, name: str, parameter: Tensor, group: Mapping[str, Any]
) -> Tensor:
    if isinstance(live, Tensor) and (live.shape, live.dtype) == (value.shape, value.dtype):
        return live.copy_(value)
    if name == "step" and not (group.get("fused") or group.get("capturable")):
        # torch counts steps on the CPU unless the kernel reads the count itself
        return value.clone()
    if value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
    return value.to(parameter.device, copy=True)


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    return chain.from_iterable(group["params"] for group in optimizer.param_groups)


def _part(values: Mapping[str, Any]) -> Part:
    tensors = [name for name, value in values.items() if isinstance(value, Tensor)]
    return Part({name: value for name, value in values.items() if name not in tensors}, tensors)


def _misfit(what: str) -> UserError:
    return UserError(
        f"the checkpoint is not of this optimiser: {what}; use the settings that it was saved with"
    )
