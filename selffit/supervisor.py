"""The supervisor: starts the trainer in a session of its own, waits for it, records how it ended.

    python -m selffit.supervisor RUN_DIR

A small process without torch. Closing the terminal, losing SSH or killing a viewer reaches neither
of the two; if the supervisor itself dies, the trainer trains on. SIGTERM and SIGINT are passed on,
so the run stops at its next step. Exit codes: 0 finished or stopped, 1 crashed, 2 refused, 3
superseded, 128 + signal when the trainer was killed.
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from selffit.errors import UserError
from selffit.eventlog.kinds import Spawned
from selffit.eventlog.liveness import for_pid, here
from selffit.eventlog.writer import EventWriter
from selffit.outlets import FILE_ENCODING, speaking
from selffit.postmortem import Exit, MemoryKills, classify, last_lines, trainer_end
from selffit.run.run_dir import RunDir
from selffit.vocabulary import ENDINGS, exit_code

PASSED_ON = (signal.SIGTERM, signal.SIGINT)
TRAINER_ENVIRONMENT = {  # unless the person has set them
    # Threads that spin at every barrier cost a factor of ten as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",  # a segmentation fault then leaves a Python traceback in raw/
    # its default takes SIGHUP too, and dies of it
    "TORCHELASTIC_SIGNALS_TO_HANDLE": "SIGTERM,SIGINT,SIGQUIT",
}


def spawn(run_dir: Path) -> "subprocess.Popen[bytes]":
    """Start the supervisor of a run, detached from this terminal.

    What it prints goes to raw/supervisor.err.
    """
    with open(run_dir / "raw" / "supervisor.err", "ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "selffit.supervisor", str(run_dir)],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, **FILE_ENCODING},
        )


def trainer_command(run_dir: Path, attempt: int) -> list[str]:
    """How the trainer process is started."""
    return [sys.executable, "-m", "selffit.train", str(run_dir), "--attempt", str(attempt)]


class Supervisor:
    """Watches over one attempt at a time, and starts the next where the run says so."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._trainer: subprocess.Popen[bytes] | None = None
        self._passed: int | None = None  # the signal that was asked to be passed on

    def install(self) -> None:
        """Pass SIGTERM and SIGINT on to the trainer; ignore SIGHUP, which the trainer inherits."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._passed = number
        if self._trainer is not None:
            self._trainer.send_signal(number)

    def run_all(self, restarts: int, command: Sequence[str] | None = None) -> Exit:
        """Attempt after attempt, until one ends otherwise than by accident.

        Or until `restarts` are used up. Raises UserError where the run directory cannot be written.
        """
        while True:
            exit = self.attempt(command, restarts)
            if not self._again(exit, restarts):
                return exit
            restarts -= 1

    def _again(self, exit: Exit, restarts: int) -> bool:
        accident = exit.how in ENDINGS and ENDINGS[exit.how].accident
        return accident and restarts > 0 and self._passed is None

    def attempt(self, command: Sequence[str] | None = None, restarts: int = 0) -> Exit:
        """Claim an attempt, run the trainer to its end, record it.

        `command`: instead of the trainer's own, for tests.

        Raises UserError where the run directory cannot be written.
        """
        number = self.run.claim_attempt(here())
        log = EventWriter(self.run.path, "supervisor", number)
        argv = list(command) if command is not None else trainer_command(self.run.path, number)
        kills, began = MemoryKills(), time.monotonic()
        out, err = (self.run.raw / f"trainer-{number:06d}.{end}" for end in ("out", "err"))
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            self._trainer = trainer = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                env={**TRAINER_ENVIRONMENT, **os.environ, **FILE_ENCODING},
            )
        if self._passed is not None:  # came before there was a trainer
            trainer.send_signal(self._passed)
        identity = for_pid(trainer.pid)
        # Names without their folders: a log is made to be passed on, and where somebody's home is
        # stays theirs.
        shown = [Path(word).name if os.sep in word else word for word in argv]
        began_at = math.nan if identity is None else identity.pstart
        log.emit(Spawned(pid=trainer.pid, pstart=began_at, argv=tuple(shown)))
        code = trainer.wait()
        seconds = time.monotonic() - began
        exit = classify(code, trainer_end(self.run.path, number), last_lines(err), kills.evidence())
        again = self._again(exit, restarts)
        log.emit(exit.event(seconds=round(seconds, 3), again=again))
        log.close(exit.how)
        return exit


def main(arguments: Sequence[str]) -> int:
    """Supervise a run; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m selffit.supervisor RUN_DIR", file=sys.stderr)
        return exit_code("refused")
    try:
        supervisor = Supervisor(RunDir.open(Path(arguments[0])))
        supervisor.install()
        config = supervisor.run.info().get("config")
        restarts = config.get("restarts", 0) if isinstance(config, dict) else 0
        exit = supervisor.run_all(restarts if isinstance(restarts, int) else 0)
    except UserError as error:
        print(error, file=sys.stderr)
        return exit_code("refused")
    return exit_code(exit.how, exit.signal)


if __name__ == "__main__":
    sys.exit(speaking(lambda: main(sys.argv[1:])))
