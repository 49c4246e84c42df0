"""The small network of the embedded recipes: two strided convolutions and a hidden layer.

It has no normalisation layers. The layout that is usual for adversarial training on MNIST (e.g.
Wong, Rice and Kolter 2020): catastrophic overfitting fits into half a minute on a CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.models.base import Network, Normalise
from selffit.models.image_conv import ImageConv, convolution_backward

HIDDEN = 100


class HalvingConv(ImageConv):
    """A 4×4 convolution with stride 2 and padding 1, computed as a 2×2 one on 2×2 blocks of pixels.

    The same sums in another order, up to rounding. On a CPU the usual kernel is
    slow for images of one channel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1)

    def laid_out(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W], H and W even, as blocks."""
        return _blocks(x)

    def maps(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Maps of half the images' size."""
        return F.conv2d(images, _small(weight), bias)

    def to_weights(
        self, g: Tensor, images: Tensor, weight: Tensor, mask: list[bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """The gradients of weight and bias, from that of the maps; mask: which of them."""
        _, small, bias = convolution_backward(
            g, images, _small(weight), (1, 1), (0, 0), [False, *mask]
        )
        return None if small is None else _large(small), bias


def _blocks(x: Tensor) -> Tensor:
    """The pixels of padded images [B,C,H,W] as channels of 2×2 blocks, [B,4C,H/2+1,W/2+1]."""
    padded = F.pad(x, (1, 1, 1, 1))
    count, channels, height, width = padded.shape
    if channels > 1 or x.dtype != torch.float32 or (torch.is_grad_enabled() and x.requires_grad):
        return F.pixel_unshuffle(padded, 2).contiguous(memory_format=torch.channels_last)
    # two pixels side by side stay so, and are moved as one number
    pairs = padded.reshape(count, height // 2, 2, width).view(torch.float64)
    return pairs.transpose(2, 3).contiguous().view(torch.float32).permute(0, 3, 1, 2)


def _small(weight: Tensor) -> Tensor:
    """Weights [O,C,4,4] as those of a 2×2 convolution of blocks, [O,4C,2,2]."""
    outputs, inputs = weight.shape[:2]
    blocks = weight.reshape(outputs, inputs, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4)
    small = blocks.reshape(outputs, 4 * inputs, 2, 2)
    return small.contiguous(memory_format=torch.channels_last)


def _large(small: Tensor) -> Tensor:
    """The way back from `_small`."""
    outputs, inputs = len(small), small.shape[1] // 4
    pixels = small.reshape(outputs, inputs, 2, 2, 2, 2).permute(0, 1, 4, 2, 5, 3)
    return pixels.reshape(outputs, inputs, 4, 4)


class Small(Network):
    """Convolutions 4×4, stride 2, with `width` and 2·`width` channels, then 100 hidden units."""

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, normalise: Normalise
    ) -> None:
        super().__init__()
        channels, height, columns = shape
        self.normalise = normalise
        self.conv1 = HalvingConv(channels, width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.relu2 = nn.ReLU(inplace=True)
        self.hidden = nn.Linear(2 * width * (height // 4) * (columns // 4), HIDDEN)
        self.relu3 = nn.ReLU(inplace=True)
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
