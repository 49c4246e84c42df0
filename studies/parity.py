"""What each difference to the public codes of fast adversarial training is worth, measured once.

    uv run python -m studies.parity --out docs/parity.md

The preset `cifar10-fgsm-8` equals the public recipe. A variant takes one part of it back, `all
three` all that matter; `lr read in the middle` shifts the schedule by half a step, which should
not matter, and so shows how far runs differ for no reason. All of it small enough for a CPU: a
narrow network on the embedded set `patterns` (see SMALL), where FGSM is healthy first and collapses
then, so that it says in which direction a part moves the onset there, not where it lies at full
size. Each run is an ordinary run of the trainer without the probes that explain.

What has been measured lies as one JSON file a run in --work and is not measured again.
"""

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies.jobs import measured, put, trained

PLAIN: dict[str, Any] = {  # no probes but those of accuracy, twice an epoch
    "probe_images": 256,
    "self_images": 0,
    "channel_images": 0,
    "causal_images": 0,
    "align_every": 0,
    "keep": 0,
    "threads": 1,
}
SMALL: dict[str, Any] = {
    "data": "patterns",
    "augment": "none",
    "input_mean": "0.5",
    "input_scale": "4",
    "width": 8,
    "train_images": 4000,
    "epochs": 12,
    "eps": "0.16",
    "eps_ramp": 0.4,
    "probe_every": 16,
}
RAW_PIXELS = {"input_mean": "0", "input_scale": "1"}
ALL_THREE = {"shortcut": "activated", "momentum_low": 0, **RAW_PIXELS}
SEVEN = {"preset": "patterns", "method": "pgd", "attack_steps": 7, "probe_every": 31}
VARIANTS: dict[str, dict[str, Any]] = {
    "the recipe": SMALL,
    "all three": {**SMALL, **ALL_THREE},
    "momentum stays at 0.9": {**SMALL, "momentum_low": 0},
    "raw pixels": {**SMALL, **RAW_PIXELS},
    "shortcut activated": {**SMALL, "shortcut": "activated"},
    "lr read in the middle": {**SMALL, "lr_read": "middle"},
    "PGD-7, steps of eps/4": SEVEN,
    "PGD-7, steps of 2.5 eps/7": {**SEVEN, "alpha": "0.357eps"},
}
COLLAPSED = 0.5  # of the best PGD accuracy so far, with FGSM accuracy above it


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the study."""

    name: str
    seed: int
    overrides: dict[str, Any]
    result: str  # the JSON file

    @property
    def title(self) -> str:
        """The variant and the seed."""
        return f"{self.name}, seed {self.seed}"


def work(job: Job) -> dict[str, Any]:
    """Train one run, in a process of its own, and read its probes."""
    from selffit.analysis.past import Past
    from selffit.eventlog import kinds

    preset = job.overrides.get("preset", "cifar10-fgsm-8")
    settings = {k: value for k, value in job.overrides.items() if k != "preset"}
    with trained(job.title, preset, {**PLAIN, **settings, "seed": job.seed}) as run:
        past = Past.read(run)
        probes = [
            {name: getattr(probe, name) for name in ("step", "epoch", "clean", "fgsm", "pgd", "n")}
            for probe in past.state.all(kinds.RobustProbe)
        ]
        return {
            "name": job.name,
            "seed": job.seed,
            "probes": probes,
            "onsets": [alert.about for alert in past.onsets],
            "steps_per_epoch": past.state.start.steps_per_epoch if past.state.start else 0,
        }


def fallen(probes: list[dict[str, Any]]) -> float | None:
    """The epoch of the first probe of a fall that lasts to the next probe, or None."""
    best = 0.0
    low = []
    for probe in probes:
        low.append(probe["pgd"] < COLLAPSED * best and probe["fgsm"] > best)
        best = max(best, probe["pgd"])
    both = (first and then for first, then in zip(low, [*low[1:], low[-1]], strict=True))
    return next(
        (probe["epoch"] for probe, is_low in zip(probes, both, strict=True) if is_low), None
    )


def table(results: list[dict[str, Any]]) -> str:
    """One line a run."""
    text = [
        "| variant | seed | best PGD (epoch) | FGSM − PGD, second half | fall at epoch "
        "| detector's onset | at the end: clean | FGSM | PGD |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    names = list(VARIANTS)
    for result in sorted(results, key=lambda r: (names.index(r["name"]), r["seed"])):
        probes, last = result["probes"], result["probes"][-1]
        best = max(probes[1:], key=lambda probe: probe["pgd"])  # but for the untrained network
        fall, onsets = fallen(probes), result["onsets"]
        later = [probe for probe in probes if probe["epoch"] > last["epoch"] / 2]
        gap = statistics.fmean(probe["fgsm"] - probe["pgd"] for probe in later)
        cells = [
            result["name"],
            str(result["seed"]),
            f"{best['pgd']:.2f} ({best['epoch']:.1f})",
            f"{gap:.2f}",
            "none" if fall is None else f"{fall:.1f}",
            f"{onsets[0] / result['steps_per_epoch']:.1f}" if onsets else "none",
            *(f"{last[name]:.2f}" for name in ("clean", "fgsm", "pgd")),
        ]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text)


def main() -> int:
    """Measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time; 0 = none")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/parity"), help="where results are kept"
    )
    parser.add_argument("--out", type=Path, help="write the table into this file, not to stdout")
    options = parser.parse_args()
    jobs = [
        Job(
            name=name,
            seed=seed,
            overrides=variant,
            result=str(options.work / f"{name.replace(' ', '-').replace('/', '-')}-{seed}.json"),
        )
        for seed in range(options.seeds)
        for name, variant in VARIANTS.items()
    ]
    put(table(measured(jobs, work, options.jobs)), options.out, "table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
