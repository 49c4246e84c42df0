"""What viewers cost: the Run screen in a real pseudo-terminal, `status` of a long log, `runs`.

No training. How soon the screen paints, what it costs idle and live; CPU seconds beside those of
the clock, for machines that others use too.

`uv run python benchmarks/viewer.py [--events 500000] [--runs 1000] [--seconds 15]`; `--only-runs`
measures the Runs screen alone.
Byte code is cached in a temporary folder and warmed up first, as an installed package has it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from made_up import run as synthetic
from made_up.terminal import Terminal, show_run

from benchmarks.long_log import LAST_WORDS, leave_briefs, many_runs, write_long_log
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.run.listing.memory import leave


def report(name: str, figure: float, unit: str, target: float) -> None:
    """One line a figure."""
    print(
        f"{name:<58} {figure:9.2f} {unit:<5} target < {target:g} {unit:<5} "
        f"{'ok' if figure < target else 'MISSED'}"
    )


def first_paint(whose: str, run_dir: Path, env: dict[str, str]) -> None:
    """Seconds to the first recognisable text, to a whole picture, and for a key while loading."""
    what = f"complete picture, log of {whose}"
    begin = time.monotonic()
    with show_run(str(run_dir), 120, 40, **env) as terminal:
        terminal.wait_for("accuracy on", 60)
        report(f"first paint, long log of {whose}", time.monotonic() - begin, "s", 1.0)
        pressed, size = time.monotonic(), len(terminal.output)
        terminal.send(b"?")
        terminal.wait_for("keys and legend", 60, since=size)
        report("key answered while it loads", time.monotonic() - pressed, "s", 0.25)
        terminal.send(b"q")
        terminal.wait_for(LAST_WORDS, 600)
        report(what, time.monotonic() - begin, "s", 3.0)
        process = psutil.Process(terminal.process.pid)
        report(f"{what}: CPU", sum(process.cpu_times()[:2]), "s", 3.0)
        report(f"{what}: memory", process.memory_info().rss / 2**20, "MiB", 300.0)
        leave_view(terminal)


def commands(long: Path, runs: Path, env: dict[str, str]) -> None:
    """What `status` of a long log and `runs` of many cost, without and with what is remembered.

    First as other writers leave logs, then with what ours leave beside them; copied: known by its
    bytes only.
    """
    status, every = ("status", str(long)), ("runs", "--runs", str(runs))
    _command("status, log of another writer", status, env)
    leave_briefs(long)
    _command("status, log of our writer", status, env, ("cold",))
    for file in (long / "log" / "trainer").glob("*.jsonl"):
        os.utime(file)
    _command("status, the same log copied", status, env, ("cold",))
    _command("runs, of other writers", every, env)
    for run in runs.iterdir():
        leave(RunDir(run))
    _command("runs, of ours", every, env, ("cold",))


def _command(
    name: str, argv: Sequence[str], env: dict[str, str], when: Sequence[str] = ("cold", "warm")
) -> None:
    with tempfile.TemporaryDirectory() as remembered:
        for how in when:
            seconds, cpu, memory = cost_of(argv, {**env, "XDG_CACHE_HOME": remembered})
            report(f"{name}, {how}", seconds, "s", 1.0)
            report(f"{name}, {how}: CPU", cpu, "s", 1.0)
            report(f"{name}, {how}: memory", memory, "MiB", 200.0)


def cost_of(argv: Sequence[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and MiB of a command."""
    code = (
        "import atexit, re, sys, time; from pathlib import Path\n"
        "status = Path('/proc/self/status')\n"  # unlike getrusage it forgets the parent's memory
        "peak = lambda: re.search(r'VmHWM:\\s*([0-9]+)', status.read_text())[1]\n"
        "atexit.register(lambda: print(time.process_time(), peak(), file=sys.stderr))\n"
        "from selffit_tui.cli import main; sys.exit(main())"
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *argv],
        env={**os.environ, **env},
        check=True,
        capture_output=True,
        text=True,
    )
    cpu, memory = done.stderr.split()[-2:]
    return time.monotonic() - begin, float(cpu), int(memory) / 1024


SHOW_RUNS = "import sys; from selffit_tui.cli import main; sys.argv[1:] = []; sys.exit(main())"


def show_runs(runs: Path, env: dict[str, str]) -> Terminal:
    """The Runs screen of a folder in a terminal."""
    base = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    every = {**os.environ, **base, **env, "SELFFIT_RUNS": str(runs)}
    return Terminal([sys.executable, "-c", SHOW_RUNS], every, 120, 40)


