"""The small network of the embedded recipes: two strided convolutions and a hidden layer.

It has no normalisation layers. The layout that is usual for adversarial training on MNIST (e.g.
Wong, Rice and Kolter 2020): catastrophic overfitting fits into half a minute on a CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.models.base import Network, Normalise

HIDDEN = 100


class HalvingConv(nn.Conv2d):
    """A 4×4 convolution with stride 2 and padding 1, computed as a 2×2 one on 2×2 blocks of pixels.

    The same sums in another order, up to rounding. On a CPU the usual kernel is
    slow for images of one channel: back to the input it takes as long as the
    rest of the network.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W], H and W even → maps of half the size."""
        outputs, inputs = self.weight.shape[:2]
        blocks = F.pixel_unshuffle(F.pad(x, (1, 1, 1, 1)), 2).contiguous(
            memory_format=torch.channels_last
        )
        weight = self.weight.reshape(outputs, inputs, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4)
        weight = weight.reshape(outputs, 4 * inputs, 2, 2).contiguous(
            memory_format=torch.channels_last
        )
        return F.conv2d(blocks, weight, self.bias)


class Small(Network):
    """Convolutions 4×4, stride 2, with `width` and 2·`width` channels, then 100 hidden units."""

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, normalise: Normalise
    ) -> None:
        super().__init__()
        channels, height, columns = shape
        self.normalise = normalise
        self.conv1 = HalvingConv(channels, width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.relu2 = nn.ReLU()
        self.hidden = nn.Linear(2 * width * (height // 4) * (columns // 4), HIDDEN)
        self.relu3 = nn.ReLU()
        self.output = nn.Linear(HIDDEN, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] → logits [B,K]."""
        h = self.relu1(self.conv1(self.normalise(x)))
        h = self.relu2(self.conv2(h))
        h = self.relu3(self.hidden(torch.flatten(h, 1)))
        logits: Tensor = self.output(h)
        return logits

    def sites(self) -> dict[str, nn.Module]:
        """The activation behind each convolution."""
        return {"conv1": self.relu1, "conv2": self.relu2}
