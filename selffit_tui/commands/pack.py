"""`selffit pack` and `selffit open`: a run as one file to share, and back."""

from pathlib import Path
from typing import Annotated

import typer

from selffit_tui.commands.options import ReadonlyOption, RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, say, typed, watch_command


def pack(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="default: RUN.selffit"),
    ] = None,
    thin: Annotated[
        bool,
        typer.Option("--thin", help="thinned as by `selffit thin`: the same verdicts, fewer bytes"),
    ] = False,
) -> None:
    """Pack a run into one file to share: its log, without weights and printed output."""
    from selffit.exchange.pack import SUFFIX, pack_thinned
    from selffit.exchange.pack import pack as pack_run
    from selffit.numbers import size
    from selffit.run.folder.find import find_run

    found = find_run(run, runs)
    place = output or Path(f"{found.name}{SUFFIX}")
    written = pack_thinned(found, place) if thin else pack_run(found, place)
    put(str(place))
    say(f"{size(written)}; who gets it looks at it with: {typed(f'open {place.name}')}")


def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `selffit pack` wrote")],
    runs: RunsOption = RUNS,
    name: Annotated[
        str | None,
        typer.Option("--name", help="what it is called here", show_default=False),
    ] = None,
    view: Annotated[bool, typer.Option("--view/--no-view", help="open the view of it")] = True,
    readonly: ReadonlyOption = True,
) -> None:
    """Open a run that somebody packed: unpack it among the runs, and show it.

    Nothing is overwritten, and nothing but the files of a run is unpacked.
    """
    from selffit.exchange.unpack import unpack
    from selffit_tui.plain.follow import is_plain_terminal

    found = unpack(file, runs, name)
    put(found.name)
    if view and not is_plain_terminal():
        from selffit_tui.commands.opening import open_screen

        code = open_screen(found.path, readonly)
        if code:
            raise typer.Exit(code)
    else:
        say(f"look at it with: {watch_command(found.path)}")
