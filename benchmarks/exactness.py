"""Whether what a captured graph computes is the same, bit for bit, and what a broken one leaves.

Parts of `on_card.py`, which says what each of them looks at.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from loops import Bench, prepared, random_images  # type: ignore[import-not-found]
from torch import Tensor

from selffit.config import RunConfig, resolve
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.methods import METHODS
from selffit.methods.catalogue import users
from selffit.run.folder.run_dir import RunDir
from selffit.train.begin import begin
from selffit.train.capture import CudaCapture
from selffit.train.loop import Loop
from selffit.train.runner import Runner
from selffit.train.scalars import Ahead
from selffit.train.scores import empty_summary
from selffit.train.setup import Setup
from selffit.train.stopping import StopSwitch

CHANGES: dict[float, dict[str, Any]] = {
    0.25: {"eps": 6 / 255},
    0.5: {"weight_decay": 1e-3},
    0.6: {"alpha": 5 / 255},
    0.75: {"lr_scale": 0.5},
}
# these are captured anew
OTHERS: dict[float, dict[str, Any]] = {0.3: {"method": "n-fgsm"}, 0.6: {"clip_grad": 0.5}}
ZEROED = {"conv1": {"channels": [0, 3]}}


class Report:
    """Prints what is found, line by line, and keeps it for the JSON file."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.good = True

    def say(self, part: str, what: str, value: str, holds: bool | None = None) -> None:
        """One line; `holds` is None where nothing is claimed."""
        word = {True: "ok", False: "WRONG", None: ""}[holds]
        print(f"{part:<8} {what:<44} {value:>30}  {word}".rstrip(), flush=True)
        self.found.append({"part": part, "what": what, "value": value, "holds": holds})
        self.good = self.good and holds is not False


