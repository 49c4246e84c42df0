"""The strong attack beside AutoAttack's APGD-CE and APGD-T, on the checkpoints of runs.

    uv run --extra referee python studies/strong_attack.py [--last] RUN…

One row a checkpoint (--last: the last one of a run), as in docs/strong-attack.md: accuracies on the
first 256 held-out images at the budget of the checkpoint's step; then how far the two are apart.
Runs with an image set that is not embedded need their data folder where they found it, or
SELFFIT_DATA.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from selffit.eventlog import kinds

IMAGES = 256


def measured(path: Path, last: bool) -> Iterator[tuple[str, kinds.StrongProbe, kinds.RefereeProbe]]:
    """What each checkpoint of a run is called, and what the two attacks leave of it."""
    import torch

    from selffit.analysis.diagnose import Bench, examine
    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.probes.subject import training_mean
    from selffit.run.folder.run_dir import RunDir

    torch.set_num_threads(1)
    run, cpu = RunDir.open(path), torch.device("cpu")
    config = run_config(run)
    if folder := os.environ.get("SELFFIT_DATA"):
        config = replace(config, data_dir=folder, download=False)
    images = load(config, cpu)
    per_epoch = len(images.train_x) // config.batch_size
    mean = training_mean(images.train_x)
    bench = Bench(images=images, device=cpu, mean=mean, n=IMAGES, eps=None, own=True, apgd=True)
    ids = sorted(CheckpointStore(run.path).ids(), key=lambda id: parse_id(id)[1])
    for id in ids[-1:] if last else ids:
        network = load_checkpoint(run, id, images, cpu)
        strong: kinds.StrongProbe | None = None
        for event in examine(network, bench, None, per_epoch):
            if isinstance(event, kinds.StrongProbe):
                strong = event
            if isinstance(event, kinds.RefereeProbe) and strong is not None:
                width = f" width {config.width}" if config.width else ""
                name = f"{config.data} {config.method}{width}, seed {config.seed}"
                yield f"{name}, step {network.step}", strong, event
                break


def table(runs: list[Path], last: bool) -> Iterator[str]:
    """The rows, and what they come to."""
    yield "| network | eps | PGD | strong | APGD-CE + APGD-T | time, strong | time, APGD |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    apart = []
    for path in runs:
        for name, strong, referee in measured(path, last):
            apart.append(strong.pgd - referee.pgd)
            yield (
                f"| {name} | {strong.eps:.3f} | {strong.weak:.3f} | {strong.pgd:.3f} | "
                f"{referee.pgd:.3f} | {strong.sec:.1f} s | {referee.sec:.1f} s |"
            )
    if apart:
        near = sum(abs(one) <= 0.01 for one in apart)
        yield (
            f"\n{len(apart)} networks; {near} within a point; strong − APGD between "
            f"{min(apart):+.4f} and {max(apart):+.4f}; the strong attack leaves less in "
            f"{sum(one < 0 for one in apart)}, APGD in {sum(one > 0 for one in apart)}"
        )


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != "--last"]
    for line in table([Path(name) for name in names], "--last" in sys.argv[1:]):
        print(line, flush=True)
