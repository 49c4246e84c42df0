"""The small network of the embedded recipes: two strided convolutions and a hidden layer, no normalisation layers.

The layout that is usual for adversarial training on MNIST (e.g. Wong, Rice and
Kolter 2020): catastrophic overfitting fits into half a minute on a CPU.
"""

import torch
from torch import Tensor, nn

from selffit.models.base import Network, Normalise

HIDDEN = 100


class Small(Network):
    """Convolutions 4×4, stride 2, with `width` and 2·`width` channels, then 100 hidden units."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int, normalise: Normalise) -> None:
        super().__init__()
        channels, height, columns = shape
        self.normalise = normalise
        self.conv1 = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.relu2 = nn.ReLU()
        self.hidden = nn.Linear(2 * width * (height // 4) * (columns // 4), HIDDEN)
        self.relu3 = nn.ReLU()
        self.output = nn.Linear(HIDDEN, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu1(self.conv1(self.normalise(x)))
        h = self.relu2(self.conv2(h))
        h = self.relu3(self.hidden(torch.flatten(h, 1)))
        return self.output(h)

    def sites(self) -> dict[str, nn.Module]:
        return {"conv1": self.relu1, "conv2": self.relu2}
