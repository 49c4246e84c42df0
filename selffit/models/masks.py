"""Suppressed channels: the maps of a layer with some channels set to zero, in training and in probes alike."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from selffit.models import Network


class Masks:
    """The suppression of one network, attached by hooks at its sites and removable without a trace."""

    def __init__(self, model: Network, device: torch.device) -> None:
        self._model, self._device = model, device
        self._handles: list[RemovableHandle] = []

    def set(self, suppressed: Mapping[str, Any]) -> None:
        """Mask exactly these from now on: {layer: {"channels": [int, …], "mode": "mask"}}."""
        for handle in self._handles:
            handle.remove()
        sites = self._model.sites()
        self._handles = [
            sites[layer].register_forward_hook(self._mask(spec["channels"])) for layer, spec in suppressed.items()
        ]

    def _mask(self, channels: list[int]) -> Any:
        index = torch.tensor(channels, device=self._device)

        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output.index_fill(1, index, 0.0)

        return hook
