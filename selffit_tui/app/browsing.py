"""Going from screen to screen: from the runs to one of them, to a comparison, and back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.command import Provider

from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Source
from selffit_tui.app.base import TerminalApp
from selffit_tui.app.visit import Visit
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.intervene.palette import InterventionProvider
from selffit_tui.model.compare.scene import CompareView
from selffit_tui.screens.compare import CompareScreen
from selffit_tui.screens.everything import EverythingProvider
from selffit_tui.screens.run import RunScreen
from selffit_tui.screens.runs import RunsScreen


class BrowsingApp(TerminalApp):
    """An app with a stack of screens; below the first one there is nothing to go back to."""

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {
        InterventionProvider,
        EverythingProvider,
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close_overlay", priority=True, show=False)
    ]

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        colours: str | None,
        glyphs: Glyphs | None,
        readonly: bool,
        light: bool = False,
    ) -> None:
        """`readonly` leaves no way to act on a run; `light` draws on light paper."""
        super().__init__(clock=clock, colours=colours, glyphs=glyphs, light=light)
        self.use_command_palette = True
        self._readonly = readonly
        self.visits: list[Visit] = []  # the runs that are looked at, the first one first

    def visit(self, run_dir: Path, source: Source | None = None, fps: float = 2.0) -> Visit:
        """Prepare the look at a run; `Visit.begin` shows it."""
        made = Visit(self, run_dir, source, fps, self._readonly)
        self.visits.append(made)
        return made

    @property
    def visited(self) -> Visit | None:
        """The run whose screen is on top, None where another screen is."""
        return next((visit for visit in self.visits if visit.screen is self.screen), None)

    def on_unmount(self) -> None:
        """Stops reading."""
        for visit in self.visits:
            visit.end()

    def on_visit_news(self, message: Visit.News) -> None:
        """Draws the newest snapshot."""
        if message.visit in self.visits:
            message.visit.take()

    # ---- from screen to screen -----------------------------------------------------------
    def show_run(self, run: RunDir) -> None:
        """Opens a run over what is shown."""
        self.visit(run.path).begin(self.push_screen)

    def show_runs(self, root: Path, marked: str = "") -> None:
        """Opens the runs of a folder, the one called `marked` chosen already."""
        screen = RunsScreen(
            self.inks,
            root,
            open_run=self.show_run,
            compare=self.show_comparison,
            back=self.action_go_back,
            glyphs=self.glyphs,
            ascii_because=self.ascii_because,
            clock=self.clock,
            marked=marked,
        )
        screen.styles.background = self.paper
        self.push_screen(screen)

    def show_comparison(
        self,
        runs: Mapping[str, RunDir],
        branches: Mapping[str, tuple[str, ...]] | None = None,
        view: CompareView | None = None,
    ) -> None:
        """Opens a comparison of runs by letter; of one run: of its branches."""
        screen = CompareScreen(
            self.inks,
            runs,
            back=self.action_go_back,
            branches=branches,
            view=view,
            glyphs=self.glyphs,
            ascii_because=self.ascii_because,
            clock=self.clock,
        )
        screen.styles.background = self.paper
        self.push_screen(screen)

    def action_runs(self) -> None:
        """Goes back to the runs, or opens those beside the run on show."""
        stack = self.screen_stack
        if any(isinstance(screen, RunsScreen) for screen in stack):
            while not isinstance(self.screen, RunsScreen):
                self._leave_top()
        elif (visit := self.visited) is not None:
            self.show_runs(visit.run_dir.absolute().parent)

    def action_compare(self) -> None:
        """Compares the branches of the run on show."""
        if (visit := self.visited) is not None:
            self.show_comparison({"A": RunDir(visit.run_dir.absolute())})

    def action_compare_with(self) -> None:
        """Chooses among the runs beside the one on show, which is marked already."""
        if (visit := self.visited) is not None:
            path = visit.run_dir.absolute()
            self.show_runs(path.parent, marked=path.name)

    def action_card(self) -> None:
        """Shows how the run on show comes up, or has ended."""
        visit = self.visited
        if visit is not None and not visit.overlay.open(visit.screen.scene()):
            self.notify("it goes on: it has a card when it ends", timeout=5)

    def action_close_overlay(self) -> None:
        """Closes the card over the panels."""
        if (visit := self.visited) is not None:
            visit.overlay.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc closes the card where one is shown, and is everybody's else."""
        if action == "close_overlay":
            return (visit := self.visited) is not None and visit.overlay.display
        return super().check_action(action, parameters)

    def action_go_back(self) -> None:
        """Goes back to the screen below; where there is none, nothing happens."""
        if len(self.screen_stack) > 2:  # the one at the bottom is empty
            self._leave_top()

    def _leave_top(self) -> None:
        visit = self.visited
        if visit is not None and isinstance(self.screen, RunScreen):
            visit.end()
            self.visits.remove(visit)
        self.pop_screen()
