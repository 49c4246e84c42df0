"""`selffit run -- COMMAND`: somebody else's training script as a run, without a change to it."""

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selffit.config import parse_setting
from selffit.errors import UserError
from selffit_tui.commands.opening import open_screen
from selffit_tui.commands.options import NotifyOption, ReadonlyOption, RunsOption
from selffit_tui.commands.train import held_back, pass_signals_on, remove_refused
from selffit_tui.talk import RUNS, put, say, watch_command

if TYPE_CHECKING:
    from selffit.run.folder.run_dir import RunDir

START_SECONDS = 30.0  # that a command which is left to itself is waited for
POLL_SECONDS = 0.05
REACTIONS = ("alert", "stop")


def run(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND...", help="what to run, e.g. -- python train.py"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="of the run (default: as the script)", show_default=False),
    ] = None,
    runs: RunsOption = RUNS,
    lines: Annotated[
        str | None,
        typer.Option(
            "--lines",
            metavar="RULES.toml|NAME",
            help="rules for its lines: a file, or the name of one that comes with selffit "
            "(default: those that fit)",
            show_default=False,
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="start it, print the run's name and return")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="plain lines instead of the screen")
    ] = False,
    readonly: ReadonlyOption = False,
    notify: NotifyOption = None,
    restarts: Annotated[
        int, typer.Option("--restarts", min=0, help="times that it is run again after a crash")
    ] = 0,
    on_co: Annotated[
        str, typer.Option("--on-co", help=f"reaction to an onset: {' or '.join(REACTIONS)}")
    ] = "alert",
    method: Annotated[
        str | None, typer.Option("--method", help="what it trains with", show_default=False)
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="its image set", show_default=False)
    ] = None,
    eps: Annotated[
        str | None,
        typer.Option("--eps", metavar="X", help="its budget, e.g. 8/255", show_default=False),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", min=0, help="of its training", show_default=False)
    ] = None,
    classes: Annotated[
        int, typer.Option("--classes", min=0, help="of its data set: what guessing is")
    ] = 0,
    images: Annotated[
        int, typer.Option("--images", min=16, help="images behind each accuracy")
    ] = 1000,
    per_epoch: Annotated[
        int,
        typer.Option(
            "--steps-per-epoch",
            metavar="N",
            min=0,
            help="optimiser steps of an epoch, where it prints epochs only",
        ),
    ] = 0,
) -> None:
    """Run any training script, and watch it live.

    It needs no change: what it prints is read by rules and becomes probes and signals, the detector
    judges them, and the view may come and go. The exit code is that of the command.
    """
    from selffit import supervisor
    from selffit.exchange.sources.find import named_rules
    from selffit.hosted.program import Program, create, words
    from selffit.lines import formats
    from selffit.run.notify import FIELD, words_of
    from selffit.tables import read_any_text
    from selffit_tui.plain.follow import follow_plain, is_plain_terminal, wait_for_life

    if on_co not in REACTIONS:
        raise UserError(
            f"--on-co {on_co}: of somebody else's program there is {' or '.join(REACTIONS)}"
        )
    words_of(notify or "")  # what cannot be run is refused before anything is started
    argv = words(command or ())
    toml = ""
    if lines is not None:
        lines = named_rules(lines).name
        toml = "" if lines in formats() else read_any_text(Path(lines))[0]
    program = Program(
        argv, rules=lines or "", toml=toml, per_epoch=per_epoch, images=images, classes=classes
    )
    made = create(program, runs, name, _settings(method, data, eps, epochs, on_co, restarts))
    plainly = plain or is_plain_terminal()
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_back(signal.SIGINT):
            made.remember(FIELD, notify or None)
            process = supervisor.spawn(made.path, 0, notify=bool(notify))
        if plainly and not detach:
            pass_signals_on(process)
        wait_for_life(made, process, 1)
        if detach:
            told = _started(made)
            put(made.name)
            say(f"{told}; watch it with: {watch_command(made.path)}")
            return
        code = follow_plain(made, process) if plainly else open_screen(made.path, readonly)
    except (UserError, OSError):
        remove_refused(made, process)
        raise
    except KeyboardInterrupt:
        say(f"\nleft; the program goes on. Come back with: {watch_command(made.path)}")
        raise typer.Exit(130) from None
    own = _own_code(made)
    if code == 130 or own is None:
        own = code
    if own:
        raise typer.Exit(own)


def _settings(
    method: str | None,
    data: str | None,
    eps: str | None,
    epochs: float | None,
    on_co: str,
    restarts: int,
) -> dict[str, Any]:
    """What was said of the training, by the names of the log."""
    said: dict[str, Any] = {
        "method": method,
        "data": data,
        "eps": None if eps is None else float(parse_setting("eps", eps)),
        "epochs": epochs,
        "restarts": restarts or None,
    }
    return {"on_co": on_co, **{name: value for name, value in said.items() if value is not None}}


def _started(made: "RunDir") -> str:
    """Wait until the program runs or has ended. Raises UserError where it could not be run."""
    from selffit.run.follow import Follower
    from selffit.run.judged.wording import closing
    from selffit_tui.plain.follow import check_refused

    follower, until = Follower.of(made), time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        follower.poll()
        check_refused(follower.state)
        if follower.state.ending is not None:
            return closing(follower.state, follower.word())
        if follower.state.phase == "training":
            return "the program runs"
        time.sleep(POLL_SECONDS)
    return f"the program is still starting ({follower.word()})"


def _own_code(made: "RunDir") -> int | None:
    """The exit code of the program; None while it runs, and where nothing has recorded it."""
    from selffit.run.follow import Follower

    state = Follower.of(made).read_all()
    left = state.now.exit
    return None if left is None or left.again or left.code < 0 else int(left.code)
