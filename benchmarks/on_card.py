"""Everything about speed and exactness that only a GPU can tell, in one go of some 6 minutes.

    uv run python benchmarks/on_card.py [--json FILE] [--seconds 450] [--device cpu --small]

In this order, each part with its own lines, so that what was found is there when time runs out:

bits      every method, and both optimisers: 200 steps as a captured graph against the same steps
          one operation after another, with eps, weight decay, alpha and lr changed on the way.
          Weights, running statistics, optimiser and the signals of the last step, bit for bit, with
          cuDNN told to be deterministic; one capture each. Then with another method and zeroed
          channels on the way, which have to be captured again.
runs      a run of the trainer on an embedded set with graphs: the same bits as without them, after
          a kill and a resume, and after an exact roll-back.
failure   a step that reads from the host, and a capture that breaks off: training goes on, and the
          device draws and computes as before.
speed     the table of `train_speed.py`, for batches of 128.
pause     how long a look for an early warning, an interval probe, its parts and the pieces of an
          onset's full set hold training up; with captured gradients, without, and in bf16.
start     from the command to the first step, by the log of a run; what its epochs and its probes
          took. Of cifar10-fgsm-8 where SELFFIT_DATA names a folder that has CIFAR-10.
levers    what `levers.py` tells of other ways to take a step, each in a process of its own.
larger    the table for batches of 512 and 1024, in what time is left.

The JSON file is written anew after each part. Without a GPU (--device cpu --small) what needs one
is left out and that is said: it shows that the script works. Ends with 1 where bits differ or
something that must hold does not.
"""

import argparse
import faulthandler
import gc
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from exactness import Report, bits, failure, runs  # type: ignore[import-not-found]
from loops import (  # type: ignore[import-not-found]
    Bench,
    Trained,
    prepared,
    random_images,
    real_images,
)
from train_speed import table  # type: ignore[import-not-found]

from selffit.config import resolve
from selffit.control.ledger import Ledger
from selffit.eventlog.writer import EventWriter
from selffit.probes import base
from selffit.train.setup import choose_device, cpu_name
from selffit.train.trainlog import TrainLog

PAUSE, FULL = 0.2, 2.0  # seconds that a probe, and an onset's full set, may hold training up
START = 6.0  # seconds from the command to the first step
EPOCH_SECONDS = 2.2  # of cifar10-fgsm-8, with all that is watched
LOOK = 60  # a step at which both looks for an early warning are due


# ---- bits ----------------------------------------------------------------------------------------


# ---- runs ----------------------------------------------------------------------------------------


# ---- failure -------------------------------------------------------------------------------------


# ---- pause ---------------------------------------------------------------------------------------
def pause(bench: Bench, report: Report, width: int, log: TrainLog) -> None:
    """Seconds that measurements take from training."""
    images = random_images(bench.device, 4096)
    small = {"probe_images": 64, "causal_images": 32} if bench.small else {}
    ways = {"graphs": "auto", "graphs in bf16": "auto", "one by one": "off"}
    for name, graph in ways.items() if bench.cuda else (("one by one", "off"),):
        config = resolve(
            "cifar10-fgsm-8", {"width": width, "graph": graph, "last_batch": "drop", **small}
        )
        base.MIXED = torch.bfloat16 if "bf16" in name else None
        try:
            pauses(bench, report, Trained(prepared(bench, images, config), log), name)
        finally:
            base.MIXED = None
        gc.collect()


