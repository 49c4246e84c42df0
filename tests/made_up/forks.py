"""Runs the command `selffit` many times: a fork each, with streams of its own.

    python forks.py < CASES > RESULTS

One process loads what the commands need, once; each case is a fork of it that ends as the command
ends. Nothing is trained or measured: those processes are refused.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

FULL = "/dev/full"
UNREAD = "unread"  # a pipe whose other end is closed


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    code: int
    out: bytes
    err: bytes


def run_all(cases: Sequence[dict[str, Any]], cwd: Path) -> list[Done]:
    """The ends of all cases in a folder.

    A case has `args`; `out` and `err`: a file or one of the words above instead of being read;
    `env`: what is changed in the environment.
    """
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "SELFFIT_RUNS": str(cwd / "runs"), "SELFFIT_ASCII": "0"},
    )
    assert done.returncode == 0, done.stderr
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    return [Done(code, out.encode("latin-1"), err.encode("latin-1")) for code, out, err in ends]


def _redirect(number: int, where: str) -> None:
    if where == UNREAD:
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open(where, os.O_WRONLY)
    os.dup2(write, number)


def _main() -> None:
    import tempfile

    import typer.main

    from selffit import supervisor
    from selffit.errors import UserError
    from selffit_tui import cli
    from selffit_tui.commands import diagnose

    for slow in ("selffit.detect.offline", "selffit_tui.app.screenshot", "selffit_tui.plain.lines"):
        import_module(slow)

    def refuse(*_: object, **__: object) -> None:
        raise UserError("no process is started here")

    supervisor.spawn = refuse  # type: ignore[assignment]
    diagnose._spawn = refuse  # type: ignore[assignment]
    command = typer.main.get_command(cli.app)
    for args in (["--help"], ["status", "demo"], ["detect", "trace.csv"], ["runs"]):
        with redirect_stdout(StringIO()), suppress(UserError):  # loads what is loaded late
            command(args, standalone_mode=False, prog_name="selffit")
    gc.freeze()  # a fork then leaves this memory as it is
    results = os.dup(1)
    for case in json.load(sys.stdin):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.close(results)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                for number, name in ((1, "out"), (2, "err")):
                    if name in case:
                        _redirect(number, case[name])
                os.environ.update(case.get("env", {}))
                sys.argv = ["selffit", *case["args"]]
                if "out" in case or "err" in case:
                    return cli.main()  # and ends as an interpreter ends
                try:
                    cli.main()
                except SystemExit as end:
                    os._exit(int(end.code or 0))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("latin-1"))
            os.write(results, (json.dumps([code, *texts]) + "\n").encode())


if __name__ == "__main__":
    _main()
