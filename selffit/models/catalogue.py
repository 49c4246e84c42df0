"""Every network by name: where its code is, and how wide it is by default. Loads no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selffit.models.base import Network


@dataclass(frozen=True)
class Model:
    """code: "module:class" in this folder. width: channels of its first convolution."""

    code: str
    width: int

    def load(self) -> "Callable[..., Network]":
        """The constructor: (shape, classes, width, normalise) → network. Loads torch."""
        module, name = self.code.split(":")
        found: Callable[..., Network] = getattr(import_module(f"selffit.models.{module}"), name)
        return found


MODELS = {
    "small": Model("small:Small", 16),
    "preact-resnet18": Model("preact_resnet:PreActResNet18", 64),
    "resnet18": Model("resnet:ResNet18", 64),
}
