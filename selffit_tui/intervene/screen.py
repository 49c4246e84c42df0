"""Intervene: a box over the Run screen; what it ends with is a command to send, or nothing."""

from rich.style import Style
from textual.app import ComposeResult
from textual.events import Key, Paste, Resize
from textual.screen import ModalScreen

from selffit.control.commands import Command
from selffit_tui.intervene.dialog import CONFIRM, FORM, Dialog
from selffit_tui.intervene.panel import DialogPanel, dialog_height
from selffit_tui.model.scene import Scene
from selffit_tui.panels.typed import passed_on

WIDEST = 92


class InterveneScreen(ModalScreen[Command | None]):
    """Keys go to the dialog; the box shows it.

    The run goes on behind it, and the dialog follows the log.
    """

    CSS = """
    InterveneScreen { align: center middle; background: transparent; }
    """

    def __init__(self, styles: dict[str, Style], dialog: Dialog, scene: Scene) -> None:
        super().__init__()
        self._inks = styles
        self.dialog = dialog
        self._scene = scene

    def compose(self) -> ComposeResult:
        """The box."""
        panel = DialogPanel(self._inks)
        panel.dialog = self.dialog
        self._fit(panel, *self.app.size)
        yield panel

    def on_mount(self) -> None:
        """Draws the box."""
        self._show()

    def on_resize(self, event: Resize) -> None:
        """Draws the box for the new size."""
        self._show()

    def take(self, scene: Scene) -> None:
        """The log went on."""
        self._scene = scene
        state = scene.newest.state
        self.dialog.update(scene.ledger, state, scene.verdict.fallen)
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        panel = self.query_one(DialogPanel)
        self._fit(panel, *self.size)
        panel.show(self._scene)

    def _fit(self, panel: DialogPanel, width: int, height: int) -> None:
        """As high as what it shows; as wide as is easy to read."""
        cells = min(WIDEST, max(1, width - 4)) if width > 60 else width
        panel.styles.width = cells
        panel.styles.height = min(height, dialog_height(self.dialog, self._scene.glyphs, cells))

    def on_paste(self, event: Paste) -> None:
        """Text for the form."""
        event.stop()
        if self.dialog.stage == FORM:
            self.dialog.paste(event.text)
            self._show()

    def on_key(self, event: Key) -> None:
        """Every key: to the form while one is filled in."""
        if passed_on(self, event):
            return
        event.stop()
        event.prevent_default()
        key, dialog = event.key, self.dialog
        if key in ("escape", "ctrl+c") or (dialog.stage == CONFIRM and key in ("n", "N", "q")):
            self._back()
        elif dialog.stage == CONFIRM:
            if key in ("y", "Y", "f2"):
                self._enter()
        elif key == "enter":
            self._enter()
        elif key in ("up", "shift+tab"):
            dialog.move(-1)
        elif key in ("down", "tab"):
            dialog.move(1)
        elif dialog.stage == FORM:
            dialog.key(key, event.character)
        elif key in ("q", "i", "f11", "f10"):
            self._back()
        elif key in ("k", "j"):
            dialog.move(1 if key == "j" else -1)
        self._show()

    def _back(self) -> None:
        if not self.dialog.back():
            self.dismiss(None)

    def _enter(self) -> None:
        command = self.dialog.enter()
        if command is not None:
            self.dismiss(command)
