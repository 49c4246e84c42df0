"""`selffit report`: a run as one page to read and to send, and its figures as files."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selffit.errors import UserError
from selffit.named_file import check_place, write_whole
from selffit_tui.commands.options import RunArgument, RunsOption
from selffit_tui.talk import RUNS, put, say

if TYPE_CHECKING:
    from selffit.run.folded.state import RunState


def report(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="default: RUN-report.html"),
    ] = None,
) -> None:
    """Report a run as one HTML page: verdict, curves, evidence, channels, interventions.

    It needs nothing else to be read, on a phone, in the dark, or printed. Only the log is read:
    `selffit diagnose --html` measures the checkpoints anew.
    """
    needs_figures("report")
    from selffit.run.folder.find import find_run
    from selffit.run.follow import Follower

    found = find_run(run, runs)
    place = output or Path(f"{found.name}-report.html")
    check_place(place, "-o")
    follower = Follower.of(found)
    state = follower.read_all()
    from selffit.report.run_page import run_page

    write_whole(place, run_page(state, follower.word(), found.name), "-o")
    put(str(place))


def write_figures(state: "RunState", folder: Path) -> None:
    """Write every figure of a run as SVG and PNG into a folder. Raises UserError."""
    needs_figures("--figures")
    from selffit.report.run_figures import picture
    from selffit.report.run_page import figures_of

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures_of(state):
            for kind in ("svg", "png"):
                file = folder / f"{figure.name}.{kind}"
                file.write_bytes(picture(figure.draw, kind, 9.5, figure.height))
            say(f"{folder / figure.name}.svg and .png: {figure.shows}")
    except OSError as error:
        raise UserError(
            f"cannot write --figures {folder}: {error.strerror or error}; name a folder that you "
            "can write to"
        ) from error


def needs_figures(what: str) -> None:
    """Raises UserError that names the extra, where figures cannot be drawn."""
    if find_spec("matplotlib") is None:
        command = f"uv run --extra figures selffit {shlex.join(sys.argv[1:])}"
        raise UserError(
            f"{what} draws its figures with matplotlib, which is not installed here; install "
            f"selffit[figures], or run: {command}"
        )
