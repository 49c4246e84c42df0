"""What a screen asks for in a line of its own: something that is typed, a question, or news."""

from typing import Protocol

from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, crop
from selffit_tui.model.listing.scene import Ask
from selffit_tui.panels.widget import LineView, Picture


class Asking(Picture, Protocol):
    """A picture of a screen that may ask for something."""

    @property
    def ask(self) -> Ask | None:
        """What is asked for."""

    @property
    def notice(self) -> str:
        """News, where nothing is asked for."""

    @property
    def trouble(self) -> bool:
        """Whether the news are bad."""


class AskLines(LineView[Asking]):
    """The lines."""

    def draw(self, scene: Asking, width: int, height: int) -> list[Line]:
        """As many as there is room for."""
        return [crop(line, width) for line in ask_lines(scene, width)[:height]]


def ask_lines(scene: Asking, width: int) -> list[Line]:
    """The lines of what is asked, or of the notice; none where there is neither."""
    ask = scene.ask
    if ask is None:
        style = "warn" if scene.trouble else "good"
        return [[(f" {part}", style)] for part in wrap(scene.notice, max(1, width - 2))[:3]]
    if ask.question:
        return [[(f" {part}", "warn")] for part in wrap(ask.what, max(1, width - 2))[:3]]
    lines: list[Line] = [_typed(ask, width)]
    told, style = (ask.trouble, "alert") if ask.trouble else (ask.hint, "faint")
    return [*lines, *([(f" {part}", style)] for part in wrap(told, max(1, width - 2))[:2])]


def _typed(ask: Ask, width: int) -> Line:
    """The text with its cursor; its end is in sight."""
    head = f" {ask.what} "
    room = max(1, width - len(head) - 1)
    start = max(0, ask.cursor - room + 1)
    shown = ask.text[start : start + room]
    at = ask.cursor - start
    under = shown[at : at + 1] or " "
    return [
        (head, "key"),
        (shown[:at], "strong"),
        (under, "tab"),
        (shown[at + 1 :], "strong"),
    ]
