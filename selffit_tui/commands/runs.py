"""`selffit runs`: every run of a folder, one line each."""

import os
from pathlib import Path
from typing import Annotated

import typer

from selffit.errors import UserError
from selffit_tui.commands.options import RUNS_VARIABLE, JsonOption, RunsOption
from selffit_tui.talk import RUNS, put, put_json, say, typed


def runs(runs: RunsOption = RUNS, json: JsonOption = False) -> None:
    """List all runs, newest first; then the folders that cannot be read as one, and why."""
    list_runs(runs, json)


def list_runs(runs: Path, json: bool = False) -> None:
    """Print a line, or a JSON object, for each run of a folder. Raises UserError."""
    from selffit.run.folded.state import RunState
    from selffit.run.folder.find import survey
    from selffit.run.judged.summary import status_dict
    from selffit_tui.plain.tell import tell

    check_folder(runs)
    rows = []
    for found in survey(runs):
        if found.state:
            row = status_dict(RunState(), found.state, 0.0)
        else:
            row = tell(found.run, watch=False).summary
        rows.append({**row, "run": found.name, "why": found.why or None})
    if json:
        for row in rows:
            put_json(row)
        return
    if not rows:
        say(f"no runs in {runs}; start one with: {typed('train')}")
        return
    from selffit_tui.plain.lines import runs_table

    for line in runs_table(rows):
        put(line)


def bare(
    context: typer.Context,
    runs: Annotated[
        Path | None,
        typer.Option(
            "--runs",
            help="folder that holds the runs: of the command that follows, or shown by itself",
            show_default=False,
        ),
    ] = None,
) -> None:
    """What the command line says before any sub-command."""
    if runs is None:
        return
    os.environ[RUNS_VARIABLE] = str(runs)
    if context.invoked_subcommand is not None:
        return
    if (code := open_runs()) is not None:
        raise typer.Exit(code)
    list_runs(runs)


def open_runs() -> int | None:
    """Show the Runs screen of the usual folder; returns the exit code.

    None where this is no terminal that it could be drawn on. Raises UserError.
    """
    from selffit_tui.plain.follow import is_plain_terminal

    if is_plain_terminal():
        return None
    folder = Path(os.environ.get(RUNS_VARIABLE) or RUNS)
    check_folder(folder)
    from selffit_tui.app.app import RunsApp
    from selffit_tui.app.background import paper

    light, typed_ahead = paper(None)
    app = RunsApp(folder, light=light)
    app.run_in_terminal(typed=typed_ahead)
    return app.code


def check_folder(folder: Path) -> None:
    """Raises UserError where nobody can know which runs are in a folder; it may be missing."""
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(
            f"cannot look for runs in {folder}: {error.strerror}; give another folder with --runs"
        ) from error
