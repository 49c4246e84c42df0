"""From the command to the first steps, and what the epochs of a run take."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.card.report import Report
from benchmarks.loops import SMALL_PROBES, Bench, real_images

START = 6.0  # seconds from the command to the first step
EPOCH_SECONDS = 2.2  # of cifar10-fgsm-8, with all that is watched


def start(bench: Bench, report: Report, folder: Path) -> None:
    """A run twice: the second finds files in memory."""
    data = real_images(bench)
    options = ["--preset", "cifar10-fgsm-8", "--data-dir", data] if data else []
    options += ["--stop-epoch", "4" if data else "1", "--device", bench.device.type]
    options += ["--causal-images", "0"]
    if bench.small:
        fewer = {"train_images": 640, "holdout": 64, **SMALL_PROBES}
        options += [f"--{name.replace('_', '-')}={number}" for name, number in fewer.items()]
    records: list[dict[str, Any]] = []
    for number in ("first", "again"):
        began = time.time()
        run_of(folder, number, options, 90 if bench.cuda else 1200)
        records = logged(folder / number)
        first, phases = beginning(records, began)
        print(f"         phases, seconds after the command: {phases}", flush=True)
        holds = first <= START if bench.cuda and number == "again" else None
        report.say(f"command to first step, {number}", f"{first:.1f} s", holds)
    lasted(report, records, real=bool(data))


def run_of(folder: Path, name: str, options: list[str], limit: float) -> None:
    """Train from the command. Raises where it does not end well, or not within `limit` seconds."""
    command = [sys.executable, "-m", "selffit_tui", "train", "--runs", str(folder), "--plain"]
    command += ["--name", name, *options]
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        for attempt in (folder / name / "attempts").glob("*.json"):  # it has outlived its command
            with suppress(OSError, ValueError, KeyError):
                os.kill(json.loads(attempt.read_text())["pid"], signal.SIGKILL)
        raise


def logged(run: Path) -> list[dict[str, Any]]:
    """The records of a run's trainer."""
    files = (run / "log" / "trainer").rglob("*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def beginning(records: list[dict[str, Any]], began: float) -> tuple[float, str]:
    """Seconds until the first step began, and the phases until then in words."""
    steps = min((r for r in records if r["k"] == "steps"), key=lambda r: r["s"])
    first = steps["t"] - steps["d"]["sec"] - began
    phases = [r for r in records if r["k"] == "phase"]
    return first, ", ".join(f"{r['d']['name']} {r['t'] - began:.1f}" for r in phases)


def lasted(report: Report, records: list[dict[str, Any]], *, real: bool) -> None:
    """What the epochs of a run took, and its probes, by their steps."""
    ends = sorted(r["t"] for r in records if r["k"] == "probe.robust")  # one an epoch, and before
    epochs = [later - earlier for earlier, later in pairwise(ends)]
    told = ", ".join(f"{one:.2f}" for one in epochs)
    holds = min(epochs) <= EPOCH_SECONDS if real and epochs else None
    report.say("epochs from probe to probe, s", told, holds)
    probes: dict[int, float] = {}
    for record in records:
        if record["k"].startswith("probe."):
            probes[record["s"]] = probes.get(record["s"], 0.0) + record["d"].get("sec", 0.0)
    told = ", ".join(f"{1e3 * took:.0f}" for _, took in sorted(probes.items()))
    print(f"         probes and looks by their steps, ms: {told}", flush=True)