def runs_screen(runs: Path, env: dict[str, str], seconds: float) -> None:
    """What the Runs screen of many runs costs: without and with what is remembered, and idle."""
    for when, first, whole in (("cold", 2.0, 30.0), ("warm", 2.0, 4.0)):
        begin = time.monotonic()
        with show_runs(runs, env) as terminal:
            terminal.wait_for("self-fitting", 60)
            report(f"Runs screen, {when}: first rows", time.monotonic() - begin, "s", first)
            used = sum(psutil.Process(terminal.process.pid).cpu_times()[:2])
            report(f"Runs screen, {when}: CPU for the first rows", used, "s", first)
            pressed, size = time.monotonic(), len(terminal.output)
            terminal.send(b"?")
            terminal.wait_for("keys and columns", 60, since=size)
            report(f"Runs screen, {when}: a key answered", time.monotonic() - pressed, "s", 0.25)
            size = len(terminal.output)
            terminal.send(b"\x1b")
            terminal.wait_for("newest first", 60, since=size)
            process = psutil.Process(terminal.process.pid)
            read = _whole_list(terminal, process)
            report(f"Runs screen, {when}: all rows", read - begin, "s", whole)
            used = sum(process.cpu_times()[:2])
            report(f"Runs screen, {when}: CPU for all rows", used, "s", whole)
            memory = process.memory_info().rss / 2**20
            report(f"Runs screen, {when}: memory", memory, "MiB", 200.0)
            if when == "warm":
                terminal.read(2.0)
                cpu, size = sum(process.cpu_times()[:2]), len(terminal.output)
                begin = time.monotonic()
                while time.monotonic() - begin < seconds:
                    terminal.read(0.5)
                passed = time.monotonic() - begin
                used, sent = sum(process.cpu_times()[:2]) - cpu, len(terminal.output) - size
                report("Runs screen, idle: CPU", 100 * used / passed, "%", 1.0)
                report("Runs screen, idle: output", sent / passed / 1000, "kB/s", 0.2)
            leave_view(terminal)


def _whole_list(terminal: Terminal, process: psutil.Process) -> float:
    """Waits until nothing is read any more; when that was, on the monotonic clock."""
    used, since = -1.0, time.monotonic()
    while time.monotonic() - since < 1.5:
        terminal.read(0.25)
        now = sum(process.cpu_times()[:2])
        if now - used > 0.05:
            used, since = now, time.monotonic()
    return since


def steady(
    name: str,
    run_dir: Path,
    env: dict[str, str],
    seconds: float,
    ticks: float,
    feed: Callable[[threading.Event], None],
) -> tuple[float, float]:
    """CPU seconds a tick and bytes a second while `feed` writes to the log (or does not)."""
    stop = threading.Event()
    writing = threading.Thread(target=feed, args=(stop,))
    with show_run(str(run_dir), 120, 40, **env) as terminal:
        terminal.wait_for("TRAINING", 60)
        terminal.read(3.0)
        process = psutil.Process(terminal.process.pid)
        writing.start()
        terminal.read(1.0)
        cpu, size, begin = sum(process.cpu_times()[:2]), len(terminal.output), time.monotonic()
        while time.monotonic() - begin < seconds:
            terminal.read(0.5)
        passed = time.monotonic() - begin
        used, written = sum(process.cpu_times()[:2]) - cpu, len(terminal.output) - size
        stop.set()
        writing.join()
        leave_view(terminal)
    return used / passed / ticks, written / passed


def leave_view(terminal: Terminal) -> None:
    """Leaves the view in order."""
    terminal.send(b"q")
    terminal.wait()


def charts() -> None:
    """Milliseconds to draw the two charts at 120×40 with few and with many points."""
    from selffit.eventlog.kinds import DRAWN_SIGNALS
    from selffit.eventlog.records import Record
    from selffit.run.folded.state import RunState, reduce_all
    from selffit_tui.model.scene import Scene, Snapshot, View
    from selffit_tui.model.series import Columns
    from selffit_tui.panels.signals import signal_lines

    for points, target in ((1_000, 10.0), (100_000, 50.0)):
        cols = {name: [(i * 7919 % 1000) / 1000 for i in range(points)] for name in DRAWN_SIGNALS}
        block = Record(1, 1, 1, 1.0, "steps", "main", 0, {"n": points, "cols": cols})
        state = reduce_all(RunState(), [block])
        columns, snapshot = Columns(), Snapshot(state)
        columns.take(state)
        scene = Scene(
            snapshot=snapshot, view=View(smooth=True), columns=columns, now=0.0, newest=snapshot
        )
        taken = []
        for _ in range(9):
            begin = time.perf_counter()
            signal_lines(scene, 72, 14)
            taken.append(time.perf_counter() - begin)
        report(
            f"signal charts (5 rows, smoothed), {points} points",
            1000 * sorted(taken)[4],
            "ms",
            target,
        )


