"""Checkpoints of other people: state dicts in .pt files, loaded without running any of their code.

Accepted are a plain state dict and one under "state_dict", "model" or "net", with or without
"module." before every name. Names of the common public code for small images (the kuangliu layout,
with the last normalisation that the fast-AT codes add to PreActResNet18) become ours where only one
meaning is possible:

    linear.*, fc.*        → output.*
    *.shortcut.0.weight   → *.shortcut.weight   (PreActResNet18: the shortcut is one convolution)

torchvision's `downsample` is not mapped: such files do not tell whether a pooling layer follows the
first convolution.
"""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.models.base import Network

_WRAPPERS = ("state_dict", "model", "net")
_SHOWN = 4  # names of a kind in a message
_PREACT_SHORTCUT = re.compile(r"(layer[1-4]\.[01]\.shortcut)\.0\.weight")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pt file by name, on the CPU.

    Raises UserError for anything but tensors, names and wrappers.
    """
    shown = clean(str(path))
    try:
        # torch warns of formats that it refuses a moment later
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no file {shown}; check the path") from None
    except OSError as error:
        raise UserError(f"cannot read {shown}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{shown} is no pickle of tensors alone: loading it could run code that it brings "
            "along, so it is refused; save model.state_dict() where the network is at home, and "
            "give that file"
        ) from error
    # torch raises what it likes for a damaged file: RuntimeError, EOFError, KeyError …
    except Exception as error:
        raise UserError(
            f"{shown} cannot be read as a PyTorch file ({_line(error)}); is it whole?"
        ) from error
    while isinstance(content, dict) and (
        inner := next((k for k in _WRAPPERS if isinstance(content.get(k), dict)), "")
    ):
        content = content[inner]
    if not isinstance(content, dict) or not content:
        raise UserError(f"{shown} holds no state dict; save model.state_dict() and give that file")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            what = f"{clean(str(name))[:60]!r} is of type {type(value).__name__}"
            raise UserError(
                f"{shown} is no state dict of tensors by name: {what}; save model.state_dict() "
                "alone"
            )
    return _unwrapped(content)


def fill(model: Network, found: Mapping[str, Tensor], name: str) -> None:
    """Load other people's weights into a network of ours called `name`.

    What a file may lack: the input normalisation, which stays the network's, and counters of
    batches. Raises UserError that names what is missing, unexpected, or of another shape; the
    network is then unchanged.
    """
    live = model.state_dict()
    ours = _renamed(found, name)
    optional = {
        key for key in live if key.startswith("normalise.") or key.endswith(".num_batches_tracked")
    }
    missing = [key for key in live if key not in ours and key not in optional]
    unexpected = [key for key in ours if key not in live]
    shapes = [
        f"{key} is {_sides(value)} there and {_sides(live[key])} here"
        for key, value in ours.items()
        if key in live and value.shape != live[key].shape
    ]
    faults = [
        f"{what} {_listed(names)}"
        for what, names in (
            ("it lacks", missing),
            ("it has in addition", unexpected),
            ("shapes differ:", shapes),
        )
        if names
    ]
    if faults:
        raise UserError(
            f"the file does not hold a {name} as built here: {'; '.join(faults)}. "
            "Check --model, --width and the number of classes of --data"
        )
    with torch.no_grad():
        for key, value in ours.items():
            live[key].copy_(value)


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "module." if all(name.startswith("module.") for name in state) else ""
    return {name.removeprefix(prefix): value for name, value in state.items()}


def _renamed(found: Mapping[str, Tensor], model: str) -> dict[str, Tensor]:
    """Our names for theirs. Raises UserError where two of theirs would become one."""
    ours: dict[str, Tensor] = {}
    for name, value in found.items():
        first, dot, rest = name.partition(".")
        new = f"output.{rest}" if dot and first in ("linear", "fc") else name
        if model == "preact-resnet18" and (block := _PREACT_SHORTCUT.fullmatch(name)):
            new = f"{block[1]}.weight"
        if new in ours:
            raise UserError(f"the file has two tensors that could be {new}; rename or remove one")
        ours[new] = value
    return ours


def _listed(names: list[str]) -> str:
    shown = ", ".join(clean(name)[:80] for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _sides(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"


def _line(error: Exception) -> str:
    return clean((str(error).strip().splitlines() or [type(error).__name__])[0])[:160]
