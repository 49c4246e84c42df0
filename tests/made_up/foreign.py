"""State dicts as public codes save them, of small random networks."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from selffit.models import build
from selffit.models.base import Network, own_tensors

SHAPE = (3, 32, 32)


class Settings(dict[str, object]):
    """A mapping with a class of its own, as packages for configurations have."""


def network(name: str = "preact-resnet18", **more: object) -> Network:
    """A narrow network of ours for small colour images; the same one every time."""
    torch.manual_seed(0)
    return build(name, shape=SHAPE, classes=10, width=4, **more)  # type: ignore[arg-type]


def theirs(name: str = "preact-resnet18", seed: int = 1, **more: object) -> dict[str, Tensor]:
    """The tensors of one, other numbers, under the names of the common public code."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in own_tensors(network(name, **more)).items():
        key = key.replace("output.", "linear.")
        if name == "preact-resnet18":
            key = re.sub(r"shortcut\.weight", "shortcut.0.weight", key)
        numbers = torch.rand(value.shape, generator=generator) + 0.5
        state[key] = numbers if value.is_floating_point() else value
    return state


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same under longer names."""
    return {prefix + key: value for key, value in state.items()}
