"""One line to type what is looked for among the events; the list follows while one types."""

from collections.abc import Callable

from rich.style import Style
from textual.app import ComposeResult
from textual.events import Key, Paste
from textual.screen import ModalScreen

from selffit_tui.draw.spans import Line, crop
from selffit_tui.model.scene import Scene
from selffit_tui.panels.typed import passed_on
from selffit_tui.panels.widget import LineWidget

MOST = 60  # letters


class FindLine(LineWidget):
    """What has been typed."""

    typed = ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The line, with a cursor."""
        spans: Line = [
            (" find: ", "key"),
            (self.typed, "strong"),
            (" ", "chosen"),
            ("   enter: keep   esc: all again", "dim"),
        ]
        return [crop(spans, width)]


class FindScreen(ModalScreen[None]):
    """Keys go into the line; `found` is told at every one of them."""

    CSS = """
    FindScreen { align: center bottom; background: transparent; }
    FindScreen FindLine { width: 100%; height: 1; }
    """

    def __init__(
        self, styles: dict[str, Style], scene: Scene, found: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._inks = styles
        self._scene = scene
        self._found = found

    def compose(self) -> ComposeResult:
        """The line."""
        line = FindLine(self._inks)
        line.typed = self._scene.view.find
        yield line

    def on_mount(self) -> None:
        """Draws it."""
        self._typed(self._scene.view.find)

    def on_paste(self, event: Paste) -> None:
        """Text for the line."""
        event.stop()
        self._typed(self.query_one(FindLine).typed + "".join(filter(str.isprintable, event.text)))

    def on_key(self, event: Key) -> None:
        """Every key."""
        if passed_on(self, event):
            return
        event.stop()
        event.prevent_default()
        typed = self.query_one(FindLine).typed
        if event.key in ("escape", "ctrl+c"):
            self._typed("")
            self.dismiss(None)
        elif event.key == "enter":
            self.dismiss(None)
        elif event.key in ("backspace", "ctrl+h"):
            self._typed(typed[:-1])
        elif event.key == "ctrl+u":
            self._typed("")
        elif event.character is not None and event.character.isprintable():
            self._typed(typed + event.character)

    def _typed(self, text: str) -> None:
        line = self.query_one(FindLine)
        line.typed = text[:MOST]
        self._found(line.typed)
        line.show(self._scene)