def strips() -> None:
    """Milliseconds to draw what is measured at probes, at 120×40: a long run with a wide layer."""
    from selffit.eventlog.records import Record
    from selffit.run.folded.state import RunState, reduce_all
    from selffit_tui.model.scene import Scene, Snapshot, View
    from selffit_tui.model.series import Columns
    from selffit_tui.panels.heat import heat_lines
    from selffit_tui.panels.selfinfo import self_lines

    probes, channels = 1_000, 512
    layer = [{"name": "wide", "dominance": [(i * 7919 % 200) / 100 - 1 for i in range(channels)]}]
    found = next(e.data for e in synthetic.events(702) if e.kind == "probe.self" and e.step > 600)
    records = [
        Record(1, 1, 1, 1.0, kind, "main", 10 * i, data)
        for i in range(probes)
        for kind, data in (("probe.channels", {"layers": layer}), ("probe.self", found))
    ]
    state = reduce_all(RunState(), records)
    columns, snapshot = Columns(), Snapshot(state)
    columns.take(state)
    for panel, name in (("heat", "heat strip"), ("overview", "self-information")):
        scene = Scene(
            snapshot=snapshot, view=View(panel=panel), columns=columns, now=0.0, newest=snapshot
        )
        taken = []
        for _ in range(9):
            begin = time.perf_counter()
            heat_lines(scene, 120, 34, True) if panel == "heat" else self_lines(scene, 72, 9)
            taken.append(time.perf_counter() - begin)
        report(
            f"{name}, {probes} probes of {channels} channels", 1000 * sorted(taken)[4], "ms", 50.0
        )


def main() -> None:
    """All figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--only-runs", action="store_true", help="the Runs screen alone")
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    if options.only_runs:
        with tempfile.TemporaryDirectory() as folder:
            env = {"XDG_CACHE_HOME": f"{folder}/remembered"}
            many_runs(Path(folder) / "runs", options.runs)
            runs_screen(Path(folder) / "runs", env, options.seconds)
        return
    charts()
    strips()
    with tempfile.TemporaryDirectory() as folder:
        env = {"XDG_CACHE_HOME": f"{folder}/remembered"}
        env |= {"PYTHONPYCACHEPREFIX": f"{folder}/cache", "PYTHONDONTWRITEBYTECODE": ""}
        short, long = Path(folder) / "short", Path(folder) / "long"
        short.mkdir()
        writer = EventWriter(short, "trainer", 1, opening={"run": "short"})
        for event in synthetic.events(400):
            if event.stream == "trainer" and event.kind != "open":
                writer.put(event.kind, event.data, step=event.step)
        with show_run(str(short), 120, 40, **env) as terminal:  # warms the byte code
            terminal.wait_for("TRAINING", 60)
            leave_view(terminal)

        cpu, written = steady("idle", short, env, options.seconds, 1.0, lambda stop: None)
        report("idle, the age of the data ticking: CPU", 100 * cpu, "%", 1.0)
        report("idle: output", written / 1000, "kB/s", 0.2)

        def live(stop: threading.Event) -> None:
            for event in synthetic.events():
                if event.step >= 400 and event.stream == "trainer" and event.kind != "end":
                    writer.put(event.kind, event.data, step=event.step)
                    if event.kind == "steps" and stop.wait(0.5):
                        return

        cpu, written = steady("live", short, env, options.seconds, 2.0, live)
        writer.close("done")
        report("live at 2 Hz, all panels at 120x40: CPU a tick", 1000 * cpu, "ms", 100.0)
        report("live: output", written / 1000, "kB/s", 20.0)

        many_runs(Path(folder) / "runs", options.runs)
        runs_screen(Path(folder) / "runs", env, options.seconds)
        size = write_long_log(long, options.events)
        (long / "run.json").write_text('{"v":1,"name":"long","created":1790000000}')
        print(f"a log of {options.events} events, {size / 2**20:.0f} MiB")
        first_paint("another writer", long, env)
        commands(long, Path(folder) / "runs", env)
        first_paint("our writer", long, env)


if __name__ == "__main__":
    main()
