"""One diagnosis from its options to its records.

The images, the networks, the reference, and what cannot be used on the way.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from selffit import data
from selffit.analysis.diagnose import Bench, Judge, examine
from selffit.analysis.foreign.network import Foreign, read_network
from selffit.analysis.networks import SavedNetwork, check_images, load_checkpoint, run_config
from selffit.analysis.past import Past
from selffit.analysis.target import Target
from selffit.checkpoint.errors import Damaged
from selffit.config import FALLING_STEPS, RunConfig, nearest, parse_setting
from selffit.data.catalogue import DATA_SETS
from selffit.data.imageset import ImageSet
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.eventlog.encode import to_json
from selffit.models.catalogue import MODELS
from selffit.probes.subject import training_mean
from selffit.run.folded.state import RunState
from selffit.train.setup import choose_device, sensible_threads

IMAGES = 512  # by default


def diagnose_run(target: Target, reference: Target | None, options: argparse.Namespace) -> int:
    """Diagnose checkpoints of a run; returns the exit code.

    Raises UserError for options that do not fit the run.
    """
    config, past = run_config(target.run), Past.read(target.run)
    start = past.state.start
    bench = _bench(config, options, own=options.data in (None, config.data))
    if not bench.own:
        trained_on = start.data_set if start is not None else kinds.ImageSetInfo()
        check_images(bench.images, trained_on, config.model)
    _emit_target(target.run.name, bench, config.model, past)
    g = _chosen(reference, bench) if reference is not None else _healthy(target, past, bench)
    per_epoch = start.steps_per_epoch if start is not None else 0
    judge, done = Judge(past, bench), 0
    for number, id in enumerate(target.ids, 1):
        try:
            network = load_checkpoint(target.run, id, bench.images, bench.device)
        except (Damaged, UserError) as fault:
            _say(f"skipped {id}: {fault}")
            continue
        itself = (
            g is not None
            and g.id == id
            and (reference is None or reference.run.path == target.run.path)
        )
        title = f"{id} ({number} of {len(target.ids)})"
        _diagnose(network, bench, None if itself else g, per_epoch, judge, title)
        done += 1
    if not done:
        _say(
            f"selffit: none of the {len(target.ids)} checkpoint(s) of {target.run.name} could be "
            "diagnosed"
        )
    return 0 if done else 1


def diagnose_file(options: argparse.Namespace) -> int:
    """Diagnose somebody else's .pt file; returns the exit code. Raises UserError."""
    for name, valid in (("model", MODELS), ("data", DATA_SETS), ("eps", ())):
        value = getattr(options, name)
        if value is None:
            raise UserError(f"--foreign needs --{name}: such a file does not say; e.g. {_EXAMPLE}")
        if valid and value not in valid:
            raise UserError(f"unknown {name} '{clean(value)}'; {nearest(value, valid)}")
    if options.shortcut is not None:
        parse_setting("shortcut", options.shortcut)
        if "shortcut" not in MODELS[options.model].uses:
            raise UserError(f"--shortcut has no effect with {options.model}; leave it out")
    config = RunConfig(
        data=options.data, model=options.model, width=parse_setting("width", options.width or 0)
    )
    bench = _bench(config, options, own=False)
    network, file = _foreign(options.target, config, bench, options)
    g = None
    if options.reference is not None:
        g, _ = _foreign(options.reference, config, bench, options)
    if not DATA_SETS[options.data].generator:
        _say(
            f"note: the {bench.n} images are from the training split of {options.data}, "
            "which this network has probably been trained on"
        )
    past = Past(RunState())
    _emit_target(Path(options.target).name, bench, config.model, past, file.data)
    _diagnose(network, bench, g, 0, Judge(past, bench), network.id)
    return 0


_EXAMPLE = "--foreign --model preact-resnet18 --data cifar10 --eps 8/255"


