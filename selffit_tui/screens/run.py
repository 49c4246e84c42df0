"""The Run screen: draws the state of a run, live; keys change what is looked at, or act on it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize

from selffit.eventlog import kinds
from selffit.eventlog.folder import Place
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.intervene.bar import RequestBar, request_lines
from selffit_tui.intervene.screen import InterveneScreen
from selffit_tui.intervene.sending import Acting
from selffit_tui.model.scene import BASELINES, Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.header import Age, Header, age_width
from selffit_tui.panels.list import PANELS, on_side
from selffit_tui.panels.panel import Panel, Side
from selffit_tui.panels.tabs import Tabs
from selffit_tui.panels.why import is_calm
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.footer import Footer
from selffit_tui.screens.goto import GoToScreen
from selffit_tui.screens.help import HelpScreen
from selffit_tui.screens.keys import RUN_KEYS, bindings
from selffit_tui.screens.layout import Layout, layout
from selffit_tui.screens.looking import LookingScreen, shown_among
from selffit_tui.screens.playing import PlayingScreen
from selffit_tui.screens.timeline import Timeline, timeline_height

COLUMNS: tuple[Side, ...] = ("left", "right")


class RunScreen(PlayingScreen, LookingScreen):
    """Holds what was read, is drawn and was chosen; its panels draw the scene made of these."""

    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(RUN_KEYS, at_once=True)

    def __init__(
        self,
        styles: dict[str, Style],
        glyphs: Glyphs = BRAILLE,
        ascii_because: str = "",
        clock: Callable[[], float] = time.time,
        place: Place = Path(),
        readonly: bool = False,
    ) -> None:
        """`place` is the run where commands go, unless `readonly`."""
        super().__init__()
        self._readonly = readonly
        self.place = place
        self.acting = Acting(self, self.redraw, styles, place, clock)
        self._inks = styles
        self._glyphs = glyphs
        self._ascii_because = ascii_because
        self._clock = clock
        self.view = View()
        self.drawn = Snapshot()
        self._columns = Columns()
        self._layout_now: Layout | None = None
        self._age_place = (0, 0, 0)

    def compose(self) -> ComposeResult:
        """All panels; `_arrange` decides which are shown."""
        inks = self._inks
        yield Header(inks, id="header")
        yield Tabs(inks, id="tabs")
        with Horizontal(id="body"):
            for side in COLUMNS:
                with Vertical(id=side):
                    for panel in on_side(side):
                        yield panel(inks)
        for panel in on_side("bottom"):
            yield panel(inks)
        yield Timeline(inks, id="timeline")
        yield RequestBar(inks, id="request")
        yield Footer(inks, id="footer")
        yield Age(inks, id="age")

    def on_mount(self) -> None:
        """Starts the clock that ages the data."""
        self.set_interval(1.0, self.tick)
        self.redraw()

    def on_resize(self, event: Resize) -> None:
        """Rearranges the panels."""
        self.redraw()

    # ---- what is shown -------------------------------------------------------------------
    def take(self, snapshot: Snapshot) -> None:
        """The newest snapshot; a clock that stands in the past keeps what is drawn."""
        self.player.take(snapshot)
        self.acting.take(snapshot)
        self.look_again()
        if isinstance(self.app.screen, InterveneScreen):
            self.app.screen.take(self.scene())

    @property
    def newest(self) -> Snapshot:
        """What has been read."""
        return self.player.newest

    def look_again(self) -> None:
        """Draws what the clock stands at."""
        self.drawn = self.player.drawn()
        self.redraw()

    def scene(self) -> Scene:
        """What there is to draw now."""
        self._columns.take(self.drawn.state)
        narrow = self._layout_now.narrow if self._layout_now else False
        replay = self.player.replay()
        return Scene(
            snapshot=self.drawn,
            view=replace(self.view, cursor=None if replay.live else replay.step),
            columns=self._columns,
            now=self._clock(),
            newest=self.newest,
            glyphs=self._glyphs,
            narrow=narrow,
            requests=self.acting.requests,
            readonly=self._readonly,
            replay=replay,
            then=None if replay.live else self.player.clock.t,
        )

    def tick(self) -> None:
        """A second has passed.

        Only the header, the age of the data and that of a request can have changed.
        """
        self._arrange()
        scene = self.scene()
        self.query_one("#request", RequestBar).show(scene)
        self.query_one("#header", Header).show(scene)
        self.query_one("#age", Age).show(scene)

    def redraw(self) -> None:
        """Brings every visible panel up to date."""
        if not self.is_mounted or not self.size:
            return
        self._arrange()
        scene = self.scene()
        for widget in self.query(LineWidget):
            widget.show(scene)

    def _arrange(self) -> None:
        """Shows, hides and sizes the panels, where that has changed."""
        width, height = self.size
        scene = self.scene()
        asked = len(request_lines(scene, width))
        timeline = timeline_height(scene, height)
        wanted = layout(width, height, self.view.panel, is_calm(scene), asked, timeline)
        self._place_age(width, age_width(scene, width) if wanted.header > 1 else 0)
        if wanted == self._layout_now:
            return
        self._layout_now = wanted
        fixed = {"header": wanted.header, "tabs": int(wanted.tabs), "footer": int(wanted.footer)}
        fixed |= {"request": wanted.request, "timeline": wanted.timeline}
        hidden = dict.fromkeys((panel.name for panel in PANELS), 0)
        for name, lines in {**hidden, **wanted.heights, **fixed}.items():
            widget = self.query_one(f"#{name}", LineWidget)
            widget.display = lines > 0
            widget.styles.height = lines
        left, right = (
            any(panel.name in wanted.heights for panel in on_side(side)) for side in COLUMNS
        )
        self.query_one("#left", Vertical).display = left
        self.query_one("#right", Vertical).display = right
        self.query_one("#right", Vertical).styles.width = wanted.right if left else "1fr"
        self.query_one("#body", Horizontal).display = left or right

    def _place_age(self, width: int, cells: int, row: int = 1) -> None:
        """Lays the age of the data over the header's second line, at its right."""
        if (place := (width, cells, row)) != self._age_place:
            self._age_place = place
            panel = self.query_one("#age", Age)
            panel.display = cells > 0
            panel.styles.width = cells
            panel.styles.offset = (width - cells, row)

    def panels_shown(self) -> list[type[Panel]]:
        """The panels that are on show."""
        return shown_among(set(self._layout_now.heights if self._layout_now else ()))

    def look(self, view: View) -> None:
        """Takes another view."""
        if view != self.view:
            self.view = view
            self.redraw()

    # ---- what keys do --------------------------------------------------------------------
    def action_leave(self) -> None:
        """Leaves the view; the run goes on."""
        self.app.exit()

    def action_help(self) -> None:
        """Shows the keys and the legend."""
        self.app.push_screen(
            HelpScreen(self._inks, self._glyphs, self._ascii_because, self._readonly)
        )

    def action_intervene(self, id: str = "") -> None:
        """Opens the interventions, at one of them where an id is given.

        Not for those who only watch.
        """
        scene = self.scene()
        if scene.may_act:
            self.acting.open(scene, id)
        else:
            self.app.bell()
            if not self._readonly:
                self.notify(
                    f"the run has ended ({scene.present_word}): nobody is left to take commands",
                    markup=False,
                )

    def action_command_palette(self) -> None:
        """Finds everything that there is to do by its name."""
        # it has only its own looks
        if not self._glyphs.plain and self._inks["text"].color is not None:
            self.app.action_command_palette()
        elif self.scene().may_act:
            self.action_intervene()
        else:
            self.action_help()

    def action_go_to(self) -> None:
        """Asks for a place to go to."""
        scene = self.scene()
        self.app.push_screen(GoToScreen(self._inks, scene, self.player.position), self.go)

    def action_back(self) -> None:
        """Back: a request that waits for nothing, what is looked for, a panel alone, the past."""
        if self.acting.dismiss():
            self.redraw()
        elif self.go_back():
            pass
        elif self.player.clock.live:
            self.call_later(self.run_action, "app.go_back")
        else:
            self.action_live()

    def action_zoom(self, by: int) -> None:
        """Halves or doubles the span of steps; 0 shows them all."""
        self.look(self.view.zoomed(by))

    def action_smooth(self) -> None:
        """Draws a smooth line over the raw one, or not."""
        self.look(replace(self.view, smooth=not self.view.smooth))

    def action_log_axis(self) -> None:
        """Logarithmic or linear axis where both make sense."""
        self.look(replace(self.view, log_axis=not self.view.log_axis))

    def action_layer(self, by: int) -> None:
        """Another layer of the channel ranking."""
        probe = self.drawn.state.last(kinds.ChannelProbe)
        number = len(probe.layers) if probe is not None else 0
        self.look(replace(self.view, layer=(self.view.layer + by) % number if number else 0))

    def action_baseline(self) -> None:
        """Another probe to compare ranks with."""
        self.look(replace(self.view, baseline=(self.view.baseline + 1) % len(BASELINES)))
