"""A card in the middle of the Run screen: how a run comes up, and how it has ended.

It lies over the panels and takes no key but esc, which closes it; `E` shows it again.
"""

from collections.abc import Mapping
from pathlib import Path

from rich.style import Style

from selffit.run.folder.run_dir import RunDir
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.plain.place import place_of
from selffit_tui.words import end_card, startup

WIDEST = 80
MARGIN = 4  # cells beside it, at least
HIGHEST = 3  # lines above and below it that are never covered


class Overlay(LineWidget):
    """Shows itself as long as there is something to tell."""

    def __init__(self, path: Path, styles: Mapping[str, Style]) -> None:
        super().__init__(styles, id="overlay")
        self._path = path
        self._place: end_card.Place | None = None
        self._went_on = False  # the run has been seen before its end
        self._dismissed = False
        self._asked = False  # for the card of a run that had ended before
        self._lies: tuple[int, int, int, int] | None = None
        self.display = False

    def on_mount(self) -> None:
        """Lies over everything else."""
        self.styles.layer = "above"
        self.styles.position = "absolute"

    def close(self) -> None:
        """Not to be seen again."""
        self._dismissed = True
        self._lie(None)

    def open(self, scene: Scene) -> bool:
        """Shows it, where there is something to tell; says whether there is."""
        self._dismissed, self._asked = False, True
        self.show(scene)
        return self.display

    def show(self, scene: Scene) -> None:
        """Takes as much room as it needs, or disappears."""
        body, _ = self._body(scene)
        screen = self.screen.size
        width = min(WIDEST, screen.width - MARGIN)
        height = min(len(body) + 2, screen.height - 2 * HIGHEST)
        if not body or self._dismissed or width < 20 or height < 3:
            self._lie(None)
            return
        place = (screen.width - width) // 2, max(0, (screen.height - height) // 2)
        self._lie((width, height, *place))
        super().show(scene)

    def _lie(self, where: tuple[int, int, int, int] | None) -> None:
        """Width, height, column and row; None: nowhere. Styles that are set again cost a layout."""
        if where == self._lies:
            return
        self._lies = where
        self.display = where is not None
        if where is not None:
            self.styles.width, self.styles.height = where[:2]
            self.styles.offset = where[2:]

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The card in a border."""
        body, title = self._body(scene)
        foot: list[Span] = [("esc: close", "dim")]
        return framed(body, width, height, scene.glyphs, title, foot=foot)

    def _body(self, scene: Scene) -> tuple[list[Line], list[Span]]:
        """Its lines and its title; none where there is nothing to tell."""
        newest, word = scene.newest, scene.word
        state = newest.state
        if (
            newest.loading is not None or not scene.replay.live
        ):  # whoever froze it looks at a moment
            return [], []
        if end_card.ended(state, word):
            if not (self._went_on or self._asked):
                return [], []  # whoever opens a run that has ended wants to look at it
            if self._place is None:
                self._place = place_of(RunDir(self._path))
            _, words, style = end_card.title(state, word, self._place.name)
            room = min(WIDEST, self.screen.size.width - MARGIN) - 4
            told = end_card.lines(state, word, self._place, room)
            return [[(" ", "text"), *line] for line in told], [(words, style)]
        self._went_on = True
        if startup.coming_up(state):
            told = startup.lines(state, scene.now + newest.ahead, scene.glyphs.symbols)
            return told, [(f"{self._path.name} is coming up", "title")]
        return [], []
