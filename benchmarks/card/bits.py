"""Captured steps against ordinary ones, bit for bit."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.card.report import Report
from benchmarks.loops import Bench, prepared, random_images
from selffit.config import resolve
from selffit.eventlog import kinds
from selffit.methods import METHODS
from selffit.methods.catalogue import users
from selffit.train.runner import Runner
from selffit.train.scalars import Ahead
from selffit.train.setup import Setup

CHANGES: dict[float, dict[str, Any]] = {
    0.25: {"eps": 6 / 255},
    0.5: {"weight_decay": 1e-3},
    0.6: {"alpha": 5 / 255},
    0.75: {"lr_scale": 0.5},
}
# these are captured anew
OTHERS: dict[float, dict[str, Any]] = {0.3: {"method": "n-fgsm"}, 0.6: {"clip_grad": 0.5}}
ZEROED = {"conv1": {"channels": [0, 3]}}

Case = tuple[str, str, int]  # method, optimiser, how often a step is captured
CASES: tuple[Case, ...] = (
    *((method, "sgd", 1) for method in METHODS),
    ("rs-fgsm", "adam", 1),
    ("fgsm", "sgd", 3),
)


@contextmanager
def deterministic() -> Iterator[None]:
    """The same operations give the same bits inside, on cuDNN's side."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def same_bits(a: Setup, b: Setup) -> bool:
    """Whether weights, running statistics and optimisers of both are the same."""
    pairs = zip(a.step.tensors(), b.step.tensors(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def bits(bench: Bench, report: Report, width: int, cases: tuple[Case, ...] = CASES) -> None:
    """Graph against eager, for every method."""
    images = random_images(bench.device, 256 if bench.small else 4096)
    with deterministic():
        for case in cases:
            _case(bench, report, width, case, images)
            gc.collect()  # networks and their graphs refer to each other


def _case(bench: Bench, report: Report, width: int, case: Case, images: Any) -> None:
    method, optimizer, captures = case
    steps = 12 if bench.small else 200
    changing, zeroed = (CHANGES, {}) if captures == 1 else (OTHERS, ZEROED)
    more: dict[str, Any] = {"attack_steps": 2} if method in users("attack_steps") else {}
    if optimizer == "adam":
        more |= {"optimizer": "adam", "momentum_low": 0, "lr": 1e-3, "clip_grad": 1.0}
    if bench.small:
        more["batch_size"] = 16
    settings = {"method": method, "width": width, "last_batch": "drop", **more}
    made = {}
    for graph in ("off", "on" if bench.cuda else "auto"):
        setup = prepared(bench, images, resolve("cifar10-fgsm-8", {**settings, "graph": graph}))
        told: list[kinds.StepGraph] = []
        values = _steps(setup, steps, told, changing, zeroed)(0, steps)
        made[graph] = setup, values.clone(), told
    (plain, last, _), (captured, same_last, told) = made.values()
    holds = same_bits(plain, captured) and torch.equal(last, same_last)
    held = [one.captured for one in told] == [True] * captures * bench.cuda
    value = f"{steps} steps, {len(told)} captured" if holds else "differ"
    value += "".join(f"; {one.why}" for one in told if one.why)
    what = f"{method}, {optimizer}" + ", then others" * (captures > 1)
    report.say(f"{what}: graph and eager", value, holds and held)


def _steps(
    setup: Setup,
    steps: int,
    told: list[kinds.StepGraph],
    changing: Mapping[float, dict[str, Any]],
    zeroed: Mapping[str, Any],
) -> Callable[[int, int], Tensor]:
    """Takes the steps of a setup as the loop does, with changes on the way; zeroed: at the last."""
    runner, ahead = Runner(setup, told.append), Ahead(setup.device, 20)
    changes = {round(share * steps): change for share, change in changing.items()}

    def go(first: int, last: int) -> Tensor:
        values = torch.empty(0)
        for step in range(first, last):
            if step in changes:
                setup.adopt(
                    replace(setup.config, **changes[step]), zeroed if step == max(changes) else {}
                )
            x, y = setup.batches.batch(step)
            values = runner.run(x, y, ahead.at(step, setup.schedule))
        return values

    return go
