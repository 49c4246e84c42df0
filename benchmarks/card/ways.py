"""What other ways of taking a step are worth, each in a process of its own, for it may fail."""

import subprocess
import sys

from benchmarks.card.report import Report
from benchmarks.levers import WAYS
from benchmarks.loops import Bench

LIMIT = 60.0  # seconds of one way on a card


def levers(bench: Bench, report: Report) -> None:
    """A line of `levers.py` for each; one that fails or hangs leaves the others alone."""
    for way in WAYS:
        if not bench.left(f"levers, {way}", 10 if bench.cuda else 0):
            continue
        command = [sys.executable, "-m", "benchmarks.levers", "--way", way]
        command += ["--device", str(bench.device)] + ["--small"] * bench.small
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT if bench.cuda else 1200
            )
        except subprocess.TimeoutExpired:
            report.say(way, f"not done in {LIMIT:g} s", False)
            continue
        if done.returncode:
            print(done.stderr[-2000:])
            report.say(way, (done.stderr.strip().splitlines() or ["?"])[-1][:60], False)
        else:
            report.say(way, done.stdout.strip().removeprefix(way).strip())
