"""Logs of long runs, and folders of many runs, for what viewers cost."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from made_up import run as synthetic

from selffit.eventlog import briefing
from selffit.eventlog.encode import to_json
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import seal
from selffit.eventlog.liveness import here

SEGMENT_BYTES = 32 << 20
BLOCK = 20  # steps of a block, as a trainer logs them by default
LAST_WORDS = "the-last-event"


def lines(events: int) -> Iterator[bytes]:
    """So many events: a short made-up run, then heartbeats and blocks of 20 steps by turns."""
    q = 0

    def line(kind: str, data: dict[str, object], step: int, t: float) -> bytes:
        nonlocal q
        q += 1
        text = b'{"v":1,"a":1,"q":%d,"t":%.3f,"k":"%b","b":"main","s":%d,"d":%b'
        return seal(text % (q, t, kind.encode(), step, to_json(data)))

    t = synthetic.START
    identity = {"run": "long", "stream": "trainer", "seg": 0, **here().as_data()}
    for event in synthetic.events(702):
        t = event.t
        if event.stream == "trainer":
            data = {**identity} if event.kind == "open" else {**event.data}
            data |= {"steps_total": events * BLOCK} if event.kind == "run.start" else {}
            yield line(event.kind, data, event.step, t)
    host = synthetic.host(t)
    cols = {
        name: [0.0625, 0.1234] * (BLOCK // 2)
        for name in ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta")
    }
    cols |= {name: [0.35] * BLOCK for name in ("lr", "eps", "alpha")}
    block = {"n": BLOCK, "cols": cols, "img_s": 6000.0, "sec": 0.04, "epoch": 11.0}
    step = 700
    while q < events - 1:
        t += 0.02
        yield line("host", host, step, t)
        yield line("steps", block, step, t)
        step += BLOCK
    yield line("phase", {"name": "training", "note": LAST_WORDS}, step, t)


def write_long_log(run_dir: Path, events: int) -> int:
    """The log of a run of so many events, as another writer than ours leaves it; its bytes."""
    folder = run_dir / "log" / "trainer"
    folder.mkdir(parents=True)
    total = 0
    for number, segment in enumerate(segments(lines(events))):
        total += (folder / f"000001-{number:06d}.jsonl").write_bytes(segment)
    return total


def leave_briefs(run_dir: Path) -> None:
    """What our writer leaves beside the files that it has sealed: briefs and extracts."""
    folder = run_dir / "log" / "trainer"
    for number in range(len(list(folder.iterdir())) - 1):
        briefing.leave(Folder(folder), "trainer", 1, number)


def segments(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The contents of segment files that together hold these lines."""
    segment = bytearray()
    for line in lines:
        if len(segment) >= SEGMENT_BYTES:
            yield bytes(segment)
            segment.clear()
        segment += line
    if segment:
        yield bytes(segment)


def many_runs(runs: Path, number: int) -> None:
    """So many copies of a recorded run, their files shared."""
    example = Path(__file__).parents[1] / "runs" / "example-patterns-fgsm"
    for index in range(number):
        shutil.copytree(example, runs / f"run-{index:04d}", copy_function=os.link)
