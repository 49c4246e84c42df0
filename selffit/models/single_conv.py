"""A single convolution and a linear layer: the smallest network known to overfit catastrophically.

Andriushchenko and Flammarion (2020, arXiv 2007.02617, section 4) watched it with four filters on
CIFAR-10: one filter that answers to edges only makes the network so nonlinear inside the budget
that its single step says nothing. Nothing but the first convolution can become dominant here.
"""

import torch
from torch import Tensor, nn

from selffit.models.base import Network, Normalise
from selffit.models.image_conv import ImageConv


class SingleConv(Network):
    """One 3×3 convolution with `width` filters, stride 1, then a linear layer on all of its maps.

    Weights start normal with variance 2/fan-in (He et al. 2015, eq. 10), biases at zero. The
    authors' code divides by the fan-out of the convolution instead; with 4 filters their standard
    deviation is .236 and this one's .272, for images of three channels.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, normalise: Normalise
    ) -> None:
        super().__init__()
        channels, height, columns = shape
        self.normalise = normalise
        self.conv1 = ImageConv(channels, width, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.output = nn.Linear(width * height * columns, classes)
        for layer in (self.conv1, self.output):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] → logits [B,K]."""
        logits: Tensor = self.output(torch.flatten(self.relu1(self.conv1(self.normalise(x))), 1))
        return logits

    def sites(self) -> dict[str, nn.Module]:
        """The activation behind the convolution."""
        return {"conv1": self.relu1}
