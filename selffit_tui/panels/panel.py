"""What a panel says about itself: its name, its keys, its place, and the room that it wants."""

from collections.abc import Mapping, Sequence
from typing import Literal

from rich.style import Style

from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget

Side = Literal["left", "right", "bottom"]
HIGH = 38  # lines of a side from which an overview is a high one
FIRST_BAND = 10  # least lines of the chart at the top
WHEEL = 3  # items of a list that a turn of the wheel moves by
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
    calm_lines: int = 0  # of a wide overview while nothing stands; 0: as ever

    def __init__(self, styles: Mapping[str, Style]) -> None:
        super().__init__(styles, id=self.name)

    def on_click(self) -> None:
        """The mouse chooses it, or leads back."""
        if self.keys:
            self.call_later(self.screen.run_action, f"panel_named({self.name!r})")

    def on_mouse_scroll_down(self) -> None:
        """The wheel scrolls lists."""
        self.call_later(self.screen.run_action, f"scroll_list({WHEEL})")

    def on_mouse_scroll_up(self) -> None:
        """The wheel scrolls lists."""
        self.call_later(self.screen.run_action, f"scroll_list({-WHEEL})")

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
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """The words that it shows, and what each means."""
        return ()

    @staticmethod
    def badge(scene: Scene) -> str:
        """What stands beside its name in the line of tabs, '' for nothing."""
        return ""


def band(room: int, place: int) -> int:
    """The lines of the bands of a wide overview, from the top: 0, 1, 2; together they fill `room`.

    The panels of a band lie side by side; the first one is what the others leave.
    """
    second = 10 if room < HIGH else 13
    third = 6 if room < HIGH - 4 else 8
    if room >= 48:
        second, third = 17, 10
    if room - second - third < FIRST_BAND:
        third = 0
    if room - second - third < FIRST_BAND:
        second = min(second, max(0, room - FIRST_BAND))
        second = second if second >= 6 else 0
    return (room - second - third, second, third)[place]
