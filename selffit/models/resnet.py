"""ResNet-18 for small images (He et al. 2016): 3×3 stem, no max-pooling."""

from torch import Tensor, nn

from selffit.models.base import Network, Normalise
from selffit.models.image_conv import ImageConv


def conv3x3(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    """A 3×3 convolution that keeps the size, but for its stride."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class Block(nn.Module):
    """Two 3×3 convolutions around a shortcut; the activation follows the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(outputs, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B,C,H,W] → maps, of another size where the block strides."""
        h = self.relu1(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        active: Tensor = self.relu2(h + self.shortcut(x))
        return active


class ResNet18(Network):
    """Four stages of two blocks with 1, 2, 4 and 8 times `width` channels (the literature: 64)."""

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, normalise: Normalise
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.conv1 = ImageConv(shape[0], width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(Block(4 * width, 8 * width, 2), Block(8 * width, 8 * width, 1))
        self.output = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] → logits [B,K]."""
        h = self.relu(self.bn1(self.conv1(self.normalise(x))))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        logits: Tensor = self.output(h.mean(dim=(2, 3)))
        return logits

    def sites(self) -> dict[str, nn.Module]:
        """The activation behind each convolution."""
        found: dict[str, nn.Module] = {"conv1": self.relu}
        for name, block in self.named_modules():
            if isinstance(block, Block):
                found[f"{name}.conv1"] = block.relu1
                found[f"{name}.conv2"] = block.relu2
        return found
