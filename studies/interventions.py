"""What can be done while fgsm trains, and what it is worth: the table of docs/interventions.md.

    uv run python -m studies.interventions --data-dir DIR --out docs/interventions.md
    uv run python -m studies.interventions --plain RUN… --work WORK

Each run is an ordinary run of the trainer with a reaction of its own (`--on-suspect`, `--on-co`).
The channels that carry FGSM accuracy are zeroed while the run is paused at its onset, as a person
would do it with `selffit ctl`.
All figures are those of the run's log; the rules of today judge it. --plain: runs without any
reaction that exist already, with all their checkpoints; the others go on from a checkpoint of
theirs well before the first suspicion, so that the steps before are not trained again.

What has been measured lies as one JSON file a run in --work and is not measured again, so that the
command can be broken off and called again.
"""

import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from studies.jobs import RunJob, gone_on, measured, parser, put, trained
from studies.self_information import EVERY, ON_DISK, PRESETS

LAYER, TOP = "conv1", 3
SETS = ("patterns", "mnist")  # and, by --sets cifar10 --seeds 1,2,3,6,9, those that fall
PLAIN = "nothing"
CARRYING = f"at the onset: zero the {TOP} of {LAYER} that carry most FGSM accuracy"
VARIANTS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    f"at suspect: zero the {TOP} most dominant of {LAYER}": {
        "on_suspect": f"zero:{LAYER}={TOP}",
    },
    f"at the onset: zero the {TOP} most dominant of {LAYER}": {
        "on_co": f"zero:{LAYER}={TOP}",
    },
    CARRYING: {"on_co": "pause"},
    "at suspect: 30 % random signs": {"on_suspect": "set:mix_signs=0.3"},
    "at suspect: n-fgsm": {"on_suspect": "set:method=n-fgsm"},
    "at the onset: roll back, n-fgsm": {"on_co": "rollback:n-fgsm"},
}
ACTS = ("zero", "set", "rollback")
MEASURED = {"channel_images": 0, "causal_images": 0, "align_every": 30}
EARLY, LEAD = 60, 300  # steps before the first suspicion, and before the onset
STANDS = 0.5  # of the last healthy PGD accuracy: from there on it is said to stand
IMAGES = 256  # of the check that says which channels carry FGSM accuracy


def work(job: RunJob) -> dict[str, Any]:
    """Train one run, in a process of its own, and read its log."""
    from selffit.run.folder.run_dir import RunDir

    source = Path(job.run)
    if job.run and job.name == PLAIN:
        return job.about | outcome(RunDir.open(source))
    where = {"data_dir": job.data_dir} if job.data_dir else {}
    settings = {"threads": 1, **where, **VARIANTS[job.name]}
    beside = partial(zero_at_onset, choose=carriers) if job.name == CARRYING else None
    if job.run:
        step = fork_of(source)
        with gone_on(job.title, source, step, settings, beside) as run:
            return job.about | {"from": step} | outcome(run)
    settings |= {**MEASURED, **EVERY[job.set], "method": "fgsm", "seed": job.seed}
    with trained(job.title, PRESETS[job.set], settings, beside) as run:
        return job.about | outcome(run)


def fork_of(source: Path) -> int:
    """The checkpoint of a run from which others go on: EARLY steps before anything is suspected."""
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.run.folder.run_dir import RunDir

    plain = outcome(RunDir.open(source))
    onset = min(plain["onsets"], default=plain["steps"])
    latest = min(onset - LEAD, (plain["suspect"] or onset) - EARLY)
    steps = [parse_id(id)[1] for id in CheckpointStore(source).ids("main")]
    return max(step for step in steps if step <= max(latest, min(steps)))


def zero_at_onset(run: Any, choose: Callable[[Any], dict[str, Any]]) -> None:
    """Zero channels when the run pauses at its first onset, and let it go on after each."""
    from selffit.control.commands import new_command
    from selffit.control.submit import submit
    from selffit.eventlog import kinds
    from selffit.run.follow import Follower

    follower, answered = Follower.of(run), 0
    while (state := follower.read_all()).ending is None:
        pauses = sum(applied.op == "pause" for applied in state.all(kinds.Applied))
        if pauses > answered:
            orders = [] if answered else [("zero", {"layer": LAYER, **choose(run)})]
            for op, args in [*orders, ("resume", {})]:
                submit(run.place, new_command(op, args, by="study"))
            answered = pauses
        time.sleep(0.2)


