"""What replay costs: going anywhere in a long recorded run, and its memory.

No training and no screen. `uv run python benchmarks/replay.py [--events 1000000]`.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from made_up import run as synthetic

from benchmarks.long_log import BLOCK, segments
from benchmarks.viewer import report
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import seal
from selffit.eventlog.liveness import here
from selffit.run.follow import Follower, LogSource

PROBE_EVERY = 400  # events between two probes, with what is measured and saved beside them
KEPT = 3  # checkpoints
SLICE = 1000  # items of one read, as the feed of the screen does it
SEEKS = 300


def lines(events: int) -> Iterator[bytes]:
    """So many events of a made-up run: blocks and heartbeats by turns, probes, checkpoints."""
    q = 0

    def line(kind: str, data: dict[str, Any], step: int, t: float) -> bytes:
        nonlocal q
        q += 1
        text = b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"main","s":%d,"d":%b'
        return seal(text % (q, t, kind.encode(), step, to_json(data)))

    t, step, rng = synthetic.START, 0, random.Random(3)
    kept: list[int] = []
    yield line("open", {"run": "long", "stream": "trainer", "seg": 0, **here().as_data()}, 0, t)
    yield line("run.start", synthetic.run_start() | {"steps_total": events * BLOCK}, 0, t)
    names = ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta")
    while q < events:
        t += 1.0
        yield line("host", synthetic.host(t) | {"cpu": round(rng.random(), 3)}, step, t)
        cols: dict[str, list[float]] = {
            name: [round(rng.random(), 4) for _ in range(4)] * (BLOCK // 4) for name in names
        }
        cols |= {name: [0.35] * BLOCK for name in ("lr", "eps", "alpha")}
        timing = {"img_s": 6000.0 + round(rng.random(), 1), "sec": 0.04, "epoch": step / 1000}
        yield line("steps", {"n": BLOCK, "cols": cols, **timing}, step, t)
        step += BLOCK
        if q % PROBE_EVERY < 2:
            yield line("probe.robust", synthetic.probe(step % 600, 5000, rng), step, t)
            yield line("probe.channels", synthetic.channel_probe(step % 600, 5000), step, t)
            saved = {"id": f"main-{step}", "step": step, "branch": "main", "pgd": 0.4}
            yield line("ckpt.saved", saved | {"healthy": True}, step, t)
            kept.append(step)
            if len(kept) > KEPT:
                yield line("ckpt.pruned", {"id": f"main-{kept.pop(0)}"}, step, t)


def main() -> None:
    """All figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log" / "trainer"
        log.mkdir(parents=True)
        size = 0
        for number, segment in enumerate(segments(lines(options.events))):
            size += (log / f"000001-{number:06d}.jsonl").write_bytes(segment)
        print(f"a log of {options.events} events, {size / 2**20:.0f} MiB")
        process = psutil.Process()
        before = process.memory_info().rss / 2**20
        for record in (False, True):
            measure(Path(folder), record)
        print(f"memory before anything was read: {before:.0f} MiB")


def measure(folder: Path, record: bool) -> None:
    """Loads in a process of its own, with and without a recording, and seeks in it."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        import gc

        gc.disable()
        begin, cpu = time.monotonic(), time.process_time()
        follower = Follower(LogSource(folder), "long", record=record)
        while follower.poll(SLICE):
            pass
        what = "with every state" if record else "newest state only"
        report(f"loading, {what}", time.monotonic() - begin, "s", 10.0)
        report(f"loading, {what}: CPU", time.process_time() - cpu, "s", 10.0)
        resident = psutil.Process().memory_info().rss / 2**20
        report(f"memory, {what}", resident, "MiB", 300.0)
        if follower.recording is not None:
            seeks(follower)
            resident = psutil.Process().memory_info().rss / 2**20
            report("memory after all seeks", resident, "MiB", 300.0)
    finally:
        sys.stdout.flush()
        os._exit(0)


def seeks(follower: Follower) -> None:
    """Random seeks: the state, and the arrays that charts are drawn from."""
    from selffit_tui.model.series import Columns

    recording = follower.recording
    assert recording is not None
    rng = random.Random(1)
    places = [rng.randrange(len(recording)) for _ in range(SEEKS)]
    told("seek to a state", recording.state_at, places)
    columns = Columns()
    columns.take(recording.newest)
    states = {place: recording.state_at(place) for place in places}
    told("charts of another place", lambda place: columns.take(states[place]), places)
    down = sorted(places, reverse=True)
    told("charts, going back only", lambda place: columns.take(states[place]), down)
    told("charts, going forth only", lambda place: columns.take(states[place]), sorted(places))
    told("seek and charts", lambda place: columns.take(recording.state_at(place)), places)
    told("next probe", lambda place: recording.next_position(place, "probe"), places)
    told("position of a step", lambda place: recording.position_of("main", 10 * place), places)


def told(name: str, do: Callable[[int], object], places: list[int]) -> None:
    """The middle one and the longest of all times; also in CPU time, for busy machines."""
    taken, used = [], []
    for place in places:
        begin, cpu = time.perf_counter(), time.process_time()
        do(place)
        taken.append(1000 * (time.perf_counter() - begin))
        used.append(1000 * (time.process_time() - cpu))
    report(f"{name}, p50", sorted(taken)[len(taken) // 2], "ms", 100.0)
    report(f"{name}, p50: CPU", sorted(used)[len(used) // 2], "ms", 100.0)
    report(f"{name}, longest", max(taken), "ms", 100.0)
    report(f"{name}, longest: CPU", max(used), "ms", 100.0)


if __name__ == "__main__":
    main()
