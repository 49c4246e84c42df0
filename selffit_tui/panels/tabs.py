"""The line of tabs: which panels there are, and which one is chosen."""

from selffit_tui.draw.spans import Line, Span, crop
from selffit_tui.model.scene import OVERVIEW, Scene
from selffit_tui.panels.list import OVERVIEW_KEYS, TABBED, TABS
from selffit_tui.panels.widget import LineWidget


class Tabs(LineWidget):
    """One line: the panels with the key of each, the chosen one in reverse video."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The line."""
        return [tab_line(scene, width)]


def tab_line(scene: Scene, width: int) -> Line:
    """The tabs; beside a name stands what its panel wants to be noticed by.

    Where not all names fit closely, only the chosen tab has its name: which one that is must never
    be cut off.
    """
    keys = [OVERVIEW_KEYS[0], *(panel.keys[0] for panel in TABBED)]
    names = [OVERVIEW, *(panel.name for panel in TABBED)]
    badges = ["", *(panel.badge(scene) for panel in TABBED)]
    chosen = [name == scene.view.panel for name in TABS]
    if scene.narrow:  # both charts and the first of them alone share a tab
        keys, badges = keys[1:], badges[1:]
        names = ["charts" if chosen[0] else names[1], *names[2:]]
        chosen = [chosen[0] or chosen[1], *chosen[2:]]
    words = [f"{key} {name}{badge}" for key, name, badge in zip(keys, names, badges, strict=True)]
    edge: list[Span] = []
    if sum(map(len, words)) + 3 * len(words) < width:
        words, edge = [f" {word} " for word in words], [(" ", "text")]
    elif sum(map(len, words)) + len(words) - 1 > width:
        words = [
            word if here else f"{key}{badge}"
            for word, here, key, badge in zip(words, chosen, keys, badges, strict=True)
        ]
    spans = [
        span
        for word, here in zip(words, chosen, strict=True)
        for span in ((word, "tab" if here else "dim"), (" ", "text"))
    ]
    return crop([*edge, *spans], width)