def pauses(bench: Bench, report: Report, loop: Trained, name: str) -> None:
    """Those of a training that takes its steps and gradients one way."""
    for step in range(8):
        loop.step(step)
    monitor, done = loop.monitor, LOOK
    ahead: list[float] = []
    going = True
    while going:  # as between two blocks
        began = time.perf_counter()
        going = loop.runner.prepare()
        bench.wait()
        ahead.append(time.perf_counter() - began)
    if len(ahead) > 1:
        value = f"{len(ahead)} pieces, {sum(ahead):.2f} s, longest {max(ahead):.2f}"
        report.say("pause", f"graphs made ahead, {name}", value, max(ahead) <= PAUSE)
    for what, first in {
        "the first look": lambda: monitor.look(done),
        "the first interval probe": lambda: monitor.probe(done, "interval"),
    }.items():
        began = time.perf_counter()
        first()
        bench.wait()
        report.say("pause", f"{what}, {name}", f"{1e3 * (time.perf_counter() - began):.1f} ms")
    monitor.look(done)
    monitor.probe(done, "interval")
    found = monitor._robust(done, "interval")
    value = f"{found.clean:.3f} {found.fgsm:.3f} {found.pgd:.3f}"
    report.say("pause", f"clean, fgsm, pgd at step 8, {name}", value)
    explainer = monitor.explainer
    explainer.healthy(done)
    explainer.healthy(done)
    after = explainer.aftermath(done, "interval")
    works: dict[str, Callable[[], object]] = {
        "a look for an early warning": lambda: monitor.look(done),
        "an interval probe": lambda: monitor.probe(done, "interval"),
        "of which accuracies": lambda: monitor._robust(done, "interval"),
        "of which self-information": lambda: explainer.measure(done, "interval", full=False),
        "of which channels": lambda: monitor._channels(done),
    }
    for what, work in works.items():
        took = clock(bench, work)
        holds = took <= PAUSE if what == "an interval probe" and bench.cuda else None
        report.say("pause", f"{what}, {name}", f"{1e3 * took:.1f} ms", holds)
    pieces: list[float] = []
    going = True
    while going:
        began = time.perf_counter()
        going = after.go_on(0.0)
        bench.wait()
        pieces.append(time.perf_counter() - began)
    value = f"{len(pieces)} pieces, {sum(pieces):.2f} s, longest {max(pieces):.2f}"
    holds = sum(pieces) <= FULL and max(pieces) <= PAUSE if bench.cuda else None
    report.say("pause", f"the full set of an onset, {name}", value, holds)


def clock(bench: Bench, work: Callable[[], object]) -> float:
    """Median wall seconds of five."""
    times = []
    for _ in range(1 if bench.small else 5):
        bench.wait()
        began = time.perf_counter()
        work()
        bench.wait()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


