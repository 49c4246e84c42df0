"""The trainer process: `python -m selffit.train RUN_DIR [--attempt N]`.

Exit codes: 0 finished or stopped, 1 crashed or not saved, 2 refused (the person asked for something
impossible), 3 superseded, 4 done with all epochs but diverged, 75 preempted (SIGUSR1, SIGUSR2). The
event log is opened before torch is imported, so that whoever watches sees life at once.
"""

import argparse
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selffit.config import RunConfig, from_dict
from selffit.data import read_ahead
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.outlets import speaking
from selffit.run.folder.run_dir import RunDir
from selffit.train.host import Heartbeat
from selffit.train.scores import empty_summary
from selffit.train.stopping import Stop, StopSwitch, superseded
from selffit.vocabulary import ENDINGS, exit_code

if TYPE_CHECKING:
    from selffit.train.requests import Requests


NEEDS_SAVING = ("finished", "stopped", "preempted")  # ends after which somebody wants the weights


class Trainer:
    """One attempt of a run, from the first record of its log to the last."""

    def __init__(self, run: RunDir, attempt: int, stop: StopSwitch) -> None:
        """Raises UserError where the log cannot be written."""
        self.run = run = run.held()
        self.attempt = attempt
        self.stop = stop
        self.writer = EventWriter(run.place, "trainer", attempt)
        self.step = 0  # with the branch: for the records that are not written by the loop
        self.branch = "main"
        self.summary = empty_summary()
        self.about: dict[str, str] = {}  # what a phase is about
        self.unsaved = ""  # why the last checkpoint was not saved
        self.requests: Requests | None = None
        self.heartbeat = Heartbeat(run.place, self.beat)

    def main(self) -> int:
        """Train to the end and say in the log how it ended; returns the exit code."""
        self.announce("starting")
        self.heartbeat.start()
        how, reason, config = "", "", None
        try:
            config = from_dict(self.run.info().get("config", {}))
            self.about = {"data": config.data, "model": config.model}
            how, reason = self.train(config)
        except Stop as request:
            how, reason = request.how, str(request)
        except UserError as error:
            how, reason = "refused", str(error)
            print(error, file=sys.stderr)
        except Exception as error:
            how, reason = "crashed", explain(error, config)
            traceback.print_exc()
        if self.unsaved and how in NEEDS_SAVING:
            how, reason = "unsaved", "; ".join(part for part in (reason, self.unsaved) if part)
        self.heartbeat.stop()
        self.announce_end(how, reason)
        self.writer.close(how)
        return exit_code(how)

    def train(self, config: RunConfig) -> tuple[str, str]:
        """Set up and train; how it ended, and why. Raises Stop, UserError, whatever goes wrong."""
        with self.stop.interruptible():
            reading = read_ahead(config)
            # torch and all that needs it: seconds of imports, so only now
            self.announce("imports")
            from selffit.train.begin import begin

            loop = begin(
                self.run,
                self.attempt,
                self.writer,
                config,
                self.stop,
                self.summary,
                self.announce,
                reading,
            )
            self.requests = loop.commander.requests
            device = loop.session.setup.device
            if device.type == "cuda":
                self.heartbeat.watch_gpu(device)
        try:
            loop.run()
        finally:
            loop.checkpoints.close()
            self.unsaved = loop.checkpoints.failure
            self.step = loop.session.done
            self.branch = loop.session.log.branch
        if loop.session.monitor.divergence.open:
            return "diverged", "all epochs are done"
        return "finished", ""

    def announce(self, phase: str) -> None:
        """Log what the trainer is doing before there is a step."""
        self.writer.emit(kinds.Phase(name=phase, note=self.about.get(phase, "")))

    def announce_end(self, how: str, reason: str) -> None:
        """Log how the attempt has ended."""
        end = kinds.End(how=how, reason=reason, summary=self.summary)
        self.writer.emit(end, step=self.step, branch=self.branch)

    def beat(self, sample: dict[str, Any]) -> None:
        """The heartbeat thread: log a sample of the machine, and give way to a later attempt."""
        self.writer.emit(
            kinds.Host(
                **sample,
                **self.writer.health.told(),
                inbox_error=self.requests.fault if self.requests is not None else "",
            )
        )
        if self.run.gone:
            self.stop.request("gone", ENDINGS["gone"].meaning)
        if (taken := superseded(self.run, self.attempt)) is not None:
            self.stop.request(taken.how, str(taken))


def explain(error: Exception, config: RunConfig | None) -> str:
    """One line for the `end` record: the error's own, or what to do when memory ran out."""
    line = (str(error).strip().splitlines() or [""])[0]
    out_of_memory = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in line
    if config is not None and (out_of_memory or isinstance(error, MemoryError)):
        width = f", --width {config.width}" if config.width else ""
        return (
            f"out of memory with --batch-size {config.batch_size}{width}; "
            f"lower the batch size or the width ({line})"
        )
    return f"{type(error).__name__}: {line}"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and train; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m selffit.train", description="Train one attempt of a run."
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument(
        "--attempt", type=int, help="an attempt that the caller has claimed (default: claim one)"
    )
    parser.add_argument(
        "--folder", type=int, help="an open descriptor of RUN_DIR, wherever that lies by now"
    )
    options = parser.parse_args(arguments)
    stop = StopSwitch()
    stop.install()
    try:
        run = RunDir.open(options.run_dir, options.folder)
        trainer = Trainer(run, options.attempt or run.claim_attempt(here()), stop)
    except UserError as error:
        print(error, file=sys.stderr)
        return exit_code("refused")
    return trainer.main()


if __name__ == "__main__":
    sys.exit(speaking(main))
