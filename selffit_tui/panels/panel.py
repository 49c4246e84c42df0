"""What a panel says about itself: its name, its keys, its place, and the room that it wants."""

from collections.abc import Mapping
from typing import Literal

from rich.style import Style

from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget

Side = Literal["left", "right", "bottom"]
HIGH = 38  # lines of a side from which an overview is a high one
REST = -1  # lines of an overview: whatever the other panels of its side leave


class Panel(LineWidget):
    """A part of the Run screen that can also be shown alone.

    A new panel is a subclass in a file of its own and a line in `panels.list`: tabs, keys, help,
    layout and `--panel` are made from what its class says here.
    """

    name: str  # of its tab and for --panel
    title: str  # at the head of its border
    help: str = ""  # what the table of keys says of it
    keys: tuple[str, ...] = ()  # Textual's names, that on its tab first; none: it has no tab
    side: Side = "left"  # of the Run screen

    def __init__(self, styles: Mapping[str, Style]) -> None:
        super().__init__(styles, id=self.name)

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """Its lines, border included, in an overview whose side is `room` lines high; or REST.

        One panel of a column takes the rest. `narrow`: the overview of a terminal that has
        one column of panels only, or is low.
        """
        return 0

    @staticmethod
    def scrolls(scene: Scene) -> int:
        """How many lines or items it can be scrolled by; 0: it does not scroll."""
        return 0

    @staticmethod
    def badge(scene: Scene) -> str:
        """What stands beside its name in the line of tabs, '' for nothing."""
        return ""
