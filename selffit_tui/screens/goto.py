"""Go to: a line in which a place of the run is typed, as `--at` has it."""

from collections.abc import Callable

from rich.style import Style
from textual.app import ComposeResult
from textual.events import Key, Paste, Resize
from textual.screen import ModalScreen

from selffit.errors import UserError
from selffit.run.recording.units import PLACES
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, framed
from selffit_tui.intervene.dialog import Edit
from selffit_tui.intervene.panel import edit_spans
from selffit_tui.model.scene import Scene
from selffit_tui.panels.typed import passed_on
from selffit_tui.panels.widget import LineWidget

WIDEST = 76


class GoToPanel(LineWidget):
    """The box."""

    edit = Edit("", 0)
    problem = ""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The line that is typed, and below it what may stand there, or what is wrong."""
        return goto_lines(scene, self.edit, self.problem, width, height)


def goto_lines(scene: Scene, edit: Edit, problem: str, width: int, height: int) -> list[Line]:
    """The box."""
    room = max(1, width - 6)
    typed: Line = [("  ", "text"), *edit_spans(edit, room)]
    words, style = (problem, "warn") if problem else (PLACES, "dim")
    told: list[Line] = [[(f"  {part}", style)] for part in wrap(words, room)]
    foot: Line = [("enter: go   esc: back", "dim")]
    title: Line = [("go to", "title")]
    return framed([typed, [], *told], width, height, scene.glyphs, title, foot=foot)


class GoToScreen(ModalScreen[int | None]):
    """Ends with the position that was asked for, None for none.

    `find` gives the position of what was typed; it raises UserError.
    """

    CSS = "GoToScreen { align: center middle; background: transparent; }"

    def __init__(self, styles: dict[str, Style], scene: Scene, find: Callable[[str], int]) -> None:
        super().__init__()
        self._inks = styles
        self._scene = scene
        self._find = find

    def compose(self) -> ComposeResult:
        """The box."""
        yield GoToPanel(self._inks)

    def on_mount(self) -> None:
        """Draws the box."""
        self._show()

    def on_resize(self, event: Resize) -> None:
        """Draws the box for the new size."""
        self._show()

    def on_paste(self, event: Paste) -> None:
        """Text for the line."""
        event.stop()
        self._type(self._panel.edit.typed(" ".join(event.text.split())))

    def on_key(self, event: Key) -> None:
        """Every key is for the line."""
        if passed_on(self, event):
            return
        event.stop()
        event.prevent_default()
        if event.key in ("escape", "ctrl+c"):
            self.dismiss(None)
        elif event.key == "enter":
            self._enter()
        else:
            self._type(self._panel.edit.key(event.key, event.character))

    @property
    def _panel(self) -> GoToPanel:
        return self.query_one(GoToPanel)

    def _type(self, edit: Edit) -> None:
        self._panel.edit, self._panel.problem = edit, ""
        self._show()

    def _enter(self) -> None:
        try:
            position = self._find(self._panel.edit.text)
        except UserError as error:
            self._panel.problem = str(error)
            self._show()
        else:
            self.dismiss(position)

    def _show(self) -> None:
        if not self.is_mounted:
            return
        width, height = self.app.size
        cells = min(WIDEST, max(1, width - 4)) if width > 60 else width
        panel = self._panel
        told = wrap(panel.problem or PLACES, max(1, cells - 6))
        panel.styles.width = cells
        panel.styles.height = min(height, len(told) + 4)
        panel.show(self._scene)
