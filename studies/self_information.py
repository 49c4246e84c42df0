"""What every probe says before and after a collapse, over methods, image sets and seeds.

    uv run python studies/self_information.py methods --data-dir DIR
    uv run python studies/self_information.py interventions --data-dir DIR

The first makes the table of docs/self-information.md, the second that of docs/interventions.md.

`methods` trains fgsm, rs-fgsm, n-fgsm and pgd; `interventions` trains fgsm with what the trainer
does by itself at its first `suspect` alert: zero the most dominant channels, or mix random signs
into the perturbation. Each run is an ordinary run of the trainer. It is measured at two
checkpoints:
"before", the last healthy one before the onset or, without an onset, the first at the full budget;
and "after", the last one. The networks compared with (g of the probes) are the checkpoint one epoch
earlier for "before" and "before" for "after".

What has been measured lies as one JSON file a run in --work and is not measured again, so that the
command can be broken off and called again. MNIST is left out, with a word, where --data-dir does
not hold it.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SETS = ("patterns", "strokes", "mnist")
METHODS: dict[str, dict[str, Any]] = {
    "fgsm": {"method": "fgsm"},
    "rs-fgsm": {"method": "rs-fgsm"},
    "n-fgsm": {"method": "n-fgsm"},
    "pgd-5": {"method": "pgd", "attack_steps": 5, "alpha": "0.5eps"},
}
INTERVENTIONS: dict[str, dict[str, Any]] = {
    "fgsm": METHODS["fgsm"],
    "zero 25 % at suspect": {"on_suspect": "zero:conv1=4,conv2=8"},
    "30 % signs at suspect": {"on_suspect": "set:mix_signs=0.3"},
}
STUDIES = {"methods": METHODS, "interventions": INTERVENTIONS}
# What the tables show: (name in the results, name in the table)
ROWS = (
    ("clean", "clean"),
    ("fgsm", "FGSM (own perturbation)"),
    ("pgd", "PGD"),
    ("strong", "strong attack"),
    ("index", "**self-fitting index**"),
    ("swap", "label swap"),
    ("other", "other network's perturbation"),
    ("gap", "self gap"),
    ("carrier_grey", "carrier: grey"),
    ("carrier_mean", "carrier: mean image"),
    ("carrier_noise", "carrier: noise"),
    ("control_grey", "control: grey, other network"),
    ("p_abnormal", "class-generic: logit rises"),
    ("p_dominate", "class-generic: predicted"),
    ("signs", "random signs"),
    ("shuffled", "shuffled perturbation"),
    ("conflict_self", "conflict: self"),
    ("conflict_data", "conflict: data"),
    ("abnormal", "abnormal examples"),
    ("gini", "concentration (Gini, last layer)"),
    ("zero_self_fgsm", "ΔFGSM without 20 % self channels"),
    ("zero_data_fgsm", "ΔFGSM without 20 % data channels"),
    ("zero_random_fgsm", "ΔFGSM without 20 % random channels"),
    ("zero_self_pgd", "ΔPGD without 20 % self channels"),
)
# half of the causal check's images rank, the others report
IMAGES, CAUSAL_IMAGES, SHARE = 512, 512, 0.2


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a study."""

    set: str
    name: str
    seed: int
    overrides: dict[str, Any]
    result: str  # the JSON file
    brief: bool = False  # without what concerns the channels

    @property
    def title(self) -> str:
        """The image set, the method or intervention, and the seed."""
        return f"{self.set} {self.name} seed {self.seed}"


def work(job: Job) -> dict[str, Any]:
    """Train and measure one run, in a process of its own."""
    from selffit.config import resolve
    from selffit.eventlog.liveness import here
    from selffit.run.folder.run_dir import RunDir
    from selffit.train.__main__ import Trainer
    from selffit.train.stopping import StopSwitch

    began = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="selffit-study-"))
    try:
        fixed = {
            "seed": job.seed,
            "keep": 10_000,
            "probe_images": 256,
            "causal_images": 0,
            "threads": 1,
        }
        if job.brief:
            fixed |= {"self_images": 0, "channel_images": 0}
        config = resolve(job.set, {**job.overrides, **fixed})
        run = RunDir.create(folder, "run", {"config": config.as_dict()})
        code = Trainer(run, run.claim_attempt(here()), StopSwitch()).main()
        if code:
            raise RuntimeError(
                f"{job.title}: the trainer ended with exit code {code}; see its log in {run.path}"
            )
        trained = time.perf_counter() - began
        about = {"set": job.set, "name": job.name, "seed": job.seed, "train_seconds": trained}
        result = measure(run, job.brief) | about
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result["seconds"] = time.perf_counter() - began
    return result


