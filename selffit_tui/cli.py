"""The `selffit` command: its sub-commands, and what each of them does on bad input.

Exit codes: 0 done; 1 the run that was followed ended badly (crashed, diverged, killed, out of
memory, lost, not saved, gone), or `status` could not read its log; 2 bad input, or stdout takes no
more (disk full), with one sentence on stderr; 3 and 4 see `selffit ctl`, 3 also `selffit detect`;
75 the run that was followed was preempted; 130 interrupted. Where nobody reads on (`| head`) the
end is quiet, with code 0.
stdout carries data, stderr carries talk; both are outlets (`selffit.outlets`).
"""

import os
import re
import sys
from collections.abc import MutableMapping

import typer

from selffit.errors import UserError
from selffit.outlets import speaking
from selffit_tui.commands.compare import compare
from selffit_tui.commands.ctl import ctl
from selffit_tui.commands.detect import detect
from selffit_tui.commands.diagnose import diagnose
from selffit_tui.commands.export import export
from selffit_tui.commands.helped import Helped, HelpedGroup
from selffit_tui.commands.import_ import import_
from selffit_tui.commands.pack import open_, pack
from selffit_tui.commands.replay import replay
from selffit_tui.commands.report import report
from selffit_tui.commands.run import run
from selffit_tui.commands.runs import bare, open_runs, runs
from selffit_tui.commands.status import status
from selffit_tui.commands.thin import thin
from selffit_tui.commands.train import train
from selffit_tui.commands.watch import watch
from selffit_tui.talk import typed

NAME = "selffit"
_SIZE = re.compile("[1-9][0-9]{1,2}")  # 10 to 999

app = typer.Typer(
    name=NAME,
    cls=HelpedGroup,
    help="Watch catastrophic overfitting happen: fast adversarial training, live in the terminal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done · 1 the followed run ended badly · 2 bad input · 75 preempted · "
    "130 interrupted.",
)
app.callback(invoke_without_command=True)(bare)
app.command(cls=Helped)(train)
app.command(cls=Helped, context_settings={"allow_interspersed_args": False})(run)
for looking in (watch, replay, status, runs, compare, detect, diagnose, thin):
    app.command(cls=Helped)(looking)
app.command("import", cls=Helped)(import_)
for sending in (export, report, pack):
    app.command(cls=Helped)(sending)
app.command("open", cls=Helped)(open_)
app.add_typer(ctl)


def main() -> None:
    """Do what the command line says, and end; `selffit_tui.start` is the console entry point."""
    sys.exit(speaking(command_line))


def command_line() -> int:
    """Does what the command line says; returns the exit code. Raises UserError."""
    forget_absurd_sizes(os.environ)
    if len(sys.argv) == 1 and (opened := open_runs()) is not None:
        return opened
    try:
        code = app(standalone_mode=False, prog_name=NAME)
    except typer.TyperException as error:  # an option that does not exist, a word too many …
        message = error.format_message().rstrip(". \n")
        if not message:  # no arguments at all: the help has been printed
            return error.exit_code
        context = getattr(error, "ctx", None)
        where = "" if context is None else context.command_path.removeprefix(NAME).strip()
        raise UserError(f"{message} (see {typed(f'{where} --help'.strip())})") from None
    return code if isinstance(code, int) else 0


def forget_absurd_sizes(environ: MutableMapping[str, str]) -> None:
    """Takes widths and heights out of the environment that no terminal has.

    Whoever lays out text believes them, and would need all memory for a line of 10⁹ columns.
    """
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        if name in environ and not _SIZE.fullmatch(environ[name]):
            del environ[name]
