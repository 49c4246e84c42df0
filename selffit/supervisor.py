"""The supervisor: starts the trainer in a session of its own, waits for it, records how it ended.

    python -m selffit.supervisor RUN_DIR [--after N] [--notify]

A small process without torch. Closing the terminal, losing SSH or killing a viewer reaches neither
of the two; if the supervisor itself dies, the trainer trains on. With `--after N` it starts attempt
N + 1 and no other: whoever asked knows that attempt N has ended. With `--notify` the command that
run.json names is run for what somebody has to know (`selffit.run.notify`), watched or not. SIGTERM
and SIGINT are passed on, so the run stops at its next step; so are SIGUSR1 and SIGUSR2, with which
schedulers announce that they take the machine away. Exit codes: 0 finished or stopped, 1 crashed or
not saved, 2 refused, 3 superseded, 4 diverged, 75 preempted (stopped by SIGUSR1 or SIGUSR2), 128 +
signal when the trainer was killed. Where the run is somebody else's program (`selffit.hosted`), its
own exit code.
"""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from selffit.errors import UserError
from selffit.eventlog.folder import root_of
from selffit.eventlog.kinds import NotifyFailed, Spawned
from selffit.eventlog.liveness import for_pid, here
from selffit.eventlog.writer import EventWriter
from selffit.outlets import FILE_ENCODING, speaking
from selffit.postmortem import Exit, MemoryKills, classify, last_lines, trainer_end
from selffit.run.folder.making import HOST_MODULE, is_hosted
from selffit.run.folder.run_dir import RunDir
from selffit.vocabulary import ENDINGS, exit_code

if TYPE_CHECKING:
    from selffit.run.notify import LogCaller

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
TRAINER_ENVIRONMENT = {  # unless the person has set them
    # Threads that spin at every barrier cost a factor of ten as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",  # a segmentation fault then leaves a Python traceback in raw/
    # its default takes SIGHUP too, and dies of it
    "TORCHELASTIC_SIGNALS_TO_HANDLE": "SIGTERM,SIGINT,SIGQUIT",
}


def spawn(
    run_dir: Path, after: int | None = None, *, notify: bool = False
) -> "subprocess.Popen[bytes]":
    """Start the supervisor of a run, detached from this terminal.

    `after`: the newest attempt that is known; `notify`: run the command that run.json names for
    this. What it prints goes to raw/supervisor.err. Raises UserError where a link is in the way.
    """
    only = [] if after is None else ["--after", str(after)]
    only += ["--notify"] if notify else []
    run = RunDir(run_dir)
    run.refuse_links()
    errors = run.raw_file("supervisor.err")
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "selffit.supervisor", str(run_dir), *only],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, **FILE_ENCODING},
        )
    finally:
        os.close(errors)


def trainer_command(
    run_dir: Path, attempt: int, folder: int, module: str = "selffit.train"
) -> list[str]:
    """How the trainer process is started, which inherits the descriptor of the run's folder."""
    about = ["--attempt", str(attempt), "--folder", str(folder)]
    return [sys.executable, "-m", module, str(run_dir), *about]


