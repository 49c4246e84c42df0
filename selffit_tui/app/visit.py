"""A run that somebody looks at: its Run screen, and the feed that reads for it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from selffit.eventlog.folder import held
from selffit.run.follow import Source
from selffit.run.in_time import TimedSource
from selffit_tui.app.overlay import Overlay
from selffit_tui.model.feed import Feed
from selffit_tui.model.scene import Snapshot
from selffit_tui.screens.run import RunScreen

if TYPE_CHECKING:
    from selffit_tui.app.base import TerminalApp


class Visit:
    """From the first to the last look at a run; the app starts it and ends it."""

    class News(Message):
        """The feed of a visit has a newer snapshot."""

        def __init__(self, visit: "Visit") -> None:
            super().__init__()
            self.visit = visit

    def __init__(
        self,
        app: "TerminalApp",
        run_dir: Path,
        source: Source | None = None,
        fps: float = 2.0,
        readonly: bool = False,
    ) -> None:
        """`source` replaces the log; `fps`: redraws a second at most while data come in."""
        self._app = app
        self.run_dir = run_dir
        place = held(run_dir)  # a successor at this path is another run
        self.feed = Feed(source or TimedSource(place), self._tell, run_dir.name, fps, app.clock)
        self.screen = RunScreen(app.inks, app.glyphs, app.ascii_because, app.clock, place, readonly)
        self.overlay = Overlay(run_dir, app.inks)

    def begin(self, show: Callable[[RunScreen], object]) -> None:
        """Shows the run and starts to read."""
        self.screen.styles.background = self._app.paper
        show(self.screen)
        self.screen.mount(self.overlay)
        self.feed.start()

    def end(self) -> None:
        """Stops reading."""
        self.feed.stop()

    def take(self) -> Snapshot | None:
        """Draws the newest snapshot; None where it has been drawn."""
        if self.feed.failed is not None:
            raise self.feed.failed
        snapshot = self.feed.take()
        if snapshot is not None:
            self.screen.take(snapshot)
        return snapshot

    def _tell(self) -> None:
        if self._app.is_running:
            self._app.post_message(self.News(self))
