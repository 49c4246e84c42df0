"""Network and optimiser to and from safetensors, bit for bit and in place.

Whatever device or memory format they have.
"""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from selffit.checkpoint import optimizers
from selffit.checkpoint.manifest import MODEL, OPTIMIZER
from selffit.checkpoint.optimizers import Optimizer
from selffit.errors import UserError


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file yet to be written, of tensors that nobody changes any more."""

    tensors: Mapping[str, Tensor]

    @property
    def size(self) -> int:
        """Bytes of all tensors; the file has some kB more."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def __call__(self, path: Path) -> None:
        """Write it at `path`. Raises OSError.

        Takes the slow way of 4-d tensors in channels_last to the format's plain order.
        """
        try:
            safetensors.torch.save_file(
                {name: t.contiguous() for name, t in self.tensors.items()}, path
            )
        except SafetensorError as fault:
            code = re.search(r"os error ([0-9]+)", str(fault))
            raise OSError(int(code[1]) if code else errno.EIO, str(fault)) from fault


def state_to_files(
    model_state: Mapping[str, Tensor], optimizer: Optimizer
) -> tuple[dict[str, TensorFile], dict[str, Any]]:
    """A copy of everything as it is now: two files, and the optimiser's structure for state.json.

    Only this copy in memory needs to hold up training: the files refer to no
    live tensor and may be written in another thread. Tied weights are written
    once for each name.
    """
    structure, tensors = optimizers.take_apart(optimizer)
    return {MODEL: TensorFile(_copy(model_state)), OPTIMIZER: TensorFile(_copy(tensors))}, structure


def not_finite(tensors: Mapping[str, Tensor]) -> str:
    """The name of a tensor with a value that is NaN or infinite; "" where all are finite."""
    return next(
        (name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()),
        "",
    )


def saved_not_finite(files: Mapping[str, bytes]) -> str:
    """The same of the tensors in a checkpoint's files. Raises UserError where they are none."""
    parts = (_load(files[name], name) for name in (MODEL, OPTIMIZER) if name in files)
    return next((found for part in parts if (found := not_finite(part))), "")


def load_model(data: bytes, model_state: Mapping[str, Tensor]) -> None:
    """Fill the live tensors of `model.state_dict()` from the bytes of model.safetensors.

    Raises UserError, before anything is changed, when names, shapes or dtypes differ.
    """
    saved = _load(data, MODEL)
    _check_model(saved, model_state)
    _fill(saved, model_state)


def restore(
    files: Mapping[str, bytes],
    structure: dict[str, Any],
    model_state: Mapping[str, Tensor],
    optimizer: Optimizer,
) -> None:
    """Network and optimiser as they were when saved.

    Raises UserError, with both unchanged, when they do not fit.
    Live tensors are filled, not replaced, where there are any (weights, the
    learning rate, momentum): captured graphs stay valid. New ones get the
    memory format and the device of their parameter.
    """
    if lost := [name for name in (MODEL, OPTIMIZER) if name not in files]:
        raise UserError(f"the checkpoint has no {lost[0]}; choose another one")
    network, state = _load(files[MODEL], MODEL), _load(files[OPTIMIZER], OPTIMIZER)
    _check_model(network, model_state)
    plan = optimizers.check(structure, state, optimizer)
    _fill(network, model_state)
    optimizers.put_together(plan, state, optimizer)


def _check_model(saved: Mapping[str, Tensor], live: Mapping[str, Tensor]) -> None:
    """Raises UserError unless every saved tensor has its place and every place its tensor."""
    if wrong := sorted(live.keys() ^ saved.keys()):
        where = "the network" if wrong[0] in saved else "the checkpoint"
        others = f", and {len(wrong) - 1} more names differ" if len(wrong) > 1 else ""
        raise _misfit(f"{where} has no '{wrong[0]}'{others}")
    first: dict[tuple[Any, ...], str] = {}
    for name, target in live.items():
        value = saved[name]
        if (value.shape, value.dtype) != (target.shape, target.dtype):
            raise _misfit(f"'{name}' is {_looks(value)} there and {_looks(target)} here")
        if not target.data_ptr():  # empty, or without memory as on the meta device
            continue
        tied = first.setdefault(
            (target.device, target.data_ptr(), target.shape, target.stride()), name
        )
        if tied != name and not torch.equal(_bits(saved[tied]), _bits(value)):
            raise _misfit(f"'{tied}' and '{name}' are one tensor here and two there")


def _fill(saved: Mapping[str, Tensor], live: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, target in live.items():
            target.copy_(saved[name])


def _looks(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _bits(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1).view(torch.uint8)


def _copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each in memory of its own, in the format it has: that is the quickest way."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}


def _load(data: bytes, name: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    # KeyError: a dtype that torch does not have
    except (SafetensorError, KeyError, ValueError) as fault:
        raise UserError(
            f"{name} of the checkpoint cannot be read ({fault}); choose another checkpoint"
        ) from fault


def _misfit(what: str) -> UserError:
    return UserError(
        f"the checkpoint is not of this network: {what}; use the model and width that it was saved "
        "from"
    )
