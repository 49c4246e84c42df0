"""`selffit watch`: open the view of a run, running or ended, from any terminal."""

from pathlib import Path
from typing import Annotated

import typer

from selffit_tui.commands.options import (
    NoBellOption,
    NotifyOption,
    ReadonlyOption,
    RunArgument,
    RunsOption,
)
from selffit_tui.talk import RUNS


def watch(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    plain: Annotated[
        bool, typer.Option("--plain", help="plain lines instead of the screen")
    ] = False,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            "--screenshot",
            help="write the screen as it is now to an SVG file and return",
            show_default=False,
        ),
    ] = None,
    readonly: ReadonlyOption = False,
    no_bell: NoBellOption = False,
    notify: NotifyOption = None,
    size: Annotated[
        str, typer.Option("--size", help="columns x rows of the screenshot")
    ] = "120x40",
    panel: Annotated[
        str, typer.Option("--panel", help="panel of the screenshot, e.g. channels")
    ] = "overview",
) -> None:
    """Watch a run, live or ended.

    Any number of people can watch, and leaving changes nothing. From the view the run can be acted
    on (key i).
    """
    from selffit.run.find import find_run
    from selffit.run.notify import words_of

    found = find_run(run, runs)
    words = words_of(notify or "")
    if screenshot is not None:
        from selffit_tui.app.screenshot import save_screenshot

        save_screenshot(found.path, screenshot, size, panel)
        return
    from selffit_tui.plain.follow import follow_plain, is_plain_terminal

    if plain or is_plain_terminal():
        code = follow_plain(found, notify=words)
    else:
        from selffit_tui.commands.train import open_screen

        code = open_screen(found.path, readonly, bell=not no_bell, notify=words)
    if code:
        raise typer.Exit(code)
