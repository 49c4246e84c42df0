"""The Runs screen: all runs of a folder, live; found, sorted, marked, labelled, opened, deleted."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from selffit.eventlog.clean import clean
from selffit.numbers import age
from selffit.run.folder.run_dir import RunDir
from selffit.run.listing.row import Row
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.draw.spans import Line
from selffit_tui.model.listing.letters import LETTERS, toggled
from selffit_tui.model.listing.query import EXAMPLE, Query, parse
from selffit_tui.model.listing.scene import (
    ListScene,
    ListView,
    chosen,
    moved,
    place_of,
    scrolled,
)
from selffit_tui.model.roster_feed import RosterFeed, Rows
from selffit_tui.panels.parts.asking import AskLines, ask_lines
from selffit_tui.panels.runs.columns import meanings
from selffit_tui.panels.runs.details import RunsDetails
from selffit_tui.panels.runs.head import RunsHead
from selffit_tui.panels.runs.table import HEAD, RunsTable
from selffit_tui.panels.widget import LineView
from selffit_tui.screens.acts import ActsOnRuns
from selffit_tui.screens.keyhelp import keys_line
from selffit_tui.screens.keys import bindings
from selffit_tui.screens.listkeys import RUNS_KEYS
from selffit_tui.screens.prompt import Prompt

TICK_SECONDS = 1.0


class RunsFooter(LineView[ListScene]):
    """One line: the most important keys."""

    def draw(self, scene: ListScene, width: int, height: int) -> list[Line]:
        """The line."""
        return [keys_line(RUNS_KEYS, width)]


class RunsScreen(ActsOnRuns):
    """Holds what was read and was chosen; its parts draw the scene made of these."""

    class News(Message):
        """The feed has newer rows."""

    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(RUNS_KEYS)

    def __init__(
        self,
        styles: dict[str, Style],
        root: Path,
        *,
        open_run: Callable[[RunDir], None],
        compare: Callable[[dict[str, RunDir]], None],
        back: Callable[[], None],
        glyphs: Glyphs = BRAILLE,
        ascii_because: str = "",
        clock: Callable[[], float] = time.time,
        marked: str = "",
    ) -> None:
        """`open_run`, `compare` (runs by letter) and `back` say where keys lead to.

        marked: the name of a run that others are compared with.
        """
        super().__init__(styles, glyphs, ascii_because)
        self._root = root
        self._open_run = open_run
        self._compare = compare
        self._back = back
        self._clock = clock
        self.feed = RosterFeed(root, self._tell, clock)
        self.view = ListView(marks={marked: LETTERS[0]} if marked else {})
        if marked:
            self.say("mark others with space, then c compares them with A")
        self.rows = Rows((), 0)
        self.shown: tuple[Row, ...] = ()
        self._looked = False
        self._aged: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        """The parts, from the top down."""
        yield RunsHead(self._inks)
        yield RunsTable(self._inks)
        yield RunsDetails(self._inks)
        yield AskLines(self._inks)
        yield RunsFooter(self._inks)

    def on_mount(self) -> None:
        """Starts to read, and the clock that ages the runs."""
        self.feed.start()
        self.set_interval(TICK_SECONDS, self._tick)
        self.redraw()

    def on_unmount(self) -> None:
        """Stops reading."""
        self.feed.stop()

    def _tick(self) -> None:
        """A second has passed: only ages can have changed, and most of them do so seldom."""
        ages = self._ages()
        if ages != self._aged:
            self._aged = ages
            self.redraw()

    def _ages(self) -> tuple[str, ...]:
        """How old the runs in sight are, in words."""
        now, first, row = self._clock(), self.view.first, self.scene().row
        ages = [age(now - one.created) for one in self.shown[first : first + self._lines()]]
        return (*ages, age(now - row.heard) if row is not None else "")

    # ---- what is shown -------------------------------------------------------------------
    def _tell(self) -> None:
        if self.is_running:
            self.post_message(self.News())

    def on_runs_screen_news(self, message: News) -> None:
        """Takes the newest rows."""
        if self.feed.failed is not None:
            raise self.feed.failed
        rows = self.feed.take()
        if rows is None:
            return
        self.rows = rows
        self._looked = True
        names = {row.name for row in rows.rows}
        gone = [name for name in self.view.marks if name not in names]
        if gone:
            marks = {name: at for name, at in self.view.marks.items() if name in names}
            self.view = replace(self.view, marks=marks)
        self._choose()
        self.redraw()

    def _choose(self) -> None:
        """Filters and sorts; the cursor stays on its run, or where that was."""
        place = place_of(self.shown, self.view.at)
        self.shown = chosen(self.rows.rows, self.view, self._clock())
        if not any(row.name == self.view.at for row in self.shown):
            top = self._looked and not self.view.at
            self.view = moved(self.view, self.shown, 0 if top else place, self._lines())

    def scene(self) -> ListScene:
        """What there is to draw now."""
        return ListScene(
            rows=self.rows.rows,
            shown=self.shown,
            view=self.view,
            unread=self.rows.unread,
            looked=self._looked,
            folder=clean(str(self._root)),
            ask=self.asked,
            notice=self._notice,
            trouble=self._trouble,
            now=self._clock(),
            glyphs=self._glyphs,
        )

    def _lines(self) -> int:
        """How many rows are in sight."""
        height = self.query_one(RunsTable).size.height if self.is_mounted else 0
        return max(1, (height or self.size.height - 4) - HEAD)

    def redraw(self) -> None:
        """Brings every part up to date; what looks the same is not sent again."""
        if not self.is_mounted or not self.size or self.app.screen is not self:
            return
        width, height = self.size
        asked = len(ask_lines(self.scene(), width))
        details = 6
        sizes: dict[type[Widget], int] = {
            RunsDetails: details if height >= 20 and self.shown else 0,
            AskLines: min(asked, 3),
        }
        for kind, lines in sizes.items():
            widget = self.query_one(kind)
            widget.display = lines > 0
            widget.styles.height = lines
        self.query_one(RunsFooter).display = height >= 6
        at = place_of(self.shown, self.view.at)
        first = scrolled(self.view.first, at, len(self.shown), self._lines())
        self.view = replace(self.view, first=first)
        scene = self.scene()
        self.feed.want(tuple(row.name for row in self.shown[first : first + self._lines()]))
        for part in self.query(LineView):
            part.show(scene)

    def _look(self, view: ListView) -> None:
        if view != self.view:
            self.view = view
            self._choose()
        self.redraw()

    # ---- what keys do --------------------------------------------------------------------
    def action_help(self) -> None:
        """Shows the keys and what the columns mean."""
        legend = [
            *meanings().items(),
            ("filter", f"for instance: {EXAMPLE}; name:a,b is any of these, * any characters"),
        ]
        self.help_with("runs: keys and columns", RUNS_KEYS, legend)

    def action_back(self) -> None:
        """One thing after the other is taken away; then back."""
        if self._notice:
            self.say("")
        elif self.view.query.text:
            self._look(replace(self.view, query=Query()))
        elif self.view.marks:
            self._look(replace(self.view, marks={}))
        else:
            self._back()

    def action_open(self) -> None:
        """Opens the run under the cursor."""
        row = self.scene().row
        run = None if row is None else self.feed.run(row.name)
        if row is None or run is None:
            self.app.bell()
        elif row.why:
            self.say(f"{row.shown} cannot be opened: {row.why}", trouble=True)
        else:
            self._open_run(run)

    def action_move(self, by: int) -> None:
        """The next row, or the one before."""
        at = place_of(self.shown, self.view.at)
        self.view = moved(self.view, self.shown, at + by, self._lines())
        self.redraw()

    def action_page(self, by: int) -> None:
        """A page of rows."""
        self.action_move(by * max(1, self._lines() - 1))

    def action_end(self, by: int) -> None:
        """The first row, or the last."""
        self.action_move(by * len(self.shown))

    def action_sort(self) -> None:
        """Sorts by the next column."""
        self._look(replace(self.view, order=self.view.order.next()))

    def action_sort_back(self) -> None:
        """Sorts by the column before."""
        self._look(replace(self.view, order=self.view.order.next(-1)))

    def action_turn(self) -> None:
        """Sorts the other way round."""
        self._look(replace(self.view, order=self.view.order.round()))

    def action_mark(self) -> None:
        """Marks the run under the cursor, or not, and goes on to the next."""
        row = self.scene().row
        if row is None:
            return
        marks = toggled(self.view.marks, row.name)
        if marks is None:
            self.say(f"{len(LETTERS)} runs are marked; more cannot be compared at once", True)
            return
        self.view = replace(self.view, marks=marks)
        self.action_move(1)

    def action_compare(self) -> None:
        """Compares the marked runs; without any, the one under the cursor with its branches."""
        row, marks = self.scene().row, dict(self.view.marks)
        if not marks and row is not None:
            marks = {row.name: LETTERS[0]}
        bad = [one.name for one in self.rows.rows if one.name in marks and one.why]
        runs = {
            letter: run
            for name, letter in sorted(marks.items(), key=lambda item: item[1])
            if name not in bad and (run := self.feed.run(name)) is not None
        }
        if runs:
            self._compare(runs)
        elif bad:
            self.say(f"{clean(bad[0])} cannot be read, so there is nothing to compare", True)
        else:
            self.app.bell()

    def action_filter(self) -> None:
        """Types the filter; the list follows."""
        before = self.view.query

        def taken(text: str) -> None:
            self._look(replace(self.view, query=parse(text.strip())))

        self.ask_for(
            Prompt(
                "/",
                before.text,
                hint=f"for instance: {EXAMPLE}",
                changed=taken,
                entered=taken,
                cancelled=lambda: self._look(replace(self.view, query=before)),
            )
        )
