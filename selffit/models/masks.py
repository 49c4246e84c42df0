"""Suppressed channels: the maps of a layer with some channels set to zero, in training and in
probes alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from selffit.models.base import Network


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
        hooks = [(sites[layer], self._mask(spec["channels"])) for layer, spec in suppressed.items()]
        self._handles = [site.register_forward_hook(hook) for site, hook in hooks]

    def _mask(self, channels: Sequence[int]) -> Any:
        index = torch.tensor(channels, dtype=torch.int64, device=self._device)

        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output.index_fill(1, index, 0.0)

        return hook


@contextmanager
def masked(model: Network, channels: Mapping[str, Sequence[int]]) -> Iterator[None]:
    """These channels of these sites are zero inside, {site: channels}, on top of what is suppressed
    already.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    masks = Masks(model, device)
    masks.set({site: {"channels": indices} for site, indices in channels.items()})
    try:
        yield
    finally:
        masks.set({})
