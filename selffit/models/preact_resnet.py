"""PreAct ResNet-18 for small images (He et al. 2016, "Identity mappings"), usual in fast AT.

Two networks go by this name, and some lack the last normalisation; all have the same tensors under
the same names:

- `activated`: a projecting shortcut sees the block's input after normalisation and activation, as
  in the paper and in the code that most public ones descend from.
- `raw`: it sees the block's input as it is. So do the codes of fast adversarial training
  (fast_adversarial, N-FGSM, understanding-fast-adv-training) and what was trained with them.
"""

from torch import Tensor, nn

from selffit.errors import UserError
from selffit.models.base import Network, Normalise
from selffit.models.catalogue import SHORTCUTS
from selffit.models.image_conv import ImageConv
from selffit.models.resnet import conv3x3


class PreActBlock(nn.Module):
    """Normalise and activate before each 3×3 convolution; nothing after the sum.

    raw: a shortcut that projects does so with the block's input before it is normalised.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, raw: bool) -> None:
        super().__init__()
        self.raw = raw
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(outputs, outputs, 1)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B,C,H,W] → maps, of another size where the block strides."""
        active = self.relu1(self.bn1(x))
        kept = x if self.shortcut is None else self.shortcut(x if self.raw else active)
        h = self.conv1(active)
        changed: Tensor = self.conv2(self.relu2(self.bn2(h)))
        return changed + kept


class PreActResNet18(Network):
    """Four stages of two blocks with 1, 2, 4 and 8 times `width` channels (the literature: 64).

    shortcut: "raw" or "activated", what projecting shortcuts see. final_bn: normalise and activate
    the sum of the last block before it is averaged.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        width: int,
        normalise: Normalise,
        *,
        shortcut: str = "activated",
        final_bn: bool = True,
    ) -> None:
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise UserError(f"unknown shortcut '{shortcut}'; valid: {', '.join(SHORTCUTS)}")

        def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
            raw = shortcut == "raw"
            return nn.Sequential(
                PreActBlock(inputs, outputs, stride, raw=raw),
                PreActBlock(outputs, outputs, 1, raw=raw),
            )

        self.normalise = normalise
        self.conv1 = ImageConv(shape[0], width, 3, padding=1, bias=False)
        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.layer4 = stage(4 * width, 8 * width, 2)
        self.bn: nn.Module = nn.BatchNorm2d(8 * width) if final_bn else nn.Identity()
        self.relu: nn.Module = nn.ReLU(inplace=True) if final_bn else nn.Identity()
        self.output = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] → logits [B,K]."""
        h = self.conv1(self.normalise(x))
        h = self.layer4(self.layer3(self.layer2(self.layer1(h))))
        logits: Tensor = self.output(self.relu(self.bn(h)).mean(dim=(2, 3)))
        return logits

    def sites(self) -> dict[str, nn.Module]:
        """The activation behind each convolution, for the last of a block that of the next one.

        Without the last normalisation the last site is the sum of the last block itself.
        """
        found: dict[str, nn.Module] = {}
        previous = "conv1"  # the convolution whose map the next block's first activation shows
        for name, block in self.named_modules():
            if isinstance(block, PreActBlock):
                found[previous] = block.relu1
                found[f"{name}.conv1"] = block.relu2
                previous = f"{name}.conv2"
        found[previous] = self.relu
        return found
