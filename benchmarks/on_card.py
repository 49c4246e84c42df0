"""Everything about speed and exactness that only a GPU can tell, in one go of some 6 minutes.

    SELFFIT_DATA=DIR uv run python benchmarks/on_card.py [--json FILE] [--seconds 450]

In this order, each part in a process of its own:

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

A part that breaks off, crashes, or hangs (each has a time limit) leaves the others what they found.
The results file is written anew with every line, so it is whole whenever this is ended. On a CPU
(`--device cpu --small`, some minutes) every part runs as far as a CPU can: that shows that the
script works. Ends with 1 where bits differ, something that must hold does not, or a part has not
come to its end.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # where this project is not installed

from benchmarks.card.plan import MARK, PARTS, Part  # noqa: E402

SLOWER = 40  # times that a CPU may take the time of a card

Start = Callable[[Part, float, float], subprocess.Popen[str]]


class Results:
    """What is known so far, on disk: written anew with every line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: dict[str, Any] = {
            "good": True,
            "parts": {},
            "found": [],
            "speed": [],
            "skipped": [],
        }

    def add(self, name: str, found: Any) -> None:
        """Take in what a part has handed over, or what is said of a part."""
        known = self.told.get(name)
        if isinstance(known, list):
            known.extend(found if isinstance(found, list) else [found])
        elif isinstance(known, dict):
            known.update(found)
        else:
            self.told[name] = found
        if name == "found" and found["holds"] is False:
            self.told["good"] = False
        self.write()

    def line(self, part: str, text: str) -> None:
        """Keep a line that a part has printed."""
        self.told["parts"][part]["lines"].append(text)
        self.write()

    def write(self) -> None:
        """The whole file, or the one from before."""
        draft = self.path.with_name(self.path.name + ".new")
        draft.write_text(json.dumps(self.told, indent=2) + "\n")
        draft.replace(self.path)


def go(parts: Iterable[Part], results: Results, start: Start, until: float) -> None:
    """Run the parts one after another, in what time is left; `until`: of the monotonic clock."""
    for part in parts:
        left = until - time.monotonic()
        if left < part.needs:
            results.add("skipped", f"{part.name}: no time left")
            continue
        one(part, results, start, left)


def one(part: Part, results: Results, start: Start, left: float) -> None:
    """Run a part to its end or its limit, and take in what it says as it says it."""
    began, limit = time.monotonic(), part.limit(left)
    about: dict[str, Any] = {"state": "running", "seconds": 0.0, "lines": []}
    results.add("parts", {part.name: about})
    process = start(part, left, limit)
    late = threading.Event()

    def enough() -> None:
        late.set()
        end(process)

    timer = threading.Timer(limit, enough)
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARK):
                for name, found in json.loads(line.removeprefix(MARK)).items():
                    results.add(name, found)
            else:
                print(line, end="", flush=True)
                results.line(part.name, line.rstrip("\n"))
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:  # this is being ended itself
            end(process)
    about["seconds"] = round(time.monotonic() - began, 1)
    about["state"] = f"broken off after {limit:.0f} s" if late.is_set() else state_of(code)
    if about["state"] != "done":
        results.told["good"] = False
    results.write()
    print(f"         {part.name}: {about['state']}, {about['seconds']:.0f} s\n", flush=True)


def state_of(code: int) -> str:
    """How a part has ended, by its exit code."""
    return {0: "done", 1: "something does not hold"}.get(code, f"ended with exit code {code}")


def end(process: "subprocess.Popen[str]") -> None:
    """A part and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def started(device: str, small: bool) -> Start:
    """How a part is started on a device."""

    def start(part: Part, left: float, limit: float) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "benchmarks.card", part.name, "--device", device]
        command += ["--small"] * small
        command += ["--seconds", f"{left:.0f}", "--limit", f"{max(5, limit - 5):.0f}"]
        return subprocess.Popen(
            command,
            env=environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    return start


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """For the parts: they find this project wherever it is, and hold nothing back."""
    path = os.pathsep.join([str(ROOT), *filter(None, [given.get("PYTHONPATH")])])
    return {**given, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def main() -> int:
    """Prints it all; returns 1 where something does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="narrow and short")
    parser.add_argument("--seconds", type=float, default=450.0, help="begin nothing after that")
    parser.add_argument("--json", type=Path, default=Path("on_card.json"), help="results file")
    names = [part.name for part in PARTS]
    for option, does in (("--only", "these parts"), ("--without", "all parts but these")):
        parser.add_argument(option, nargs="*", choices=names, default=[], help=does)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    slower = SLOWER if options.device == "cpu" else 1
    chosen = [
        Part(part.name, slower * part.needs)
        for part in PARTS
        if part.name in (options.only or names) and part.name not in options.without
    ]
    results = Results(options.json.resolve())
    until = time.monotonic() + slower * options.seconds
    go(chosen, results, started(options.device, options.small), until)
    for what in results.told["skipped"]:
        print(f"skipped: {what}")
    good = results.told["good"]
    print(f"{'everything holds' if good else 'something does not hold'}; {results.path}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
