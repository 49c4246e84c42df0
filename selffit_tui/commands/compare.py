"""`selffit compare`: runs, or branches of them, side by side, as a screen, a table or data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit_tui.commands.options import JsonOption, LightOption, RunsOption
from selffit_tui.talk import RUNS, put, put_json

if TYPE_CHECKING:
    from selffit.run.folder.run_dir import RunDir

Branches = dict[str, tuple[str, ...]]


def compare(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…",
            help="paths, names, unique prefixes or 'latest'; RUN:BRANCH is one branch of a run. "
            "One run alone: its branches",
            show_default=False,
        ),
    ],
    runs: RunsOption = RUNS,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="the measured points as CSV")] = False,
    align: Annotated[
        str, typer.Option("--align", help="what lies above each other: step, epoch or onset")
    ] = "step",
    measure: Annotated[
        str, typer.Option("--measure", help="what is compared, e.g. pgd, clean, loss_adv")
    ] = "pgd",
    plain: Annotated[bool, typer.Option("--plain", help="a table instead of the screen")] = False,
    light: LightOption = None,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            "--screenshot", help="write the screen to an SVG file and return", show_default=False
        ),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="columns x rows of the screenshot")
    ] = "120x40",
) -> None:
    """Compare runs: curves over each other, results, and the settings in which they differ."""
    from selffit.config import nearest
    from selffit_tui.model.compare.curves import ALIGNED, NAMES
    from selffit_tui.model.compare.scene import CompareView
    from selffit_tui.plain.follow import is_plain_terminal

    if align not in ALIGNED:
        raise UserError(f"there is no way to align by '{clean(align)}'; {nearest(align, ALIGNED)}")
    if measure not in NAMES:
        raise UserError(f"there is no measure '{clean(measure)}'; {nearest(measure, NAMES)}")
    if json and csv:
        raise UserError("--json and --csv are two answers; ask for one of them")
    lettered, branches = found_runs(run, runs)
    alone = len(lettered) == 1 and not branches
    view = CompareView(measure=NAMES.index(measure), aligned=align, branches=alone)
    if screenshot is not None:
        from selffit_tui.app.compared import save_comparison

        save_comparison(lettered, branches, view, screenshot, size, light=bool(light))
    elif json or csv or plain or is_plain_terminal():
        _print(lettered, branches, view, json=json, csv=csv)
    else:
        from selffit_tui.app.app import RunsApp
        from selffit_tui.app.background import paper

        light, typed_ahead = paper(light)
        app = RunsApp(runs, lettered, branches=branches, view=view, light=light)
        app.run_in_terminal(typed=typed_ahead)
        if app.code:
            raise typer.Exit(app.code)


def found_runs(tokens: list[str], root: Path) -> tuple[dict[str, "RunDir"], Branches]:
    """The runs by letter, and the branches that were asked for by letter. Raises UserError."""
    from selffit_tui.model.listing.letters import LETTERS

    found: dict[str, tuple[RunDir, list[str]]] = {}
    for token in tokens:
        run, branch = _found(token, root)
        _, branches = found.setdefault(str(run.path.resolve()), (run, []))
        if branch:
            branches.append(branch)
    if len(found) > len(LETTERS):
        raise UserError(f"{len(found)} runs are too many to compare: at most {len(LETTERS)}")
    lettered = dict(zip(LETTERS, found.values(), strict=False))
    runs = {letter: run for letter, (run, _) in lettered.items()}
    return runs, {letter: tuple(names) for letter, (_, names) in lettered.items() if names}


def _found(token: str, root: Path) -> tuple["RunDir", str]:
    """A run, and the branch of it that is meant, "" for none."""
    from selffit.run.folder.find import find_run

    try:
        return find_run(token, root), ""
    except UserError as error:
        name, colon, branch = token.rpartition(":")
        if not colon or not name or not branch:
            raise
        try:
            return find_run(name, root), branch
        except UserError:
            raise error from None


def _print(
    runs: dict[str, "RunDir"], branches: Branches, view: object, *, json: bool, csv: bool
) -> None:
    from selffit.run.follow import Follower
    from selffit_tui.model.compare.curves import curves_of
    from selffit_tui.model.compare.export import as_csv, as_data, points
    from selffit_tui.model.compare.scene import CompareView
    from selffit_tui.plain.compared import comparison_lines

    assert isinstance(view, CompareView)
    curves = []
    for letter, run in runs.items():
        follower = Follower.of(run)
        state = follower.read_all()
        wanted = () if view.branches else branches.get(letter)
        for name in wanted or ():
            if name not in state.ledger.branches:
                there = ", ".join(state.ledger.branches)
                raise UserError(f"{clean(run.name)} has no branch '{clean(name)}'; it has: {there}")
        curves += curves_of(letter, run.name, state, follower.word(), wanted)
    if json:
        put_json(as_data(curves, [view.compared], view.aligned))
    elif csv:
        put(as_csv(points(curves, [view.compared], view.aligned)).rstrip("\n"))
    else:
        for line in comparison_lines(curves, view.compared):
            put(line)