def measure(run: Any, brief: bool) -> dict[str, Any]:
    """Both checkpoints of a run that has ended, and what its log says of the onset."""
    import torch

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.analysis.past import Past
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.eventlog import kinds

    past = Past.read(run)
    state = past.state
    config, device = run_config(run), torch.device("cpu")
    images = load(config, device)
    onset = next(iter(past.onsets), None)
    steps = sorted(int(id.split("-")[1]) for id in CheckpointStore(run.path).ids("main"))
    assert state.start is not None
    epoch = state.start.steps_per_epoch
    if onset is not None and onset.healthy_step is not None:
        before = max(step for step in steps if step <= onset.healthy_step or step == steps[0])
    else:
        before = next(step for step in steps if step >= config.eps_ramp * state.steps_total)
    earlier = max((step for step in steps if step <= before - epoch), default=steps[0])
    ids = [f"main-{step}" for step in (earlier, before, steps[-1])]
    reference, healthy, last = (load_checkpoint(run, id, images, device) for id in ids)
    acted = [applied.step for applied in state.all(kinds.Applied)]
    named = [diagnosis for diagnosis in state.all(kinds.Diagnosis) if diagnosis.disease]
    return {
        "onset": None if onset is None else onset.about,
        "before_step": before,
        "acted": acted[0] if acted else None,
        "disease": named[-1].disease if named else "",
        "lead": named[-1].lead if named else None,
        "before": values(healthy, reference, images, epoch, brief),
        "after": values(last, healthy, images, epoch, brief),
    }


