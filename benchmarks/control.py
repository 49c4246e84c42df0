"""What the command channel costs: an idle poll (before every training step), submitting, reading, folding the log."""

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
    print(f"{name:<44} {figure:>10,.1f} {unit:<4} target <= {target:,g}  {'ok' if figure <= target else 'missed'}")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        run = Path(folder)
        for name in ("inbox", "done"):
            (run / "control" / name).mkdir(parents=True)
        inbox = Inbox(run)
        line("idle poll", 1e6 * median(inbox.poll, 20_000), "us", 50)
        line("submit", 1e3 * median(lambda: submit(run, new_command("set", {"eps": "8/255"}, by="ann")), 50), "ms", 100)
        line("poll with 50 commands, each", 1e6 * median(inbox.poll, 20) / 50, "us", 500)
    ledger, records = Ledger(), []
    for step in range(COMMANDS):
        command = new_command("set", {"weight_decay": step / COMMANDS}, by="ann")
        data = lines.applied(ledger, command, command.args)
        records.append(Record(1, 1, step + 1, 0.0, "ctl.applied", "main", step, data))
        ledger.add(records[-1])
    line(f"fold of {COMMANDS:,} commands", 1e3 * median(lambda: Ledger.fold(records), 3), "ms", 500)
    machine = platform.processor() or platform.machine()
    print(f"hardware: {os.cpu_count()} cores, {machine}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
