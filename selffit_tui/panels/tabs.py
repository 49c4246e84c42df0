"""The line of tabs: which panels there are, and which one is chosen."""

from textual.events import Click

from selffit_tui.draw.spans import Line, Span, crop, width_of
from selffit_tui.model.scene import Scene
from selffit_tui.panels.list import OVERVIEW_KEYS, TABBED, TABS
from selffit_tui.panels.widget import LineWidget


class Tabs(LineWidget):
    """One line: the panels with the key of each, the chosen one in reverse video."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The line."""
        return [tab_line(scene, width)]

    def on_click(self, event: Click) -> None:
        """The mouse chooses the panel of a tab."""
        if self._scene is None:
            return
        place = 0
        for name, spans in tabs(self._scene, self.size.width):
            place += width_of(spans)
            if event.x < place:
                self.call_later(self.screen.run_action, f"panel_named({name!r})")
                return


def tab_line(scene: Scene, width: int) -> Line:
    """The tabs in one line; see `tabs`."""
    return crop([span for _, spans in tabs(scene, width) for span in spans], width)


def tabs(scene: Scene, width: int) -> list[tuple[str, list[Span]]]:
    """The tabs by panel; beside a name stands what its panel wants to be noticed by.

    Where not all names fit closely, only the chosen tab has its name: which one that is must never
    be cut off.
    """
    keys = [OVERVIEW_KEYS[0], *(panel.keys[0] for panel in TABBED)]
    names, panels = list(TABS), list(TABS)
    badges = ["", *(panel.badge(scene) for panel in TABBED)]
    chosen = [name == scene.view.panel for name in TABS]
    if scene.narrow:  # both charts, and the first of them alone, share a tab
        keys, badges, panels = keys[1:], badges[1:], panels[1:]
        names = [names[1] if chosen[1] else "charts", *names[2:]]
        chosen = [chosen[0] or chosen[1], *chosen[2:]]
    words = [f"{key} {name}{badge}" for key, name, badge in zip(keys, names, badges, strict=True)]
    if sum(map(len, words)) + 3 * len(words) < width:
        words = [f" {word} " for word in words]
    elif sum(map(len, words)) + len(words) - 1 > width:
        words = [
            word if here else f"{key}{badge}"
            for word, here, key, badge in zip(words, chosen, keys, badges, strict=True)
        ]
    return [
        (panel, [(word, "tab" if here else "dim"), (" ", "text")])
        for panel, word, here in zip(panels, words, chosen, strict=True)
    ]
