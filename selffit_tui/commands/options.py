"""Options that several commands share, and those made from the table in `selffit.config`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from selffit.config import FIELDS
from selffit.run.recording.units import PLACES

RUNS_VARIABLE = "SELFFIT_RUNS"  # of the environment: what --runs is by default
RunsOption = Annotated[
    Path,
    typer.Option(
        "--runs", envvar=RUNS_VARIABLE, help="folder that holds the runs", show_default=True
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="a path, a name, a unique prefix or 'latest' (the default)",
        show_default=False,
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="PLACE", help=f"as it was at a place: {PLACES}", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output on stdout")]

# how somebody's table or log is to be read
ImagesOption = Annotated[
    int,
    typer.Option("--images", min=16, help="images behind each accuracy, where no column n tells"),
]
ClassesOption = Annotated[
    int | None,
    typer.Option(
        "--classes", min=2, help="of the data set: what guessing is (default: 10 are assumed)"
    ),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="ROLE=NAME[,…]",
        help="which column is which: epoch, clean, fgsm, pgd, loss, n, eps or run = a name, or its "
        "number from 1",
    ),
]
PercentOption = Annotated[
    bool | None,
    typer.Option("--percent/--fraction", help="the unit of accuracies (default: found out)"),
]


def unit_of(percent: bool | None) -> str | None:
    """The unit that somebody has said, None to find out."""
    return {None: None, True: "percent", False: "fraction"}[percent]


ReadonlyOption = Annotated[
    bool,
    typer.Option(
        "--readonly/--no-readonly", help="only watch: nothing in the view can act on the run"
    ),
]

NoBellOption = Annotated[
    bool,
    typer.Option("--no-bell", help="do not ring, nor change the terminal's title, for an onset"),
]
NotifyOption = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="CMD",
        help="a command that gets a JSON object on stdin for an onset, masked, diverged, weakened, "
        "crash and end (docs/calling.md)",
        show_default=False,
    ),
]


LightOption = Annotated[
    bool | None,
    typer.Option(
        "--light/--dark",
        help="for light or for dark paper; without either the terminal is asked",
        show_default=False,
    ),
]
MouseOption = Annotated[
    bool,
    typer.Option("--mouse", help="the mouse chooses panels and scrolls lists"),
]


def setting_option(name: str) -> inspect.Parameter:
    """The command-line option of one setting.

    Its text is parsed by `selffit.config`, which knows the types.
    """
    field = FIELDS[name]
    flag, meta = "--" + name.replace("_", "-"), field.metadata
    panel = f"{meta['group']} settings"
    annotation: Any
    if field.type is bool:
        info = typer.Option(f"{flag}/--no-{flag[2:]}", help=meta["help"], rich_help_panel=panel)
        annotation = bool | None
    else:
        choices = f": {', '.join(meta['choices'])}" if meta["choices"] else ""
        metavar = (
            "NAME"
            if choices
            else {"int": "N", "float": "X", "tuple": "X[,X…]"}.get(
                getattr(field.type, "__name__", ""), "TEXT"
            )
        )
        info = typer.Option(
            flag, help=meta["help"] + choices, rich_help_panel=panel, metavar=metavar
        )
        annotation = str | None
    info.show_default = False
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation, info]
    )


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every setting of `RunConfig`; they arrive in `**settings`."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    params = [*own, *(setting_option(name) for name in FIELDS)]
    command.__signature__ = signature.replace(parameters=params)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in params}
    return command
