"""`selffit train`: make the run directory, spawn the training, and open a view of it."""

import os
import platform
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selffit import __version__
from selffit.config import (
    DEFAULT_PRESET,
    HOST,
    RunConfig,
    from_dict,
    parse_setting,
    preset_names,
    resolve,
    settled,
)
from selffit.config.parsing import flag
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit_tui.commands.opening import Look, open_screen
from selffit_tui.commands.options import (
    LightOption,
    MouseOption,
    NoBellOption,
    NotifyOption,
    ReadonlyOption,
    RunsOption,
    with_settings,
)
from selffit_tui.talk import RUNS, put, say, watch_command

if TYPE_CHECKING:
    from selffit.run.folder.run_dir import RunDir

# set where a command is the job of a scheduler, which kills all of it once the command has ended
JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "KUBERNETES_SERVICE_HOST")
_PRESETS = f"{', '.join(preset_names())}, or a TOML file"


@with_settings
def train(
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help=f"where the settings start from: {_PRESETS}",
            show_default=DEFAULT_PRESET,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="name of the run (default: made from data set and method)",
            show_default=False,
        ),
    ] = None,
    runs: RunsOption = RUNS,
    detach: Annotated[
        bool, typer.Option("--detach", help="start the training, print the run's name and return")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="plain lines instead of the screen")
    ] = False,
    readonly: ReadonlyOption = False,
    light: LightOption = None,
    mouse: MouseOption = False,
    no_bell: NoBellOption = False,
    notify: NotifyOption = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="go on with a run from its newest checkpoint",
            show_default=False,
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="with --resume: do not wait until it is certain that the run is over; a trainer "
            "that still lives gives way",
        ),
    ] = False,
    resume_or_start: Annotated[
        bool,
        typer.Option(
            "--resume-or-start",
            help="go on with the run called --name where there is one, start it where there is "
            "none: for jobs that a scheduler queues again",
        ),
    ] = False,
    **settings: Any,
) -> None:
    """Train, and watch it live.

    The training survives this terminal: leaving the view never stops it. Every setting of a preset
    can be overridden by the option of its name, e.g. [bold]selffit train --method n-fgsm --eps
    8/255 --seed 3[/bold].
    """
    from selffit import supervisor
    from selffit.run.folder.run_dir import RunDir
    from selffit.run.notify import FIELD, words_of
    from selffit.run.resumable import Finished, taken_over
    from selffit_tui.plain.follow import (
        follow_plain,
        is_plain_terminal,
        wait_for_life,
        wait_for_start,
    )

    words_of(notify or "")  # what cannot be run is refused before anything is started
    known: RunDir | None = None
    if resume_or_start:
        if name is None or resume is not None:
            raise UserError("--resume-or-start goes with --name, and without --resume")
        if os.path.lexists(runs / name):
            known = RunDir.open(runs / name)
            check_same(known, preset, settings)
    elif resume is not None:
        given = {"preset": preset, "name": name, **settings}
        known = find_resumable(resume, runs, given)
    elif take_over:
        raise UserError("--take-over goes with --resume RUN: say which run is to be taken over")
    after = 0
    former: dict[str, Any] | None = None
    if known is not None:
        hint = f"; watch it with: {watch_command(known.path)}"
        try:
            after = taken_over(
                known,
                take_over=take_over,
                hint=hint,
                tell=say,
                check=partial(amended, known, settings),
            )
        except Finished as done:
            if not resume_or_start:
                raise
            say(str(done))
            return
        former = amend(known, settings)
    run = known or create(name, runs, preset, settings)
    command = calls_for(run, notify)
    plainly = plain or is_plain_terminal()
    if not plainly and not detach:  # until the screen is there
        does = "going on with" if known else "starting"
        say(f"{does} {run.name} in {os.path.relpath(run.path)} …")
    process: subprocess.Popen[bytes] | None = None
    told_before: str | None = None
    try:
        with held_back(signal.SIGINT):
            told_before = run.remember(FIELD, command or None)
            process = supervisor.spawn(run.path, after, notify=bool(command))
        if plainly and not detach:
            pass_signals_on(process)
        wait_for_life(run, process, after + 1)
        if detach:
            said, code = wait_for_start(run, process)
            put(run.name)
            say(f"{said}; watch it with: {watch_command(run.path)}")
        else:
            look = Look(light=light, mouse=mouse, bell=not no_bell)
            code = follow_plain(run, process) if plainly else open_screen(run.path, readonly, look)
    except (UserError, OSError):
        if known is None:
            remove_refused(run, process)
        else:
            run.remember(FIELD, told_before)
            if former is not None:
                run.amend(former)
        raise
    except KeyboardInterrupt:
        if process is None:
            if known is None:
                remove_refused(run, process)
            raise
        say(f"\nleft; training goes on. Come back with: {watch_command(run.path)}")
        code = 130
    if code:
        raise typer.Exit(code)


