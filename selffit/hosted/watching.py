"""The run of somebody's loop: its folder and log, what is measured, and how it ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selffit import __version__
from selffit.config import LIVE
from selffit.control.commands import Command
from selffit.control.policy import policy_of
from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter
from selffit.hosted.desk import Desk
from selffit.hosted.loop import Loop
from selffit.hosted.network import device_of
from selffit.hosted.program import Program
from selffit.hosted.resuming import attempt_at, remember
from selffit.hosted.settings import WATCHING
from selffit.run.folder.making import PROGRAM
from selffit.train.aftermath import PAUSE
from selffit.train.blocks import Blocks
from selffit.train.host import Heartbeat
from selffit.train.monitor import Monitor as Measuring
from selffit.train.requests import Requests
from selffit.train.resume import read_past
from selffit.train.scores import empty_summary
from selffit.train.session import Part
from selffit.train.setup import cpu_name, layers
from selffit.train.signals import VALUES, Seen, seen_values
from selffit.train.stopping import Stop, superseded
from selffit.train.trainlog import TrainLog
from selffit.vocabulary import ENDINGS

_TENSORS = ("train_x", "train_y", "held_x", "held_y")


@dataclass(kw_only=True)
class About:
    """What was said of a training beside its settings. told: what was assumed or is left out."""

    data: str = ""
    epochs: float = 0.0
    told: list[str] = field(default_factory=list)


class Watching:
    """One attempt at somebody's training loop, after `steps` steps.

    taken: why it has to give way to a later attempt, or has no folder any more; None while it may
    go on. carried: live settings that were changed before this attempt, and hold.
    """

    def __init__(
        self,
        loop: Loop,
        about: About,
        runs: Path,
        name: str | None,
        resume: int | str | None = None,
        take_over: bool = False,
    ) -> None:
        """Make the run, or go on with it, and open its log. Raises UserError; see `attempt_at`."""
        self.loop = loop
        self.about = about
        self.taken: Stop | None = None
        self.program = Program(tuple(sys.argv) if sys.argv and sys.argv[0] else ("loop",))
        info = {
            "config": self._settings(),
            "version": __version__,
            PROGRAM: list(self.program.shown),
        }
        self.attempt = attempt_at(runs, name, info, self.program.stem, resume, take_over)
        self.steps = self.attempt.step
        self.run = self.attempt.run
        self.writer = EventWriter(self.run.place, "trainer", self.attempt.number)
        self.log = TrainLog(self.writer, self.attempt.past.ledger)
        self.carried = dict(self.log.ledger.overrides)
        self.requests = Requests(self.run, self.log, policy_of(loop.config), self.attempt.number)
        self.desk = Desk(self.log, self.requests)
        self._values: dict[str, Any] = empty_summary()
        self.measuring = Measuring(
            loop, self.log, self._values, self.requests.react, self.requests.somebody_waits
        )
        self._blocks: Blocks | None = None
        self._between_blocks = False
        self._rows: Tensor | None = None
        self._batch = 0  # images that a block of signals has room for
        self._saved: dict[str, list[Any]] = {}  # what the parts knew at each checkpoint
        self._heartbeat = Heartbeat(self.run.place, self._beat)

    # ---- the log ---------------------------------------------------------------------------------
    def begin(self) -> None:
        """Say what is trained, and begin to beat."""
        self.tell()
        self.log.emit(self._start(), step=self.steps)
        if self.attempt.again:
            self._go_on()
        self.log.phase("training", self.steps)
        if self.loop.device.type == "cuda":
            self._heartbeat.watch_gpu(self.loop.device)
        self._heartbeat.start()

    def _go_on(self) -> None:
        """As `selffit.train.resume.resume` does, but that the loop has loaded its checkpoint."""
        past, ledger = self.attempt.past, self.log.ledger
        branch = ledger.branches[ledger.branch]
        if not branch.announced:  # killed between the commit of a roll-back and its second line
            self.log.begin_branch(branch.name, branch.parent, branch.base_step, branch.ckpt)
        remember(self.measuring, past, self.run, branch.name, self.steps)
        self.adopt(self.carried)
        resumed = kinds.Resumed(
            ckpt=self.attempt.id or None,
            to_step=self.steps,
            to_branch=branch.name,
            lost_steps=max(0, past.step - self.steps),
        )
        self.log.emit(resumed, step=self.steps)

    def tell(self) -> None:
        """Say what can be asked for, and what is not watched."""
        hosted = kinds.Hosted(
            by="monitor",
            program=self.program.shown,
            unit="step",
            offers=self.desk.offers,
            note="; ".join(self.about.told),
        )
        self.log.emit(hosted, step=self.steps)

    def end(self, how: str, reason: str) -> None:
        """The last word."""
        self._heartbeat.stop()
        end = kinds.End(how=how, reason=reason, summary=self._values)
        self.log.emit(end, step=self.steps)
        self.writer.close(how)

    def _settings(self) -> dict[str, Any]:
        config, about = self.loop.config.as_dict(), self.about
        known = {name: config[name] for name in WATCHING}
        told = {"epochs": about.epochs, "data": about.data}
        known |= {name: value for name, value in told.items() if value}
        return {**known, "model": type(self.loop.model.inner).__name__}

    def _start(self) -> kinds.RunStart:
        loop, per_epoch = self.loop, self.loop.schedule.steps_per_epoch
        cuda = loop.device.type == "cuda"
        return kinds.RunStart(
            config=self._settings(),
            steps_total=round(self.about.epochs * per_epoch),
            steps_per_epoch=per_epoch,
            device=str(loop.device),
            device_name=torch.cuda.get_device_name(loop.device) if cuda else cpu_name(),
            torch=torch.__version__,
            params=sum(p.numel() for p in loop.model.parameters()),
            layers=layers(loop.model, loop.images),
            data_set=kinds.ImageSetInfo(
                name=loop.images.name,
                classes=loop.images.classes,
                shape=loop.images.shape,
                heldout=len(loop.images.held_x),
            ),
        )

    def _beat(self, sample: dict[str, Any]) -> None:
        self.writer.emit(
            kinds.Host(
                **sample,
                **self.writer.health.told(),
                inbox_error=self.requests.fault,
            )
        )
        self.taken = self.taken or superseded(self.run, self.attempt.number)
        if self.taken is None and self.run.gone:
            self.taken = Stop("gone", ENDINGS["gone"].meaning)

    # ---- measuring -------------------------------------------------------------------------------
    def blocks(self, size: int) -> Blocks:
        """The block of steps under way, with room for a batch of this size."""
        if self._blocks is None or size > self._batch:
            self.close_block()
            self._batch = size
            sized = replace(self.loop, config=replace(self.loop.config, batch_size=size))
            self._blocks = Blocks(sized, self.measuring, self.log)
        return self._blocks

    def values(self, seen: Seen) -> Tensor:
        """The per-image values [7,B] of a step, until the next one."""
        if self._rows is None or self._rows.shape[1] < seen.size:
            self._rows = torch.zeros(VALUES, seen.size, device=self.loop.device)
        rows = self._rows[:, : seen.size]
        seen_values(seen, rows)
        return rows

    def close_block(self) -> None:
        """Log all steps so far."""
        if self._blocks is not None:
            self._blocks.close(self.steps, everything=True)

    def restart_clock(self) -> None:
        """What has passed since the block began was no step's."""
        if self._blocks is not None:
            self._blocks.restart_clock()

    def after_step(self, blocks: Blocks) -> None:
        """Log, look and probe, where it is time for it."""
        measuring = self.measuring
        due = self.steps % measuring.every == 0
        self._between_blocks = due or blocks.full
        if self._between_blocks:
            blocks.close(self.steps, everything=due)
        if measuring.looks(self.steps):
            self._follow_the_network()
            measuring.look(self.steps)
            blocks.restart_clock()
        if due:
            self.probe("interval")
        elif measuring.wants_probe(self.steps):
            self.probe("suspicion")
        if self._blocks is not None:
            self._blocks.send(self.steps)

    def measure_later(self, seconds: float = PAUSE) -> None:
        """Go on with what is still to be measured of an onset, where a block has ended."""
        if self.measuring.aftermaths and self._between_blocks:
            self.measuring.measure_later(seconds)
            self.restart_clock()

    def probe(self, why: str) -> None:
        """Measure here; the time it takes is no block's."""
        self.close_block()
        self._between_blocks = True
        self._follow_the_network()
        self.measuring.probe(self.steps, why)
        self.restart_clock()

    def _follow_the_network(self) -> None:
        """Held-out images go where the network has gone."""
        now = device_of(self.loop.model.inner)
        if now != self.loop.device:
            self.close_block()
            self._blocks = self._rows = None
            images = self.loop.images
            moved = {name: getattr(images, name).to(now) for name in _TENSORS}
            self.loop.images, self.loop.device = replace(images, **moved), now
            self.loop.model.to(now)

    # ---- interventions ---------------------------------------------------------------------------
    @property
    def _parts(self) -> Sequence[Part]:
        """What remembers something, as in `Session`, but for the summary of the whole run."""
        one = self.measuring
        return (one.detector, one.divergence, one.explainer, one.pgd)

    def saved(self, bytes: float) -> str:
        """Log that the loop has a checkpoint of its own; returns its id."""
        self.close_block()
        measuring, branch = self.measuring, self.log.branch
        id = f"{branch}-{self.steps}"
        self._saved[id] = [part.state() for part in self._parts]
        pgd = measuring.pgd.value
        event = kinds.CheckpointSaved(
            id=id,
            of_step=self.steps,
            of_branch=branch,
            pgd=math.nan if pgd is None else pgd,
            healthy=measuring.healthy,
            diverged=measuring.divergence.open,
            bytes=bytes,
        )
        self.log.emit(event, step=self.steps)
        return id

    def adopt(self, new: Mapping[str, Any]) -> None:
        """Watch with what was set: the budget, and how often is looked."""
        live = {name: value for name, value in new.items() if name in LIVE}
        self.loop.config = self.loop.schedule.config = replace(self.loop.config, **live)
        self.loop.schedule.forget(live)

    def restored(self, command: Command, new: Mapping[str, Any]) -> None:
        """The loop stands at one of its checkpoints again."""
        id = command.args["to"]
        step = step_of(id)
        if id in self._saved:
            for part, state in zip(self._parts, self._saved[id], strict=True):
                part.restore(state)
        else:  # of an earlier attempt
            branch = id.rpartition("-")[0]
            remember(self.measuring, read_past(self.run), self.run, branch, step)
        self.adopt(new)
        self._blocks = None
        self.steps = step


def step_of(id: str) -> int:
    """The step of a checkpoint."""
    return int(id.rpartition("-")[2])
