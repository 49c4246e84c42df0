"""What the command channel costs: at every step, idle, used, and when a log is read again."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from selffit.control import lines
from selffit.control.commands import new_command
from selffit.control.inbox import Inbox
from selffit.control.ledger import Ledger
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.eventlog.records import Record

COMMANDS = 10_000  # in a log: far more than a person gives


def median(act: Callable[[], object], rounds: int) -> float:
    """Seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def line(name: str, figure: float, unit: str, target: float) -> None:
    """Print one figure beside its target."""
    print(
        f"{name:<44} {figure:>10,.1f} {unit:<4} target <= {target:,g}  "
        f"{'ok' if figure <= target else 'missed'}"
    )


def boundary() -> tuple[float, float]:
    """Seconds of a step boundary with nothing to do, and of a step of the default run.

    The boundary's are averaged over real time.
    """
    from selffit.config import resolve
    from selffit.eventlog.liveness import here
    from selffit.eventlog.writer import EventWriter
    from selffit.run.folder.run_dir import RunDir
    from selffit.train.begin import begin
    from selffit.train.scores import empty_summary
    from selffit.train.stopping import StopSwitch

    with tempfile.TemporaryDirectory(dir=".") as folder:
        config = resolve("patterns", {"device": "cpu"})
        run = RunDir.create(Path(folder), "idle", {"config": config.as_dict()})
        with EventWriter(run.path, "trainer", run.claim_attempt(here())) as writer:
            loop = begin(run, 1, writer, config, StopSwitch(), empty_summary())
            loop.session.setup.model.train()
            step = median(loop._one_step, 15)
            calls, began = 0, time.perf_counter()
            while time.perf_counter() - began < 2:  # long enough for several polls
                loop._boundary()
                calls += 1
            idle = (time.perf_counter() - began) / calls
            loop.checkpoints.close()
    return idle, step


def main() -> None:
    """Prints one line a figure."""
    idle, step = boundary()
    line("step boundary with nothing to do", 1e6 * idle, "us", 20)
    print(
        f"  that is {idle / step:.3%} of a training step of the default run ({1e3 * step:.1f} ms)"
    )
    with tempfile.TemporaryDirectory(dir=".") as folder:
        run = Path(folder)
        for name in ("inbox", "done"):
            (run / "control" / name).mkdir(parents=True)
        inbox = Inbox(run)
        line("idle poll", 1e6 * median(inbox.poll, 20_000), "us", 50)
        line(
            "submit",
            1e3 * median(lambda: submit(run, new_command("set", {"eps": "8/255"}, by="ann")), 50),
            "ms",
            100,
        )
        line("poll with 50 commands, each", 1e6 * median(inbox.poll, 20) / 50, "us", 500)
    ledger, records = Ledger(), []
    for step in range(COMMANDS):
        command = new_command("set", {"weight_decay": step / COMMANDS}, by="ann")
        applied = lines.applied(ledger, command, command.args)
        data = applied.data()
        records.append(Record(1, 1, step + 1, 0.0, applied.KIND.name, "main", step, data))
        ledger = ledger.after(kinds.of_record(records[-1]))
    line(f"fold of {COMMANDS:,} commands", 1e3 * median(lambda: Ledger.fold(records), 3), "ms", 500)
    machine = platform.processor() or platform.machine()
    print(f"hardware: {os.cpu_count()} cores, {machine}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
