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
from textual.screen import Screen

from selffit.eventlog import kinds
from selffit.eventlog.folder import Place
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.intervene.bar import RequestBar, request_lines
from selffit_tui.intervene.screen import InterveneScreen
from selffit_tui.intervene.sending import Acting
from selffit_tui.model.marks import neighbour_mark
from selffit_tui.model.scene import BASELINES, Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.header import Age, Header, age_width, banners
from selffit_tui.panels.list import PANELS, next_tab, on_side, scroll_limit
from selffit_tui.panels.panel import Side
from selffit_tui.panels.tabs import Tabs
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.footer import Footer
from selffit_tui.screens.help import HelpScreen
from selffit_tui.screens.keys import RUN_KEYS, bindings
from selffit_tui.screens.layout import Layout, layout

COLUMNS: tuple[Side, ...] = ("left", "right")


class RunScreen(Screen[None]):
    """Holds what was read, is drawn and was chosen; its panels draw the scene made of these."""

    CSS_PATH = "run.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(RUN_KEYS)

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
        self.acting = Acting(self, self.redraw, styles, place, clock)
        self._inks = styles
        self._glyphs = glyphs
        self._ascii_because = ascii_because
        self._clock = clock
        self.view = View()
        self.newest = Snapshot(loading=0.0)  # until the feed says how much has been read
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
        """The newest snapshot; a frozen view keeps what it draws, but for its header."""
        self.newest = snapshot
        self.acting.take(snapshot)
        if not self.view.paused:
            self.drawn = snapshot
        self.redraw()
        if isinstance(self.app.screen, InterveneScreen):
            self.app.screen.take(self.scene())

    def scene(self) -> Scene:
        """What there is to draw now."""
        self._columns.take(self.drawn.state)
        narrow = self._layout_now.narrow if self._layout_now else False
        return Scene(
            snapshot=self.drawn,
            view=self.view,
            columns=self._columns,
            now=self._clock(),
            newest=self.newest,
            glyphs=self._glyphs,
            narrow=narrow,
            requests=self.acting.requests,
            readonly=self._readonly,
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
        above = banners(scene)
        self._place_age(width, age_width(scene, width), above)
        wanted = layout(width, height, self.view.panel, above, len(request_lines(scene, width)))
        if wanted == self._layout_now:
            return
        self._layout_now = wanted
        fixed = {"header": wanted.header, "tabs": int(wanted.tabs), "footer": int(wanted.footer)}
        fixed["request"] = wanted.request
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

    def _place_age(self, width: int, cells: int, row: int) -> None:
        """Lays the age of the data over the header's first line below the banners, at its right."""
        if (place := (width, cells, row)) != self._age_place:
            self._age_place = place
            panel = self.query_one("#age", Age)
            panel.display = cells > 0
            panel.styles.width = cells
            panel.styles.offset = (width - cells, row)

    def _look(self, view: View) -> None:
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
                    f"the run has ended ({scene.word}): nobody is left to take commands",
                    markup=False,
                )

    def action_command_palette(self) -> None:
        """Finds an intervention by its name; not for those who only watch."""
        # it has only its own looks
        drawable = not self._glyphs.plain and self._inks["text"].color is not None
        if self.scene().may_act and drawable:
            self.app.action_command_palette()
        else:
            self.action_intervene()

    def action_pause_view(self) -> None:
        """Freezes what is drawn, or catches up."""
        if self.view.paused:
            self.drawn = self.newest
        self._look(replace(self.view, paused=not self.view.paused))

    def action_mark(self, by: int) -> None:
        """Puts the cursor on the mark before or after."""
        step = neighbour_mark(self._columns.marks, self.view.cursor, by)
        if step is None:
            self.app.bell()
        else:
            self._look(replace(self.view, cursor=step))

    def action_cursor(self, by: int) -> None:
        """Moves the cursor by one cell of the charts."""
        last = self.drawn.state.step
        width = self.query_one("#left").size.width or self.size.width
        window = self.scene().window(max(1, width - 25) * self._glyphs.across)
        stride = max(1, round(window.width * self._glyphs.across))
        here = last if self.view.cursor is None else self.view.cursor
        step = here if self.view.cursor is None and by < 0 else here + by * stride
        self._look(replace(self.view, cursor=min(max(0, step), last)))

    def action_cursor_off(self) -> None:
        """Takes the cursor away; before that, the request that is on show and waits for nothing."""
        if self.acting.dismiss():
            self.redraw()
        elif self.view.cursor is None:
            self.call_later(self.run_action, "app.go_back")
        else:
            self._look(replace(self.view, cursor=None))

    def action_zoom(self, by: int) -> None:
        """Halves or doubles the span of steps; 0 shows them all."""
        self._look(self.view.zoomed(by))

    def action_smooth(self) -> None:
        """Draws a smooth line over the raw one, or not."""
        self._look(replace(self.view, smooth=not self.view.smooth))

    def action_log_axis(self) -> None:
        """Logarithmic or linear axis where both make sense."""
        self._look(replace(self.view, log_axis=not self.view.log_axis))

    def action_layer(self, by: int) -> None:
        """Another layer of the channel ranking."""
        probe = self.drawn.state.last(kinds.ChannelProbe)
        number = len(probe.layers) if probe is not None else 0
        self._look(replace(self.view, layer=(self.view.layer + by) % number if number else 0))

    def action_baseline(self) -> None:
        """Another probe to compare ranks with."""
        self._look(replace(self.view, baseline=(self.view.baseline + 1) % len(BASELINES)))

    def action_panel(self, by: int) -> None:
        """The next panel alone."""
        self._look(self.view.showing(next_tab(self.view.panel, by)))

    def action_panel_named(self, name: str) -> None:
        """One panel alone, or the overview."""
        self._look(self.view.showing(name))

    def action_scroll_list(self, by: int) -> None:
        """Scrolls what is shown, as far as it goes."""
        scroll = min(max(0, self.view.scroll + by), scroll_limit(self.scene()))
        self._look(replace(self.view, scroll=scroll))
