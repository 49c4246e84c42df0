"""Every network by name: where its code is, and how wide it is by default. Loads no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selffit.models.base import Network


@dataclass(frozen=True)
class Model:
    """code: "module:class" in this folder. width: channels of its first convolution.

    uses: names of the settings that mean something to this network and nothing to the others; its
    constructor takes them by name. any_size: it takes images of other sides than it was built for.
    """

    code: str
    width: int
    uses: tuple[str, ...] = ()
    any_size: bool = True

    def load(self) -> "Callable[..., Network]":
        """The constructor: (shape, classes, width, normalise, …uses) → network. Loads torch."""
        module, name = self.code.split(":")
        found: Callable[..., Network] = getattr(import_module(f"selffit.models.{module}"), name)
        return found


SHORTCUTS = ("activated", "raw")  # what the projecting shortcuts of preact-resnet18 see

MODELS = {
    "small": Model("small:Small", 16, any_size=False),
    "single-conv": Model("single_conv:SingleConv", 16, any_size=False),
    "preact-resnet18": Model("preact_resnet:PreActResNet18", 64, ("shortcut", "final_bn")),
    "resnet18": Model("resnet:ResNet18", 64),
}
# settings that mean something to some networks only: another network does without
OF_THE_MODEL = tuple(dict.fromkeys(name for model in MODELS.values() for name in model.uses))


def users(setting: str) -> list[str]:
    """The networks to which a setting of `OF_THE_MODEL` means something."""
    return [name for name, model in MODELS.items() if setting in model.uses]
