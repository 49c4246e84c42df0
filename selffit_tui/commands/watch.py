"""`selffit watch`: open the view of a run, running or ended, from any terminal."""

from pathlib import Path
from typing import Annotated

import typer

from selffit.errors import UserError
from selffit_tui.commands.options import (
    AtOption,
    LightOption,
    MouseOption,
    NoBellOption,
    NotifyOption,
    ReadonlyOption,
    RunArgument,
    RunsOption,
)
from selffit_tui.talk import RUNS, typed


def watch(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    plain: Annotated[
        bool, typer.Option("--plain", help="plain lines instead of the screen")
    ] = False,
    at: AtOption = None,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            "--screenshot",
            help="write the screen as it is now to an SVG file and return",
            show_default=False,
        ),
    ] = None,
    readonly: ReadonlyOption = False,
    light: LightOption = None,
    mouse: MouseOption = False,
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
    from selffit.run.folder.find import find_run
    from selffit.run.notify import words_of

    found = find_run(run, runs)
    words = words_of(notify or "")
    if screenshot is not None:
        from selffit_tui.app.screenshot import save_screenshot

        save_screenshot(found.path, screenshot, size, panel, at, bool(light))
        return
    from selffit_tui.plain.follow import follow_plain, is_plain_terminal

    if plain or is_plain_terminal():
        if at is not None:
            raise UserError(
                "--at needs a terminal that a screen can be drawn on, or --screenshot FILE; as "
                f"lines: {typed('status RUN --at PLACE')}"
            )
        code = follow_plain(found, notify=words)
    else:
        from selffit_tui.app.app import Start
        from selffit_tui.commands.opening import Look, open_screen

        start = None if at is None else Start(at=at, playing=False)
        look = Look(light=light, mouse=mouse, bell=not no_bell, notify=words)
        code = open_screen(found.path, readonly, look, start)
    if code:
        raise typer.Exit(code)
