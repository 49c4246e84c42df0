"""What the keys of the panels do on the Run screen: which one is shown, and what of it."""

from abc import abstractmethod
from dataclasses import replace

from rich.style import Style
from textual.screen import Screen

from selffit.eventlog import kinds
from selffit_tui.model.scene import OVERVIEW, Scene, View, alarm_of
from selffit_tui.panels.list import PANELS, next_tab, scroll_limit
from selffit_tui.panels.panel import Panel
from selffit_tui.screens.find import FindScreen
from selffit_tui.screens.words import WordsScreen

FIRST = "accuracy"  # the panel that shares its tab with the overview of a narrow terminal
ALL = 1_000_000  # more items than any list has


class LookingScreen(Screen[None]):
    """A screen with a view of a run that keys change."""

    view: View
    _inks: dict[str, Style]

    @abstractmethod
    def scene(self) -> Scene:
        """What there is to draw."""

    @abstractmethod
    def look(self, view: View) -> None:
        """Takes another view."""

    @abstractmethod
    def panels_shown(self) -> list[type[Panel]]:
        """The panels that are on show."""

    # ---- panels ------------------------------------------------------------------------------
    def action_panel(self, by: int) -> None:
        """The next panel alone."""
        self.look(self.view.showing(next_tab(self.view.panel, by)))

    def action_panel_named(self, name: str) -> None:
        """One panel alone, or the overview; the key of what is shown already leads back.

        In a narrow terminal the overview is that of both charts, and lies under the key of the
        first of them.
        """
        here = self.view.panel
        if name == FIRST and self.scene().narrow and here != OVERVIEW:
            name = OVERVIEW
        self.look(self.view.showing(OVERVIEW if name == here else name))

    def action_open(self) -> None:
        """From the overview: all evidence, or the chart where there is none; else back."""
        if self.view.panel != OVERVIEW:
            self.look(self.view.showing(OVERVIEW))
            return
        told = len(self.scene().state.all(kinds.Alert))
        self.look(self.view.showing("alerts" if told else FIRST))

    def go_back(self) -> bool:
        """One thing less: what is looked for, then the panel alone; False where there is none."""
        if self.view.find:
            self.look(replace(self.view, find="", scroll=0))
        elif self.view.panel != OVERVIEW:
            self.look(self.view.showing(OVERVIEW))
        else:
            return False
        return True

    # ---- lists -------------------------------------------------------------------------------
    def action_scroll_list(self, by: int) -> None:
        """Scrolls what is shown, as far as it goes."""
        scroll = min(max(0, self.view.scroll + by), scroll_limit(self.scene()))
        self.look(replace(self.view, scroll=scroll))

    def action_page(self, by: int) -> None:
        """Scrolls by what is seen at once."""
        lines = [
            widget.size.height - 3
            for widget in self.query(Panel)
            if widget.display and type(widget).scrolls(self.scene())
        ]
        self.action_scroll_list(by * max(1, *lines, 1))

    def action_first(self) -> None:
        """To the first item of what is shown."""
        self.action_scroll_list(-ALL)

    def action_last(self) -> None:
        """To the last item of what is shown."""
        self.action_scroll_list(ALL)

    def action_every(self) -> None:
        """All events, or those that are important."""
        self.look(replace(self.view, every=not self.view.every, find="", scroll=0))

    def action_find(self) -> None:
        """Types what is looked for among the events."""

        def found(text: str) -> None:
            self.look(replace(self.view, find=text, scroll=0))

        if self.scene().narrow and self.view.panel != "events":
            self.look(self.view.showing("events"))
        self.app.push_screen(FindScreen(self._inks, self.scene(), found))

    # ---- what stands, and what words mean ----------------------------------------------------
    def action_seen(self) -> None:
        """Somebody has seen what stands: its line stops shouting, and says the same."""
        alarm = alarm_of(self.scene().stands)
        self.look(replace(self.view, seen=None if self.view.seen == alarm else alarm))

    def action_words(self) -> None:
        """Says what the words on show mean."""
        self.app.push_screen(WordsScreen(self._inks, self.scene(), self.panels_shown()))

    # ---- the palette -------------------------------------------------------------------------
    def layer_names(self) -> list[str]:
        """The layers whose channels can be shown."""
        probe = self.scene().state.last(kinds.ChannelProbe)
        return [layer.name for layer in probe.layers] if probe is not None else []

    def show_layer(self, name: str) -> None:
        """Shows the channels of a layer."""
        if name in (names := self.layer_names()):
            self.look(replace(self.view, layer=names.index(name)))


def shown_among(names: set[str]) -> list[type[Panel]]:
    """The panels of those names, in their order."""
    return [panel for panel in PANELS if panel.name in names]
