"""The `selffit` command: its sub-commands, and what each of them does on bad input.

Exit codes: 0 done; 1 the run that was followed ended badly (crashed, diverged, killed, out of
memory, lost, not saved, gone), or `status` could not read its log; 2 bad input, with one sentence
on stderr; 3 and 4 see `selffit ctl`, 3 also `selffit detect`; 75 the run that was followed was
preempted; 130 interrupted.
stdout carries data, stderr carries talk.
"""

import os
import sys

import typer

from selffit.errors import UserError
from selffit_tui.commands.ctl import ctl
from selffit_tui.commands.detect import detect
from selffit_tui.commands.diagnose import diagnose
from selffit_tui.commands.runs import runs
from selffit_tui.commands.status import status
from selffit_tui.commands.train import train
from selffit_tui.commands.watch import watch
from selffit_tui.gate import tolerate
from selffit_tui.talk import say

app = typer.Typer(
    name="selffit",
    help="Watch catastrophic overfitting happen: fast adversarial training, live in the terminal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done · 1 the followed run ended badly · 2 bad input · 75 preempted · "
    "130 interrupted.",
)
for command in (train, watch, status, runs, detect, diagnose):
    app.command()(command)
app.add_typer(ctl)


def main() -> None:
    """The console entry point."""
    tolerate(sys.stdout, sys.stderr)
    try:
        app()
    except UserError as error:
        say(f"selffit: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `selffit runs | head`: nobody reads on, which is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
