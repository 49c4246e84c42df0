"""What every network of the project offers: normalised input, and sites to watch channels at."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from selffit.errors import UserError
from selffit.models.image_conv import image_only


class Normalise(nn.Module):
    """(x - mean)·scale, per channel or with one number for all channels.

    A part of the network, so that attacks and budgets live in pixel units of
    [0,1]. Raises UserError where the count of numbers does not fit the image.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, channels: int, mean: float | Sequence[float], scale: float | Sequence[float]
    ) -> None:
        super().__init__()
        for name, value in (("mean", mean), ("scale", scale)):
            numbers = torch.tensor(value, dtype=torch.float32).reshape(-1)
            if len(numbers) not in (1, channels):
                raise UserError(
                    f"input {name} has {len(numbers)} numbers; the images have {channels} "
                    f"channel(s); give --input-{name} one number, or one a channel"
                )
            self.register_buffer(name, numbers.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] in [0,1], normalised."""
        return (x - self.mean) * self.scale


_NORMALISE = "normalise."


def own_tensors(model: nn.Module) -> dict[str, Tensor]:
    """A network's tensors by name, but for its input normalisation."""
    state: dict[str, Tensor] = model.state_dict()
    return {k: value for k, value in state.items() if not k.startswith(_NORMALISE)}


class Network(nn.Module):
    """A classifier: x float32 [B,C,H,W] in [0,1] → logits [B,K].

    passes: a quicker way to its input gradients where there is one, see `methods.gradient`.
    """

    passes: Any = None

    def image_only(self) -> AbstractContextManager[None]:
        """Graphs made inside lead to the image, and need not lead to all weights."""
        return image_only(self)

    def sites(self) -> dict[str, nn.Module]:
        """Modules in forward order whose output [B,C,H,W] is the map of one convolution layer.

        That is its map after normalisation and activation, under the layer's
        name. A residual block's last convolution has no activation of its own:
        its site is the activation that follows the sum.
        """
        raise NotImplementedError
