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


class Masks:
    """Which of several sets of channels is zeroed, image by image: `which` [B] before each pass."""

    which: Tensor

    def __init__(self, sets: Sequence[Mapping[str, Sequence[int]]], channels: Mapping[str, int]):
        """sets: {site: channels} each. channels: how many there are at each site."""
        touched = dict.fromkeys(site for zeroed in sets for site in zeroed)
        self._zero = {site: torch.zeros(len(sets), channels[site]).bool() for site in touched}
        for number, zeroed in enumerate(sets):
            for site, indices in zeroed.items():
                self._zero[site][number, list(indices)] = True

    @contextmanager
    def on(self, model: Network) -> Iterator[None]:
        """The network zeroes them inside, on top of what is zeroed already."""
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        sites = model.sites()
        handles = [
            sites[site].register_forward_hook(self._hook(zero.to(device)))
            for site, zero in self._zero.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, zero: Tensor) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output.masked_fill(zero[self.which][:, :, None, None], 0.0)

        return hook
