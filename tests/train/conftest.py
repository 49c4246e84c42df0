"""Short trainings in this process: what they log, their last weights, how to cut them short."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
import torch

from selffit.config import resolve
from selffit.control.commands import Command, new_command
from selffit.control.submit import submit
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.train.begin import begin
from selffit.train.loop import Loop
from selffit.train.scores import empty_summary
from selffit.train.session import Session
from selffit.train.stopping import Stop, StopSwitch

TINY = {
    "train_images": 160,
    "batch_size": 32,
    "epochs": 2,
    "block_steps": 2,
    "holdout": 32,
    "probe_images": 32,
    "probe_steps": 2,
    "channel_images": 16,
    "self_images": 16,
    "causal_images": 0,
    "threads": 1,
    "device": "cpu",
}


class Killed(BaseException):
    """Stands for the end of the process: nothing tidies up after it."""


class Ear:
    """Hears everything that an attempt writes, and passes it on to the real log."""

    def __init__(
        self, writer: EventWriter, heard: list[tuple[str, int, str, dict[str, Any]]]
    ) -> None:
        self._writer, self._heard = writer, heard

    def emit(self, event: kinds.Event, *, step: int = 0, branch: str = "main") -> bool:
        self._heard.append((event.KIND.name, step, branch, event.data()))
        return self._writer.emit(event, step=step, branch=branch)

    def post(self, event: kinds.Event, *, step: int = 0, branch: str = "main") -> Event:
        self._heard.append((event.KIND.name, step, branch, event.data()))
        return self._writer.post(event, step=step, branch=branch)


class Trained:
    """A short run of five steps an epoch, and any number of attempts at it.

    `at` maps a step to what is done at its boundary, before commands are looked for: once each.
    """

    def __init__(self, root: Path, preset: str = "patterns", **settings: Any) -> None:
        self.config = resolve(preset, {**TINY, **settings})
        self.run = RunDir.create(root, None, {"config": self.config.as_dict()})
        self.records: list[tuple[str, int, str, dict[str, Any]]] = []
        self.stopped: Stop | None = None
        self.summary = empty_summary()
        self.loop: Loop

    def go(
        self,
        at: Mapping[int, Callable[["Trained"], None]] | None = None,
        stop: StopSwitch | None = None,
    ) -> "Trained":
        """One attempt, to its end, to a stop, or to where it is killed."""
        attempt = self.run.claim_attempt(here())
        stop, waiting = stop or StopSwitch(), dict(at or {})
        with EventWriter(self.run.path, "trainer", attempt) as writer:
            ear = cast(EventWriter, Ear(writer, self.records))
            self.loop = loop = begin(self.run, attempt, ear, self.config, stop, self.summary)
            boundary = loop.commander.boundary

            def watched() -> None:
                if self.session.done in waiting:
                    waiting.pop(self.session.done)(self)
                    loop.commander.requests.next_poll = 0.0
                boundary()

            loop.commander.boundary = watched  # type: ignore[method-assign]
            try:
                loop.run()
            except Stop as request:
                self.stopped = request
            except Killed:
                return self
            loop.checkpoints.close()  # as the trainer does, while it can still log
        return self

    def ended(self, how: str) -> None:
        """Write what the trainer process writes after its loop."""
        attempt = self.run.claim_attempt(here())
        with EventWriter(self.run.path, "trainer", attempt) as writer:
            writer.emit(kinds.End(how=how), branch=self.session.log.branch)

    def kill(self) -> None:
        """To be used in `at`: the process dies here, its last save complete or not begun."""
        self.loop.checkpoints.collect(wait=True)
        raise Killed

    def send(self, op: str, **args: Any) -> Command:
        """Put a command into the inbox."""
        command = new_command(op, args, by="test", expect=args.pop("expect", None))
        submit(self.run.path, command)
        return command

    def of(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """(step, data) of every record of a kind."""
        return [(step, data) for found, step, _, data in self.records if found == kind]

    @property
    def session(self) -> Session:
        """The training itself."""
        return self.loop.session

    @property
    def weights(self) -> list[torch.Tensor]:
        model = self.session.setup.model
        return [t.detach().clone() for t in (*model.parameters(), *model.buffers())]


@pytest.fixture(autouse=True)
def whole_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no block is logged in pieces."""
    monkeypatch.setattr("selffit.train.blocks.SEND_SECONDS", math.inf)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Trained]:
    """Make a run that has not begun."""
    return lambda preset="patterns", **settings: Trained(tmp_path, preset, **settings)


@pytest.fixture
def equal() -> Callable[[Trained, Trained], bool]:
    """Whether two runs ended with the same bits."""
    return lambda one, other: all(
        torch.equal(a, b) for a, b in zip(one.weights, other.weights, strict=True)
    )
