"""A viewer that calls: by the bell of its terminal, and by the command of `watch --notify`.

What had been logged when the view was opened is on the screen anyway; nobody is called for it.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.judged.calling import LAST_WORD_SECONDS, Calls, call_data
from selffit.run.notify import Notifier
from selffit_tui.app.bell import Bell
from selffit_tui.model.scene import Snapshot


class Caller:
    """Looks at each snapshot once the whole log has been read, and at the clock."""

    def __init__(
        self,
        path: Path,
        bell: Bell,
        failed: Callable[[str], None],
        notify: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """path: of the run; notify: the words of a command; failed: hears when that fails."""
        self.bell = bell
        self._path = path
        self._id = RunDir(path).id.id
        self._clock = clock
        self._calls = Calls()
        self._begun = False
        self._looked: tuple[RunState, str, float] | None = None  # at what, and when
        self._notifier = Notifier(notify, failed) if notify else None

    def look(self, snapshot: Snapshot) -> None:
        """Call for what is new."""
        if snapshot.loading is not None:
            return
        now = self._clock()
        word = snapshot.word(now)
        looked = snapshot.state, word, now // LAST_WORD_SECONDS
        before, self._looked = self._looked, looked
        if before is not None and before[0] is looked[0] and before[1:] == looked[1:]:
            return  # nothing can be new
        told = snapshot.state, word, now + snapshot.ahead
        if not self._begun:
            self._begun = True
            self._calls.begin(*told)
            return
        news = self._calls.news(*told)
        if any(call.urgent for call in news):
            self.bell.ring(self._path.name)
        if self._notifier is not None:
            for call in news:
                data = call_data(snapshot.state, call, self._path, self._id)
                self._notifier.call(data)

    def finish(self) -> None:
        """Wait for commands that still run."""
        if self._notifier is not None:
            self._notifier.finish()
