"""`selffit import`: other people's logs as runs, for every screen and command to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selffit.errors import UserError
from selffit_tui.commands.options import (
    ClassesOption,
    ColumnsOption,
    ImagesOption,
    JsonOption,
    PercentOption,
    RunsOption,
    unit_of,
)
from selffit_tui.talk import RUNS, put, put_json, say, watch_command

if TYPE_CHECKING:
    from selffit.exchange.recording import Recording

MOST_RUNS = 500  # of one import


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR",
            help="CSV, JSON, Parquet or a printed log; a folder of TensorBoard, W&B or MLflow",
        ),
    ],
    runs: RunsOption = RUNS,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="of the run (default: as the file is called)", show_default=False
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="TEXT", help="of several runs those whose name has this in it"
        ),
    ] = None,
    try_: Annotated[
        bool, typer.Option("--try", help="say how it would be read, and import nothing")
    ] = False,
    json: JsonOption = False,
    columns: ColumnsOption = None,
    percent: PercentOption = None,
    classes: ClassesOption = None,
    eps: Annotated[
        str | None,
        typer.Option("--eps", metavar="X", help="budget where the file has none, e.g. 8/255"),
    ] = None,
    images: ImagesOption = 1000,
    per_epoch: Annotated[
        int | None,
        typer.Option(
            "--steps-per-epoch",
            metavar="N",
            min=1,
            help="optimiser steps of an epoch (default: a step of the log stands for an epoch)",
        ),
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="what was trained with", show_default=False)
    ] = None,
    lines: Annotated[
        str | None,
        typer.Option(
            "--lines",
            metavar="RULES.toml",
            help="rules for a printed log: a file, or the name of one that comes with selffit",
        ),
    ] = None,
) -> None:
    """Import somebody else's log as a run.

    Training logs of public codes, tables, JSON lines, dashboards: what they measured becomes an
    ordinary run (state: imported), judged by the detector of today. What was assumed is said.
    """
    from selffit.config import parse_setting
    from selffit.detect.traces import parse_columns
    from selffit.exchange.reading import Wishes, recordings
    from selffit.exchange.sources import read_sources
    from selffit.exchange.write import write_runs

    wishes = Wishes(
        columns=parse_columns(columns or ()),
        unit=unit_of(percent),
        images=images,
        classes=classes,
        eps=float("nan") if eps is None else float(parse_setting("eps", eps)),
        per_epoch=per_epoch or 0,
        settings={} if method is None else {"method": method},
    )
    offer = read_sources(path, lines, bool(columns), unit_of(percent))
    wanted = [source for source in offer.sources if only is None or only in source.name]
    if not wanted:
        names = ", ".join(source.name for source in offer.sources[:8])
        raise UserError(f"--only {only}: no run of {path} has that in its name; it has {names}")
    if len(wanted) > MOST_RUNS:
        raise UserError(f"{path}: holds {len(wanted)} runs; choose some of them with --only TEXT")
    found = [one for source in wanted for one in recordings(source, wishes)]
    if try_:
        _tell(found, offer.also, json)
        return
    made = write_runs(found, runs, name)
    for run, recording in zip(made, found, strict=True):
        for said in _statements(recording):
            say(f"{run.name}: {said}")
        if json:
            put_json({"run": run.name, "path": str(run.path), **_data(recording)})
        else:
            put(f"{run.name}  {_sentence(recording)}")
    if len(made) == 1:
        say(f"look at it with: {watch_command(made[0].path)}")


def _tell(found: "list[Recording]", also: tuple[str, ...], json: bool) -> None:
    """How every run would be read."""
    for recording in found:
        if json:
            put_json({"run": recording.name, **_data(recording)})
            continue
        put(f"{recording.name}: {recording.format}; {_sentence(recording)}")
        width = max(map(len, recording.columns), default=0)
        for measure, column in recording.columns.items():
            put(f"    {measure:<{width}}  from {column}")
        for setting, value in recording.settings.items():
            put(f"    setting {setting} = {_setting(setting, value)}")
        for said in _statements(recording):
            put(f"    {said}")
    if also and not json:
        put(f"would fit as well: {', '.join(also)}; --lines NAME chooses")
    if not json:
        say("nothing was imported: without --try it is")


def _setting(name: str, value: Any) -> str:
    """A setting as people write it: budgets and step sizes as 8/255."""
    from selffit.numbers import in_unit
    from selffit.vocabulary import STEP

    known = name in STEP and isinstance(value, float)
    return in_unit(float(value), STEP[name].unit) if known else str(value)


def _statements(recording: "Recording") -> list[str]:
    return [*recording.assumed, *(f"left out: {said}" for said in recording.left_out)]


def _sentence(recording: "Recording") -> str:
    from selffit.numbers import plural

    told = [plural(recording.probes, "probe")]
    if recording.signals:
        told.append(f"training signals of {plural(recording.signals, recording.unit)}")
    if len(recording.branches):
        told.append(f"{len(recording.branches) + 1} branches")
    answer = recording.answer
    return ", ".join(told) + ("" if answer is None else f"; {answer.text}")


def _data(recording: "Recording") -> dict[str, object]:
    return {
        "source": recording.source,
        "format": recording.format,
        "unit": recording.unit,
        "probes": recording.probes,
        "signals": recording.signals,
        "columns": dict(recording.columns),
        "settings": {name: str(value) for name, value in recording.settings.items()},
        "assumed": list(recording.assumed),
        "left_out": list(recording.left_out),
        "verdict": None if recording.answer is None else recording.answer.verdict,
        "text": None if recording.answer is None else recording.answer.text,
    }
