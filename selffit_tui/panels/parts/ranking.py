"""What the panels of channels share: the order of a layer's channels, and its name in a title."""

import math

from selffit.eventlog import kinds
from selffit_tui.draw.spans import Span
from selffit_tui.model.scene import Scene


def layer_title(scene: Scene, layer: kinds.LayerChannels, layers: int) -> list[Span]:
    """Name and number of channels of a layer, and which of the layers it is."""
    name: list[Span] = [
        (f"  {layer.name}", "strong"),
        (f" ({len(layer.dominance)})", "dim"),
    ]
    return [*name, (f"  {scene.view.layer % layers + 1}/{layers}", "faint")] if layers > 1 else name


def ranking(dominance: list[float]) -> list[int]:
    """Channels from the most dominant one down; those without a number come last."""
    return sorted(range(len(dominance)), key=lambda c: (math.isnan(dominance[c]), -dominance[c], c))