def values(
    network: Any, reference: Any, images: Any, steps_per_epoch: int, brief: bool
) -> dict[str, Any]:
    """All figures of one network at the budget of its step, by the names of ROWS."""
    import torch

    from selffit.detect.selffitting import of_probe
    from selffit.detect.signs import of_channels
    from selffit.eventlog.kinds import Place
    from selffit.probes.causal import causal_check
    from selffit.probes.channels import channel_probe
    from selffit.probes.robust import robust_probe
    from selffit.probes.selfinfo import self_probe
    from selffit.probes.strong import strong_probe
    from selffit.probes.subject import Subject, probe_attack, probe_generator, training_mean
    from selffit.train.schedule import Schedule

    config, schedule = network.config, Schedule(network.config, steps_per_epoch)
    eps = schedule.eps(network.step)
    cpu = torch.device("cpu")
    subject = Subject(
        model=network.model,
        at=Place(branch=network.branch, step=network.step),
        images=images.held_x,
        labels=images.held_y,
        classes=images.classes,
        class_names=(),
        eps=eps,
        attack=probe_attack(config, eps),
        probe_steps=config.probe_steps,
        probe_alpha=schedule.probe_alpha(eps),
        mean=training_mean(images.train_x),
        generator=lambda: probe_generator(cpu),
        reference=reference.model,
    )
    robust = robust_probe(subject, IMAGES, why="asked")
    about = self_probe(subject, IMAGES, full=True, why="asked")
    found: dict[str, Any] = {"clean": robust.clean, "fgsm": robust.fgsm, "pgd": robust.pgd}
    found |= about.values
    found |= {"strong": strong_probe(subject, IMAGES // 2).pgd, "index": about.index}
    if brief:
        return found
    layer = channel_probe(subject, IMAGES).layers[-1]
    found |= {"gini": layer.gini, "rho": layer.rho}
    causal = causal_check(
        subject.model,
        *subject.first(CAUSAL_IMAGES),
        attack=subject.attack,
        pgd_alpha=subject.probe_alpha,
        pgd_steps=subject.probe_steps,
        generator=subject.generator(),
        shares=(SHARE,),
        singles=0,
    )
    says = of_probe(about, 1 / images.classes, of_channels(causal))
    found |= {"verdict": says.disease, "clear": says.clear}
    for row in causal.rows:
        if row.stage == causal.rows[-1].stage:
            for name in ("fgsm", "pgd", "carrier"):
                change = row.value(name) - causal.base.value(name)
                found[f"zero_{row.group}_{name}"] = change
    return found


def mean_sd(values: list[float]) -> str:
    """`0.42 ± 0.07` over the seeds, or a dash."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return "–"
    mean = statistics.fmean(known)
    return f"{mean:.2f} ± {statistics.stdev(known):.2f}" if len(known) > 1 else f"{mean:.2f}"


def tables(results: list[dict[str, Any]], names: list[str], sets: list[str]) -> str:
    """A table of all probes for each image set, then one line a run."""
    text = []
    for data in sets:
        here = [result for result in results if result["set"] == data]
        columns = [name for name in names if any(result["name"] == name for result in here)]
        if not columns:
            continue
        text += [f"## {data}", ""]
        text.append("| probe |" + "".join(f" {name}: before | {name}: after |" for name in columns))
        text.append("| --- |" + " ---: | ---: |" * len(columns))
        for key, title in ROWS:
            if any(key not in result["after"] for result in here):
                continue  # a brief study
            cells = [
                mean_sd([result[when].get(key) for result in here if result["name"] == name])
                for name in columns
                for when in ("before", "after")
            ]
            text.append(f"| {title} |" + "".join(f" {cell} |" for cell in cells))
        text += ["", *runs_table(here, columns), ""]
    return "\n".join(text)


def runs_table(here: list[dict[str, Any]], columns: list[str]) -> list[str]:
    """One line a run: what happened, and how it ended."""
    text = [
        "| run | acted | onset at | index leads by | named | FGSM | PGD | strong | index | carrier "
        "| conflict | abn. |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in sorted(here, key=lambda r: (columns.index(r["name"]), r["seed"])):
        after = result["after"]
        shown = ("fgsm", "pgd", "strong", "index", "carrier_grey", "conflict_self", "abnormal")
        onset = "none" if result["onset"] is None else str(result["onset"])
        acted = "–" if result.get("acted") is None else str(result["acted"])
        lead = "–" if result["lead"] is None else f"{result['lead']} steps"
        cells = [
            f"{result['name']}, seed {result['seed']}",
            acted,
            onset,
            lead,
            result["disease"] or "–",
        ]
        text.append("| " + " | ".join([*cells, *(f"{after[key]:.2f}" for key in shown)]) + " |")
    return text


def main() -> int:
    """Measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--sets", default=",".join(SETS), help="image sets, default %(default)s")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="runs at a time; 0 = only tables"
    )
    parser.add_argument("--data-dir", default="", help="where MNIST lies, in torchvision's layout")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/study"), help="where results are kept"
    )
    parser.add_argument(
        "--out", type=Path, help="write the tables into this file instead of to stdout"
    )
    options = parser.parse_args()
    sets = [name for name in options.sets.split(",") if name]
    unknown = [name for name in sets if name not in SETS]
    if unknown:
        parser.error(f"unknown set '{unknown[0]}'; valid: {', '.join(SETS)}")
    if "mnist" in sets and not options.data_dir:
        sets.remove("mnist")
        print("MNIST is left out: --data-dir does not say where it lies", file=sys.stderr)
    variants = STUDIES[options.study]
    options.work.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job(
            set=data,
            name=name,
            seed=seed,
            overrides={**variant, **({"data_dir": options.data_dir} if data == "mnist" else {})},
            result=str(
                options.work
                / f"{data}-{name.replace(' ', '-').replace('%', 'percent')}-{seed}.json"
            ),
            brief=options.study == "interventions",
        )
        for seed in range(options.seeds)
        for data in sets
        for name, variant in variants.items()
    ]
    missing = [job for job in jobs if not Path(job.result).exists()] if options.jobs else []
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(
        options.jobs or 1, get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        running = {pool.submit(work, job): job for job in missing}
        for number, future in enumerate(as_completed(running), 1):
            job, result = running[future], future.result()
            Path(job.result).write_text(json.dumps(result, indent=1) + "\n")
            print(
                f"{number}/{len(missing)} {job.title}: {result['seconds']:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    results = [
        json.loads(Path(job.result).read_text()) for job in jobs if Path(job.result).exists()
    ]
    text = tables(results, list(variants), sets)
    if options.out:
        replace_tables(options.out, text)
    else:
        print(text)
    return 0


BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def replace_tables(path: Path, text: str) -> None:
    """Put the tables between the two marks of a document; what stands around them stays."""
    old = path.read_text()
    head, _, rest = old.partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.exit(main())