# ---- start ---------------------------------------------------------------------------------------
def start(bench: Bench, report: Report, folder: Path) -> None:
    """From the command to the first steps, twice: the second finds files in memory."""
    data = real_images(bench)
    options = ["--preset", "cifar10-fgsm-8", "--data-dir", data] if data else []
    options += ["--stop-epoch", "4" if data else "1", "--device", bench.device.type]
    for number in ("first", "again"):
        began = time.time()
        command = [sys.executable, "-m", "selffit_tui", "train", "--runs", str(folder), "--plain"]
        command += ["--name", number, *options, "--causal-images", "0"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=120)
        records = [
            json.loads(line)
            for file in (folder / number / "log" / "trainer").rglob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        steps = sorted((r for r in records if r["k"] == "steps"), key=lambda r: r["s"])
        first = steps[0]["t"] - steps[0]["d"]["sec"] - began
        phases = ", ".join(
            f"{r['d']['name']} {r['t'] - began:.1f}" for r in records if r["k"] == "phase"
        )
        print(f"         phases, seconds after the command: {phases}")
        holds = first <= START if bench.cuda and number == "again" else None
        report.say("start", f"command to first step, {number}", f"{first:.1f} s", holds)
    lasted(report, records, real=bool(data))


def lasted(report: Report, records: list[dict[str, Any]], *, real: bool) -> None:
    """What the epochs of a run took, and its probes, by their steps."""
    ends = sorted(r["t"] for r in records if r["k"] == "probe.robust")  # one an epoch, and before
    epochs = [later - earlier for earlier, later in pairwise(ends)]
    told = ", ".join(f"{one:.2f}" for one in epochs)
    holds = min(epochs) <= EPOCH_SECONDS if real and epochs else None
    report.say("start", "epochs from probe to probe, s", told, holds)
    probes: dict[int, float] = {}
    for record in records:
        if record["k"].startswith("probe."):
            probes[record["s"]] = probes.get(record["s"], 0.0) + record["d"].get("sec", 0.0)
    told = ", ".join(f"{1e3 * took:.0f}" for _, took in sorted(probes.items()))
    print(f"         probes and looks by their steps, ms: {told}")


# ---- levers --------------------------------------------------------------------------------------
def levers(bench: Bench, report: Report) -> None:
    """What another way of taking a step is worth: a process of its own, for it may fail badly."""
    if not bench.cuda:
        report.say("levers", "other ways to take a step", "need a GPU")
        return
    command = [sys.executable, str(Path(__file__).with_name("levers.py"))]
    command += ["--small"] if bench.small else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    for line in (done.stdout + done.stderr[-1000:] * (done.returncode != 0)).splitlines():
        print(f"levers   {line}")
        report.found.append({"part": "levers", "what": line, "value": "", "holds": None})


def main() -> int:
    """Prints it all; returns 1 where something does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="narrow and short")
    parser.add_argument("--seconds", type=float, default=450.0, help="begin nothing after that")
    parser.add_argument("--json", type=Path, help="write what is found there too")
    parser.add_argument("--without", nargs="*", default=[], help="parts that are left out")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    device = choose_device(options.device)
    bench = Bench(device, options.small, time.monotonic() + options.seconds)
    # where something hangs; a CPU may be that slow
    faulthandler.dump_traceback_later(options.seconds + (120 if bench.cuda else 1800), exit=True)
    if bench.cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = True
    else:
        torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if bench.cuda else cpu_name()
    width = 4 if options.small else (64 if bench.cuda else 16)
    print(f"hardware: {name}; torch {torch.__version__}; width {width}")
    report, figures, took = Report(), list[dict[str, Any]](), dict[str, float]()

    def keep() -> None:
        if options.json:
            told = {"hardware": name, "torch": torch.__version__, "width": width, "took": took}
            told |= {"found": report.found, "speed": figures, "skipped": bench.skipped}
            options.json.write_text(json.dumps(told, indent=2) + "\n")

    with tempfile.TemporaryDirectory() as place, EventWriter(Path(place), "trainer", 1) as writer:
        log, folder = TrainLog(writer, Ledger()), Path(place)

        def speed(sizes: list[int]) -> None:
            same = table(bench, width, sizes, log, figures)
            report.say("speed", "losses as the textbook's", "" if same else "differ", same)

        parts: dict[str, tuple[float, Callable[[], None]]] = {
            "bits": (60, lambda: bits(bench, report, width)),
            "runs": (40, lambda: runs(bench, report, folder / "runs")),
            "failure": (5, lambda: failure(bench, report)),
            "speed": (30, lambda: speed([64 if options.small else 128])),
            "pause": (40, lambda: pause(bench, report, width, log)),
            "start": (60, lambda: start(bench, report, folder / "started")),
            "levers": (60, lambda: levers(bench, report)),
            "larger": (60, lambda: speed([512, 1024])),
        }
        if options.small:
            del parts["larger"]
        for part, (needs, work) in parts.items():
            if part in options.without or not bench.left(part, needs):
                continue
            began = time.perf_counter()
            try:
                work()
            except Exception as error:  # whatever it is: the other parts have their own to tell
                traceback.print_exc(file=sys.stdout)
                report.say(part, "broke off", f"{error}".strip().split("\n")[0][:60], False)
            gc.collect()  # networks and their graphs refer to each other
            took[part] = round(time.perf_counter() - began, 1)
            print(f"         {part} took {took[part]:.0f} s\n")
            keep()
    for what in bench.skipped:
        print(f"skipped: {what}")
    print("everything holds" if report.good else "something does not hold")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
