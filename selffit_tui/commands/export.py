"""`selffit export`: a run in other people's formats."""

from pathlib import Path
from typing import Annotated

import typer

from selffit.errors import UserError
from selffit.named_file import check_place, write_whole
from selffit_tui.commands.options import RunArgument, RunsOption
from selffit_tui.talk import RUNS, say

_SAID = (
    "accuracies and shares in [0,1], eps, alpha and delta in pixels of [0,1], losses in nats; "
    "what is empty was not measured"
)


def export(
    run: RunArgument = None,
    runs: RunsOption = RUNS,
    csv: Annotated[bool, typer.Option("--csv", help="a table, to stdout or -o")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="all tables in one document, to stdout or -o")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="a table as a Parquet file")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="a folder of event files, one for each branch")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="figures as SVG and PNG", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="where to", show_default=False),
    ] = None,
    table: Annotated[
        str,
        typer.Option("--table", metavar="NAME", help="of CSV or Parquet: probes, steps, alerts"),
    ] = "probes",
) -> None:
    """Export a run as CSV, JSON, Parquet or TensorBoard events, and its figures.

    Every row has its branch, and whether it stands; JSON and Parquet say the unit and the meaning
    of each column. `selffit import` reads all of them back.
    """
    from selffit.exchange import export as formats
    from selffit.exchange.tables import SHEETS, sheet
    from selffit.run.folder.find import find_run
    from selffit.run.follow import Follower

    wanted = [
        name
        for name, on in (
            ("csv", csv),
            ("json", json),
            ("parquet", parquet),
            ("tensorboard", tensorboard),
        )
        if on
    ]
    if len(wanted) > 1 or not (wanted or figures):
        raise UserError(
            "export to one of --csv, --json, --parquet, --tensorboard, or --figures DIR"
        )
    if table not in SHEETS:
        raise UserError(f"--table {table}: there is {', '.join(SHEETS)}")
    found = find_run(run, runs)
    state = Follower.of(found).read_all()
    if csv or json:
        if output is not None:
            check_place(output, "-o")
        text = formats.to_csv(sheet(table, state, found)) if csv else formats.to_json(state, found)
        _put(text, output)
    elif parquet:
        place = output or Path(f"{found.name}.parquet")
        formats.to_parquet(sheet(table, state, found), place)
        say(f"written to {place}: {_SAID}")
    elif tensorboard:
        place = output or Path(f"{found.name}-tensorboard")
        formats.to_tensorboard(state, found, place)
        say(f"written to {place}; look at it with: tensorboard --logdir {place}")
    if figures is not None:
        from selffit_tui.commands.report import write_figures

        write_figures(state, figures)


def _put(text: str, output: Path | None) -> None:
    if output is None:
        print(text, end="", flush=True)
    else:
        write_whole(output, text, "-o")
        say(f"written to {output}")
    say(_SAID)