def create(name: str | None, runs: Path, preset: str | None, settings: dict[str, Any]) -> "RunDir":
    """Make the folder of a new run. Raises UserError for settings that cannot be."""
    from selffit.control.policy import policy_of
    from selffit.run.folder.run_dir import RunDir
    from selffit_tui.commands.impossible import refuse_impossible

    config = resolve(preset, settings)
    refuse_impossible(config)
    policy_of(config)
    info = {
        "preset": preset or DEFAULT_PRESET,
        "config": settled(config).as_dict(),
        "version": __version__,
        "python": platform.python_version(),
    }
    return RunDir.create(runs, name, info, stem=f"{config.data}-{config.method}").held()


def check_same(run: "RunDir", preset: str | None, settings: dict[str, Any]) -> None:
    """Raise UserError where a run that is to be gone on with has other settings than asked for."""
    info = run.info()
    has, asked = from_dict(info.get("config", {})), resolve(preset, settings)
    if preset is not None and info.get("preset") not in (None, preset):
        raise UserError(
            f"run {run.name} was started with --preset {clean(str(info['preset']))}, not {preset}; "
            "choose another --name for another run"
        )
    for name in (name for name, value in settings.items() if value is not None):
        before, now = getattr(has, name), getattr(asked, name)
        if before != now and name not in HOST:  # those may be others here
            raise UserError(
                f"run {run.name} was started with {flag(name)} {before}, not {now}; leave it out, "
                "or choose another --name for another run"
            )


@contextmanager
def held_back(number: signal.Signals) -> Iterator[None]:
    """Let an interrupt wait for something that must not be left half done."""
    came: list[int] = []
    before = signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(number, before)
    if came:
        raise KeyboardInterrupt


def pass_signals_on(process: "subprocess.Popen[bytes]") -> None:
    """Let what a scheduler sends to the command reach the training, which saves and ends.

    A command without a screen is what a job runs; perhaps nothing else of the job is told. SIGTERM
    ends the view alone, as elsewhere, unless the training would not outlive it.
    """
    numbers = [signal.SIGUSR1, signal.SIGUSR2]
    if os.getpid() == 1 or any(name in os.environ for name in JOBS):
        numbers.append(signal.SIGTERM)
    for number in numbers:
        signal.signal(number, lambda number, frame: process.send_signal(number))


def calls_for(run: "RunDir", given: str | None) -> str:
    """The command that is to be run for what happens: the one given, else the one kept; or ""."""
    from selffit.run.notify import FIELD, kept_command, words_of

    if given is not None:
        return given
    kept = kept_command(run)
    if not kept:
        if run.newest_attempt() and FIELD in run.info():
            say(f"the --notify of {run.name} was given in another folder: give it again to keep it")
        return ""
    try:
        words_of(kept)
    except UserError as error:
        say(f"{error}; the training goes on without it")
        return ""
    say(f"--notify {kept} is kept from before; --notify '' turns it off")
    return kept


def find_resumable(token: str, runs: Path, given: Mapping[str, Any]) -> "RunDir":
    """The run to go on with.

    Raises UserError where settings were `given` beside it that decide what is trained.
    """
    from selffit.run.folder.find import find_run

    fixed = [name for name, value in given.items() if value is not None and name not in HOST]
    if fixed:
        raise UserError(
            f"{flag(fixed[0])} cannot be given with --resume: the run has its settings; leave it "
            f"out (these may be given: {', '.join(map(flag, HOST))})"
        )
    return find_run(token, runs)


def amended(run: "RunDir", given: Mapping[str, Any]) -> RunConfig:
    """A run's settings with those about this machine. Raises UserError for what is impossible."""
    from selffit_tui.commands.impossible import refuse_impossible

    new = {name: parse_setting(name, given[name]) for name in HOST if given[name] is not None}
    config = replace(from_dict(run.info().get("config", {})), **new)
    refuse_impossible(config)
    return config


def amend(run: "RunDir", given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Put settings about this machine into a run's own; its former ones, None without a change.

    Raises UserError for one that is impossible here.
    """
    if all(given[name] is None for name in HOST):
        return None
    former = run.info().get("config", {})
    run.amend(settled(amended(run, given)).as_dict())
    return former if isinstance(former, dict) else None


def remove_refused(run: "RunDir", process: "subprocess.Popen[bytes] | None") -> None:
    """Leave nothing behind of a run that was refused before its first step."""
    if process is not None:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            return  # still writing: a directory that is in use is better kept than half removed
    with suppress(UserError):  # it has begun after all
        run.remove()
