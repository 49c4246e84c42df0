"""Whole runs of the trainer with graphs: the same bits as without, after a kill and a roll-back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.card.bits import deterministic, same_bits
from benchmarks.card.report import Report
from benchmarks.loops import Bench
from selffit.config import RunConfig, resolve
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.train.begin import begin
from selffit.train.loop import Loop
from selffit.train.scores import empty_summary
from selffit.train.stopping import StopSwitch

SETTINGS: dict[str, Any] = {
    **{"model": "preact-resnet18", "width": 8, "method": "rs-fgsm", "optimizer": "sgd"},
    **{"lr": 0.05, "epochs": 3, "train_images": 800, "batch_size": 80, "holdout": 64},
    **{"probe_images": 64, "self_images": 32, "channel_images": 32, "causal_images": 0},
    **{"eps_ramp": 0, "checkpoint_every": 4, "keep": 9, "weight_decay": 5e-4},
}
# as many steps of smaller batches
SMALL: dict[str, Any] = {
    **{"width": 4, "train_images": 160, "batch_size": 16, "holdout": 16, "probe_images": 16},
    **{"self_images": 16, "channel_images": 16, "align_images": 16, "probe_steps": 2},
}


class Killed(BaseException):
    """Stands for the end of the process."""


def kill(run: RunDir) -> None:
    """The process dies."""
    raise Killed


def back(run: RunDir) -> None:
    """Somebody rolls the run back, exactly."""
    submit(run.path, new_command("rollback", {"to": "main-8", "exact": True}, by="on_card"))


def runs(bench: Bench, report: Report, folder: Path) -> None:
    """Four runs: without graphs, with them, killed and resumed, rolled back."""
    settings = {**SETTINGS, **(SMALL if bench.small else {}), "device": bench.device.type}

    def go(graph: str, at: Mapping[int, Callable[[RunDir], None]]) -> tuple[Loop, int]:
        config = resolve("patterns", {**settings, "graph": graph})
        loop, told = trained(folder, config, at)
        return loop, sum(isinstance(event, kinds.StepGraph) and event.captured for event in told)

    ways: dict[str, Mapping[int, Callable[[RunDir], None]]] = {
        "with graphs, and without": {},
        "killed at step 14 and resumed": {14: kill},
        "rolled back from 17 to 8, exactly": {17: back},
    }
    with deterministic():
        plain, _ = go("off", {})
        for name, at in ways.items():
            loop, count = go("auto", at)
            holds = same_bits(plain.session.setup, loop.session.setup)
            holds = holds and (count > 0) == bench.cuda
            value = f"{loop.session.done} steps, {count} captures"
            report.say(name, value if holds else "differ", holds)


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