def _bench(config: RunConfig, options: argparse.Namespace, own: bool) -> Bench:
    """Device, images and budget. Raises UserError for what is not to be had."""
    device = choose_device(options.device)
    torch.set_num_threads(sensible_threads())
    eps = None if options.eps is None else parse_setting("eps", options.eps)
    if eps == 0:
        raise UserError(
            "--eps 0 leaves nothing to diagnose; give the budget of the attack, e.g. 8/255"
        )
    n = options.images or min(IMAGES, config.holdout)
    if own and n > config.holdout:
        raise UserError(
            f"--images {n} is more than the {config.holdout} held-out images of this run; give "
            "fewer"
        )
    changed: dict[str, Any] = {"data_dir": options.data_dir or config.data_dir, "download": False}
    if not own:  # any image will do that the run was not trained on
        changed |= {"data": options.data, "holdout": n, "train_images": 0}
    images = data.load(replace(config, **changed), device)
    return Bench(
        images=images,
        device=device,
        mean=training_mean(images.train_x),
        n=n,
        eps=eps,
        own=own,
        apgd=options.apgd,
        brief=options.brief,
    )


def _healthy(target: Target, past: Past, bench: Bench) -> SavedNetwork | None:
    """The newest healthy checkpoint from before the onset that can be read, as the reference."""
    for id in past.healthy():
        try:
            return load_checkpoint(target.run, id, bench.images, bench.device)
        except (Damaged, UserError) as fault:
            _say(f"not used as reference: {id}: {fault}")
    return None


def _chosen(reference: Target, bench: Bench) -> SavedNetwork:
    try:
        return load_checkpoint(reference.run, reference.ids[0], bench.images, bench.device)
    except Damaged as damage:
        raise UserError(f"--reference: {damage}; choose another one") from damage


def _foreign(
    path: str, config: RunConfig, bench: Bench, options: argparse.Namespace
) -> tuple[SavedNetwork, Foreign]:
    """Somebody else's network, with FGSM and PGD-10 at the budget that was asked for."""
    file = read_network(Path(path), config, bench.images, options)
    for said in file.said:
        _say(f"{clean(Path(path).name)}: {said}")
    assert bench.eps is not None
    config = replace(file.config, method="fgsm", eps=bench.eps, probe_alpha=FALLING_STEPS)
    id = clean(Path(path).stem)[:64]
    network = SavedNetwork(id=id, branch="main", step=0, model=file.model, config=config)
    return network, file


def _diagnose(
    network: SavedNetwork,
    bench: Bench,
    reference: SavedNetwork | None,
    per_epoch: int,
    judge: Judge,
    title: str,
) -> None:
    began = time.perf_counter()
    found: list[kinds.Event] = []

    def tell(said: str) -> None:
        print(f" {said}", end="", file=sys.stderr, flush=True)

    print(f"{title}:", end="", file=sys.stderr, flush=True)
    try:
        for event in examine(network, bench, reference, per_epoch, tell):
            found.append(event)
            _emit(network.id, event)
        if (diagnosis := judge.add(found)) is not None:
            _emit(network.id, diagnosis)
    finally:
        print(f"  {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)


def _emit_target(
    name: str, bench: Bench, model: str, past: Past, file: Mapping[str, Any] | None = None
) -> None:
    """What is being diagnosed; file: what was done to one of somebody else, and decided."""
    images: ImageSet = bench.images
    about = {
        "name": clean(name),
        "model": model,
        "data": images.name,
        "classes": images.classes,
        "n": bench.n,
        "device": str(bench.device),
        "past": past.as_data() if bench.comparable else {},
        "verdict": past.verdict(),
        **({} if file is None else {"file": file}),
    }
    _write({"k": "target", "checkpoint": "", "step": 0, "branch": "", "d": about})


def _emit(checkpoint: str, event: kinds.Event) -> None:
    _write(
        {
            "k": event.KIND.name,
            "checkpoint": checkpoint,
            "step": event.step,
            "branch": event.branch,
            "d": event.data(),
        }
    )


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(to_json(line).decode("ascii") + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
