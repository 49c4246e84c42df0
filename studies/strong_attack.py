"""The strong attack beside AutoAttack's APGD-CE and APGD-T, on the last checkpoints of runs.

    uv run --with pyautoattack python studies/strong_attack.py RUN…

One row a run, as in docs/strong-attack.md: accuracies on the first 256 held-out images at the
budget of the checkpoint's step. Runs with an image set that is not embedded need their data folder
where they found it.
"""

import logging
import sys
import time
from pathlib import Path

IMAGES = 256


def row(path: Path) -> str:
    """The row of one run."""
    import torch
    from pyautoattack.autoattack import AutoAttack

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.data.imageset import as_float
    from selffit.probes.strong import strong_accuracy
    from selffit.probes.subject import probe_generator
    from selffit.run.run_dir import RunDir
    from selffit.train.schedule import Schedule

    run, cpu = RunDir(path), torch.device("cpu")
    config = run_config(run)
    images = load(config, cpu)
    id = max(CheckpointStore(run.path).ids(), key=lambda id: parse_id(id)[1])
    network = load_checkpoint(run, id, images, cpu)
    schedule = Schedule(network.config, len(images.train_x) // config.batch_size)
    eps = schedule.eps(network.step)
    x, y = images.held_x[:IMAGES], images.held_y[:IMAGES]
    began = time.perf_counter()
    strong = strong_accuracy(
        network.model,
        x,
        y,
        eps=eps,
        generator=probe_generator(cpu),
        weak_steps=config.probe_steps,
        weak_alpha=schedule.probe_alpha(eps),
    )
    ours = time.perf_counter() - began
    attack = AutoAttack(
        network.model, eps=eps, version="custom", attacks=["apgd-ce", "apgd-t"], seed=0
    )
    attack.apgd.n_restarts = 1
    began = time.perf_counter()
    found = attack.run_standard_evaluation(as_float(x), y, batch_size=IMAGES)
    theirs = time.perf_counter() - began
    x_adv = found[0] if isinstance(found, tuple) else found
    with torch.no_grad():
        left = float((network.model(x_adv).argmax(1) == y).float().mean())
    return (
        f"| {config.data} {config.method}, seed {config.seed}, step {network.step} | "
        f"{strong.weak:.3f} | {strong.pgd:.3f} | {left:.3f} | {ours:.1f} s | {theirs:.1f} s |"
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print("| network | PGD | strong | APGD-CE + APGD-T | time, strong | time, APGD |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in sys.argv[1:]:
        print(row(Path(name)), flush=True)
