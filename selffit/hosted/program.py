"""What is run for somebody: a command line, and how its lines are to be read. Without torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from selffit import __version__
from selffit.detect.offline import DEFAULT_N
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Place, root_of
from selffit.eventlog.jsonfile import read_small, write_new
from selffit.lines import RuleFile, formats, parse_rules
from selffit.run.folder.making import PROGRAM
from selffit.run.folder.run_dir import RunDir

FILE = "program.json"  # in the folder of the run; it is not packed, for it tells of folders


@dataclass(frozen=True)
class Program:
    """A command line, and what its author said of its lines.

    rules: name of a rule file of the package, "" to find out, or where `toml` came from. toml: the
    text of somebody's own rules. per_epoch: optimiser steps of an epoch, 0 where that was not
    said. images: behind each accuracy. classes: of the data set, 0 where that was not said.
    """

    argv: tuple[str, ...]
    _: KW_ONLY
    rules: str = ""
    toml: str = ""
    per_epoch: int = 0
    images: int = DEFAULT_N
    classes: int = 0

    @property
    def shown(self) -> tuple[str, ...]:
        """The command line without folders: logs are passed on, and where a home is stays there."""
        return tuple(Path(word).name if os.sep in word else word for word in self.argv)

    @property
    def stem(self) -> str:
        """What a run of it is called: its script, or its first word."""
        scripts = [word for word in self.argv if word.endswith((".py", ".sh"))]
        name = Path((scripts or self.argv)[0]).stem
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:40] or "program"

    def rule_file(self) -> RuleFile | None:
        """The rules to read by; None where they are to be found out. Raises UserError."""
        if self.toml:
            return parse_rules(self.toml, self.rules)
        return formats()[self.rules] if self.rules else None

    def check(self) -> None:
        """Raises UserError where there is no such command."""
        word = self.argv[0]
        if shutil.which(word) is None:
            where = "no such file that may be executed" if os.sep in word else "not in PATH"
            hint = f"; for a script: python {word}" if word.endswith(".py") else ""
            raise UserError(f"cannot run '{clean(word)}': {where}{hint}")


def create(program: Program, root: Path, name: str | None, settings: Mapping[str, Any]) -> RunDir:
    """Make the run of a program; settings: what its author says of it, as a log has it.

    Raises UserError.
    """
    program.check()
    info = {"config": dict(settings), "version": __version__, PROGRAM: list(program.shown)}
    run = RunDir.create(root, name, info, stem=program.stem).held()
    told = {
        "argv": list(program.argv),
        "rules": program.rules,
        "toml": program.toml,
        "per_epoch": program.per_epoch,
        "images": program.images,
        "classes": program.classes,
    }
    try:
        with root_of(run.place) as folder:
            write_new(folder, FILE, told)
    except OSError as error:
        run.remove()
        raise UserError(f"cannot write {FILE} of {run.name}: {error.strerror}") from error
    return run


def read(run: Place) -> Program:
    """Return the program of a run. Raises UserError where it has none that can be used."""
    try:
        with root_of(run) as folder:
            told = read_small(FILE, folder)
        argv = _texts(told["argv"])
        counts = {name: _count(told[name]) for name in ("per_epoch", "images", "classes")}
        rules, toml = _texts([told["rules"], told["toml"]])
    except (OSError, ValueError, KeyError) as error:
        why = getattr(error, "strerror", None) or clean(str(error))
        raise UserError(f"the {FILE} of run {clean(run.name)} cannot be used: {why}") from None
    return Program(argv, rules=rules, toml=toml, **counts)


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start the program, its output in pipes, in a process group of its own. Raises OSError."""
    return subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,  # so that a signal reaches what a shell script has started
        env={"PYTHONUNBUFFERED": "1", **os.environ},
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or not value:
        raise ValueError("it holds something else than was written")
    return tuple(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("it holds something else than was written")
    return value


def words(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line that was typed. Raises UserError where there is none."""
    if not argv:
        raise UserError("nothing to run: write the command behind --, e.g. -- python train.py")
    return tuple(argv)
