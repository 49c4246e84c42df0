"""A screen that may ask for something in a line of its own, and tells news there."""

from collections.abc import Callable, Mapping, Sequence

from rich.style import Style
from textual.events import Key, Paste, Resize
from textual.screen import Screen

from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.model.listing.scene import Ask
from selffit_tui.panels.typed import passed_on
from selffit_tui.screens.keyhelp import KeyHelpScreen
from selffit_tui.screens.keys import Key as Command
from selffit_tui.screens.prompt import Prompt


class AskingScreen(Screen[None]):
    """Keys belong to the question or the line that is typed, where there is one; else to the table.

    They are dispatched here, one after the other: what is typed ahead of a line that has just been
    asked for must not be taken for commands, as it would be where bindings are looked up later.
    """

    def __init__(
        self, styles: Mapping[str, Style], glyphs: Glyphs, ascii_because: str = ""
    ) -> None:
        super().__init__()
        self._inks = styles
        self._glyphs = glyphs
        self._ascii_because = ascii_because
        self._notice = ""
        self._trouble = False
        self._prompt: Prompt | None = None
        self._question: tuple[str, Callable[[], object]] | None = None

    def redraw(self) -> None:
        """Brings every part up to date."""
        raise NotImplementedError

    def on_resize(self, event: Resize) -> None:
        """Rearranges the parts."""
        self.redraw()

    def on_screen_resume(self) -> None:
        """Comes back from another screen."""
        self.redraw()

    def action_leave(self) -> None:
        """Leaves."""
        self.app.exit()

    def say(self, text: str, trouble: bool = False) -> None:
        """Shows news, until it is taken away or there is other news."""
        self._notice = text
        self._trouble = trouble
        self.redraw()

    def ask_for(self, prompt: Prompt) -> None:
        """Has a line typed."""
        self._prompt = prompt
        self.redraw()

    def ask_whether(self, question: str, does: Callable[[], object]) -> None:
        """Asks a question; y does it."""
        self._question = question, does
        self.redraw()

    def help_with(
        self, heading: str, table: Sequence[Command], legend: Sequence[tuple[str, str]]
    ) -> None:
        """Shows the keys of a table, and what words mean."""
        page = KeyHelpScreen(
            self._inks,
            self._glyphs,
            heading=heading,
            table=table,
            legend=legend,
            ascii_because=self._ascii_because,
        )
        self.app.push_screen(page)

    @property
    def asked(self) -> Ask | None:
        """What is asked for now."""
        if self._question is not None:
            return Ask(what=self._question[0], question=True)
        return None if self._prompt is None else self._prompt.ask

    async def on_key(self, event: Key) -> None:
        """Every key."""
        if passed_on(self, event):
            return
        if self._question is None and self._prompt is None:
            bound = self.active_bindings.get(event.key)
            if bound is not None and bound.node is self:
                event.stop()
                event.prevent_default()
                await self.run_action(bound.binding.action)
            return
        event.stop()
        event.prevent_default()
        if self._question is not None:
            self._answer(event.key)
        elif self._prompt is not None:
            self._type(self._prompt, event)
        self.redraw()

    def on_paste(self, event: Paste) -> None:
        """Text for what is being typed."""
        event.stop()
        if self._prompt is not None and self._question is None:
            self._prompt.paste(event.text)
            self.redraw()

    def _answer(self, key: str) -> None:
        assert self._question is not None
        if key in ("y", "Y", "f2"):
            does, self._question = self._question[1], None
            does()
        elif key in ("n", "N", "q", "escape", "ctrl+c"):
            self._question = None

    def _type(self, prompt: Prompt, event: Key) -> None:
        if event.key in ("escape", "ctrl+c"):
            self._prompt = None
            prompt.cancel()
        elif event.key != "enter":
            prompt.key(event.key, event.character)
        elif prompt.enter():
            self._prompt = None