def carriers(run: Any) -> dict[str, Any]:
    """Those that alone carry most FGSM accuracy of the newest checkpoint."""
    import torch

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.probes.attacks import ProbeAttack
    from selffit.probes.causal import causal_check
    from selffit.probes.subject import probe_generator
    from selffit.train.schedule import Schedule

    cpu = torch.device("cpu")
    images = load(run_config(run), cpu)
    newest = max(CheckpointStore(run.path).ids("main"), key=lambda id: parse_id(id)[1])
    network = load_checkpoint(run, newest, images, cpu)
    config = network.config
    eps = Schedule(config, len(images.train_x) // config.batch_size).eps(network.step)
    check = causal_check(
        network.model,
        images.held_x[:IMAGES],
        images.held_y[:IMAGES],
        attack=ProbeAttack(eps),
        pgd_alpha=0.0,
        pgd_steps=1,
        generator=probe_generator(cpu),
        shares=(0.01,),
        singles=10_000,
        draws=1,
    )
    found = sorted((s for s in check.single if s.layer == LAYER), key=lambda one: one.fgsm)
    return {"channels": sorted(one.channel for one in found[:TOP])}


def outcome(run: Any) -> dict[str, Any]:
    """What was done in a run that has ended, and what became of its robust accuracy."""
    from selffit.analysis.past import Past
    from selffit.eventlog import kinds
    from selffit.run.again.rerun import Rules, blocks_of, rerun

    state = Past.read(run).state
    judged = rerun(state, blocks_of(run.place), Rules.of(state))
    line = state.line
    alerts = [a for a in judged.alerts if line.holds(a.branch, a.step)]
    onsets = [a for a in judged.alerts if a.level == "onset"]
    applied = [a for a in state.all(kinds.Applied) if a.op in ACTS]
    acted = applied[0].step if applied else None
    told = [d for d in judged.diagnoses if line.holds(d.branch, d.step) and d.disease]
    probes = [
        {"step": p.step, "clean": p.clean, "fgsm": p.fgsm, "pgd": p.pgd}
        for p in state.all(kinds.RobustProbe)
        if line.holds(p.branch, p.step)
    ]
    strong, light = state.current(kinds.StrongProbe), state.current(kinds.SelfProbe)
    word = next((a.level for a in reversed(alerts) if a.level != "suspect"), "healthy")
    # before it in time: the line that a roll-back left is not the one that the run ended on
    left = [p for p in state.all(kinds.RobustProbe) if applied and p.t <= applied[0].t]
    healthy = next((a.healthy for a in onsets if a.healthy is not None), None)
    assert state.start is not None
    return {
        "epoch": state.start.steps_per_epoch,
        "steps": state.steps_total,
        "suspect": next((a.step for a in judged.alerts if a.level == "suspect"), None),
        "acted": acted,
        "zeroed": [dict(a.args) for a in applied if a.op == "zero"],
        "onsets": [a.about for a in onsets],
        "stands": word,  # the last word on the line that the run ended on
        "named": told[-1].disease if told else "",
        "pgd_then": left[-1].pgd if left else None,
        "healthy_pgd": None if healthy is None else healthy.pgd,
        "probes": probes,
        "strong": None if strong is None else strong.pgd,
        "index": None if light is None else light.index,
    }


def rows(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line for each image set and each thing done."""
    yield (
        "| images | done | n | acted at | first onset, later than without | PGD when acted "
        "| best PGD after that: within 1 epoch | later | steps that PGD stood | end: clean | FGSM "
        "| PGD | strong | index | named |"
    )
    yield "| --- | --- | ---: | --- | --- |" + " ---: |" * 9 + " --- |"
    for data in dict.fromkeys(result["set"] for result in results):
        for name in VARIANTS:
            mine = [r for r in results if (r["set"], r["name"]) == (data, name)]
            if mine:
                plain = {r["seed"]: r for r in results if (r["set"], r["name"]) == (data, PLAIN)}
                yield _row(data, name, mine, plain)


def _row(
    data: str, name: str, mine: Sequence[dict[str, Any]], plain: Mapping[int, dict[str, Any]]
) -> str:
    acted = sorted(r["acted"] for r in mine if r["acted"] is not None)
    where = "–" if not acted else "…".join(dict.fromkeys((str(acted[0]), str(acted[-1]))))
    if name != PLAIN and len(acted) < len(mine):
        where += f" ({len(acted)} of {len(mine)})"
    named = Counter(r["named"] for r in mine if r["named"])
    end = [r["probes"][-1] for r in mine]
    cells = [
        data,
        name,
        str(len(mine)),
        where,
        ", ".join(later(r, plain.get(r["seed"])) for r in sorted(mine, key=lambda r: r["seed"])),
        _mean(r["pgd_then"] for r in mine),
        _mean(after(r, 0, r["epoch"]) for r in mine),
        _mean(after(r, r["epoch"], math.inf) for r in mine),
        _steps(mine),
        *(_mean(probe[what] for probe in end) for what in ("clean", "fgsm", "pgd")),
        *(_mean(r[what] for r in mine) for what in ("strong", "index")),
        ", ".join(f"{word} {number}" for word, number in named.most_common()) or "–",
    ]
    return f"| {' | '.join(cells)} |"


def later(result: dict[str, Any], plain: dict[str, Any] | None) -> str:
    """Steps by which the first onset comes later than in the run where nothing is done.

    The step itself for that run.
    """
    if not result["onsets"]:
        return "none"
    first = result["onsets"][0]
    if result["name"] == PLAIN or plain is None or not plain["onsets"]:
        return str(first)
    return f"{first - plain['onsets'][0]:+d}".replace("-", "−")


def after(result: dict[str, Any], low: float, high: float) -> float | None:
    """The best PGD accuracy more than `low` and up to `high` steps after acting."""
    if result["acted"] is None:
        return None
    found = [p["pgd"] for p in result["probes"] if low < p["step"] - result["acted"] <= high]
    return max(found, default=None)


def stood(result: dict[str, Any]) -> float | None:
    """Steps from acting to the last probe with STANDS of the last healthy PGD accuracy.

    Of the best one before, where none was called healthy.
    Infinite where that is the last probe of all; None where nothing was done.
    """
    if result["acted"] is None:
        return None
    probes = result["probes"]
    before = [p["pgd"] for p in probes if p["step"] <= result["acted"]]
    level = result["healthy_pgd"] or max(before, default=0.0)
    last = [p["step"] for p in probes if p["pgd"] >= STANDS * level]
    if not last or last[-1] <= result["acted"]:
        return 0
    return math.inf if last[-1] == probes[-1]["step"] else last[-1] - result["acted"]


def _steps(mine: Sequence[dict[str, Any]]) -> str:
    found = sorted(steps for r in mine if (steps := stood(r)) is not None)
    words = ["to the end" if math.isinf(steps) else f"{steps:g}" for steps in found]
    return ", ".join(words) or "–"


def _mean(values: Any) -> str:
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return "–"
    mean = statistics.fmean(known)
    return f"{mean:.2f} ± {statistics.stdev(known):.2f}" if len(known) > 1 else f"{mean:.2f}"


def main() -> int:
    """Train what is missing, and write the table."""
    command = parser(__doc__, SETS, tuple(EVERY), "runs/interventions")
    command.add_argument(
        "--plain", nargs="+", type=Path, default=[], help="fgsm runs that exist: SET-fgsm-SEED"
    )
    options = command.parse_args()
    plain = {path.name: str(path) for path in options.plain}
    jobs = [
        RunJob(
            set=data,
            name=name,
            seed=seed,
            result=str(options.work / f"{data}-{number}-{seed}.json"),
            data_dir=options.data_dir if data in ON_DISK else "",
            run=plain.get(f"{data}-fgsm-{seed}", ""),
        )
        for seed in options.seeds
        for data in options.sets
        for number, name in enumerate(VARIANTS)
    ]
    put("\n".join(rows(measured(jobs, work, options.jobs))), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
