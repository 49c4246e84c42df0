"""One part, in this process: `python -m benchmarks.card PART [--device cpu --small] [--seconds S]`.

Lines that begin with "@ " are for the results file of `on_card.py`. Ends with 1 where something
does not hold, or the part breaks off.
"""

import argparse
import faulthandler
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from benchmarks.card import bits, failure, pause, runs, start, ways
from benchmarks.card.plan import PARTS
from benchmarks.card.report import Report, keep
from benchmarks.loops import Bench
from benchmarks.train_speed import table
from selffit.control.ledger import Ledger
from selffit.eventlog.writer import EventWriter
from selffit.train.setup import choose_device, cpu_name
from selffit.train.trainlog import TrainLog


def take(part: str, bench: Bench, report: Report, width: int, folder: Path) -> None:
    """Do a part; what it writes goes below `folder`."""
    sizes = {"speed": [64 if bench.small else 128], "larger": [96] if bench.small else [512, 1024]}
    if part == "runs":
        runs.runs(bench, report, folder)
    elif part == "start":
        start.start(bench, report, folder)
    elif part == "bits":
        bits.bits(bench, report, width)
    elif part == "failure":
        failure.failure(bench, report)
    elif part == "levers":
        ways.levers(bench, report)
    else:
        with EventWriter(folder, "trainer", 1) as writer:
            log = TrainLog(writer, Ledger())
            if part == "pause":
                pause.pause(bench, report, width, log)
            else:
                speed(bench, report, width, sizes[part], log)


def speed(bench: Bench, report: Report, width: int, sizes: list[int], log: TrainLog) -> None:
    """The table of `train_speed.py`, one size of batches after another."""
    for size in sizes:
        figures: list[dict[str, Any]] = []
        same = table(bench, width, [size], log, figures)
        if figures:
            keep(speed=figures[0])
            report.say(f"losses as the textbook's, batch {size}", "" if same else "differ", same)


def prepared(name: str, small: bool, seconds: float) -> tuple[Bench, int]:
    """Where it is measured, as a training sets it up, and the width of its networks."""
    device = choose_device(name)
    bench = Bench(device, small, time.monotonic() + seconds)
    if bench.cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = True
        hardware = torch.cuda.get_device_name(device)
    else:
        torch.set_num_threads(1)
        hardware = cpu_name()
    width = 4 if small else (64 if bench.cuda else 16)
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if bench.cuda:
        versions["cudnn"] = str(torch.backends.cudnn.version())
    keep(hardware=hardware, width=width, small=small, versions=versions)
    return bench, width


def main() -> int:
    """Does it; returns 1 where something does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[part.name for part in PARTS])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="narrow and short")
    parser.add_argument("--seconds", type=float, default=450.0, help="begin nothing after that")
    parser.add_argument("--limit", type=float, default=0.0, help="tell after that where it hangs")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if options.limit:
        faulthandler.dump_traceback_later(options.limit)
    report = Report(options.part)
    try:
        bench, width = prepared(options.device, options.small, options.seconds)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            take(options.part, bench, report, width, Path(folder))
        if bench.skipped:
            keep(skipped=bench.skipped)
    except Exception as error:  # whatever it is: it is told with the results
        traceback.print_exc(file=sys.stdout)
        report.say("broke off", (str(error).strip() or repr(error)).splitlines()[0][:60], False)
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
