"""Opening the Run screen, and what it ends with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selffit.errors import UserError
from selffit_tui.talk import say, watch_command

if TYPE_CHECKING:
    from selffit_tui.app.app import Start


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the screen behaves.

    light: on light paper; None: the terminal is asked. bell: ring for an onset and its like.
    notify: the words of a command that the viewer runs for them.
    """

    light: bool | None = None
    mouse: bool = False
    bell: bool = True
    notify: Sequence[str] = ()


def open_screen(
    path: Path,
    readonly: bool = False,
    look: Look | None = None,
    start: "Start | None" = None,
) -> int:
    """Show the Run screen, its clock set to `start`; returns the exit code.

    The terminal is asked whether its paper is light where nobody says so.
    Raises UserError where the trainer refused to start, or there is no such place to start at.
    """
    from selffit.run.folder.run_dir import RunDir
    from selffit_tui.app.app import RunApp
    from selffit_tui.app.background import paper
    from selffit_tui.draw.format import wrap
    from selffit_tui.plain.follow import put_card
    from selffit_tui.words import end_card

    look = look or Look()
    light, typed = paper(look.light)
    app = RunApp(
        path,
        readonly=readonly,
        light=light,
        start=start,
        bell=look.bell,
        notify=look.notify,
    )
    app.run_in_terminal(look.mouse, typed)
    outcome = app.outcome
    if outcome.refused:
        raise UserError(outcome.refused)
    if outcome.going_on:
        say(f"left the view; training goes on. Come back with: {watch_command(path)}")
    elif outcome.text:
        first, *rest = wrap(outcome.text, end_card.WIDTH)
        say("\n".join([first, *(f"  {part}" for part in rest)]))
        put_card(RunDir(path), app.run_screen.newest.state, outcome.word)
    return outcome.code
