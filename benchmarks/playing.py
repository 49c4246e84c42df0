"""What the clock of the Run screen costs: held, playing at 4x, and rewound while the log grows.

No training. CPU and bytes of the screen in a real pseudo-terminal, counted as `viewer.py` does.

`uv run python benchmarks/playing.py [--run runs/example-patterns-rollback] [--seconds 20]
[--rewind 180]`.
"""

import argparse
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from made_up import run as synthetic
from made_up.terminal import Terminal, show_run

from benchmarks.viewer import leave_view, report
from selffit.eventlog.writer import EventWriter

EVENTS_A_SECOND = 50
TICKS = 1 / 0.6  # pictures a second while it plays
KEYS = (b"[", b"]", b"\x1b[D", b"\x1b[C", b" ", b">", b"<", b"b", b"{", b"}", b"u", b" ", b"e")


def used_by(terminal: Terminal) -> tuple[float, int]:
    """CPU seconds of the program so far, and bytes that it has written."""
    times = psutil.Process(terminal.process.pid).cpu_times()
    return times.user + times.system, len(terminal.output)


def cost(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """CPU seconds and bytes a second, for so long."""
    cpu, size = used_by(terminal)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        terminal.read(0.5)
    passed = time.monotonic() - begin
    after, written = used_by(terminal)
    return (after - cpu) / passed, (written - size) / passed


def played(run: Path, env: dict[str, str], seconds: float) -> None:
    """A recorded run: held, and played at 4x from its middle."""
    with show_run(str(run), 120, 40, **env) as terminal:
        terminal.wait_for(" end ", 60)
        terminal.send(b"@")
        terminal.wait_for("go to", 20)
        terminal.read(0.5)
        terminal.send(b"50s\r")
        terminal.wait_for(" held ", 20)
        terminal.read(2.0)
        cpu, written = cost(terminal, seconds)
        report("held in the past: CPU", 100 * cpu, "%", 1.0)
        report("held in the past: output", written / 1000, "kB/s", 0.2)
        terminal.send(b">> ")
        terminal.wait_for("REPLAY", 20)
        cpu, written = cost(terminal, seconds)
        report("playing at 4x at 120x40: CPU a picture", 1000 * cpu / TICKS, "ms", 100.0)
        report("playing at 4x: output", written / 1000, "kB/s", 20.0)
        leave_view(terminal)


def growing(stop: threading.Event, writer: EventWriter) -> None:
    """Writes a made-up run again and again, at so many events a second."""
    begin = time.monotonic()
    for number, event in enumerate(rounds(), 1):
        writer.put(event.kind, event.data, step=event.step)
        if stop.wait(max(0.0, begin + number / EVENTS_A_SECOND - time.monotonic())):
            return


def rounds() -> Iterator[synthetic.Event]:
    """A made-up run, its steps going on from round to round."""
    offset = 0
    kept = ("steps", "host", "probe.robust", "probe.channels", "alert", "probe.self")
    while True:
        for event in synthetic.events(synthetic.TOTAL - 1):
            if event.kind in kept:
                yield event._replace(step=event.step + offset)
        offset += synthetic.TOTAL


def rewound(folder: Path, env: dict[str, str], seconds: float, keys: Sequence[bytes]) -> None:
    """A log that grows while its view is rewound, stepped and played."""
    run = folder / "growing"
    run.mkdir()
    writer = EventWriter(run, "trainer", 1, opening={"run": "growing"})
    writer.put("run.start", synthetic.run_start() | {"steps_total": 10**6}, step=0)
    stop = threading.Event()
    writing = threading.Thread(target=growing, args=(stop, writer))
    with show_run(str(run), 120, 40, **env) as terminal:
        terminal.wait_for("TRAINING", 60)
        writing.start()
        terminal.wait_for("live ", 60)
        terminal.read(5.0)
        process = psutil.Process(terminal.process.pid)
        memory = process.memory_info().rss
        (cpu, size), begin, pressed = used_by(terminal), time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            terminal.send(keys[pressed % len(keys)])
            pressed += 1
            due = begin + pressed
            while time.monotonic() < due:
                terminal.read(due - time.monotonic())
            assert terminal.process.poll() is None, "the view has ended"
        passed = time.monotonic() - begin
        after, written = used_by(terminal)
        report("rewound while the log grows: CPU", 100 * (after - cpu) / passed, "%", 50.0)
        report("rewound: output", (written - size) / passed / 1000, "kB/s", 40.0)
        grown = (process.memory_info().rss - memory) / 2**20
        report(f"memory that {passed:.0f} s of it take", grown, "MiB", 50.0)
        terminal.send(b"e")
        terminal.read(2.0)
        terminal.send(b"[")  # held at a mark: what is live already is not said again
        terminal.wait_for(" held ", 20, since=len(terminal.output))
        terminal.read(2.0)
        held = len(terminal.output)
        terminal.send(b"e")
        waited = wait(lambda: b"live " in terminal.output[held:], terminal)
        report("live again after a key", waited, "s", 1.0)
        stop.set()
        writing.join()
        writer.close("done")
        leave_view(terminal)


def wait(done: Callable[[], bool], terminal: Terminal) -> float:
    """Seconds until something has been written."""
    begin = time.monotonic()
    while not done() and time.monotonic() - begin < 10:
        terminal.read(0.02)
    return time.monotonic() - begin


def main() -> None:
    """All figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    example = Path(__file__).parents[1] / "runs" / "example-patterns-rollback"
    parser.add_argument("--run", type=Path, default=example)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rewind", type=float, default=180.0)
    options = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        env = {"XDG_CACHE_HOME": f"{folder}/remembered"}
        env |= {"PYTHONPYCACHEPREFIX": f"{folder}/cache", "PYTHONDONTWRITEBYTECODE": ""}
        with show_run(str(options.run), 120, 40, **env) as terminal:  # warms the byte code
            terminal.wait_for(" end ", 60)
            leave_view(terminal)
        played(options.run, env, options.seconds)
        rewound(Path(folder), env, options.rewind, KEYS)


if __name__ == "__main__":
    main()
