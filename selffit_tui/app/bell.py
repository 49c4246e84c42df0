"""Calls whoever has the terminal open: it rings, and its title says which run it is about.

The title is set by OSC 2, which terminals show in their tab and tmux as the title of the pane; what
it was before is kept and brought back by the terminal itself (XTWINOPS 22 and 23).
"""

from collections.abc import Callable

from selffit_tui.gate import one_line

BELL = "\a"
KEEP_TITLE, GIVE_TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"
MARK = "!! "
LETTERS = 80  # of a run's name


def title(run: str, calling: bool) -> str:
    """The sequence that sets the title."""
    return f"\x1b]2;{MARK if calling else ''}selffit {one_line(run)[:LETTERS]}\x1b\\"


class Bell:
    """Writes to a terminal by `write`; `on` is False where nobody wants to be rung for."""

    def __init__(self, write: Callable[[str], None], on: bool = True) -> None:
        self._write = write
        self._on = on
        self._titled = ""  # the run that the title names, "" while it is the terminal's own
        self.calling = False

    def ring(self, run: str) -> None:
        """Call somebody to a run."""
        if not self._on:
            return
        if not self._titled:
            self._write(KEEP_TITLE)
        self._titled, self.calling = run, True
        self._write(title(run, calling=True) + BELL)

    def seen(self) -> None:
        """Somebody is here: the title names the run, and calls no more."""
        if self.calling:
            self.calling = False
            self._write(title(self._titled, calling=False))

    def leave(self) -> None:
        """Bring the terminal's own title back."""
        if self._titled:
            self._titled = ""
            self._write(GIVE_TITLE_BACK)
