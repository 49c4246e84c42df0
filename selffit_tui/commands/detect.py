"""`selffit detect`: the trainer's own detector over recorded traces and runs."""

from collections.abc import Sequence
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
from selffit_tui.talk import RUNS, put, put_json, say

if TYPE_CHECKING:
    from selffit.detect import RuleThresholds
    from selffit.detect.offline import TraceResult
    from selffit.run.again.rules import Rule
    from selffit.run.again.sweep import Score
    from selffit_tui.plain.rejudged import Rejudged

CANNOT_TELL = 3  # exit codes
CANNOT_READ = 2
# those of `selffit.run.again.rules.RULES`, which is slow to load
_RULES = "robust, signals, index, drop, half, gap"


def detect(
    traces: Annotated[
        list[str] | None,  # of a path, "./" would be lost: it says that no name of a run is meant
        typer.Argument(
            metavar="TRACE.csv|RUN…",
            help="tables with a row an epoch, or runs",
            show_default=False,
        ),
    ] = None,
    runs: RunsOption = RUNS,
    json: JsonOption = False,
    images: ImagesOption = 1000,
    classes: ClassesOption = None,
    columns: ColumnsOption = None,
    percent: PercentOption = None,
    thresholds: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="judge by another threshold of the rule on probes"
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME",
            help=f"judge runs by other rules too: {_RULES}",
            show_default=False,
        ),
    ] = None,
    sweep: Annotated[
        Path | None,
        typer.Option(
            "--sweep",
            metavar="FOLDER",
            help="all runs below a folder, against the onset that their final PGD probes tell: "
            "hits, false alarms, latency, epochs saved, by rule (default: all rules)",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="with --sweep: the table as CSV")] = False,
) -> None:
    """Find catastrophic overfitting in recorded traces and runs.

    A run is judged again from the measurements in its log by the rules of today: what they would
    have said, when, and by which signs.

    Tables with a row an epoch and columns such as epoch, clean_acc, fgsm_acc, pgd_acc: CSV with any
    delimiter, fractions or percent, as codes, spreadsheets, wandb and TensorBoard write them. What
    was assumed is said.

    The answer is an onset, none, divergence, another fall, or "cannot tell" with the reason; exit
    code 3 where one cannot tell for at least one trace, 2 where a table cannot be read: the others
    are judged all the same.
    """
    from selffit.detect.offline import detect_traces
    from selffit.detect.traces import Reading, parse_columns
    from selffit.run.again.rules import RULES, chosen
    from selffit.run.folder.find import find_run
    from selffit_tui.plain.rejudged import Rejudged, parse_thresholds
    from selffit_tui.plain.swept import rule_lines

    limits = parse_thresholds(thresholds or ())
    if sweep is not None:
        if traces:
            raise UserError("--sweep FOLDER judges the runs of a folder; leave out other names")
        _sweep(sweep, rule or list(RULES), limits, json, csv)
        return
    if csv:
        raise UserError("--csv goes with --sweep FOLDER")
    if not traces:
        raise UserError("name a table or a run, or give --sweep FOLDER")
    rules = chosen(rule or ())
    tables, recorded = [], []
    for name in traces:
        path = Path(name)
        if path.is_file() or (path.suffix and not path.is_dir()):
            tables.append(path)
        else:
            recorded.append(find_run(name, runs))
    how = Reading(n=images, columns=parse_columns(columns or ()), unit=unit_of(percent))
    # all are read before anything is printed
    results, refused = [], []
    for path in tables:
        try:
            results += detect_traces(path, images, limits, classes=classes, how=how)
        except UserError as error:
            refused.append(error)
    if refused and not results and not recorded:
        raise refused[0]
    again = [Rejudged(run, limits) for run in recorded]
    scores = [_scores(told, rules) for told in again]
    for statement in [*map(str, refused), *_assumptions(results)]:
        say(statement)
    if json:
        for result in results:
            put_json(result.as_data())
        for told, scored in zip(again, scores, strict=True):
            by_rule = {"rules": [_data(score) for score in scored]} if rules else {}
            put_json({**told.as_data(), **by_rule})
    else:
        _put(results)
        for told, scored in zip(again, scores, strict=True):
            put(f"{told.name}  {told.sentence}")
            for line in (*told.lines(), *(line for score in scored for line in rule_lines(score))):
                put(f"    {line}")
    verdicts = [*(result.answer.verdict for result in results), *(told.verdict for told in again)]
    if refused:
        raise typer.Exit(CANNOT_READ)
    if "cannot tell" in verdicts:
        raise typer.Exit(CANNOT_TELL)


def _sweep(
    folder: Path, names: Sequence[str], limits: "RuleThresholds", json: bool, csv: bool
) -> None:
    """All runs of a folder by these rules."""
    from selffit.run.again.rules import chosen
    from selffit.run.again.sweep import sweep
    from selffit_tui.plain.swept import as_csv, data, lines

    rules = chosen(names)
    found = sweep(folder, rules, limits)
    if json:
        for row in data(found, rules):
            put_json(row)
    else:
        for line in as_csv(found).split("\n") if csv else lines(found, rules):
            put(line)
    if not found.scores:
        raise typer.Exit(CANNOT_TELL)


def _scores(told: "Rejudged", rules: "Sequence[Rule]") -> "list[Score]":
    """What other rules say of a run; nothing where nobody can tell."""
    from selffit.run.again.sweep import score

    if told.cannot_tell:
        return []
    return [score(told.name, told.heard, rule) for rule in rules]


def _data(score: "Score") -> dict[str, Any]:
    from selffit_tui.plain.swept import score_data

    return score_data(score)


def _put(results: Sequence["TraceResult"]) -> None:
    width = max((len(result.trace) for result in results), default=0)
    for result in results:
        put(f"{result.trace:<{width}}  {result.answer.text}")
        for alert in result.alerts:
            place = result.table.place(alert.step)
            put(f"{'':<{width}}    {place}: {alert.level}, {alert.text}")
        for note in result.answer.notes:
            put(f"{'':<{width}}    {note}")


def _assumptions(results: Sequence["TraceResult"]) -> list[str]:
    """What was assumed and left out, each once, with the traces that it is about."""
    about: dict[str, list[str]] = {}
    for result in results:
        for assumed in result.table.assumed:
            about.setdefault(assumed, []).append(result.trace)
        for left in result.table.left_out:
            about.setdefault(f"left out: {left}", []).append(result.trace)
    return [f"{_names(names)}: {said}" for said, names in about.items()]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
