"""The Textual apps: one that shows a run, and one that begins with all runs of a folder.

They read logs, and send commands through a run's inbox.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from textual.events import Event, Key

from selffit.errors import UserError
from selffit.run.folded.word import refusal
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Source
from selffit.run.judged.trouble import left_with
from selffit.run.judged.wording import closing
from selffit.vocabulary import state_of
from selffit_tui.app.bell import Bell
from selffit_tui.app.browsing import BrowsingApp
from selffit_tui.app.calling import Caller
from selffit_tui.app.visit import Visit
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.model.compare.scene import CompareView
from selffit_tui.talk import say
from selffit_tui.words import startup


@dataclass(frozen=True)
class Outcome:
    """Why the view was left.

    `refused`: the trainer's reason when it refused to start, or that there is no such place to
    begin at; `going_on`: training goes on; `text`: what to say about an ended run, and `word`: how
    it stands; `code`: the exit code (128 + n after signal n, 1 for a failed run or view).
    """

    refused: str = ""
    going_on: bool = False
    text: str = ""
    code: int = 0
    word: str = ""


@dataclass(frozen=True)
class Start:
    """Where a clock begins: a place as `--at` has it, its speed, and whether it plays."""

    at: str = "start"
    speed: float = 1.0
    playing: bool = True


class RunApp(BrowsingApp):
    """`run_in_terminal` shows the run; `outcome` then says why the view was left."""

    def __init__(
        self,
        run_dir: Path,
        *,
        source: Source | None = None,
        clock: Callable[[], float] = time.time,
        colours: str | None = None,
        glyphs: Glyphs | None = None,
        fps: float = 2.0,
        readonly: bool = False,
        start: Start | None = None,
        light: bool = False,
        bell: bool = True,
        notify: Sequence[str] = (),
    ) -> None:
        """What is not given is that of the run, of this machine and of its terminal.

        `source`, `clock`, `colours` and `glyphs` replace the log, the wall clock and what the
        terminal can show; `fps` is the number of redraws a second at most while data come in;
        `readonly` leaves no way to act; `start`: where the clock begins, else at the newest;
        `light` draws on light paper; `bell`: ring for an onset and its like; `notify`: the words of
        a command that is run for them.
        """
        super().__init__(
            clock=clock, colours=colours, glyphs=glyphs, readonly=readonly, light=light
        )
        self.outcome = Outcome(code=1)
        self._start = start
        self._refused = ""
        self.home = self.visit(run_dir, source, fps)
        self.run_screen = self.home.screen
        self.feed = self.home.feed
        self.caller = Caller(run_dir, Bell(self._write, bell), self._notify_failed, notify, clock)
        self.overlay = self.home.overlay

    def run_in_terminal(self, mouse: bool = False, typed: bytes = b"") -> None:
        """Runs the app; see `TerminalApp`."""
        super().run_in_terminal(mouse, typed)
        self.caller.finish()

    def on_mount(self) -> None:
        """Shows the run and starts to read."""
        self.listen()
        self.home.begin(self.push_screen)
        self.set_interval(1.0, self._look)  # a run may be lost without a word

    def on_unmount(self) -> None:
        """Stops reading."""
        self.caller.bell.leave()
        super().on_unmount()

    async def on_event(self, event: Event) -> None:
        """Whoever presses a key has seen what the title called for."""
        if isinstance(event, Key):
            self.caller.bell.seen()
        await super().on_event(event)

    def _write(self, text: str) -> None:
        """To the terminal, past the screen."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(text)
            self._driver.flush()

    def _look(self) -> None:
        if startup.coming_up(self.run_screen.newest.state):  # how long it takes
            self.run_screen.redraw()
        self.caller.look(self.run_screen.newest)

    def _notify_failed(self, error: str) -> None:
        """In the thread that ran the command."""
        words = f"--notify failed: {error}"
        try:
            self.call_from_thread(self.notify, words, severity="warning", markup=False)
        except RuntimeError:  # the view has been left meanwhile
            say(words)

    def on_visit_news(self, message: Visit.News) -> None:
        """Draws the newest snapshot.

        Leaves where the trainer refused to start, since there is nothing to see.
        """
        message.prevent_default()
        if message.visit not in self.visits:
            return
        snapshot = message.visit.take()
        if message.visit is not self.home or snapshot is None:
            return
        self._look()
        if self._start is not None and snapshot.loading is None:
            self._begin(self._start)
        if snapshot.state.start is None and refusal(snapshot.state):
            self.exit()

    def _begin(self, start: Start) -> None:
        """Sets the clock once the whole log has been read; leaves where there is no such place."""
        self._start = None
        try:
            position = self.run_screen.player.position(start.at)
        except UserError as error:
            self._refused = str(error)
            self.exit()
        else:
            self.run_screen.begin_with(position, start.speed, start.playing)

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Notes the outcome, and leaves."""
        self.outcome = self._outcome()
        super().exit(result, return_code, message)

    def _outcome(self) -> Outcome:
        newest = self.run_screen.newest
        state = newest.state
        code = 128 + self.ended_by if self.ended_by else 0
        if self._refused:
            return Outcome(refused=self._refused, code=2)
        if state.start is None and (reason := refusal(state)):
            return Outcome(refused=reason, code=2)
        word = newest.word(self.clock())
        if state.ending is None and not state_of(word).left:
            return Outcome(going_on=True, code=code)
        text = f"{state.run}: {closing(state, word)}"
        return Outcome(text=text, code=code or left_with(state, word), word=word)


class RunsApp(BrowsingApp):
    """Begins with all runs of a folder, or with a comparison of some; nothing is followed."""

    def __init__(
        self,
        root: Path,
        compared: Mapping[str, RunDir] | None = None,
        *,
        branches: Mapping[str, tuple[str, ...]] | None = None,
        view: CompareView | None = None,
        clock: Callable[[], float] = time.time,
        colours: str | None = None,
        glyphs: Glyphs | None = None,
        readonly: bool = False,
        light: bool = False,
    ) -> None:
        """`compared`: runs by letter, with these `branches` and this `view`; the rest: `RunApp`."""
        super().__init__(
            clock=clock, colours=colours, glyphs=glyphs, readonly=readonly, light=light
        )
        self.root = root
        self.compared = compared
        self.chosen = branches
        self.first_view = view

    @property
    def code(self) -> int:
        """The exit code: 128 + n after signal n, 1 where the app failed."""
        return 128 + self.ended_by if self.ended_by else self.return_code or 0

    def on_mount(self) -> None:
        """Shows the first screen."""
        self.listen()
        if self.compared:
            self.show_comparison(self.compared, self.chosen, self.first_view)
        else:
            self.show_runs(self.root)