def steps_of(
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


def same_bits(a: Setup, b: Setup) -> bool:
    """Whether weights, running statistics and optimisers of both are the same."""
    pairs = zip(a.step.tensors(), b.step.tensors(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def bits(bench: Bench, report: Report, width: int) -> None:
    """Graph against eager, for every method."""
    steps = 12 if bench.small else 200
    images = random_images(bench.device, 4096)
    cases = [(method, "sgd", 1) for method in METHODS] + [("rs-fgsm", "adam", 1)]
    cases.append(("fgsm", "sgd", 3))
    torch.backends.cudnn.deterministic = True
    for method, optimizer, captures in cases:
        changing, zeroed = (CHANGES, {}) if captures == 1 else (OTHERS, ZEROED)
        more: dict[str, Any] = {"attack_steps": 2} if method in users("attack_steps") else {}
        if optimizer == "adam":
            more |= {"optimizer": "adam", "momentum_low": 0, "lr": 1e-3, "clip_grad": 1.0}
        settings = {"method": method, "width": width, "last_batch": "drop", **more}
        made = {}
        for graph in ("off", "on" if bench.cuda else "auto"):
            setup = prepared(bench, images, resolve("cifar10-fgsm-8", {**settings, "graph": graph}))
            told: list[kinds.StepGraph] = []
            values = steps_of(setup, steps, told, changing, zeroed)(0, steps)
            made[graph] = setup, values.clone(), told
        (plain, last, _), (captured, same_last, told) = made.values()
        holds = same_bits(plain, captured) and torch.equal(last, same_last)
        held = [one.captured for one in told] == [True] * captures * bench.cuda
        value = f"{steps} steps, {len(told)} captured" if holds else "differ"
        value += "".join(f"; {one.why}" for one in told if one.why)
        what = f"{method}, {optimizer}" + ", then others" * (captures > 1)
        report.say("bits", f"{what}: graph and eager", value, holds and held)
        del made, plain, captured
        gc.collect()
    torch.backends.cudnn.deterministic = False


class Killed(BaseException):
    """Stands for the end of the process."""


def trained(
    folder: Path, config: RunConfig, at: Mapping[int, Callable[[RunDir], None]]
) -> tuple[Loop, list[kinds.Event]]:
    """A run in this process; `at` says what is done at which step, once. A kill is resumed."""
    run, waiting, told = RunDir.create(folder, None, {"config": config.as_dict()}), dict(at), []
    while True:
        attempt = run.claim_attempt(here())
        with EventWriter(run.path, "trainer", attempt) as writer:
            loop = begin(run, attempt, writer, config, StopSwitch(), empty_summary())
            boundary, emit = loop.commander.boundary, loop.session.log.emit

            def watched(loop: Loop = loop, boundary: Callable[[], None] = boundary) -> None:
                done = loop.session.done
                if done in waiting:
                    loop.checkpoints.collect(wait=True)
                    waiting.pop(done)(run)
                    loop.commander.requests.next_poll = 0.0
                boundary()

            def heard(event: kinds.Event, *, emit: Any = emit, **where: Any) -> Any:
                told.append(event)
                return emit(event, **where)

            loop.commander.boundary = watched  # type: ignore[method-assign]
            loop.session.log.emit = heard  # type: ignore[method-assign]
            try:
                loop.run()
            except Killed:
                continue
            loop.checkpoints.close()
            return loop, told


def kill(run: RunDir) -> None:
    """The process dies."""
    raise Killed


def back(run: RunDir) -> None:
    """Somebody rolls the run back, exactly."""
    submit(run.path, new_command("rollback", {"to": "main-8", "exact": True}, by="on_card"))


def runs(bench: Bench, report: Report, folder: Path) -> None:
    """The trainer with graphs: the same bits as without, after a resume and after a roll-back."""
    settings = {
        **{"model": "preact-resnet18", "width": 8, "method": "rs-fgsm", "optimizer": "sgd"},
        **{"lr": 0.05, "epochs": 3, "train_images": 800, "batch_size": 80, "holdout": 64},
        **{"probe_images": 64, "self_images": 32, "channel_images": 32, "causal_images": 0},
        **{"eps_ramp": 0, "checkpoint_every": 4, "keep": 9, "weight_decay": 5e-4},
        "device": bench.device.type,
    }
    torch.backends.cudnn.deterministic = True

    def go(graph: str, at: Mapping[int, Callable[[RunDir], None]]) -> tuple[Loop, int]:
        config = resolve("patterns", {**settings, "graph": graph})
        loop, told = trained(folder, config, at)
        return loop, sum(isinstance(event, kinds.StepGraph) and event.captured for event in told)

    (plain, _), (whole, captures) = go("off", {}), go("auto", {})
    for name, (loop, count) in {
        "with graphs, and without": (whole, captures),
        "killed at step 14 and resumed": go("auto", {14: kill}),
        "rolled back from 17 to 8, exactly": go("auto", {17: back}),
    }.items():
        holds = same_bits(plain.session.setup, loop.session.setup)
        holds = holds and (count > 0) == bench.cuda
        value = f"{loop.session.done} steps, {count} captures"
        report.say("runs", name, value if holds else "differ", holds)
    torch.backends.cudnn.deterministic = False


def failure(bench: Bench, report: Report) -> None:
    """What a capture that breaks off leaves behind."""
    if not bench.cuda:
        report.say("failure", "captures that break off", "needs a GPU")
        return
    device = bench.device
    stream, x = torch.cuda.current_stream(device), torch.ones(8, device=device)
    graph = CudaCapture(torch.Generator(device))
    broken = ""
    try:
        graph.capture(lambda: print(float((x * torch.rand(8, device=device)).sum())))
    except RuntimeError as error:
        broken = str(error).splitlines()[0][:60]
    report.say("failure", "a read while capturing raises", broken[:30], bool(broken))
    held = torch.cuda.current_stream(device) == stream
    report.say("failure", "the stream is the one from before", str(held), held)
    drawn = torch.rand(8, device=device)
    torch.cuda.synchronize(device)
    report.say("failure", "torch's own generator draws", "", bool((drawn >= 0).all()))
    again, out = CudaCapture(torch.Generator(device)), torch.zeros(8, device=device)

    def work() -> None:
        out.copy_(x * 2)

    again.warm_up(work)
    again.capture(work)
    out.zero_()
    again.replay()
    report.say("failure", "the next capture works", "", bool((out == 2).all()))
