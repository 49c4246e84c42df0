"""Zeroed channels: maps of a layer that are set to zero, in training and in probes alike."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from selffit.models.base import Network


class Zeroing:
    """The zeroed channels of one network, by hooks at its sites that leave no trace."""

    def __init__(self, model: Network, device: torch.device) -> None:
        self._model = model
        self._device = device
        self._handles: list[RemovableHandle] = []
        self._zeroed: Mapping[str, Any] = {}
        self.version = 0  # rises with every change

    def set(self, zeroed: Mapping[str, Any]) -> None:
        """Zero exactly these from now on: {layer: {"channels": [int, …]}}.

        The same as before change nothing, so that a captured step stays valid.
        """
        if zeroed == self._zeroed:
            return
        self._zeroed = dict(zeroed)
        self.version += 1
        for handle in self._handles:
            handle.remove()
        sites = self._model.sites()
        hooks = [(sites[layer], self._zero(spec["channels"])) for layer, spec in zeroed.items()]
        self._handles = [site.register_forward_hook(hook) for site, hook in hooks]

    def _zero(self, channels: Sequence[int]) -> Any:
        index = torch.tensor(channels, dtype=torch.int64, device=self._device)

        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output.index_fill(1, index, 0.0)

        return hook


@contextmanager
def zeroing(model: Network, channels: Mapping[str, Sequence[int]]) -> Iterator[None]:
    """These channels of these sites are zero inside, on top of what is zeroed already.

    As {site: channels}.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    held = Zeroing(model, device)
    held.set({site: {"channels": indices} for site, indices in channels.items()})
    try:
        yield
    finally:
        held.set({})
