"""`selffit replay`: a run as it happened, from its beginning or any other place."""

from typing import Annotated

import typer

from selffit.errors import UserError
from selffit.run.units import PLACES
from selffit_tui.commands.options import ReadonlyOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, typed


def replay(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    at: Annotated[
        str,
        typer.Option("--at", metavar="PLACE", help=f"where to begin: {PLACES}", show_default=True),
    ] = "start",
    speed: Annotated[
        str,
        typer.Option(
            "--speed", help="recorded seconds a second: 0.25 to 64, or max: as fast as it draws"
        ),
    ] = "1",
    held: Annotated[
        bool, typer.Option("--held", help="do not play before space is pressed")
    ] = False,
    readonly: ReadonlyOption = False,
) -> None:
    """Play a run again, ended or not, on the screen that showed it live.

    Space holds it and plays on, the arrows step back and forth, [ and ] go between marks, < and >
    change the speed, e goes to the end.
    """
    from selffit.run.find import find_run
    from selffit_tui.plain.follow import is_plain_terminal

    pace = parse_speed(speed)
    found = find_run(run, runs)
    if is_plain_terminal():
        raise UserError(
            "a replay needs a terminal that a screen can be drawn on; for a moment of a run as "
            f"data: {typed('status RUN --at PLACE --json')}"
        )
    from selffit_tui.app.app import Start
    from selffit_tui.commands.train import open_screen

    code = open_screen(found.path, readonly, Start(at=at, speed=pace, playing=not held))
    if code:
        raise typer.Exit(code)


def parse_speed(text: str) -> float:
    """The speed of a clock that a person means. Raises UserError for one that it does not have."""
    from selffit_tui.model.clock import SPEEDS, speed_words

    said = text.strip().lower().removesuffix("x").removesuffix("×")
    for speed in SPEEDS:
        if said == speed_words(speed).removesuffix("×"):
            return speed
    has = ", ".join(speed_words(speed).removesuffix("×") for speed in SPEEDS)
    raise UserError(f"--speed is one of {has}, not '{text[:40]}'")
