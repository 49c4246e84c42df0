"""`selffit ctl RUN OP …`: act on a running training, and wait for what came of it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from selffit.config import LIVE
from selffit.control.commands import OPERATIONS, Operation
from selffit.errors import UserError
from selffit.eventlog import former
from selffit_tui.commands.helped import Helped, HelpedGroup
from selffit_tui.commands.options import JsonOption, RunsOption, setting_option
from selffit_tui.talk import RUNS

TIMEOUT = 30.0  # seconds
CODES = {"applied": 0, "submitted": 0, "rejected": 3, "failed": 3, "timeout": 4}
EPILOG = (
    "Exit codes: 0 applied (with --no-wait: handed over) · 2 bad input, nothing was sent · "
    "3 refused, or failed and undone · 4 no answer in time."
)

ctl = typer.Typer(
    name="ctl",
    cls=HelpedGroup,
    help="Act on a running training: selffit ctl RUN pause, "
    "selffit ctl latest rollback --method n-fgsm, …",
    epilog=EPILOG,
    no_args_is_help=True,
    subcommand_metavar="OPERATION [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="wait until it is applied or refused")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.0, help="how long to wait")
]
ExpectOption = Annotated[
    int | None,
    typer.Option(
        "--expect",
        metavar="VERSION",
        help="refuse it if the settings are not at this version any more",
    ),
]
TtlOption = Annotated[
    float | None,
    typer.Option("--ttl", metavar="SECONDS", help="refuse it if it is read later than this"),
]
ByOption = Annotated[str | None, typer.Option("--by", help="who asks (default: user@host)")]
PAIRS = "pairs"
PairsArgument = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE...", help=f"settings: {', '.join(LIVE)}")
]
COMMON: dict[str, tuple[Any, Any]] = {
    "runs": (RunsOption, None),
    "wait": (WaitOption, True),
    "timeout": (TimeoutOption, TIMEOUT),
    "expect": (ExpectOption, None),
    "ttl": (TtlOption, None),
    "by": (ByOption, None),
    "json": (JsonOption, False),
}


@ctl.callback()
def run_of(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="a path, a name, a unique prefix or 'latest'")
    ],
    runs: RunsOption = RUNS,
) -> None:
    """Keep the name of the run for the operation."""
    context.obj = (run, runs)


def add_operations() -> None:
    """Make a command of every row of the table of operations, and a hidden one of its old name."""
    for op, row in OPERATIONS.items():
        for name in (op, *(old for old, today in former.OPS.items() if today == op)):
            register = ctl.command(
                name, cls=Helped, help=_about(row), epilog=EPILOG, hidden=name != op
            )
            register(_command(op, row))


def _about(row: Operation) -> str:
    first = f"{row.help[0].upper()}{row.help[1:]}."
    return f"{first}\n\n{row.more}" if row.more else first


def _command(op: str, row: Operation) -> Callable[..., None]:
    """The function that typer calls, with options of its own and those of all operations.

    An option, or a word, for each argument.
    """

    def command(context: typer.Context, **options: Any) -> None:
        common = {name: options.pop(name) for name in COMMON}
        run, runs = context.obj
        args = _pairs(options.pop(PAIRS)) if row.settings == "pairs" else {}
        args |= {name: value for name, value in options.items() if value is not None}
        _ask(run, common.pop("runs") or runs, op, args, **common)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    parameters += [_argument(name, row) for name in row.args]
    if row.settings == "pairs":
        parameters.append(inspect.Parameter(PAIRS, keyword, annotation=PairsArgument))
    elif row.settings:
        parameters += [setting_option(name) for name in LIVE]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in COMMON.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _argument(name: str, row: Operation) -> inspect.Parameter:
    """One argument of an operation as typer wants it; the table's own rule parses its text."""
    about, flag = row.args[name], "--" + name.replace("_", "-")
    default = row.defaults.get(name)
    annotation: Any = str if name in row.required else str | None
    if about.positional:
        info: Any = typer.Argument(metavar=about.metavar, help=about.help)
    elif isinstance(default, bool):
        info, annotation = typer.Option(flag, help=about.help), bool
    else:
        shown = default is not None
        info = typer.Option(flag, metavar=about.metavar, help=about.help, show_default=shown)
    parameter = inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[annotation, info]
    )
    return parameter if name in row.required else parameter.replace(default=default)


def _pairs(pairs: list[str]) -> dict[str, Any]:
    """The settings of KEY=VALUE words. Raises UserError."""
    args: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key or not value:
            raise UserError(f"'{pair}' is no KEY=VALUE; write it such as eps=8/255")
        key = key.replace("-", "_")
        if key in args:
            raise UserError(f"{key} is given twice; leave one out")
        args[key] = value
    return args


def _ask(
    token: str,
    runs: Any,
    op: str,
    args: Mapping[str, Any],
    *,
    wait: bool,
    timeout: float,
    expect: int | None,
    ttl: float | None,
    by: str | None,
    json: bool,
) -> None:
    """Check, find the run, send, wait, tell.

    Raises UserError for bad input, typer.Exit for other than success.
    """
    from selffit.control.commands import new_command
    from selffit.run.folder.find import find_run
    from selffit_tui.intervene.ask import Asking
    from selffit_tui.talk import me, put_json

    new_command(op, args, by=by or me(), expect=expect, ttl=ttl)  # bad input comes first
    asking = Asking(find_run(token, runs))
    command = new_command(op, args, by=by or me(), expect=expect, ttl=ttl, attempt=asking.attempt)
    fate = asking.send(command)
    if wait and fate.answer.state == "submitted":
        fate = asking.wait(command, timeout)
    found = fate.answer
    if json:
        told: dict[str, Any] = {
            "id": command.id,
            "op": op,
            "state": found.state,
            "step": found.step,
            "branch": found.branch or None,
        }
        told |= {
            "version": found.version,
            "reason": found.reason or None,
            "rule": found.rule or None,
            "verdict": asking.verdict(),
        }
        put_json(told)
    else:
        _tell(command.op, command.args, found)
    if CODES[found.state]:
        raise typer.Exit(CODES[found.state])


def _tell(op: str, args: Mapping[str, Any], found: Any) -> None:
    """One line: what came of it."""
    from selffit.numbers import count
    from selffit_tui.talk import put, say
    from selffit_tui.words.commands import asked

    words = asked(op, args)
    if found.state == "applied":
        where = (
            f", on as branch {found.branch}" if op == "rollback" else f" of branch {found.branch}"
        )
        put(f"applied at step {count(found.step)}{where}: {words}")
    elif found.state == "submitted":
        put(f"handed over: {words}")
    else:
        how = {"rejected": "refused", "failed": "failed and undone", "timeout": "no answer"}[
            found.state
        ]
        rule = f" ({found.rule})" if found.rule else ""
        say(
            f"selffit: {how}{rule}: {found.reason}"
            if how != "no answer"
            else f"selffit: {found.reason}"
        )


add_operations()
