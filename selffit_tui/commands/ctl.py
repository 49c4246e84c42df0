"""`selffit ctl RUN OP …`: act on a running training, and wait until the log says what came of it."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, Optional

import typer

from selffit.control.settings import LIVE
from selffit.errors import UserError
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
    help="Act on a running training: selffit ctl RUN pause, selffit ctl latest rollback --method n-fgsm, …",
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
    Optional[int],
    typer.Option(
        "--expect",
        metavar="VERSION",
        help="refuse it if the settings are not at this version any more",
    ),
]
TtlOption = Annotated[
    Optional[float],
    typer.Option("--ttl", metavar="SECONDS", help="refuse it if it is read later than this"),
]
ByOption = Annotated[Optional[str], typer.Option("--by", help="who asks (default: user@host)")]
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


def operation(*settings: str) -> Callable[[Callable[..., Mapping[str, Any]]], Callable[..., None]]:
    """Makes a command of a function that turns its options into the arguments of the operation of
    its name.

    It gets one option for each of the `settings`, and those that all operations have.
    """

    def decorate(args_of: Callable[..., Mapping[str, Any]]) -> Callable[..., None]:
        op = args_of.__name__.strip("_")

        @wraps(args_of)
        def command(context: typer.Context, **options: Any) -> None:
            common = {name: options.pop(name) for name in COMMON}
            run, runs = context.obj
            given = {name: value for name in settings if (value := options.pop(name)) is not None}
            _ask(run, common.pop("runs") or runs, op, {**args_of(**options), **given}, **common)

        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [
            p.replace(kind=keyword)
            for p in inspect.signature(args_of, eval_str=True).parameters.values()
        ]
        shared = [
            inspect.Parameter(n, keyword, default=d, annotation=a) for n, (a, d) in COMMON.items()
        ]
        first = inspect.Parameter("context", keyword, annotation=typer.Context)
        parameters = [first, *own, *(setting_option(name) for name in settings), *shared]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        ctl.command(op, help=(args_of.__doc__ or "").strip(), epilog=EPILOG)(command)
        return command

    return decorate


@operation()
def pause() -> Mapping[str, Any]:
    """Hold training before the next step."""
    return {}


@operation()
def resume() -> Mapping[str, Any]:
    """Go on after a pause."""
    return {}


@operation()
def stop(
    now: Annotated[
        bool, typer.Option("--now", help="at once: no last probe, no checkpoint")
    ] = False,
) -> Mapping[str, Any]:
    """End the run after a last probe and a checkpoint."""
    return {"now": now}


@operation()
def checkpoint() -> Mapping[str, Any]:
    """Save a checkpoint before the next step."""
    return {}


@operation(*LIVE)
def rollback(
    to: Annotated[
        str, typer.Option("--to", metavar="CKPT", help="such as main-1200, or 'healthy'")
    ] = "healthy",
    exact: Annotated[
        bool, typer.Option("--exact", help="repeat the random numbers of the first time")
    ] = False,
) -> Mapping[str, Any]:
    """Continue from a checkpoint on a new branch; what came after it stays in the log.

    Without --to that is the newest checkpoint that was healthy. Settings given here hold from there
    on.
    """
    return {"to": to, "exact": exact}


@operation()
def set_(
    pairs: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help=f"settings: {', '.join(LIVE)}")
    ],
) -> Mapping[str, Any]:
    """Change settings from the next step on, e.g. set eps=8/255 alpha=1.25eps."""
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


@operation()
def suppress(
    layer: Annotated[
        str, typer.Option("--layer", help="name of the layer, as the channel panel shows it")
    ],
    top: Annotated[
        Optional[str],
        typer.Option(
            "--top", metavar="K", help="the K most dominant channels now", show_default=False
        ),
    ] = None,
    channels: Annotated[
        Optional[str],
        typer.Option(
            "--channels", metavar="3,5", help="these channels, numbered from 0", show_default=False
        ),
    ] = None,
) -> Mapping[str, Any]:
    """Mask channels of a layer from the next step on."""
    named = {"top": top, "channels": channels}
    return {"layer": layer, **{name: value for name, value in named.items() if value is not None}}


@operation()
def unsuppress(
    layer: Annotated[
        Optional[str],
        typer.Option(
            "--layer", help="only in this layer (default: everywhere)", show_default=False
        ),
    ] = None,
) -> Mapping[str, Any]:
    """Undo suppress."""
    return {"layer": layer}


@operation()
def probe() -> Mapping[str, Any]:
    """Measure before the next step: robust accuracy, self-information, channels, causal check, a
    strong attack.
    """
    return {}


@operation()
def note(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="one line")],
) -> Mapping[str, Any]:
    """Write a line into the log."""
    return {"text": text}


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
    """Check, find the run, send, wait, tell. Raises UserError for bad input, typer.Exit for other
    than success.
    """
    from selffit.control.commands import new_command
    from selffit.run.run_dir import find_run
    from selffit_tui.intervene.ask import Asking
    from selffit_tui.talk import me

    command = new_command(op, args, by=by or me(), expect=expect, ttl=ttl)
    asking = Asking(find_run(token, runs))
    fate = asking.send(command)
    if wait and fate.answer.state == "submitted":
        fate = asking.wait(command, timeout)
    found = fate.answer
    if json:
        import json as json_module

        told = {
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
        }
        print(json_module.dumps(told, allow_nan=False))
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
