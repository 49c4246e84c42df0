"""The words and numbers of what is on show, with their meanings from the vocabulary."""

from collections.abc import Iterable

from rich.style import Style

from selffit.vocabulary import STANDING, disease_of
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel
from selffit_tui.screens.page import PageScreen, entry_lines

NAMES = 18


def words_of(scene: Scene, panels: Iterable[type[Panel]]) -> list[Line | tuple[str, str, str]]:
    """What stands in the first line, then a heading a panel and the words in it, each word once."""
    found: list[Line | tuple[str, str, str]] = []
    told: set[str] = set()

    def tell(name: str, meaning: str) -> None:
        if name and meaning and name not in told:
            told.add(name)
            found.append((name, "strong", meaning))

    stands = scene.stands
    found.append([("what stands", "title")])
    tell(stands.level.name, stands.level.meaning)
    if stands.cause:
        tell(stands.cause, disease_of(stands.cause).meaning)
    for panel in panels:
        terms = [term for term in panel.terms(scene) if term[0] not in told]
        if terms:
            found += [[], [(panel.title, "title")]]
            for name, meaning in terms:
                tell(name, meaning)
    found += [[], [("what else can stand", "title")]]
    for level in STANDING.values():
        tell(level.name, level.meaning)
    return found


class WordsScreen(PageScreen):
    """The words of what is on show."""

    heading = "the words of what is on show"

    def __init__(
        self, styles: dict[str, Style], scene: Scene, panels: Iterable[type[Panel]]
    ) -> None:
        super().__init__(styles, scene.glyphs)
        self._found = words_of(scene, panels)

    def lines(self, width: int) -> list[Line]:
        """All of them."""
        lines: list[Line] = []
        for entry in self._found:
            if isinstance(entry, tuple):
                lines += entry_lines([entry], NAMES, width)
            else:
                lines.append(entry)
        foot = "every word, with its formula: docs/glossary.md, or selffit diagnose --html"
        return [*lines, [], *([(part, "faint")] for part in wrap(foot, width))]
