"""`selffit thin`: a small copy of the log of a run, to be passed on or put into a repository."""

from pathlib import Path
from typing import Annotated

import typer

from selffit_tui.commands.options import RunsOption
from selffit_tui.talk import RUNS, say


def thin(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="a path, a name, a unique prefix or 'latest'")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="the new folder, named as the run")],
    runs: RunsOption = RUNS,
    blocks: Annotated[
        int, typer.Option("--blocks", min=1, help="keep one in so many blocks of steps")
    ] = 8,
    channels: Annotated[int, typer.Option("--channels", min=0, help="channel probes to keep")] = 4,
    beats: Annotated[
        int, typer.Option("--beats", min=1, help="keep one in so many heartbeats")
    ] = 8,
) -> None:
    """Copy the log of a run without weights, thinned.

    Every other probe, alert, diagnosis, command, branch and checkpoint record is kept as it is: the
    copy shows the same verdicts, marks and accuracies. Blocks of steps next to an alert stay.
    """
    from selffit.numbers import size
    from selffit.run.folder.find import find_run
    from selffit.run.folder.thinning import Thinning, thin_run

    how = Thinning(blocks=blocks, channels=channels, beats=beats)
    made = thin_run(find_run(run, runs), out, how)
    say(f"{out}: {size(made)}")
