"""The Compare screen: runs, or the branches of one, laid over each other, live."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from selffit.errors import UserError
from selffit.named_file import check_place, write_whole
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.draw.picture import offline
from selffit_tui.draw.spans import Line
from selffit_tui.model.compare.curves import MEASURES, Curve, curves_of
from selffit_tui.model.compare.feed import CompareFeed
from selffit_tui.model.compare.scene import TABLES, CompareScene, CompareView
from selffit_tui.panels.compare.chart import CompareCharts, grid
from selffit_tui.panels.compare.head import CompareHead, head_lines
from selffit_tui.panels.compare.table import CompareTable, table_lines
from selffit_tui.panels.parts.asking import AskLines, ask_lines
from selffit_tui.panels.parts.charting import LEFT, RIGHT
from selffit_tui.panels.widget import LineView
from selffit_tui.screens.asking import AskingScreen
from selffit_tui.screens.exporting import exported, kind_of, path_of
from selffit_tui.screens.keyhelp import keys_line
from selffit_tui.screens.keys import bindings
from selffit_tui.screens.listkeys import COMPARE_KEYS
from selffit_tui.screens.prompt import Prompt

SPARSE = 20  # lines of a terminal below which chart and table are not shown at once


class CompareFooter(LineView[CompareScene]):
    """One line: the most important keys."""

    def draw(self, scene: CompareScene, width: int, height: int) -> list[Line]:
        """The line."""
        return [keys_line(COMPARE_KEYS, width)]


class CompareScreen(AskingScreen):
    """Holds what was read and was chosen; its parts draw the scene made of these."""

    class News(Message):
        """The feed has newer states."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(COMPARE_KEYS)

    def __init__(
        self,
        styles: dict[str, Style],
        runs: Mapping[str, RunDir],
        *,
        back: Callable[[], None],
        view: CompareView | None = None,
        branches: Mapping[str, tuple[str, ...]] | None = None,
        glyphs: Glyphs = BRAILLE,
        ascii_because: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`runs` by letter; `branches`: those that were asked for of some; one run alone: all."""
        super().__init__(styles, glyphs, ascii_because)
        self._runs = dict(runs)
        self._back = back
        self._chosen = dict(branches or {})
        self.feed = CompareFeed(runs, self._tell, clock)
        self.view = view or CompareView(branches=len(runs) == 1 and not self._chosen)
        self._states: dict[str, tuple[RunState, str]] = {}
        self._made: dict[str, tuple[object, list[Curve]]] = {}
        self.to_read = len(runs)

    def compose(self) -> ComposeResult:
        """The parts, from the top down."""
        yield CompareHead(self._inks)
        yield CompareCharts(self._inks)
        yield CompareTable(self._inks)
        yield AskLines(self._inks)
        yield CompareFooter(self._inks)

    def on_mount(self) -> None:
        """Starts to read."""
        self.feed.start()
        self.redraw()

    def on_unmount(self) -> None:
        """Stops reading."""
        self.feed.stop()

    # ---- what is shown -------------------------------------------------------------------
    def _tell(self) -> None:
        if self.is_running:
            self.post_message(self.News())

    def on_compare_screen_news(self, message: News) -> None:
        """Takes the newest states."""
        if self.feed.failed is not None:
            raise self.feed.failed
        taken = self.feed.take()
        if taken is not None:
            self._states, self.to_read = taken
            self.redraw()

    def curves(self) -> tuple[Curve, ...]:
        """All lines; those of a run that did not change are not made again."""
        found: list[Curve] = []
        for letter, (state, word) in sorted(self._states.items()):
            wanted = self._chosen.get(letter)
            branches = () if self.view.branches else wanted
            # by identity: states are compared one by one no further
            made_of = (id(state), word, branches)
            known = self._made.get(letter)
            if known is None or known[0] != made_of:
                name = self._runs[letter].name
                known = (made_of, curves_of(letter, name, state, word, branches))
                self._made[letter] = known
            found += known[1]
        return tuple(found)

    def scene(self) -> CompareScene:
        """What there is to draw now."""
        return CompareScene(
            curves=self.curves(),
            view=self.view,
            loading=self.to_read,
            ask=self.asked,
            notice=self._notice,
            trouble=self._trouble,
            glyphs=self._glyphs,
        )

    def redraw(self) -> None:
        """Brings every part up to date; what looks the same is not sent again."""
        if not self.is_mounted or not self.size or self.app.screen is not self:
            return
        scene = self.scene()
        width, height = self.size
        sizes = self._sizes(scene, width, height)
        for kind, lines in sizes.items():
            widget = self.query_one(kind)
            widget.display = lines != 0
            if lines > 0:
                widget.styles.height = lines
            elif lines < 0:
                widget.styles.height = "1fr"
        for part in self.query(LineView):
            part.show(scene)

    def _sizes(self, scene: CompareScene, width: int, height: int) -> dict[type[Widget], int]:
        """The lines of each part; -1: what is left."""
        head = min(len(head_lines(scene, width)), max(1, height // 4))
        asked = min(3, len(ask_lines(scene, width)))
        footer = int(height >= 8)
        room = height - head - asked - footer
        wanted = len(table_lines(scene, width - 4)) + 2
        what = self.view.table
        if what == "both" and height < SPARSE:
            what = "chart"
        table = {"both": min(wanted, max(6, room * 2 // 5)), "table": -1, "chart": 0}[what]
        return {
            CompareHead: head,
            CompareCharts: 0 if what == "table" else -1,
            CompareTable: table,
            AskLines: asked,
            CompareFooter: footer,
        }

    def _look(self, view: CompareView) -> None:
        if view != self.view:
            self.view = view
            self.redraw()

    # ---- what keys do --------------------------------------------------------------------
    def action_help(self) -> None:
        """Shows the keys and the measures."""
        legend = [(one.measure.label, one.measure.meaning) for one in MEASURES]
        self.help_with("compare: keys and measures", COMPARE_KEYS, legend)

    def action_back(self) -> None:
        """Takes away the news, the cursor; then back."""
        if self._notice:
            self.say("")
        elif self.view.cursor is not None:
            self._look(replace(self.view, cursor=None))
        else:
            self._back()

    def action_measure(self, by: int) -> None:
        """Another measure."""
        self._look(self.view.next_measure(by))

    def action_multiples(self) -> None:
        """Several measures, or one."""
        self._look(replace(self.view, multiples=not self.view.multiples))

    def action_align(self) -> None:
        """Aligned by something else."""
        self._look(self.view.next_align())

    def action_branches(self) -> None:
        """Each branch, or what stands."""
        self._look(replace(self.view, branches=not self.view.branches, cursor=None))
        if sum(len(state.ledger.branches) for state, _ in self._states.values()) == len(self._runs):
            self.say("none of these runs has a second branch")

    def action_table(self) -> None:
        """Chart and table, one of them, or the other."""
        place = (TABLES.index(self.view.table) + 1) % len(TABLES)
        self._look(replace(self.view, table=TABLES[place], scroll=0))

    def action_zoom(self, by: int) -> None:
        """Closer or farther."""
        self._look(self.view.zoomed(by))

    def action_cursor(self, by: int) -> None:
        """Moves the cursor by a cell."""
        scene = self.scene()
        charts = self.query_one(CompareCharts).size
        columns, _ = grid(scene, charts.width, charts.height)
        cells = max(1, charts.width // columns - 2 - LEFT - RIGHT)
        window = scene.window(cells * self._glyphs.across)
        stride = window.width * self._glyphs.across
        first, last = scene.span
        here = self.view.cursor
        cursor = last if here is None else here + by * stride
        self._look(replace(self.view, cursor=min(max(first, cursor), last)))

    def action_move(self, by: int) -> None:
        """Scrolls the table."""
        table = self.query_one(CompareTable)
        if not table.display:
            return
        length = len(table_lines(self.scene(), self.size.width - 4))
        most = max(0, length - (table.size.height - 2))
        self._look(replace(self.view, scroll=min(max(0, self.view.scroll + by), most)))

    def action_page(self, by: int) -> None:
        """Scrolls the table by a page."""
        self.action_move(by * max(1, self.query_one(CompareTable).size.height - 3))

    def action_end(self, by: int) -> None:
        """Scrolls the table to its begin or end."""
        self.action_move(by * 100_000)

    def action_export(self) -> None:
        """Types the name of a file, and writes what is seen."""

        def checked(text: str) -> None:
            if text.strip():
                kind_of(text)

        def entered(text: str) -> None:
            kind_of(text)
            check_place(path_of(text), "file")
            self.run_worker(self._write(text), name="export")

        self.ask_for(
            Prompt(
                "write to:",
                f"compare-{self.view.compared.name}.csv",
                hint="a name that ends in .csv, .json or .svg",
                checked=checked,
                entered=entered,
            )
        )

    async def _write(self, text: str) -> None:
        scene = self.scene()
        try:
            content = self._picture() if kind_of(text) == ".svg" else exported(scene, kind_of(text))
            await asyncio.to_thread(write_whole, path_of(text), content, "file")
        except UserError as error:
            self.say(str(error), trouble=True)
        else:
            self.say(f"wrote {text.strip()}")

    def _picture(self) -> str:
        """The screen as an SVG."""
        return offline(self.app.export_screenshot(title="selffit: compare"))