class Supervisor:
    """Watches over one attempt at a time, and starts the next where the run says so."""

    def __init__(self, run: RunDir) -> None:
        self.run = run.held()
        self._trainer: subprocess.Popen[bytes] | None = None
        self.number = 0  # of the attempt
        self.hosted = is_hosted(self.run.info())  # it is somebody else's program
        self._passed: int | None = None  # the signal that was asked to be passed on
        self._log: EventWriter | None = None  # of the attempt
        self._caller: LogCaller | None = None

    def call(self, command: str) -> None:
        """Run a command for what comes, as `--notify` says; "" for none.

        Nothing that is wrong with it keeps anybody from training.
        """
        from selffit.run.notify import LogCaller, words_of  # with all that reads logs

        try:
            if words := words_of(command):
                self._caller = LogCaller(self.run, words, self._notify_failed)
        except UserError as error:
            print(error, file=sys.stderr)

    def _notify_failed(self, error: str) -> None:
        print(f"--notify failed: {error}", file=sys.stderr, flush=True)
        if self._log is not None:
            self._log.emit(NotifyFailed(error=error))

    def install(self) -> None:
        """Pass signals on to the trainer; ignore SIGHUP, which the trainer inherits."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._passed = number
        if self._trainer is not None:
            self._trainer.send_signal(number)

    def run_all(
        self, restarts: int, command: Sequence[str] | None = None, after: int | None = None
    ) -> Exit:
        """Attempt after attempt, until one ends otherwise than by accident.

        Or until `restarts` are used up, or somebody else goes on with the run. Raises UserError
        where the run directory cannot be written, and for the first attempt where one after
        `after` has begun already.
        """
        while True:
            exit = self.attempt(command, restarts, after)
            if not exit.again:
                self._leave_told()
                return exit
            restarts -= 1
            after = self.number

    def _leave_told(self) -> None:
        """Leave in the run how it is told from now on, for those who look at many."""
        with suppress(Exception):  # it saves others time, and is never worth a failure
            from selffit.run.listing.memory import leave  # with all that reads logs

            leave(self.run)

    def _again(self, exit: Exit, restarts: int) -> bool:
        accident = exit.how in ENDINGS and ENDINGS[exit.how].accident
        mine = not self.run.successor(self.number)
        return accident and restarts > 0 and self._passed is None and mine

    def attempt(
        self, command: Sequence[str] | None = None, restarts: int = 0, after: int | None = None
    ) -> Exit:
        """Claim an attempt, run the trainer to its end, record it.

        `command`: instead of the trainer's own, for tests. `after`: see `RunDir.claim_attempt`.

        Raises UserError where the run directory cannot be written.
        """
        self.number = number = self.run.claim_attempt(here(), after)
        self._log = log = EventWriter(self.run.place, "supervisor", number)
        kills, began = MemoryKills(), time.monotonic()
        with root_of(self.run.place) as folder:  # wherever it is now, the trainer works in it
            module = HOST_MODULE if self.hosted else "selffit.train"
            own = trainer_command(self.run.path, number, folder.fd, module)
            argv = own if command is None else list(command)
            self._trainer = trainer = self._start(argv, number, folder.fd)
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
        words = last_lines(self.run.place, _raw(number, "err"))
        exit = classify(code, trainer_end(self.run.place, number), words, kills.evidence())
        if self.run.gone:  # with all that the trainer could have said
            exit = replace(exit, how="gone", text=ENDINGS["gone"].meaning)
        exit = replace(exit, again=self._again(exit, restarts))
        log.emit(exit.event(seconds=round(seconds, 3)))
        if self._caller is not None and not exit.again:
            self._caller.finish()
        self._log = None
        log.close(exit.how)
        return exit

    def _start(self, argv: list[str], attempt: int, folder: int) -> "subprocess.Popen[bytes]":
        output = [self.run.raw_file(_raw(attempt, end)) for end in ("out", "err")]
        try:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output[0],
                stderr=output[1],
                start_new_session=True,
                pass_fds=(folder,),
                env={**TRAINER_ENVIRONMENT, **os.environ, **FILE_ENCODING},
            )
        finally:
            for fd in output:
                os.close(fd)


def _raw(attempt: int, end: str) -> str:
    """The name of the file in raw/ that takes what a trainer prints."""
    return f"trainer-{attempt:06d}.{end}"


def main(arguments: Sequence[str]) -> int:
    """Supervise a run; returns the exit code."""
    notify = "--notify" in arguments[1:]
    where, only = arguments[:1], [word for word in arguments[1:] if word != "--notify"]
    known = len(only) == 2 and only[0] == "--after" and only[1].isdecimal()
    if not where or (only and not known):
        print("usage: python -m selffit.supervisor RUN_DIR [--after N] [--notify]", file=sys.stderr)
        return exit_code("refused")
    try:
        supervisor = Supervisor(RunDir.open(Path(where[0])))
        supervisor.install()
        info = supervisor.run.info()
        if notify:
            supervisor.call(str(info.get("notify", "")))
        config = info.get("config")
        restarts = config.get("restarts", 0) if isinstance(config, dict) else 0
        exit = supervisor.run_all(
            restarts if isinstance(restarts, int) else 0, after=int(only[1]) if only else None
        )
    except UserError as error:
        print(error, file=sys.stderr)
        return exit_code("refused")
    if supervisor.hosted and not exit.signal:
        return exit.code  # that of the program is handed on
    return exit_code(exit.how, exit.signal)


if __name__ == "__main__":
    sys.exit(speaking(lambda: main(sys.argv[1:])))
