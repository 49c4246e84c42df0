"""The training loop: one for all methods. Its state is a function of (weights, optimiser, step,
settings) only.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from selffit.config import LIVE
from selffit.control.refusal import Refusal
from selffit.control.settings import SEED, ZEROED, live_settings
from selffit.data import step_seed
from selffit.train.checkpoints import Checkpoints
from selffit.train.commander import Commander
from selffit.train.monitor import Monitor, six_digits
from selffit.train.setup import Setup
from selffit.train.signals import SignalBuffer
from selffit.train.stopping import Stop, StopSwitch
from selffit.train.trainlog import TrainLog

ALIGN_EVERY = 1  # steps between two measurements of pertalign


class Loop:
    """Trains from step `done` to the end, writing `steps` records and calling the monitor.

    Between two steps the commander may change `settings`, or put everything back to a checkpoint.
    """

    def __init__(
        self,
        setup: Setup,
        monitor: Monitor,
        log: TrainLog,
        stop: StopSwitch,
        checkpoints: Checkpoints,
        commander: Commander,
    ) -> None:
        self.setup, self.monitor, self.log, self.stop = setup, monitor, log, stop
        self.checkpoints, self.commander = checkpoints, commander
        config = setup.config
        self.settings = live_settings(config.as_dict())
        self.done = 0
        self.generator = torch.Generator(setup.device)
        self.signals = SignalBuffer(
            config.block_steps, config.batch_size, setup.images.shape, setup.device
        )
        self._block_began = time.perf_counter()

    def adopt(self, settings: Mapping[str, Any]) -> None:
        """Train with these live settings (all of them) from the next step on."""
        config = replace(self.setup.config, **{name: settings[name] for name in (*LIVE, SEED)})
        self.setup.adopt(config, settings[ZEROED])
        self.settings = dict(settings)

    def check_settings(self, new: Mapping[str, Any]) -> None:
        """Raises Refusal for live settings that only the loop knows to be impossible."""
        stop = new.get("stop_epoch")
        if stop and stop * self.setup.batches.steps_per_epoch < self.done:
            epoch = self.setup.schedule.epoch(self.done)
            raise Refusal(
                "out-of-range",
                f"epoch {stop:g} has passed, it is epoch {epoch:.2f}; use stop instead",
            )

    def run(self) -> None:
        """Train to the end. Raises Stop where the run is asked to stop, with all finished steps in
        the log.
        """
        self.setup.model.train()
        if self.done == 0:  # a resumed run was probed at its checkpoint
            self.probe("start")
        try:
            while True:
                self._boundary()
                last = self.setup.schedule.last_step
                if self.done >= last:
                    break
                self._one_step()
                due = self.done == last or self.done % self.monitor.every == 0
                if due or self.signals.count == self.setup.config.block_steps:
                    self.close_block(everything=due)
                if due:
                    self.probe("end" if self.done == last else "interval")
                elif self.monitor.detector.wants_probe:
                    self.close_block()
                    self.probe("suspicion")
                if self.checkpoints.due(self, due):
                    self.close_block()  # so that a resumed run has the same blocks
                    self.checkpoints.save(self)
        except Stop as request:
            self.close_block()
            if request.save and self.setup.config.keep:
                self.checkpoints.save(self, wait=True)
            raise

    def _boundary(self) -> None:
        """Between two steps: the one place where the run stops and where its settings may change."""
        self.stop.check()
        self.commander.boundary(self)

    def _one_step(self) -> None:
        setup, step = self.setup, self.done
        schedule = setup.schedule
        setup.step.set(schedule.lr(step), schedule.eps(step), schedule.alpha(step))
        self.generator.manual_seed(step_seed(setup.config.seed, "attack", step))
        x, y = setup.batches.batch(step)
        attack, trained = setup.step(
            x, y, self.generator, with_input_gradient=step % ALIGN_EVERY == 0
        )
        self.signals.add(x, y, attack, trained)
        self.done += 1

    def close_block(self, *, everything: bool = True) -> None:
        """End the present block; log the blocks that have reached the host (with `everything`, this
        one too).
        """
        if self.signals.count:
            now = time.perf_counter()
            self.signals.close_block((self.done - self.signals.count, now - self._block_began))
            self._block_began = now
        for (first, seconds), measured in self.signals.ready_blocks(everything=everything):
            n = len(measured["loss_adv"])
            schedule, steps = self.setup.schedule, range(first, first + n)
            columns: dict[str, list[float]] = {
                **measured,
                "lr": [schedule.lr(step) for step in steps],
                "eps": [schedule.eps(step) for step in steps],
                "alpha": [schedule.alpha(step) for step in steps],
            }
            data: dict[str, Any] = {
                "n": n,
                "cols": {name: six_digits(values) for name, values in columns.items()},
                "img_s": round(n * self.setup.config.batch_size / seconds, 1),
                "sec": round(seconds, 6),
                "epoch": schedule.epoch(first + n),
            }
            self.log.emit("steps", data, step=first)
            self.monitor.signals(first, columns)

    def probe(self, why: str) -> None:
        """Probe between two steps; the time it takes is not the block's. A signal breaks it off."""
        if why == "end":
            self.log.emit("phase", {"name": "finishing"}, step=self.done)
        with self.stop.interruptible():
            self.monitor.probe(self.done, why)
        self._block_began = time.perf_counter()
