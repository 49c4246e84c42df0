"""`selffit replay`: a run as it happened, from its beginning or any other place."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from selffit.errors import UserError
from selffit.numbers import plural
from selffit.run.recording.units import PLACES, UNITS
from selffit_tui.commands.options import (
    JsonOption,
    LightOption,
    MouseOption,
    ReadonlyOption,
    RunArgument,
    RunsOption,
)
from selffit_tui.talk import RUNS, put_json, say, typed

if TYPE_CHECKING:
    from selffit.run.folder.run_dir import RunDir
    from selffit.run.recording.units import Unit


def replay(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    at: Annotated[
        str,
        typer.Option("--at", metavar="PLACE", help=f"where to begin: {PLACES}", show_default=True),
    ] = "start",
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed",
            help="recorded seconds a second: 0.25 to 64, or max: as fast as it draws; 1, and 8 "
            "with --record",
            show_default=False,
        ),
    ] = None,
    held: Annotated[
        bool, typer.Option("--held", help="do not play before space is pressed")
    ] = False,
    readonly: ReadonlyOption = False,
    light: LightOption = None,
    mouse: MouseOption = False,
    json: JsonOption = False,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="UNIT",
            help=f"with --json, an object at every {', '.join(UNITS)} instead of every mark",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE.cast",
            help="write what the screen would show to a file for asciinema, without a terminal",
            show_default=False,
        ),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="columns x rows of --record")] = "120x40",
) -> None:
    """Play a run again, ended or not, on the screen that showed it live.

    Space holds it and plays on, the arrows step back and forth, [ and ] go between marks, < and >
    change the speed, e goes to the end. With --json, what it would show, as data: a line at every
    mark, from --at on; with --record, as a film.
    """
    from selffit.run.folder.find import find_run
    from selffit_tui.plain.follow import is_plain_terminal

    if json and record is not None:
        raise UserError("--json prints data and --record writes a film: give one of them")
    unit = parse_unit(every, json)
    pace = parse_speed(speed or ("1" if record is None else "8"))
    found = find_run(run, runs)
    if json:
        print_moments(found, at, unit)
        return
    if record is not None:
        from selffit_tui.app.cast import save_cast

        save_cast(found.path, record, at, pace, size)
        say(f"{record} holds the replay; play it with: asciinema play {quote(str(record))}")
        return
    if is_plain_terminal():
        raise UserError(
            "a replay needs a terminal that a screen can be drawn on; as data: "
            f"{typed('replay RUN --json')}"
        )
    from selffit_tui.app.app import Start
    from selffit_tui.commands.opening import Look, open_screen

    start = Start(at=at, speed=pace, playing=not held)
    code = open_screen(found.path, readonly, Look(light=light, mouse=mouse, bell=False), start)
    if code:
        raise typer.Exit(code)


def print_moments(run: "RunDir", at: str, unit: "Unit | None") -> None:
    """Print a run from a place on as lines of JSON; exit code 1 where its log cannot be read.

    Raises UserError for a place that does not exist, and where there is nothing to replay.
    """
    from selffit.run.recorded import Recorded

    recorded = Recorded.of(run)
    faults = recorded.recording.newest.notices
    if faults:
        more = f" ({plural(len(faults), 'fault')})" if len(faults) > 1 else ""
        say(f"the log of {run.name} is not whole{more}: {faults[0].text}")
    for line in recorded.lines(recorded.positions(at, unit)):
        put_json(line)
    if recorded.unreadable:
        raise typer.Exit(1)


def parse_unit(text: str | None, json: bool) -> "Unit | None":
    """The unit that a person means. Raises UserError for one that there is not."""
    if text is None:
        return None
    if not json:
        raise UserError("--every says how fine --json is: give both")
    for unit in UNITS:
        if text.strip().lower() == unit:
            return unit
    raise UserError(f"--every is one of {', '.join(UNITS)}, not '{text[:40]}'")


def parse_speed(text: str) -> float:
    """The speed of a clock that a person means. Raises UserError for one that it does not have."""
    from selffit_tui.model.clock import SPEEDS, speed_words

    said = text.strip().lower().removesuffix("x").removesuffix("×")
    for speed in SPEEDS:
        if said == speed_words(speed).removesuffix("×"):
            return speed
    has = ", ".join(speed_words(speed).removesuffix("×") for speed in SPEEDS)
    raise UserError(f"--speed is one of {has}, not '{text[:40]}'")
