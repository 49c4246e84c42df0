"""`selffit train`: make the run directory, spawn the training, and open a view of it."""

import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selffit import __version__
from selffit.config import DEFAULT_PRESET, preset_names, resolve
from selffit.errors import UserError
from selffit.vocabulary import LOST
from selffit_tui.commands.options import ReadonlyOption, RunsOption, with_settings
from selffit_tui.talk import RUNS, put, say, watch_command

if TYPE_CHECKING:
    from selffit.run.run_dir import RunDir

_PRESETS = f"{', '.join(preset_names())}, or a TOML file"


@with_settings
def train(
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help=f"where the settings start from: {_PRESETS}",
            show_default=DEFAULT_PRESET,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="name of the run (default: made from data set and method)",
            show_default=False,
        ),
    ] = None,
    runs: RunsOption = RUNS,
    detach: Annotated[
        bool, typer.Option("--detach", help="start the training, print the run's name and return")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="plain lines instead of the screen")
    ] = False,
    readonly: ReadonlyOption = False,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="go on with a run from its newest checkpoint",
            show_default=False,
        ),
    ] = None,
    **settings: Any,
) -> None:
    """Train, and watch it live.

    The training survives this terminal: leaving the view never stops it. Every setting of a preset
    can be overridden by the option of its name, e.g. [bold]selffit train --method n-fgsm --eps
    8/255 --seed 3[/bold].
    """
    from selffit import supervisor
    from selffit.control.policy import parse_policy
    from selffit.run.run_dir import RunDir
    from selffit_tui.commands.impossible import refuse_impossible
    from selffit_tui.plain.follow import (
        follow_plain,
        is_plain_terminal,
        wait_for_life,
        wait_for_start,
    )

    if resume is not None:
        given = {"preset": preset, "name": name, **settings}
        run = find_resumable(
            resume, runs, [option for option, value in given.items() if value is not None]
        )
    else:
        config = resolve(preset, settings)
        refuse_impossible(config)
        parse_policy(config.on_co, config.on_suspect, config.max_rollbacks)
        info = {
            "preset": preset or DEFAULT_PRESET,
            "config": config.as_dict(),
            "version": __version__,
            "python": platform.python_version(),
        }
        run = RunDir.create(runs, name, info, stem=f"{config.data}-{config.method}")
    attempts = run.newest_attempt()
    process: subprocess.Popen[bytes] | None = None
    try:
        process = supervisor.spawn(run.path)
        wait_for_life(run, process, attempts + 1)
        if detach:
            wait_for_start(run, process)
            say(f"training goes on; watch it with: {watch_command(run.path)}")
            put(run.name)
            return
        code = (
            follow_plain(run, process)
            if plain or is_plain_terminal()
            else open_screen(run.path, readonly)
        )
    except UserError:
        if resume is None:
            remove_refused(run, process)
        raise
    if code:
        raise typer.Exit(code)


def open_screen(path: Path, readonly: bool = False) -> int:
    """Show the Run screen; returns the exit code.

    Raises UserError where the trainer refused to start.
    """
    from selffit_tui.app.app import RunApp

    app = RunApp(path, readonly=readonly)
    app.run_in_terminal()
    outcome = app.outcome
    if outcome.refused:
        raise UserError(outcome.refused)
    if outcome.going_on:
        say(f"left the view; training goes on. Come back with: {watch_command(path)}")
    elif outcome.text:
        say(outcome.text)
    return outcome.code


def find_resumable(token: str, runs: Path, given: list[str]) -> "RunDir":
    """The run to go on with.

    Raises UserError where it runs, has finished, or settings were `given` beside it.
    """
    from selffit.run.run_dir import find_run
    from selffit_tui.plain.follow import read_once

    if given:
        option = "--" + given[0].replace("_", "-")
        raise UserError(
            f"{option} cannot be given with --resume: the run has its settings; leave it out"
        )
    run = find_run(token, runs)
    state, word = read_once(run)
    if word == "finished":
        raise UserError(
            f"run {run.name} has finished; there is nothing to resume, start a new run instead"
        )
    if state.attempt and state.ending is None and word != LOST.word:
        raise UserError(f"run {run.name} is {word}; watch it with: {watch_command(run.path)}")
    return run


def remove_refused(run: "RunDir", process: "subprocess.Popen[bytes] | None") -> None:
    """Leave nothing behind of a run that was refused before its first step."""
    if process is not None:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return  # still writing: a directory that is in use is better kept than half removed
    with suppress(UserError):  # it has begun after all
        run.remove()
