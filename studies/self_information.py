"""What every probe says before and after a collapse, over methods, image sets and seeds.

    uv run python -m studies.self_information --data-dir DIR --out docs/self-information.md
    uv run python -m studies.self_information --from RUN… --work WORK

makes the tables of docs/self-information.md. The first trains fgsm, rs-fgsm, n-fgsm and pgd; each
run is an ordinary run of the trainer. The second measures runs that exist and have ended; their
checkpoints must have been kept (--keep 10000), and their own settings say which row they belong to.

Each is measured at two checkpoints (studies/measure.py), and its log is judged by today's rules.
What has been measured lies as one JSON file a run in --work and is not measured again, so that the
command can be broken off and called again. MNIST is left out, with a word, where --data-dir does
not say where it lies. --sets cifar10 is one convolution on CIFAR-10.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from studies.jobs import RunJob, measured, parser, put, trained
from studies.measure import measure
from studies.self_tables import tables

SETS = ("patterns", "strokes", "mnist")
METHODS: dict[str, dict[str, Any]] = {
    "fgsm": {"method": "fgsm"},
    "rs-fgsm": {"method": "rs-fgsm"},
    "n-fgsm": {"method": "n-fgsm"},
    "pgd-5": {"method": "pgd", "attack_steps": 5, "alpha": "0.5eps"},
}
# as the runs were trained whose tables are shown; patterns has epochs of 62 steps, strokes and
# mnist of 78, cifar10 of 382
EVERY: dict[str, dict[str, int]] = {
    "patterns": {"probe_every": 31, "checkpoint_every": 31},
    "strokes": {"probe_every": 26, "checkpoint_every": 13},
    "mnist": {"probe_every": 26, "checkpoint_every": 13},
    "cifar10": {"probe_every": 65, "checkpoint_every": 65},
}
PRESETS = {data: data for data in EVERY} | {"cifar10": "cifar10-single-conv"}
ON_DISK = ("mnist", "cifar10")
KEPT = {"keep": 10_000, "channel_images": 0, "causal_images": 0, "threads": 1}


def work(job: RunJob) -> dict[str, Any]:
    """Measure one run, in a process of its own, after training it where it does not exist."""
    from selffit.run.folder.run_dir import RunDir

    if job.run:
        return job.about | measure(RunDir.open(Path(job.run)), data_dir=job.data_dir)
    where = {"data_dir": job.data_dir} if job.data_dir else {}
    settings = {**METHODS[job.name], **EVERY[job.set], **KEPT, **where, "seed": job.seed}
    with trained(job.title, PRESETS[job.set], settings) as run:
        return job.about | measure(run)


def to_train(sets: list[str], seeds: list[int], work: Path, data_dir: str) -> Iterator[RunJob]:
    """The runs of every set and method, seed by seed."""
    for seed in seeds:
        for data in sets:
            for name in METHODS:
                result = str(work / f"{data}-{name}-{seed}.json")
                where = data_dir if data in ON_DISK else ""
                yield RunJob(set=data, name=name, seed=seed, result=result, data_dir=where)


def existing(folder: Path, work: Path, data_dir: str) -> RunJob:
    """The job of a run that exists. Raises UserError where it is none, or has not ended."""
    from selffit.analysis.past import Past
    from selffit.errors import UserError
    from selffit.run.folder.run_dir import RunDir

    run = RunDir.open(folder)
    past = Past.read(run)
    if past.state.ending is None:
        raise UserError(f"{folder} has not ended; measure it then")
    config = past.state.config
    data, seed = str(config["data"]), int(config["seed"])
    name = name_of(config)
    result = str(work / f"{data}-{name.replace(', eps ', '-e')}-{seed}.json")
    return RunJob(set=data, name=name, seed=seed, result=result, data_dir=data_dir, run=str(folder))


def name_of(config: Mapping[str, Any]) -> str:
    """The name of a method, with its budget where that is not the preset's."""
    from selffit.config import resolve

    method, steps = str(config["method"]), int(config["attack_steps"])
    name = f"pgd-{steps}" if method == "pgd" else method
    data, eps = str(config["data"]), float(config["eps"])
    usual = data in PRESETS and eps == resolve(PRESETS[data], {}).eps
    return name if usual else f"{name}, eps {eps:.3g}"


def main() -> int:
    """Measure what is missing, and write the tables."""
    command = parser(__doc__, SETS, tuple(EVERY), "runs/study")
    command.add_argument(
        "--from", dest="runs", nargs="+", type=Path, help="measure these runs instead of training"
    )
    options = command.parse_args()
    if options.runs:
        from selffit.errors import UserError

        try:
            jobs = [existing(path, options.work, options.data_dir) for path in options.runs]
        except UserError as error:
            command.error(str(error))
    else:
        for data in set(options.sets) & set(ON_DISK) if not options.data_dir else ():
            options.sets.remove(data)
            print(f"{data} is left out: --data-dir does not say where it lies", file=sys.stderr)
        jobs = list(to_train(options.sets, options.seeds, options.work, options.data_dir))
    put(tables(measured(jobs, work, options.jobs)), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
