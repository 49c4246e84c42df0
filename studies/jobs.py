"""What the studies share: runs in processes of their own, results that are kept, their tables."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

ENDED = (0, 4)  # exit codes of the trainer: done with all epochs, sound or diverged


class Job(Protocol):
    """One run of a study."""

    @property
    def title(self) -> str:
        """What it is, for people."""

    @property
    def result(self) -> str:
        """The JSON file that keeps what was measured."""


@dataclass(frozen=True, kw_only=True)
class RunJob:
    """One run of a study, by its image set, what is done with it, and its seed.

    result: the JSON file. run: the folder of a run that exists, to measure or to go on from.
    """

    set: str
    name: str
    seed: int
    result: str
    data_dir: str = ""
    run: str = ""

    @property
    def title(self) -> str:
        """The image set, what is done, and the seed."""
        return f"{self.set}, {self.name}, seed {self.seed}"

    @property
    def about(self) -> dict[str, Any]:
        """What its result begins with."""
        return {"set": self.set, "name": self.name, "seed": self.seed}


def seeds(text: str) -> list[int]:
    """The seeds that an option names: so many from 0 on, or those between its commas."""
    if "," not in text:
        return list(range(int(text)))
    return [int(part) for part in text.split(",") if part.strip()]


def parser(
    about: str, sets: Sequence[str], known: Sequence[str], work: str
) -> argparse.ArgumentParser:
    """The options of a study that trains: which sets, how many seeds, where things lie.

    about: what it is, for --help. sets: the image sets that it trains by default; known: all that
    it can. work: the folder of its results by default.
    """

    def chosen(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if unknown := [name for name in names if name not in known]:
            valid = ", ".join(known)
            raise argparse.ArgumentTypeError(f"unknown set '{unknown[0]}'; valid: {valid}")
        return names

    found = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument(
        "--sets", type=chosen, default=",".join(sets), help="image sets, default %(default)s"
    )
    found.add_argument(
        "--seeds", type=seeds, default="5", help="how many, from 0 on; or which: 1,2,3 (or 7,)"
    )
    found.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="runs at a time; 0 = only the tables"
    )
    found.add_argument("--data-dir", default="", help="where MNIST and CIFAR-10 lie (torchvision)")
    found.add_argument("--work", type=Path, default=Path(work), help="where results are kept")
    found.add_argument("--out", type=Path, help="write the tables into this file, not to stdout")
    return found


J = TypeVar("J", bound=Job)


def measured(
    jobs: Sequence[J], work: Callable[[J], dict[str, Any]], processes: int
) -> list[dict[str, Any]]:
    """The results of all jobs that have one, after those without have been worked.

    Each job has a process of its own, so many at a time; 0 processes: nothing is worked. What is
    there is not measured again, so a study can be broken off and called again. A result has
    `seconds`, that it took.
    """
    missing = [job for job in jobs if not Path(job.result).exists()] if processes else []
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for folder in {Path(job.result).parent for job in jobs}:
        folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes or 1, get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {pool.submit(_timed, work, job): job for job in missing}
        for number, future in enumerate(as_completed(running), 1):
            job, result = running[future], future.result()
            Path(job.result).write_text(json.dumps(result, indent=1) + "\n")
            done = f"{number}/{len(missing)} {job.title}: {result['seconds']:.0f} s"
            print(done, file=sys.stderr, flush=True)
    return [json.loads(Path(job.result).read_text()) for job in jobs if Path(job.result).exists()]


def _timed(work: Callable[[J], dict[str, Any]], job: J) -> dict[str, Any]:
    began = time.perf_counter()
    return work(job) | {"seconds": time.perf_counter() - began}


@contextmanager
def trained(
    title: str,
    preset: str,
    overrides: Mapping[str, Any],
    beside: Callable[[Any], None] | None = None,
) -> Iterator[Any]:
    """An ordinary run of the trainer in this process, a `RunDir` that is deleted afterwards.

    beside: called with the run in a thread of its own while it trains.
    """
    from selffit.config import resolve
    from selffit.run.folder.run_dir import RunDir

    with _folder() as folder:
        config = resolve(preset, overrides)
        run = RunDir.create(folder, "run", {"config": config.as_dict()})
        _train(title, run, beside)
        yield run


@contextmanager
def gone_on(
    title: str,
    source: Path,
    step: int,
    overrides: Mapping[str, Any],
    beside: Callable[[Any], None] | None = None,
) -> Iterator[Any]:
    """A run that goes on from a checkpoint of another one, with other settings; as `trained`.

    It is a copy of `source` as it would be, had it been killed after the checkpoint `main-STEP`,
    and is resumed: the same steps, the same probes, the same state of the detector. Raises
    ValueError for settings that can change while a run goes on: the checkpoint has them, and they
    would be recorded and not trained with.
    """
    from selffit.checkpoint.manifest import parse_id
    from selffit.config import LIVE, from_dict
    from selffit.run.folder.run_dir import RunDir

    if live := [name for name in overrides if name in LIVE]:
        raise ValueError(f"the checkpoint decides {', '.join(live)}")
    with _folder() as folder:
        copy = folder / "run"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("ended", "supervisor", "ckpt"))
        for saved in (source / "ckpt").iterdir():
            if parse_id(saved.name)[1] <= step:
                shutil.copytree(saved, copy / "ckpt" / saved.name)
        cut(copy / "log" / "trainer", f'"k":"ckpt.saved","b":"main","s":{step},')
        info = json.loads((copy / "run.json").read_text())
        info["config"] = from_dict({**info["config"], **overrides}).as_dict()
        (copy / "run.json").write_text(json.dumps(info))
        run = RunDir.open(copy)
        _train(title, run, beside)
        yield run


def cut(log: Path, mark: str) -> None:
    """End the log of a trainer with the line that has this mark."""
    for number, segment in enumerate(sorted(log.glob("*.jsonl"))):
        lines = segment.read_text().splitlines(keepends=True)
        found = next((i for i, line in enumerate(lines) if mark in line), None)
        if found is not None:
            segment.write_text("".join(lines[: found + 1]))
            for later in sorted(log.glob("*.jsonl"))[number + 1 :]:
                later.unlink()
            return
    raise ValueError(f"{log} has no line with {mark}")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="selffit-study-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _train(title: str, run: Any, beside: Callable[[Any], None] | None) -> None:
    """Raises RuntimeError where it ends otherwise than with its last epoch."""
    from selffit.eventlog.liveness import here
    from selffit.train.__main__ import Trainer
    from selffit.train.stopping import StopSwitch

    trainer = Trainer(run, run.claim_attempt(here()), StopSwitch())
    if beside is not None:
        threading.Thread(target=beside, args=(run,), daemon=True).start()
    code = trainer.main()
    if code not in ENDED:
        raise RuntimeError(f"{title}: the trainer ended with exit code {code}")


def put(text: str, path: Path | None, name: str = "tables") -> None:
    """Print a text, or put it between the two marks of that name in a document."""
    if path is None:
        print(text)
        return
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = path.read_text().partition(begin)
    path.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")
