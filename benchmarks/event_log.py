"""Speed of the event log: writing, reading a long log, an idle poll, a critical event."""

import os
import platform
import random
import tempfile
import time
from pathlib import Path

from selffit.eventlog import kinds
from selffit.eventlog.fields import Columns
from selffit.eventlog.reader import RunReader
from selffit.eventlog.writer import EventWriter
from selffit.vocabulary import STEP

EVENTS = 500_000
METRIC = kinds.Host(
    cpu=0.5,
    rss=1e8,
    gpu=0.97,
    gpu_mem=1e9,
    gpu_total=8e10,
    gpu_temp=61.0,
    disk_free=1e11,
    log_ok=True,
)


def line(name: str, figure: float, unit: str, target: float, at_least: bool) -> None:
    """Print one figure beside its target."""
    ok = figure >= target if at_least else figure <= target
    sign = ">=" if at_least else "<="
    print(
        f"{name:<44} {figure:>12,.1f} {unit:<10} target {sign} {target:,g}  "
        f"{'ok' if ok else 'missed'}"
    )


def main() -> None:
    """Prints one line a figure."""
    rng = random.Random(0)
    values = Columns({name: [rng.random() for _ in range(20)] for name in STEP})
    block = kinds.Steps(n=20, cols=values, img_s=2400.1, sec=1.1, epoch=3.2)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        run = Path(folder)
        writer = EventWriter(run, "trainer", 1)
        began = time.perf_counter()
        for step in range(EVENTS):
            writer.emit(METRIC, step=step)
        emitted = time.perf_counter()
        writer.close("done")
        ended = time.perf_counter()
        line(
            "writer, small metrics, end to end", EVENTS / (ended - began), "events/s", 50_000, True
        )
        line("emit, small metric", 1e6 * (emitted - began) / EVENTS, "us", 20, False)
        line("writer, metrics dropped", writer.health.dropped, "events", 0, False)

        reader, read, slowest = RunReader(run), 0, 0.0
        began, cpu_began = time.perf_counter(), time.process_time()
        while True:
            slice_began = time.perf_counter()
            items = reader.poll(20_000)
            slowest = max(slowest, time.perf_counter() - slice_began)
            read += len(items)
            if len(items) < 20_000:
                break
        line(
            "reader, small metrics, processor time",
            read / (time.process_time() - cpu_began),
            "events/s",
            200_000,
            True,
        )
        line(
            "reader, small metrics, wall time",
            read / (time.perf_counter() - began),
            "events/s",
            170_000,
            True,
        )
        line("reader, slowest slice of 20 000", 1e3 * slowest, "ms", 200, False)
        began = time.perf_counter()
        for _ in range(1000):
            reader.poll()
        line("reader, idle poll", 1e3 * (time.perf_counter() - began), "us", 500, False)

        with EventWriter(run, "trainer", 2) as writer:
            alert = kinds.Alert(level="suspect", text="")
            waits = []
            for step in range(50):
                began = time.perf_counter()
                writer.emit(alert, step=step)
                waits.append(time.perf_counter() - began)
            line(
                "critical event, median wait for the disk", 1e3 * sorted(waits)[25], "ms", 50, False
            )
            began = time.perf_counter()
            for step in range(2000):
                writer.emit(block, step=step)
            line(
                "emit, block of 20 steps",
                1e6 * (time.perf_counter() - began) / 2000,
                "us",
                100,
                False,
            )
        began = time.perf_counter()
        read = len(reader.poll())
        line(
            "reader, blocks of 20 steps",
            read * 20 / (time.perf_counter() - began),
            "steps/s",
            200_000,
            True,
        )
    machine = platform.processor() or platform.machine()
    print(f"hardware: {os.cpu_count()} cores, {machine}, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
